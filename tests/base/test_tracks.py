"""Boxes between keyframes: against Label Studio's own `extract_key_frames`, and the editor's rules by hand."""

from typing import Any

import drawn_parts as drawn
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yuelu.annotate.results import from_result
from yuelu.base.records import Keyframe, Track
from yuelu.base.tracks import FrameBox, frame_boxes, half_turn

pytestmark = pytest.mark.filterwarnings("ignore")  # the SDK's own, on import


def keyframe(frame: int, x: float, enabled: bool = True, turned: float = 0.0) -> Keyframe:
    return Keyframe(frame, enabled, x, 10.0, 5.0, 6.0, turned)


def boxes(*keyframes: Keyframe, frames: int = 10) -> list[FrameBox]:
    return list(frame_boxes(Track("t", "box", "car", keyframes, frames)))


def test_a_box_moves_evenly_and_ends_on_the_frame_that_switches_it_off() -> None:
    found = boxes(keyframe(2, 0.0), keyframe(6, 8.0, enabled=False))
    assert [(box.frame, box.x_px, box.keyframe) for box in found] == [
        (2, 0.0, True), (3, 2.0, False), (4, 4.0, False), (5, 6.0, False), (6, 8.0, True),
    ]  # fmt: skip


def test_an_enabled_last_keyframe_lasts_to_the_end_and_a_gap_is_a_gap() -> None:
    assert [box.frame for box in boxes(keyframe(8, 1.0))] == [8, 9, 10]
    assert [box.frame for box in boxes(keyframe(1, 1.0, enabled=False), keyframe(9, 2.0))] == [1, 9, 10]
    assert [box.frame for box in frame_boxes(Track("t", "b", "", (keyframe(8, 1.0), keyframe(99, 2.0)), 10), 9)] == [8, 9]


@pytest.mark.parametrize(
    ("one", "other", "middle"),
    [(0, 90, 45), (350, 10, 0), (10, 350, 0), (-170, 170, 180), (170, 190, 180), (0, 180, 90), (30, 30, 30)],
)
def test_a_box_turns_the_shorter_way_round(one: float, other: float, middle: float) -> None:
    """The documentation of the editor's `interpolateProp`: from -170 to 170 it passes 180, not 0."""
    found = boxes(keyframe(1, 0.0, turned=one), keyframe(3, 0.0, turned=other, enabled=False))
    assert found[1].rotation_deg == pytest.approx(half_turn(middle))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.data())
def test_as_label_studios_sdk_interpolates(data: st.DataObject) -> None:
    """Of a track that never turns by half a circle or more. The SDK counts the frames of the last keyframe by `framesCount`."""
    from label_studio_sdk._extensions.label_studio_tools.postprocessing.video import extract_key_frames  # noqa: PLC0415

    (part,) = data.draw(drawn.film_parts().filter(lambda parts: parts[0]["type"] == "videorectangle"))
    for each in part["value"]["sequence"]:
        each["rotation"] %= 90
    (theirs,) = extract_key_frames([part])  # type: ignore[no-untyped-call]
    parsed = from_result([part], drawn.FILM, drawn.ITEMS)
    (track,) = parsed.regions
    assert isinstance(track, Track)
    ours = {box.frame: box for box in frame_boxes(track)}
    expected: dict[int, dict[str, Any]] = {each["frame"]: each for each in theirs["value"]["sequence"]}
    assert ours.keys() == expected.keys()
    for frame, box in ours.items():
        there = expected[frame]
        assert box.keyframe == ("auto" not in there)
        assert (box.x_px, box.width_px) == pytest.approx((there["x"] * 0.64, there["width"] * 0.64), abs=1e-3)
        assert (box.y_px, box.height_px) == pytest.approx((there["y"] * 0.48, there["height"] * 0.48), abs=1e-3)
        assert box.rotation_deg % 360 == pytest.approx(there["rotation"] % 360, abs=1e-6)

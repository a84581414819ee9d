"""Results to regions and back: exact on what we write, total on what anybody may send."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuelu.annotate.results import Item, from_result, to_result
from yuelu.annotate.templates import load_template
from yuelu.base.errors import InvalidRecord
from yuelu.base.records import Box, Choice, FrameRange, Region, Segment

IMAGE, AUDIO, VIDEO = load_template("image-boxes"), load_template("audio-segments"), load_template("video-ranges")
SERIES = load_template("series-ranges")
ITEMS = (Item(640, 480, 12.0, 250), Item(100, 333, 12.0, 250))
SCENE = Choice("scene", ("medical",))


def part(kind: str, value: Any, **more: Any) -> dict[str, Any]:
    names = {"rectanglelabels": ("object", "image"), "choices": ("scene", "image"), "labels": ("sound", "audio")}
    name, to_name = names.get(kind, ("event", "video"))
    return {"id": "r", "from_name": name, "to_name": to_name, "type": kind, "value": value, **more}


def box_value(**changed: Any) -> dict[str, Any]:
    return {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["part"], **changed}


def scene() -> dict[str, Any]:
    return part("choices", {"choices": ["medical"]})


def test_a_box_is_in_pixels_of_the_labelled_asset() -> None:
    """The value is the documentation's example: percent of the picture, whatever size the proxy had."""
    result = [scene(), part("rectanglelabels", box_value(rotation=15), original_width=1, original_height=1, item_index=1)]
    assert from_result(result, IMAGE, ITEMS).regions == (SCENE, Box("r", "object", "part", 1, 10.0, 66.6, 30.0, 133.2, 15.0))


def test_seconds_and_frames_are_kept() -> None:
    audio = [
        {"from_name": "quality", "to_name": "audio", "type": "choices", "value": {"choices": ["noisy"]}},
        part("labels", {"start": 1.25, "end": 3.5, "channel": 0, "labels": ["speech"]}, original_length=12.0),
    ]
    assert from_result(audio, AUDIO, ITEMS).regions == (
        Choice("quality", ("noisy",)),
        Segment("r", "sound", "speech", 1.25, 3.5, 0),
    )
    video = [
        {"from_name": "camera", "to_name": "video", "type": "choices", "value": {"choices": ["still"]}},
        part("timelinelabels", {"ranges": [{"start": 10, "end": 50}], "timelinelabels": ["animal"]}),
    ]
    assert from_result(video, VIDEO, ITEMS).regions == (Choice("camera", ("still",)), FrameRange("r", "event", "animal", 10, 50))


def test_a_longer_proxy_ends_where_its_source_ends() -> None:
    result = part("labels", {"start": 1, "end": 12.06, "labels": ["noise"]})
    assert Segment("r", "sound", "noise", 1.0, 12.0) in from_result([result], AUDIO, ITEMS).regions


NAMES = st.integers(0, 10**6).map("r{}".format)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    item = draw(st.integers(0, 1))
    width, height = ITEMS[item].width_px or 0, ITEMS[item].height_px or 0
    left, top = draw(st.integers(0, 10 * width - 2)), draw(st.integers(0, 10 * height - 2))
    right, bottom = draw(st.integers(left + 1, 10 * width)), draw(st.integers(top + 1, 10 * height))
    label = draw(st.sampled_from(("anatomy", "part", "animal", "object")))
    edges = (round(each / 10, 1) for each in (left, top, right - left, bottom - top))
    return Box(draw(NAMES), "object", label, item, *edges)


@given(st.lists(boxes(), unique_by=lambda box: box.id, max_size=6))
def test_boxes_come_back(drawn: list[Box]) -> None:
    regions: tuple[Region, ...] = (SCENE, *drawn)
    sent = json.loads(json.dumps(to_result(regions, IMAGE, ITEMS)))
    assert from_result(sent, IMAGE, ITEMS).regions == regions


@given(
    st.lists(
        st.builds(
            lambda name, label, start, length, channel: Segment(name, "sound", label, start, start + length, channel),
            NAMES,
            st.sampled_from(("speech", "noise", "music")),
            st.floats(0, 6),
            st.floats(0.001, 6),
            st.none() | st.integers(0, 1),
        ),
        unique_by=lambda segment: segment.id,
    )
)
def test_segments_come_back(drawn: list[Segment]) -> None:
    regions: tuple[Region, ...] = (Choice("quality", ("clean",)), *drawn)
    assert from_result(json.loads(json.dumps(to_result(regions, AUDIO, ITEMS))), AUDIO, ITEMS).regions == regions


NORMAL = Choice("condition", ("normal",))
MACHINE = (Item(duration_s=12.0, sampling_rate_hz=50.0),)


def series_part(start: Any, end: Any, **more: Any) -> dict[str, Any]:
    value = {"start": start, "end": end, "instant": start == end, "timeserieslabels": ["anomaly"], **more}
    return {"id": "r", "from_name": "event", "to_name": "series", "type": "timeserieslabels", "value": value}


@given(st.lists(st.tuples(NAMES, st.floats(0, 6), st.floats(0.001, 6)), unique_by=lambda each: each[0]))
def test_stretches_of_a_series_come_back(drawn: list[tuple[str, float, float]]) -> None:
    stretches = (Segment(name, "event", "transient", start, start + length) for name, start, length in drawn)
    regions: tuple[Region, ...] = (NORMAL, *stretches)
    assert from_result(json.loads(json.dumps(to_result(regions, SERIES, MACHINE))), SERIES, MACHINE).regions == regions


def test_a_double_click_on_a_series_is_one_sample() -> None:
    assert from_result([series_part(3.5, 3.5)], SERIES, MACHINE).regions == (Segment("r", "event", "anomaly", 3.5, 3.52),)
    assert from_result([series_part(11.98, 11.98)], SERIES, MACHINE).regions[0] == Segment("r", "event", "anomaly", 11.98, 12.0)
    assert "empty" in from_result([series_part(3.5, 3.5)], SERIES, [Item(duration_s=12.0)]).rejected[0].reason


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (series_part(5, 1012), "the recording at 12.0 s"),  # the editor's keys move an edge by 1000
        (series_part(-995, 5), "negative"),
        (series_part("2024-01-01", "2024-01-02"), "finite number"),
        (series_part(1, 2, channel=0), "all channels"),
        (series_part(1, 2, timeserieslabels=["?"]), "no such label"),
    ],
)
def test_stretches_of_a_series_that_are_rejected(part: dict[str, Any], reason: str) -> None:
    assert reason in from_result([part], SERIES, MACHINE).rejected[0].reason


@given(st.tuples(st.integers(1, 250), st.integers(1, 250)).map(sorted), st.sampled_from(("person", "animal", "vehicle")))
def test_frame_ranges_come_back(frames: list[int], label: str) -> None:
    regions = (Choice("camera", ("moving",)), FrameRange("r", "event", label, *frames))
    assert from_result(to_result(regions, VIDEO, ITEMS), VIDEO, ITEMS).regions == regions


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"x": -1}, "outside"),
        ({"x": 80}, "outside"),  # x + width over 100: Label Studio's SDK accepts it
        ({"y": 80}, "outside"),
        ({"x": 99, "y": 99, "rotation": 45}, "outside"),
        ({"width": 0}, "empty box"),
        ({"width": -5}, "empty box"),
        ({"x": float("nan")}, "finite"),
        ({"x": float("inf")}, "finite"),
        ({"x": 10**400}, "finite"),
        ({"x": "10"}, "finite"),
        ({"x": True}, "finite"),
        ({"rectanglelabels": ["tumour"]}, "no such label"),
        ({"rectanglelabels": ["part", "animal"]}, "need one"),
        ({"rectanglelabels": []}, "list of text"),
        ({"rectanglelabels": [["part"]]}, "list of text"),
    ],
)
def test_boxes_that_are_rejected(changed: dict[str, Any], reason: str) -> None:
    parsed = from_result([scene(), part("rectanglelabels", box_value(**changed))], IMAGE, ITEMS)
    assert parsed.regions == (SCENE,)
    (rejected,) = parsed.rejected
    assert rejected.index == 1
    assert reason in rejected.reason


@pytest.mark.parametrize(
    ("around", "reason"),
    [
        ({"item_index": 2}, "item 2 of 2"),
        ({"item_index": -1}, "item -1 of 2"),
        ({"item_index": "0"}, "whole number"),
        ({"image_rotation": 45}, "turned by 45"),
        ({"from_name": "other"}, "does not ask"),
        ({"from_name": None}, "does not ask"),
        ({"type": "polygonlabels"}, "polygonlabels"),
        ({"to_name": "video"}, "'video'"),
        ({"value": None}, "NoneType"),
        ({"id": ""}, "printable text"),
        ({"id": "\ud800"}, "printable text"),
        ({"id": 7}, "printable text"),
    ],
)
def test_parts_that_are_rejected(around: dict[str, Any], reason: str) -> None:
    parsed = from_result([scene(), {**part("rectanglelabels", box_value()), **around}], IMAGE, ITEMS)
    assert [each.index for each in parsed.rejected] == [1]
    assert reason in parsed.rejected[0].reason


@pytest.mark.parametrize(
    ("template", "result", "reason"),
    [
        (IMAGE, None, "NoneType"),
        (IMAGE, [], "scene is required"),
        (IMAGE, [scene(), scene()], "answered 2 times"),
        (IMAGE, [part("choices", {"choices": ["medical", "material"]})], "need one"),
        (IMAGE, [scene(), part("rectanglelabels", box_value()), part("rectanglelabels", box_value())], "used 2 times"),
        (AUDIO, [part("labels", {"start": 3, "end": 1, "labels": ["noise"]})], "empty or negative segment"),
        (AUDIO, [part("labels", {"start": 1, "end": 12.2, "labels": ["noise"]})], "the recording at 12.0 s"),
        (AUDIO, [part("labels", {"start": 12, "end": 12.05, "labels": ["noise"]})], "empty or negative segment"),
        (
            VIDEO,
            [part("timelinelabels", {"ranges": [{"start": 9, "end": 5}], "timelinelabels": ["person"]})],
            "empty frame range",
        ),
        (VIDEO, [part("timelinelabels", {"ranges": [{"start": 1, "end": 251}], "timelinelabels": ["person"]})], "251 of 250"),
        (VIDEO, [part("timelinelabels", {"ranges": [{"start": 1.5, "end": 2}], "timelinelabels": ["person"]})], "whole number"),
        (VIDEO, [part("timelinelabels", {"ranges": [], "timelinelabels": ["person"]})], "need one range"),
    ],
)
def test_answers_that_are_rejected(template: Any, result: Any, reason: str) -> None:
    assert any(reason in each.reason for each in from_result(result, template, ITEMS).rejected)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
VALUES = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("x", "y", "width", "height", "rotation", "start", "end", "ranges", "labels", "choices"), JSON)
)
PARTS = st.fixed_dictionaries(
    {
        "from_name": st.sampled_from(("object", "scene", "sound", "event", "condition")),
        "to_name": st.sampled_from(("image", "audio", "video", "series")),
        "type": st.sampled_from(("rectanglelabels", "choices", "labels", "timelinelabels", "timeserieslabels")),
    },
    optional={"value": VALUES | JSON, "item_index": JSON, "id": JSON, "image_rotation": JSON},
)


@pytest.mark.parametrize("template", [IMAGE, AUDIO, VIDEO, SERIES], ids=lambda template: template.name)
@given(result=st.lists(PARTS | JSON, max_size=4) | JSON)
def test_whatever_is_sent_is_a_region_or_has_a_reason(template: Any, result: Any) -> None:
    parsed = from_result(result, template, ITEMS)
    parts = len(result) if isinstance(result, list) else 0
    assert len(parsed.regions) + sum(each.index is not None for each in parsed.rejected) == parts


@pytest.mark.parametrize(
    "region",
    [
        Choice("scene", ("?",)),
        Choice("other", ("medical",)),
        Box("r", "object", "part", 5, 0, 0, 1, 1),
        Box("r", "object", "part", 0, 639, 0, 2, 1),
        Segment("r", "object", "part", 0, 1),
    ],
)
def test_we_do_not_send_what_we_would_reject(region: Region) -> None:
    with pytest.raises(InvalidRecord):
        to_result([region], IMAGE, ITEMS)


def peer_files() -> list[Path]:
    fixtures = Path(os.environ.get("YUELU_FIXTURES", Path(__file__).parents[2] / ".." / "shared" / "fixtures"))
    return sorted((fixtures / "ls_peer_tests").rglob("*.json"))


def test_results_of_label_studios_own_tests_are_all_accounted_for() -> None:
    """None of these answers our questions, and every part of every one gets a reason."""
    if not peer_files():
        pytest.skip("no fixtures: set YUELU_FIXTURES")
    seen = 0
    for path in peer_files():
        tasks = json.loads(path.read_text(encoding="utf-8"))
        for task in tasks if isinstance(tasks, list) else [tasks]:
            for made in (task.get("annotations") or []) + (task.get("predictions") or []) if isinstance(task, dict) else []:
                result = made.get("result") if isinstance(made, dict) else None
                parsed = from_result(result, IMAGE, ITEMS)
                if isinstance(result, list):
                    seen += len(result)
                    assert sum(each.index is not None for each in parsed.rejected) + len(parsed.regions) == len(result)
    assert seen >= 50

"""One answer out of several, by kind; the numbers are worked by hand, or those of the program that is named."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.base.records import (
    Box,
    Choice,
    Ellipse,
    FrameRange,
    KeyPoint,
    Mask,
    Number,
    ParagraphSpan,
    Polygon,
    Preference,
    Ranking,
    Rating,
    Region,
    Segment,
    Taxonomy,
    Text,
    TextSpan,
    Track,
)
from yuelu.base.records.stretches import Keyframe
from yuelu.base.tracks import frame_boxes
from yuelu.quality.fusion.fused import Fused
from yuelu.quality.fusion.pixels import encoded, pixels
from yuelu.quality.fusion.table import FUSIONS, fuse, method_of
from yuelu.quality.kinds.answers import Answer


def fused(kind: str, *said: Sequence[Region], method: str | None = None) -> tuple[Fused, ...]:
    """Return the consensus of one task; who says what must not matter, so it is asked both ways round."""
    answers = [Answer("t", who, "t", tuple(each)) for who, each in zip("abcdefgh", said, strict=False)]
    turned = [replace(each, annotator=who) for who, each in zip("hgfedcba", answers, strict=False)]
    found = fuse(answers, "c", kind, method)["t"]
    assert [each.region for each in fuse(turned[::-1], "c", kind, method)["t"]] == [each.region for each in found]
    return found


def square(x: float, label: str = "crack") -> Polygon:
    return Polygon(f"by hand {x}", "c", label, 0, ((x, 0.0), (x + 10, 0.0), (x + 10, 10.0), (x, 10.0)))


def test_a_polygon_is_the_one_most_like_the_others() -> None:
    (found,) = fused("polygon", [square(0)], [square(1)], [square(3, "dent"), square(50)])
    assert found.region == replace(square(1), id="c-0")
    assert (found.votes, found.seen, found.support) == (3, 3, 1)
    assert found.probability == pytest.approx(2 / 3)  # that call it a crack


def test_ellipses_that_one_of_three_drew_are_left_out() -> None:
    one = Ellipse("x", "c", "spot", 0, 20.0, 20.0, 5.0, 4.0)
    assert fused("ellipse", [one], [], []) == ()
    (found,) = fused("ellipse", [one], [replace(one, x_px=20.5)], [])
    assert found.support == pytest.approx(2 / 3)


def test_key_points_are_medians_by_name() -> None:
    def point(label: str, x: float) -> KeyPoint:
        return KeyPoint("", "c", label, 0, x, 5.0, 1.0)

    found = fused("keypoint", [point("eye", 1), point("nose", 3)], [point("eye", 2), point("nose", 4)], [point("eye", 6)])
    assert [(each.region.label, each.region.x_px, each.votes) for each in found] == [("eye", 2, 3), ("nose", 3.5, 2)]  # type: ignore[union-attr]


def test_spans_end_at_the_median_of_their_ends() -> None:
    def span(label: str, start: int, end: int) -> TextSpan:
        return TextSpan("", "c", label, start, end, None)

    (found,) = fused("text_span", [span("PER", 0, 5)], [span("PER", 0, 6)], [span("ORG", 1, 5), span("LOC", 30, 40)])
    assert (found.region.start, found.region.end, found.region.label) == (0, 5, "PER")  # type: ignore[union-attr]
    assert found.probability == pytest.approx(2 / 3)
    said = ParagraphSpan("", "c", "PER", 2, 0, 2, 10)
    (found,) = fused("paragraph_span", [said], [replace(said, end_offset=9)], [replace(said, first_paragraph=1)])
    assert found.votes == 2


def track(x: float, label: str = "car", last: int = 11) -> Track:
    frames = (Keyframe(1, True, x, 0.0, 10.0, 10.0), Keyframe(last, False, x + 10 * (last - 1), 0.0, 10.0, 10.0))
    return Track("", "c", label, frames, 20)


def test_a_track_is_the_median_box_of_every_frame() -> None:
    (found,) = fused("track", [track(0)], [track(1)], [track(2, "van"), track(300)])
    assert isinstance(found.region, Track)
    assert [each.x_px for each in frame_boxes(found.region)] == [1.0 + 10 * at for at in range(11)]
    assert len(found.region.keyframes) == 2  # it moves evenly
    assert (found.region.label, found.votes) == ("car", 3)
    assert found.probability == pytest.approx(2 / 3)


def test_a_track_is_there_while_most_of_its_annotators_have_it() -> None:
    (found,) = fused("track", [track(0, last=8)], [track(0)], [track(0)])
    assert [each.frame for each in frame_boxes(found.region)] == list(range(1, 12))  # type: ignore[arg-type]
    (found,) = fused("track", [track(0, last=8)], [track(0, last=9)], [track(0)])
    assert [each.frame for each in frame_boxes(found.region)] == list(range(1, 10))  # type: ignore[arg-type]


def test_segments_and_ranges_have_median_ends() -> None:
    found = fused(
        "segment", [Segment("", "c", "bell", 0, 10)], [Segment("", "c", "bell", 1, 10)], [Segment("", "c", "bell", 3, 9)]
    )
    assert [(each.region.start_s, each.region.end_s) for each in found] == [(1, 10)]  # type: ignore[union-attr]
    ranges = [FrameRange("", "c", "cut", first, last) for first, last in ((1, 10), (2, 12), (3, 12))]
    (one,) = fused("frame_range", *([each] for each in ranges))
    assert (one.region.first_frame, one.region.last_frame) == (2, 12)  # type: ignore[union-attr]


def test_boxes_by_median_and_by_weight() -> None:
    boxes = [Box("", "c", "part", 0, x, 0.0, 10.0, 10.0) for x in (0.0, 1.0, 3.5)]
    assert [each.region.x_px for each in fused("box", *([box] for box in boxes))] == [1.0]  # type: ignore[union-attr]
    assert [each.region.x_px for each in fused("box", *([box] for box in boxes), method="wbf")] == [1.5]  # type: ignore[union-attr]


def mask(inside: Any, label: str = "lesion") -> Mask:
    picture = np.asarray(inside, bool)
    return encoded(picture, Mask("", "c", label, 0, picture.shape[1], picture.shape[0], (picture.size,), (0,)))


def test_masks_by_vote_and_by_staple() -> None:
    rng = np.random.default_rng(3)
    truth = np.zeros((24, 30), bool)
    truth[6:18, 8:22] = True
    drawn = [truth ^ (rng.random(truth.shape) < wrong) for wrong in (0.03, 0.05, 0.25)]
    (voted,) = fused("mask", *([mask(each)] for each in drawn))
    assert isinstance(voted.region, Mask)
    np.testing.assert_array_equal(pixels(voted.region), sum(each.astype(int) for each in drawn) >= 2)
    (model,) = fused("mask", *([mask(each)] for each in drawn), method="staple")
    images = [sitk.GetImageFromArray(each.astype(np.uint8)) for each in drawn]
    theirs = sitk.GetArrayFromImage(sitk.STAPLE(images, 1.0)) > 0.5  # SimpleITK's own STAPLE
    assert isinstance(model.region, Mask)
    np.testing.assert_array_equal(pixels(model.region), theirs)
    specificity = dict(model.told)["specificity"]
    assert min(specificity) == specificity[-1] == pytest.approx(0.75, abs=0.05)  # the careless one is found out


def test_pieces_of_a_label_count_together_and_sizes_must_agree() -> None:
    left, right = np.eye(4, dtype=bool)[:1], np.eye(4, dtype=bool)[3:]
    (found,) = fused("mask", [mask(left), mask(right)], [mask(left | right)], [])
    assert pixels(found.region).tolist() == [[True, False, False, True]]  # type: ignore[arg-type]
    assert found.probability == pytest.approx(2 / 3)
    with pytest.raises(InvalidRecord, match="grids of"):
        fused("mask", [mask(left)], [mask(np.ones((2, 2)))])


def test_transcripts_are_voted_word_by_word() -> None:
    texts = ("the cat sat", "the cat sad", "a cat sat")
    (found,) = fused("text", *([Text("c", (text,))] for text in texts))
    assert found.region == Text("c", ("the cat sat",))
    assert found.probability == pytest.approx(2 / 3)
    (chinese,) = fused("text", *([Text("c", (text,))] for text in ("今天天气很好", "今天天气真好", "今天天气很好。")))
    assert chinese.region == Text("c", ("今天天气很好",))
    (both,) = fused("text", *([Text("c", (text,))] for text in ("打开 wifi 网络", "打开 wifi 网络")))
    assert both.region == Text("c", ("打开 wifi 网络",))


def test_several_labels_are_voted_on_one_by_one() -> None:
    said = [("a", "b"), ("a",), ("a", "c")]
    (found,) = fused("choice", *([Choice("c", labels)] for labels in said))
    assert found.region == Choice("c", ("a",))
    assert dict(dict(found.told)["shares"]) == {"a": 1.0, "b": pytest.approx(1 / 3), "c": pytest.approx(1 / 3)}
    assert found.probability == pytest.approx(2 / 3)  # that b and c are not there


def test_labels_of_other_kinds() -> None:
    assert fused("choice", [Choice("c", ("x",))], [Choice("c", ("x",))], [])[0].probability == 1  # who skipped it has no vote
    assert fused("rating", [Rating("c", 1)], [Rating("c", 5)], [Rating("c", 4)])[0].region == Rating("c", 4)
    path = Taxonomy("c", (("animal", "cat"),))
    assert fused("taxonomy", [path], [path], [Taxonomy("c", (("animal", "dog"),))])[0].region == path
    left = Preference("c", "left")
    assert fused("preference", [left], [left], [Preference("c", "right")], method="dawid-skene")[0].region == left


def test_numbers_have_a_median_and_no_probability() -> None:
    (found,) = fused("number", *([Number("c", float(value))] for value in (1, 2, 3, 4, 5, 6, 7, 100)))
    assert found.region == Number("c", 4.5)
    assert found.probability is None
    # Conover (1999), table A3: of 8 values the first and the last bound the median with 99.2 %, the second and seventh with 93 %.
    assert (dict(found.told)["low"], dict(found.told)["high"]) == (1, 100)
    (few,) = fused("number", [Number("c", 1.0)], [Number("c", 2.0)])
    assert dict(few.told)["low"] is None


def test_a_ranking_is_that_of_the_strengths() -> None:
    orders = [("a", "b", "c"), ("a", "c", "b"), ("b", "a", "c")]
    (found,) = fused("ranking", *([Ranking("c", (("best", order),))] for order in orders))
    assert found.region == Ranking("c", (("best", ("a", "b", "c")),))
    assert found.probability is not None
    assert 0.5 < found.probability < 1


def test_nothing_said_is_nothing() -> None:
    for kind in FUSIONS:
        assert fused(kind, [], [], []) == ()


def test_a_kind_without_a_way_and_a_method_it_does_not_know() -> None:
    with pytest.raises(Misconfigured, match="nothing derives one answer from answers of kind 'relation'"):
        fuse([], "c", "relation")
    assert method_of("box", "dawid-skene") == "median"
    assert method_of("mask", "staple") == "staple"

"""Boxes and segments: overlap against other libraries and geometry by hand, matching, scores, and the undefined."""

import math
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask

from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.base.schemas import BOXES, LABELS, SEEN, SEGMENTS
from yuelu.quality.boxes import box_scores, task_box_scores
from yuelu.quality.matching import candidates, match
from yuelu.quality.metrics import scoring_for
from yuelu.quality.overlap import box_iou, corners, segment_iou
from yuelu.quality.resample import Sampling
from yuelu.quality.segments import segment_scores, task_segment_scores


def boxes(*rows: Any) -> Any:
    """(task, annotator, label, x, y, width, height[, rotation[, item]])"""
    full = [(*row, *(0.0, 0)[len(row) - 7 :]) for row in rows]
    names = ("task", "annotator", "label", "x", "y", "width", "height", "rotation", "item")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in full], BOXES)


def segments(*rows: Any) -> Any:
    names = ("task", "annotator", "label", "start", "end")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], SEGMENTS)


def seen(**annotators: Any) -> Any:
    return pa.Table.from_pylist([{"task": t, "annotator": a, "group": t} for t, names in annotators.items() for a in names], SEEN)


def values(scores: Any) -> Any:
    return {score.metric: score.value for score in scores}


def test_upright_iou_equals_pycocotools() -> None:
    rng = np.random.default_rng(0)
    one, other = (np.c_[rng.uniform(0, 50, (40, 2)), rng.uniform(1, 40, (40, 2))] for _ in range(2))
    theirs = mask.iou(one, other, np.zeros(40, np.uint8))
    ours = box_iou(np.c_[np.repeat(one, 40, 0), np.zeros(1600)], np.c_[np.tile(other, (40, 1)), np.zeros(1600)])
    np.testing.assert_allclose(ours, theirs.ravel(), atol=1e-9)


def test_turned_iou_equals_geometry_by_hand() -> None:
    # A unit square and the same turned by 45 degrees about the centre share a regular octagon of area 2 (sqrt 2 - 1).
    corner = (0.5, 0.5 - math.sqrt(0.5))
    found = box_iou(np.array([[0, 0, 1, 1, 0.0]]), np.array([[*corner, 1, 1, 45.0]]))
    octagon = 2 * (math.sqrt(2) - 1)
    assert found[0] == pytest.approx(octagon / (2 - octagon))
    # Clockwise about the top left corner: at 90 degrees the box hangs to the left of its corner.
    assert box_iou(np.array([[10, 0, 4, 6, 90.0]]), np.array([[4, 0, 6, 4, 0.0]]))[0] == pytest.approx(1)


def test_turned_iou_equals_opencv() -> None:
    rng = np.random.default_rng(1)
    one, other = (np.c_[rng.uniform(0, 3, (300, 2)), rng.uniform(1, 5, (300, 2)), rng.uniform(0, 360, 300)] for _ in range(2))
    pairs = zip(corners(one).astype(np.float32), corners(other).astype(np.float32), strict=True)
    shared = np.array([cv2.intersectConvexConvex(a, b)[0] for a, b in pairs])
    union = one[:, 2] * one[:, 3] + other[:, 2] * other[:, 3] - shared
    np.testing.assert_allclose(box_iou(one, other), shared / union, atol=1e-5)


def test_temporal_iou() -> None:
    one, other = np.array([[0.0, 10], [0, 1], [0, 1]]), np.array([[5.0, 15], [1, 2], [0, 1]])
    np.testing.assert_allclose(segment_iou(one, other), [1 / 3, 0, 1])


def test_matching_prefers_two_matches_over_one_better_one() -> None:
    # b overlaps both of the left: taking its best partner first would leave the other two alone.
    shapes = np.array([[0.0, 10], [3, 13], [2, 12], [6, 16]])
    annotator, cell = np.array([0, 0, 1, 1]), np.zeros(4, np.int64)
    found = candidates(cell, annotator, shapes, segment_iou, 0.5)
    matched = match(found, annotator)
    assert list(zip(matched.one.tolist(), matched.other.tolist(), strict=True)) == [(0, 2), (1, 3)]


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_matches_are_one_to_one_and_as_many_as_brute_force_finds(seed: Any) -> None:
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, 6, 8)
    shapes, annotator = np.c_[start, start + rng.uniform(2, 6, 8)], np.repeat([0, 1], 4)
    found = candidates(np.zeros(8, np.int64), annotator, shapes, segment_iou, 0.3)
    matched = match(found, annotator)
    assert len(set(matched.one.tolist())) == len(set(matched.other.tolist())) == len(matched.one)
    edges = {(a, b): i for a, b, i in zip(found.one.tolist(), found.other.tolist(), found.iou.tolist(), strict=True)}

    def best(left: Any, free: Any) -> Any:
        if not left:
            return (0, 0.0)
        options = [best(left[1:], free)]
        for b in free:
            if (left[0], b) in edges:
                count, total = best(left[1:], free - {b})
                options.append((count + 1, total + edges[left[0], b]))
        return max(options)

    count, total = best([0, 1, 2, 3], frozenset([4, 5, 6, 7]))
    assert (len(matched.one), matched.iou.sum()) == (count, pytest.approx(total))


def test_box_scores_tell_the_class_from_the_detection() -> None:
    drawn = boxes(
        ("t1", "ann", "cat", 0, 0, 10, 10), ("t1", "bob", "dog", 0, 0, 10, 10),  # found by both, named differently
        ("t2", "ann", "cat", 0, 0, 10, 10), ("t2", "bob", "cat", 0, 0, 10, 8),  # IoU 0.8
        ("t3", "ann", "cat", 50, 50, 9, 9),  # bob drew nothing
    )  # fmt: skip
    found = box_scores(drawn, seen(t1=["ann", "bob"], t2=["ann", "bob"], t3=["ann", "bob"], t4=["ann", "bob"], t5=["ann"]))
    assert values(found) == {
        "f1@0.50": pytest.approx(2 / 5), "f1_any_label@0.50": pytest.approx(4 / 5), "mean_iou": pytest.approx(0.9)
    }  # fmt: skip
    assert (found[0].tasks, found[0].annotators, found[0].annotations) == (4, 2, 5)
    low, high = found[0].low, found[0].high
    assert low is not None
    assert high is not None
    assert 0 <= low <= 2 / 5 <= high <= 1
    each = task_box_scores(drawn, seen(t1=["ann", "bob"], t2=["ann", "bob"], t3=["ann", "bob"], t4=["ann", "bob"], t5=["ann"]))
    assert [values(each[t])["f1@0.50"] for t in ("t1", "t2", "t3", "t4", "t5")] == [0, 1, 0, None, None]
    assert each["t4"][0].reason == "nobody drew any boxes"
    assert each["t4"][0].annotations == 0
    assert each["t5"][0].reason == "no task was seen by two annotators"
    assert each["t3"][2].reason == "no two boxes overlap by IoU 0.50 or more"


def test_two_labels_on_one_object_both_count() -> None:
    drawn = boxes(
        *[("t", who, label, 0, 0, 10, 10 - d) for who, d in (("ann", 0), ("bob", 0.5)) for label in ("scratch", "dent")]
    )
    assert values(box_scores(drawn, seen(t=["ann", "bob"])))["f1@0.50"] == 1


def test_boxes_on_different_images_of_a_task_never_match() -> None:
    drawn = boxes(("t", "ann", "a", 0, 0, 9, 9, 0.0, 0), ("t", "bob", "a", 0, 0, 9, 9, 0.0, 1))
    assert values(box_scores(drawn, seen(t=["ann", "bob"])))["f1_any_label@0.50"] == 0


def test_three_annotators_are_three_pairs() -> None:
    drawn = boxes(("t", "ann", "a", 0, 0, 9, 9), ("t", "bob", "a", 0, 0, 9, 9))  # cho saw it and drew nothing
    assert values(box_scores(drawn, seen(t=["ann", "bob", "cho"])))["f1@0.50"] == pytest.approx(2 / 4)


def test_order_of_rows_and_names_of_annotators_change_nothing() -> None:
    rng = np.random.default_rng(5)
    rows = [
        (f"t{t}", who, str(rng.choice(["a", "b"])), *rng.uniform(0, 9, 2), *rng.uniform(4, 9, 2), float(rng.choice([0, 30])))
        for t in range(6) for who in ("ann", "bob", "cho") for _ in range(4)
    ]  # fmt: skip
    who = seen(**{f"t{t}": ["ann", "bob", "cho"] for t in range(6)})
    before = box_scores(boxes(*rows), who, iou=0.3)
    assert box_scores(boxes(*rows[::-1]), who, iou=0.3) == before
    other = {"ann": "zed", "bob": "ann", "cho": "cho"}
    renamed = boxes(*[(t, other[a], *rest) for t, a, *rest in rows])
    after = box_scores(renamed, seen(**{f"t{t}": other.values() for t in range(6)}), iou=0.3)
    assert [s.value for s in after] == pytest.approx([s.value for s in before])


def test_nothing_to_compare_is_none_with_a_reason() -> None:
    nobody, alone = boxes(), seen(t=["ann"])
    assert box_scores(nobody, alone)[0].reason == "no task was seen by two annotators"
    empty = box_scores(nobody, seen(t=["ann", "bob"]))
    assert [s.value for s in empty] == [None, None, None]
    assert empty[2].reason == "nobody drew any boxes"
    assert box_scores(nobody, seen())[0].value is None
    assert segment_scores(segments(), seen(t=["ann", "bob"]))[3].value is None


def test_segment_scores_measure_boundaries_in_seconds() -> None:
    drawn = segments(
        ("t1", "ann", "speech", 0.0, 10.0), ("t1", "bob", "speech", 0.5, 10.1),
        ("t2", "ann", "speech", 5.0, 9.0), ("t2", "bob", "music", 5.0, 8.8),
    )  # fmt: skip
    who = seen(t1=["ann", "bob"], t2=["ann", "bob"])
    found = values(segment_scores(drawn, who))
    assert found["boundary_s"] == pytest.approx((0.1 + 0.2) / 2)  # of 0, 0.1, 0.2, 0.5
    assert (found["f1@0.50"], found["f1_any_label@0.50"]) == (0.5, 1.0)
    assert found["mean_iou"] == pytest.approx((9.5 / 10.1 + 3.8 / 4) / 2)
    each = task_segment_scores(drawn, who)
    assert values(each["t1"])["boundary_s"] == pytest.approx(0.3)


def test_input_that_cannot_be_is_named() -> None:
    two = seen(t=["ann", "bob"])
    with pytest.raises(InvalidRecord, match="'eve' drew in a task without having seen it: task 't'"):
        box_scores(boxes(("t", "eve", "a", 0, 0, 1, 1)), two)
    with pytest.raises(InvalidRecord, match="empty box in task 't'"):
        box_scores(boxes(("t", "ann", "a", 0, 0, 0, 1)), two)
    with pytest.raises(InvalidRecord, match="not finite"):
        box_scores(boxes(("t", "ann", "a", math.nan, 0, 1, 1)), two)
    with pytest.raises(InvalidRecord, match="empty segment in task 't'"):
        segment_scores(segments(("t", "ann", "a", 2.0, 2.0)), two)
    with pytest.raises(InvalidRecord, match="'ann' saw task 't' twice"):
        box_scores(boxes(), seen(t=["ann", "ann"]))
    split = pa.Table.from_pylist([{"task": "t", "annotator": a, "group": a} for a in "xy"], SEEN)
    with pytest.raises(InvalidRecord, match="task 't' is in two groups"):
        box_scores(boxes(), split)
    with pytest.raises(Misconfigured, match="IoU threshold 0"):
        box_scores(boxes(), two, iou=0)


def test_every_kind_is_scored_through_one_table() -> None:
    who = seen(t1=["ann", "bob"], t2=["ann", "bob"])
    given_labels = pa.Table.from_pylist([{"task": "t1", "annotator": a, "label": "x"} for a in ("ann", "bob")], LABELS)
    sampling = Sampling(replicates=10)
    for kind, table in (("choice", given_labels), ("box", boxes()), ("segment", segments())):
        scoring = scoring_for(kind)
        assert scoring.batch(table, who, sampling)
        assert list(scoring.task(table, who)) == ["t1", "t2"]
    assert scoring_for("choice").task(given_labels, who)["t2"][0].value is None
    with pytest.raises(Misconfigured, match="no agreement metric for 'mask'"):
        scoring_for("mask")


@pytest.mark.parametrize("together", [20, 1 << 16])
def test_pairs_of_crowded_uneven_cells_are_those_of_pycocotools(monkeypatch: Any, together: int) -> None:
    monkeypatch.setattr("yuelu.quality.reach._TOGETHER", together)
    rng = np.random.default_rng(3)
    cell, annotator = rng.integers(0, 6, 120), rng.integers(0, 3, 120)  # rows in no order, cells of any size
    places = np.c_[rng.uniform(0, 40, (120, 2)), rng.uniform(5, 40, (120, 2)), np.zeros(120)]
    iou = mask.iou(places[:, :4], places[:, :4], np.zeros(120, np.uint8))
    one, other = np.nonzero((cell[:, np.newaxis] == cell) & (annotator[:, np.newaxis] < annotator) & (iou >= 0.3))
    found = candidates(cell, annotator, places, box_iou, 0.3)
    expected = {(a, b): pytest.approx(iou[a, b]) for a, b in zip(one.tolist(), other.tolist(), strict=True)}
    assert dict(zip(zip(found.one.tolist(), found.other.tolist(), strict=True), found.iou.tolist(), strict=True)) == expected
    assert len(expected) > 50


def test_turned_boxes_that_meet_are_all_found() -> None:
    rng = np.random.default_rng(4)
    cell, annotator = np.repeat(np.arange(5), 12), np.tile(np.repeat([0, 1], 6), 5)
    places = np.c_[rng.uniform(0, 20, (60, 2)), rng.uniform(5, 30, (60, 2)), rng.choice([0.0, 30, 45, 360], 60)]
    found = candidates(cell, annotator, places, box_iou, 0.2)
    centres = corners(places).mean(axis=1)
    drawn = [((*c, 0)[:2], (w, h), r) for c, (_, _, w, h, r) in zip(centres.tolist(), places.tolist(), strict=True)]
    expected = {}
    for a, b in ((a, b) for a in range(60) for b in range(60) if cell[a] == cell[b] and annotator[a] < annotator[b]):
        _, outline = cv2.rotatedRectangleIntersection(drawn[a], drawn[b])
        both = 0.0 if outline is None else cv2.contourArea(cv2.convexHull(outline))
        iou = both / (drawn[a][1][0] * drawn[a][1][1] + drawn[b][1][0] * drawn[b][1][1] - both)
        if iou >= 0.2:
            expected[a, b] = pytest.approx(iou, abs=1e-3)
    assert dict(zip(zip(found.one.tolist(), found.other.tolist(), strict=True), found.iou.tolist(), strict=True)) == expected


def test_many_shapes_in_one_place_are_matched_in_bounded_pieces(monkeypatch: Any) -> None:
    monkeypatch.setattr("yuelu.quality.reach._TOGETHER", 7)
    rows = [(f"t{t}", who, "a", 20.0 * i, 0, 9, 9) for t in range(3) for who in ("ann", "bob") for i in range(5)]
    assert values(box_scores(boxes(*rows), seen(**{f"t{t}": ["ann", "bob"] for t in range(3)})))["f1@0.50"] == 1

"""Measures of what is drawn: against other libraries, published figures, and what can be said by hand."""

import math
from pathlib import Path
from statistics import mean
from typing import Any

import cv2
import numpy as np
import pytest
from kinds_said import C, answer, box, line, mask, value
from pycocotools import mask as coco
from skimage import measure

from yuelu.base.records import (
    Choice,
    Keyframe,
    KeyPoint,
    Region,
    Relation,
    Segment,
    TextSpan,
    Track,
)
from yuelu.quality.kinds.answers import Asked
from yuelu.quality.kinds.masks import boundary_iou, lesions
from yuelu.quality.kinds.placing import about_regions
from yuelu.quality.kinds.scoring import by_pair
from yuelu.quality.kinds.table import agreement, kind_named, task_agreement
from yuelu.quality.polygons import ellipse_outline, polygon_areas, polygon_iou
from yuelu.quality.resample import Sampling


def test_detection_place_and_class_are_told_apart() -> None:
    # One pair at the same place with other labels, one at IoU 8/12 with the same, one box alone.
    answers = [answer(0, "x", box("u", 0), box("v", 50)), answer(0, "y", box("v", 0), box("v", 52), box("u", 90))]
    assert value("box", "f1_any_label@0.50", *answers) == pytest.approx(4 / 5)
    assert value("box", "f1@0.50", *answers) == pytest.approx(2 / 5)
    assert value("box", "class_agreement", *answers) == pytest.approx(1 / 2)
    assert value("box", "mean_iou", *answers) == pytest.approx((1 + 8 / 12) / 2)
    assert value("box", "panoptic_quality", *answers) == pytest.approx(8 / 12 / (1 + 3 / 2))
    # The match of the same label survives the thresholds .50, .55, .60 and .65 of ten.
    assert value("box", "f1@0.50:0.95", *answers) == pytest.approx(2 / 5 * 4 / 10)


def test_matches_are_the_best_of_all() -> None:
    # Greedily, x's first box would take y's first at 9/11 and leave the second with nothing: both can be matched.
    answers = [answer(0, "x", box("u", 0, "1"), box("u", 3, "2")), answer(0, "y", box("u", 1, "1"), box("u", -2, "2"))]
    assert value("box", "f1@0.50", *answers) == 1


def test_who_drew_nothing_has_said_so() -> None:
    empty = [answer(0, "x"), answer(0, "y")]
    assert value("box", "f1@0.50", *empty) is None
    assert value("box", "f1@0.50", answer(0, "x", box("u", 0)), answer(0, "y")) == 0
    reasons = {score.metric: score.reason for score in agreement(empty, Asked(C, "box"))}
    assert reasons["f1@0.50"] == "nobody drew any boxes"


def test_polygons_against_opencv_and_by_hand() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        one, other = (cv2.convexHull(rng.uniform(0, 50, (8, 2)).astype(np.float32))[:, 0] for _ in range(2))
        shared = cv2.intersectConvexConvex(one, other)[0]
        areas = cv2.contourArea(one), cv2.contourArea(other), shared
        assert polygon_areas(one.astype(np.float64), other.astype(np.float64)) == pytest.approx(areas, rel=1e-3, abs=1e-2)
    # A square of 4 with a notch of 2 x 2 cut into its top, and a square that lies half in the notch.
    notched = np.asarray([(0, 0), (1, 0), (1, 2), (3, 2), (3, 0), (4, 0), (4, 4), (0, 4)], np.float64)
    square = np.asarray([(1, 1), (3, 1), (3, 3), (1, 3)], np.float64)
    assert polygon_areas(notched, square) == pytest.approx((12, 4, 2))
    assert polygon_iou(notched, square) == pytest.approx(2 / 14)
    # Gone round twice is outside by the even-odd rule: two unit triangles of a bow tie.
    bow = np.asarray([(0, 0), (2, 2), (2, 0), (0, 2)], np.float64)
    assert polygon_areas(bow, bow) == pytest.approx((2, 2, 2))
    assert polygon_areas(ellipse_outline(9, 9, 3, 5, 30), square)[0] == pytest.approx(math.pi * 15)


def test_masks_against_pycocotools() -> None:
    rng = np.random.default_rng(5)
    one, other = (cv2.GaussianBlur(rng.random((60, 80)), (0, 0), 6) > 0.49 for _ in range(2))
    other |= one & (rng.random((60, 80)) > 0.2)
    coded = [coco.encode(np.asfortranarray(each.astype(np.uint8))) for each in (one, other)]
    iou = float(coco.iou(coded[:1], coded[1:], [0])[0, 0])
    answers = [answer(0, "x", mask(one)), answer(0, "y", mask(other))]
    assert iou > 0.5
    assert value("mask", "mean_iou", *answers) == pytest.approx(iou)
    assert value("mask", "dice", *answers) == value("mask", "mean_dice", *answers) == pytest.approx(2 * iou / (1 + iou))


def test_boundary_iou_as_its_authors_compute_it() -> None:
    # B. Cheng et al. (2021), the function `mask_to_boundary` of their repository boundary-iou-api.
    rng = np.random.default_rng(6)
    masks = [cv2.GaussianBlur(rng.random((90, 120)), (0, 0), 9) > 0.5 for _ in range(2)]

    def boundary(cells: Any) -> Any:
        wide = max(1, round(0.02 * math.hypot(*cells.shape)))
        padded = cv2.copyMakeBorder(cells.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        return cells & ~cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=wide)[1:-1, 1:-1].astype(bool)

    one, other = (boundary(cells) for cells in masks)
    expected = (one & other).sum() / (one | other).sum()
    assert boundary_iou(mask(masks[0]), mask(masks[1])) == pytest.approx(float(expected))


def test_volumes_in_millimetres() -> None:
    # Two cubes of 4 x 4 x 4 voxels of 3 x 1 x 2 mm, one slice apart: HD95 is one slice, a third of all voxels more or less.
    block = np.zeros((8, 8), bool)
    block[2:6, 2:6] = True
    answers = [
        answer(0, who, *(mask(block, item=slice_, name=f"m{slice_}") for slice_ in range(first, first + 4)))
        for who, first in (("x", 1), ("y", 2))
    ]
    assert value("volume", "hd95_mm", *answers, spacing_mm=(3, 1, 2)) == pytest.approx(3)
    assert value("volume", "dice", *answers, spacing_mm=(3, 1, 2)) == pytest.approx(3 / 4)
    assert value("volume", "volume_difference_ml", *answers, spacing_mm=(3, 1, 2)) == 0
    alone = [answers[0], answer(0, "y")]
    found = {score.metric: score for score in agreement(alone, Asked(C, "volume", spacing_mm=(3, 1, 2)))}
    assert found["hd95_mm"].value is None
    assert found["surface_dice@1.0_mm"].value == 0
    assert found["volume_difference_ml"].value == pytest.approx(64 * 6 / 1000)


def test_key_points_by_the_formula_of_coco() -> None:
    points = {"nose": (0.0, 0.0), "left": (100.0, 0.0), "right": (100.0, 50.0)}

    def drawn(by: float, *names: str) -> list[KeyPoint]:
        return [
            KeyPoint(
                id=name, control=C, label=name, item=0, x_px=points[name][0] + 3 * by, y_px=points[name][1] + 4 * by, width_px=1
            )
            for name in names
        ]

    answers = [answer(0, "x", *drawn(0, *points)), answer(0, "y", *drawn(1, "nose", "left"))]
    # exp(-d2 / (2 s2 k2)) with d = 5, s2 the area of 103 x 50 px about all points, k = 0.1; the third point counts as 0.
    alike = math.exp(-25 / (2 * 103 * 50 * 0.01))
    assert value("keypoint", "oks", *answers) == pytest.approx(2 * alike / 3)
    assert value("keypoint", "mean_distance_px", *answers) == pytest.approx(5)
    assert value("keypoint", "f1", *answers) == pytest.approx(4 / 5)
    assert value("keypoint", "oks", answer(0, "x", *drawn(0, "nose")), answer(0, "y", *drawn(0, "nose"))) is None


def test_polylines_by_hand() -> None:
    answers = [answer(0, "x", line((0, 0), (100, 0))), answer(0, "y", line((0, 3), (100, 3)))]
    assert value("polyline", "mean_share_within_5_px", *answers) == 1
    assert value("polyline", "mean_distance_px", *answers) == pytest.approx(3)
    apart = [answers[0], answer(0, "y", line((0, 6), (100, 6)))]
    assert value("polyline", "f1@0.50", *apart) == 0


def test_segments_by_hand() -> None:
    def said(*turns: tuple[str, float, float]) -> list[Segment]:
        return [Segment(id=str(at), control=C, label=who, start_s=start, end_s=end) for at, (who, start, end) in enumerate(turns)]

    answers = [answer(0, "x", *said(("A", 0, 10), ("B", 10, 20))), answer(0, "y", *said(("S1", 0, 10.1), ("S2", 10.3, 20)))]
    # 0.1 s of B is S1's and 0.2 s nobody's: errors of 0.3 s on 20 s; the other way, 0.1 s confused and 0.2 s extra on 19.8 s.
    assert value("segment", "der", *answers) == pytest.approx((0.3 + 0.3) / (20 + 19.8))
    assert value("segment", "f1@0.50", *answers) == 0
    assert value("segment", "f1_any_label@0.50", *answers) == 1
    assert value("segment", "boundary_s", *answers) == pytest.approx(0.05)  # the median of 0, 0, 0.1 and 0.3
    assert value("segment", "boundaries_within_0.05_s", *answers) == 2 / 4
    assert value("segment", "boundaries_within_0.20_s", *answers) == 3 / 4


def test_spans_of_bratiaa(fixtures: Path) -> None:
    # README of the fixtures: what bratiaa reports for its example project.
    answers = []
    for path in sorted((fixtures / "bratiaa_text_spans" / "example-project").glob("*/*.ann")):
        lines = [text.split("\t") for text in path.read_text(encoding="utf-8").splitlines() if text.startswith("T")]
        parts = [(name, *place.split()) for name, place, *_ in lines]
        said = [TextSpan(id=name, control=C, label=label, start=int(start), end=int(end)) for name, label, start, end in parts]
        answers.append(answer(path.stem, path.parent.name, *said))
    kind = kind_named("span")
    pairs = by_pair(kind.compare(answers, Asked(C, "span")), kind.measures[:1], Sampling(replicates=1))
    assert len(pairs) == 6
    assert mean(part.score.value or 0 for part in pairs) == pytest.approx(0.8904, abs=5e-5)


def test_tracks_of_motmetrics(fixtures: Path) -> None:
    # What motmetrics publishes for its two sample videos: IDF1 55.8, 64.5 and together 62.4.
    answers = []
    for video in ("TUD-Campus", "TUD-Stadtmitte"):
        for who in ("gt", "test"):
            rows = np.loadtxt(fixtures / "mot_tud" / video / f"{who}.txt", delimiter=",")
            answers.append(answer(video, who, *_tracks(rows)))
    by_video = task_agreement(answers, Asked(C, "track"))
    assert by_video["TUD-Campus"][0].value == pytest.approx(0.558, abs=5e-4)
    assert by_video["TUD-Stadtmitte"][0].value == pytest.approx(0.645, abs=5e-4)
    compared = kind_named("track").compare(answers, Asked(C, "track"))
    assert by_pair(compared, kind_named("track").measures[:1], None)[0].score.value == pytest.approx(0.624, abs=5e-4)


def _tracks(rows: Any) -> list[Track]:
    found = []
    for name in np.unique(rows[:, 1]):
        own = rows[rows[:, 1] == name]
        frames = own[:, 0].astype(int).tolist()
        keyframes = tuple(
            Keyframe(frame, frame + 1 in frames, float(row[2]), float(row[3]), float(row[4]), float(row[5]))
            for frame, row in zip(frames, own, strict=True)
        )
        found.append(Track(id=str(name), control=C, label="person", keyframes=keyframes, frames=int(rows[:, 0].max())))
    return found


def test_boxes_between_keyframes_are_compared() -> None:
    still = Track(id="1", control=C, label="u", keyframes=(Keyframe(1, True, 0, 0, 10, 10),), frames=11)
    moving = Track(
        id="1", control=C, label="u", keyframes=(Keyframe(1, True, 0, 0, 10, 10), Keyframe(11, False, 10, 0, 10, 10)), frames=11
    )
    # In frame n the box lies n - 1 px to the right: IoU (10 - k) / (10 + k) is 0.5 or more up to k = 3, four frames of eleven.
    assert value("track", "idf1", answer(0, "x", still), answer(0, "y", moving)) == pytest.approx(2 * 4 / 22)


def test_relations_join_the_same_things() -> None:
    def said(*links: Relation, by: str) -> list[Region]:
        return [box("u", 0, f"{by}1"), box("u", 50, f"{by}2"), box("u", 100, f"{by}3"), *links]

    answers = [
        answer(0, "x", *said(Relation("x1", "x2", "right", ("on",)), Relation("x2", "x3"), by="x")),
        answer(0, "y", *said(Relation("y2", "y1", "left", ("on",)), Relation("y3", "y2"), by="y")),
    ]
    assert value("relation", "f1", *answers) == pytest.approx(2 * 1 / 4)
    assert value("relation", "f1_where_both_have_the_ends", *answers) == pytest.approx(2 * 1 / 4)


def test_answers_about_a_region_are_those_of_the_same_region() -> None:
    drawn = [answer("t", "x", box("u", 0, "x1"), box("u", 90, "x2")), answer("t", "y", box("v", 1, "y1"))]
    asked = [
        answer("t", "x", Choice(C, ("yes",), "x1"), Choice(C, ("no",), "x2")),
        answer("t", "y", Choice(C, ("no",), "y1")),
    ]
    found = about_regions(drawn, asked)
    assert [(each.task, each.annotator, each.group) for each in found.answers] == [
        ("t / x x1 = y y1", "x", "t"), ("t / x x1 = y y1", "y", "t")
    ]  # fmt: skip
    assert found.alone == 1


def test_lesions_of_a_volume() -> None:
    # One draws three lesions, the other two: of these one lies on two of the first's, and can be only one of them.
    one, other = np.zeros((3, 8, 8), bool), np.zeros((3, 8, 8), bool)
    one[0, 0:2, 0:2] = one[1, 2, 2] = True  # they touch at a corner: one lesion over two slices
    one[0, 5, 0] = one[0, 5, 4] = True
    other[0, 0, 0] = True
    other[0, 5, 0:5] = True
    labelled = [int(measure.label(each, connectivity=3).max()) for each in (one, other)]  # type: ignore[no-untyped-call]
    assert labelled == [3, 2]
    assert lesions(one, other) == (sum(labelled), 4)
    answers = [
        answer(0, who, *(mask(cells, item=z) for z, cells in enumerate(each) if cells.any()))
        for who, each in (("a", one), ("b", other))
    ]
    assert value("volume", "lesion_f1", *answers, spacing_mm=(3, 1, 1)) == pytest.approx(4 / 5)

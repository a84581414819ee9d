"""Measures by kind of answer: published tables, other libraries, and what can be said by hand."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco
from scipy.stats import kendalltau

from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.base.records import (
    Box,
    Choice,
    Ellipse,
    FrameRange,
    Keyframe,
    KeyPoint,
    Mask,
    Number,
    Polygon,
    Preference,
    Ranking,
    Rating,
    Region,
    Relation,
    Segment,
    Taxonomy,
    Text,
    TextSpan,
    Track,
    Vector,
    Vertex,
)
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.masks import boundary_iou
from yuelu.quality.kinds.placing import about_regions
from yuelu.quality.kinds.report import Told, control_report
from yuelu.quality.kinds.scoring import by_label, by_pair, by_task, confusions
from yuelu.quality.kinds.table import KINDS, agreement, kind_named, task_agreement
from yuelu.quality.polygons import ellipse_outline, polygon_areas, polygon_iou
from yuelu.quality.resample import Sampling

C = "c"


def answer(task: Any, who: str, *said: Region) -> Answer:
    return Answer(str(task), who, str(task), said)


def value(kind: str, metric: str, *answers: Answer, **more: Any) -> float | None:
    """Return one measure over all answers."""
    found = {score.metric: score.value for score in agreement(answers, Asked(C, kind, **more))}
    return found[metric]


def from_table(table: Sequence[Sequence[int]], made: Callable[[int], Region]) -> list[Answer]:
    """Return the answers of two raters from a table of counts, first rater by row."""
    pairs = [(row, column) for row, counts in enumerate(table) for column, count in enumerate(counts) for _ in range(count)]
    return [
        answer(f"{task:04}", who, made(label)) for task, pair in enumerate(pairs) for who, label in zip("ab", pair, strict=True)
    ]


def test_weighted_kappa_of_cohen_1960() -> None:
    # J. Cohen (1960), p. 45; weighted with squares by statsmodels: 0.4545.
    answers = from_table([[88, 14, 18], [10, 40, 10], [2, 6, 12]], lambda label: Rating(C, label + 1))
    assert value("ordinal", "weighted_kappa", *answers) == pytest.approx(0.4545, abs=5e-5)
    assert value("nominal", "cohen_kappa", *answers) == pytest.approx(0.492, abs=1e-3)
    named = from_table([[88, 14, 18], [10, 40, 10], [2, 6, 12]], lambda label: Choice(C, (("low", "mid", "top")[label],)))
    assert value("ordinal", "weighted_kappa", *named, order=("low", "mid", "top")) == pytest.approx(0.4545, abs=5e-5)
    with pytest.raises(InvalidRecord, match="label 'low' has no place on the scale"):
        agreement(named, Asked(C, "ordinal"))


def test_the_agreement_of_each_label() -> None:
    # PMC7222679: 130, 56, 9 and 5 answers; specific agreement (Dice 1945) is 2a / (2a + b + c).
    answers = from_table([[130, 56], [9, 5]], lambda label: Choice(C, (str(label),)))
    compared = kind_named("nominal").compare(answers, Asked(C, "nominal"))
    found = {part.names: part.score.value for part in by_label(compared, Sampling())}
    assert found == {("0",): pytest.approx(260 / 325), ("1",): pytest.approx(10 / 75)}
    assert [(each.one, each.other, each.count) for each in confusions(compared)] == [
        ("0", "0", 130),
        ("0", "1", 65),
        ("1", "1", 5),
    ]
    assert value("nominal", "gwet_ac1", *answers) == pytest.approx(0.5326, abs=5e-5)


def test_numbers_by_hand() -> None:
    answers = [
        answer(task, who, Number(C, number))
        for who, row in (("a", (1, 2, 4)), ("b", (2, 2, 1)))
        for task, number in enumerate(row)
    ]
    assert value("interval", "mean_difference", *answers) == pytest.approx(4 / 3)
    assert value("interval", "icc2", answers[0]) is None


def test_sets_by_hand() -> None:
    # R. Passonneau (2006): of {a, b} and {b} one holds the other (2/3) at Jaccard 1/2; of {a} and {c} nothing is shared.
    sets = [(("a", "b"), ("b",)), (("a",), ("c",))]
    answers = [answer(task, who, Choice(C, said)) for task, pair in enumerate(sets) for who, said in zip("xy", pair, strict=True)]
    assert value("multilabel", "jaccard", *answers) == pytest.approx((1 / 2 + 0) / 2)
    assert value("multilabel", "masi", *answers) == pytest.approx((2 / 3 * 1 / 2 + 0) / 2)
    # In a tree, what lies above is shared: {chest, chest/lung} and {chest, chest/heart} have one of three.
    places = [answer(0, who, Taxonomy(C, (("chest", organ),))) for who, organ in (("x", "lung"), ("y", "heart"))]
    assert value("taxonomy", "jaccard", *places) == pytest.approx(1 / 3)


def test_rankings_against_scipy() -> None:
    one, other = list("abcdef"), list("bacfde")
    answers = [answer(0, who, Ranking(C, (("best", tuple(items)),))) for who, items in (("x", one), ("y", other))]
    tau = kendalltau(range(6), [other.index(item) for item in one]).statistic
    assert value("ranking", "kendall_tau", *answers) == pytest.approx(tau)
    moved = answer(0, "y", Ranking(C, (("best", ("a", "b", "c")), ("rest", ("d", "e", "f")))))
    assert value("ranking", "same_bucket", answers[0], moved) == pytest.approx(3 / 6)


def test_texts_by_hand() -> None:
    # Kitten and sitting are three edits apart (Levenshtein 1966): two substituted, one inserted; each text is once the reference.
    answers = [answer(0, "x", Text(C, ("Kitten.",))), answer(0, "y", Text(C, ("sitting",)))]
    assert value("text", "cer", *answers) == pytest.approx(2 * 3 / (6 + 7))
    assert value("text", "cer_missing_or_extra", *answers) == pytest.approx(2 * 1 / (6 + 7))
    assert value("text", "wer", *answers) == pytest.approx(1)


def box(label: str, x: float, name: str = "b", **more: Any) -> Box:
    return Box(id=name, control=C, label=label, item=0, x_px=x, y_px=0, width_px=10, height_px=10, **more)


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


def mask(cells: Any, label: str = "u", item: int = 0, name: str = "m") -> Mask:
    flat = np.asarray(cells, bool).ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    counts = np.diff(starts, append=flat.size)
    high, wide = np.asarray(cells).shape
    levels = tuple((flat[starts] * 255).tolist())
    return Mask(
        id=name, control=C, label=label, item=item, width_px=wide, height_px=high, counts=tuple(counts.tolist()), levels=levels
    )


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


def line(*points: tuple[float, float]) -> Vector:
    vertices = [Vertex(str(at), *point, None if at == 0 else str(at - 1)) for at, point in enumerate(points)]
    return Vector(id="v", control=C, label="u", item=0, vertices=tuple(vertices))


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
            Keyframe(frame, frame + 1 in frames, *map(float, row[2:6])) for frame, row in zip(frames, own, strict=True)
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


# One answer of each kind, the same by everybody.
SAME: dict[str, tuple[Region, ...]] = {
    "nominal": (Choice(C, ("u",)),),
    "ordinal": (Rating(C, 3),),
    "interval": (Number(C, 2.5),),
    "ratio": (Number(C, 2.5),),
    "multilabel": (Choice(C, ("u", "v")),),
    "taxonomy": (Taxonomy(C, (("u", "v"),)),),
    "moment": (Choice(C, ("2026-01-01",)),),
    "preference": (Preference(C, "left"),),
    "ranking": (Ranking(C, ((C, ("u", "v", "w")),)),),
    "text": (Text(C, ("two words",)),),
    "box": (box("u", 0), box("v", 30, rotation_deg=20)),
    "outline": (Polygon(id="p", control=C, label="u", item=0, points_px=((0, 0), (9, 0), (4, 7))),
                Ellipse(id="e", control=C, label="v", item=0, x_px=50, y_px=9, radius_x_px=3, radius_y_px=5)),
    "polyline": (line((0, 0), (30, 10)),),
    "keypoint": tuple(KeyPoint(id=name, control=C, label=name, item=0, x_px=9.0 * at, y_px=float(at), width_px=1)
                      for at, name in enumerate("uvw")),
    "mask": (mask(np.eye(6, dtype=bool)),),
    "volume": (mask(np.eye(6, dtype=bool)),),
    "segment": (Segment(id="s", control=C, label="u", start_s=0, end_s=2),),
    "frame_range": (FrameRange(id="f", control=C, label="u", first_frame=2, last_frame=9),),
    "track": (Track(id="t", control=C, label="u", keyframes=(Keyframe(1, True, 0, 0, 9, 9),), frames=5),),
    "span": (TextSpan(id="s", control=C, label="u", start=0, end=4),),
    "relation": (box("u", 0, "1"), box("u", 30, "2"), Relation("1", "2")),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_equal_answers_agree_and_their_order_leaves_no_trace(kind: str) -> None:
    more = {"spacing_mm": (1.0, 1.0, 1.0)} if kind == "volume" else {}
    answers = [answer(task, who, *SAME[kind]) for task in range(3) for who in "abc"]
    asked = Asked(C, kind, **more)
    main = kind_named(kind).measures[0]
    report = control_report(answers, asked)
    assert {part.score.value for part in report.pairs if part.score.metric == main.name} == {0.0 if main.is_error else 1.0}
    shuffled = random.Random(1).sample(answers, len(answers))
    assert agreement(shuffled, asked) == agreement(answers, asked)
    assert set(task_agreement(answers, asked)) == {"0", "1", "2"}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_answered_twice_is_undefined_and_says_why(kind: str) -> None:
    for score in agreement([answer(0, "a", *SAME[kind])], Asked(C, kind)):
        assert score.value is None
        assert score.reason


def test_models_and_gold_stand_beside_the_people() -> None:
    answers = [
        answer(task, who, Choice(C, (label,)))
        for task, row in enumerate(("uuvu", "vvvv", "uvuu"))
        for who, label in zip(("a", "b", "m", "g"), row, strict=True)
    ]
    report = control_report(answers, Asked(C, "nominal"), Told(frozenset({"m"}), frozenset({"g"}), {"a": "K", "b": "L"}))
    assert next(score for score in report.scores if score.metric == "percent_agreement").value == pytest.approx(2 / 3)
    assert [(part.names, part.score.value) for part in report.models] == [(("m",), pytest.approx(3 / 6))]
    assert [(part.names, part.score.value) for part in report.gold] == [(("g",), pytest.approx(5 / 6))]
    assert [part.names for part in report.companies] == [("K", "L")]
    assert [task for task, _ in report.tasks] == ["0", "1", "2"]


def test_what_is_wrong_is_refused() -> None:
    with pytest.raises(Misconfigured, match="no agreement measure for 'smell'"):
        agreement([], Asked(C, "smell"))
    with pytest.raises(InvalidRecord, match="annotator 'a' answered task '0' twice"):
        agreement([answer(0, "a", box("u", 0))] * 2, Asked(C, "box"))
    with pytest.raises(InvalidRecord, match="task '0' is in two groups"):
        agreement([answer(0, "a", box("u", 0)), replace(answer(0, "b"), group="z")], Asked(C, "box"))


def test_tasks_without_a_pair_are_not_scored() -> None:
    compared = kind_named("box").compare([answer(0, "a", box("u", 0)), answer(1, "b")], Asked(C, "box"))
    assert by_task(compared, kind_named("box").measures) == {}

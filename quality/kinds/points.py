"""Key points: those of one name matched by distance; object keypoint similarity, and the share of correct points."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from yuelu.base.records import KeyPoint
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.compared import Compared, Measure, share
from yuelu.quality.kinds.pairwise import Found, Said, compare_pairs
from yuelu.quality.kinds.regions import Placed
from yuelu.quality.resample import Floats

FALLOFF = 0.1  # k of OKS for every point: twice a deviation of 5 % of the object's size, the middle of COCO's 2.5 to 10.7 %
CORRECT = 0.1  # of the longer side of the object: what PCK counts as correct
NEAR_PX = 10.0
_COUNTS = ("drawn", "matched", "apart", "sized", "similarity", "correct", "sized_matched")


def compare_points(answers: Sequence[Answer], _: Asked) -> Compared:
    """Return the tallies of key points of one name on one picture, matched at the least sum of distances.

    The object is all points of one picture: its size is that of the box about both annotators' points, unknown where there
    are fewer than two places.
    """
    return compare_pairs(answers, dict.fromkeys(_COUNTS, ()), _points)


def _points(one: Said, other: Said) -> Found:
    counts, labels = dict.fromkeys(_COUNTS, 0.0), dict[str, tuple[float, float]]()
    for item in sorted({each.item for each in (*one, *other) if isinstance(each, KeyPoint)}):
        here, there = (_on(side, item) for side in (one, other))
        wide, high = _box(here, there)
        for label in sorted(here.keys() | there.keys()):
            a, b = here.get(label, _NONE), there.get(label, _NONE)
            apart = _matched(a, b)
            both, marked = labels.get(label, (0.0, 0.0))
            labels[label] = (both + len(apart), marked + len(a) + len(b))
            counts["drawn"] += len(a) + len(b)
            counts["matched"] += len(apart)
            counts["apart"] += float(apart.sum())
            if wide * high > 0:
                counts["sized"] += len(a) + len(b) - len(apart)
                counts["sized_matched"] += len(apart)
                counts["similarity"] += float(np.exp(-(apart**2) / (2 * wide * high * FALLOFF**2)).sum())
                counts["correct"] += float((apart <= CORRECT * max(wide, high)).sum())
    return Found(dict(counts), labels)


def place_points(regions: Sequence[KeyPoint]) -> Placed:
    """Return key points; two are one when less than `NEAR_PX` apart, the nearer the more."""
    places = np.asarray([(each.x_px, each.y_px) for each in regions], np.float64).reshape(-1, 2)
    items = np.asarray([each.item for each in regions], np.int64)
    return Placed(places, _near, items, [None] * len(regions), {}, {})


def _near(one: Floats, other: Floats) -> Floats:
    return np.asarray(1 - np.hypot(*(one - other).T) / (2 * NEAR_PX))


_NONE: Floats = np.zeros((0, 2))


def _on(said: Said, item: int) -> dict[str, Floats]:
    found: dict[str, list[tuple[float, float]]] = {}
    for each in said:
        if isinstance(each, KeyPoint) and each.item == item:
            found.setdefault(each.label, []).append((each.x_px, each.y_px))
    return {label: np.asarray(points) for label, points in found.items()}


def _box(*sides: dict[str, Floats]) -> tuple[float, float]:
    points = np.concatenate([_NONE, *(each for side in sides for each in side.values())])
    wide, high = np.ptp(points, axis=0)
    return float(wide), float(high)


def _matched(one: Floats, other: Floats) -> Floats:
    apart = np.hypot(*(one[:, np.newaxis] - other[np.newaxis]).transpose(2, 0, 1))
    return np.asarray(apart[linear_sum_assignment(apart)])


_NO_SIZE = "no picture has key points that span an object, so its size is unknown"
POINTS = (
    Measure("oks", share("similarity", "sized"), _NO_SIZE),
    Measure(f"pck@{CORRECT:.2f}", share("correct", "sized_matched"), _NO_SIZE),
    Measure("f1", share({"matched": 2}, "drawn"), "nobody drew any key points"),
    Measure("mean_distance_px", share("apart", "matched"), "no key point was drawn by both", (0.0, np.inf)),
)

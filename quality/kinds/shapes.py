"""Shapes on pictures, and how much two of them cover each other."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from scipy.spatial import KDTree

from yuelu.base.records import Box, Ellipse, Polygon, Vector, Vertex
from yuelu.quality.coded import Codes
from yuelu.quality.kinds.compared import Measure, share
from yuelu.quality.kinds.regions import Placed, region_measures
from yuelu.quality.overlap import box_iou
from yuelu.quality.polygons import Outline, ellipse_outline, polygon_iou
from yuelu.quality.resample import Floats

NEAR_PX = 5.0  # a polyline that is nearer lies on the other
_CURVE = 16  # points of a Bezier curve
_STEPS = 2000  # points of a polyline at the most


def place_boxes(regions: Sequence[Box]) -> Placed:
    """Return boxes, turned ones too."""
    numbers = [(each.x_px, each.y_px, each.width_px, each.height_px, each.rotation_deg) for each in regions]
    return Placed(np.asarray(numbers, np.float64).reshape(-1, 5), box_iou, _items(regions), [None] * len(regions), {}, {})


BOXES = region_measures("boxes")


def place_outlines(regions: Sequence[Polygon | Ellipse]) -> Placed:
    """Return polygons of any form and ellipses, by their place in the list."""
    outlines = [_outline(each) for each in regions]

    def dice(one: Codes, other: Codes) -> Floats:
        found = iou(one[:, np.newaxis].astype(np.float64), other[:, np.newaxis].astype(np.float64))
        return np.asarray(2 * found / (1 + found))

    iou = by_place(lambda one, other: polygon_iou(outlines[one], outlines[other]))
    return Placed(_places(len(regions)), iou, _items(regions), [None] * len(regions), {"dice": dice}, {})


_NO_MATCH = "no two {plural} overlap by IoU 0.50 or more"
OUTLINES = (
    *region_measures("outlines"),
    Measure("mean_dice", share("dice", "any_label"), _NO_MATCH.format(plural="outlines")),
)


def by_place(overlap: Callable[[int, int], float]) -> Callable[[Floats, Floats], Floats]:
    """Return the overlap of regions that are known by their place in a list, one pair after the other, as one of many."""

    def many(one: Floats, other: Floats) -> Floats:
        pairs = zip(one[:, 0].astype(np.int64).tolist(), other[:, 0].astype(np.int64).tolist(), strict=True)
        return np.asarray([overlap(a, b) for a, b in pairs], np.float64)

    return many


def _places(count: int) -> Floats:
    return np.arange(count, dtype=np.float64)[:, np.newaxis]


def _items(regions: Sequence[Box | Polygon | Ellipse | Vector]) -> Codes:
    return np.asarray([each.item for each in regions], np.int64)


def _outline(region: Polygon | Ellipse) -> Outline:
    if isinstance(region, Ellipse):
        return ellipse_outline(region.x_px, region.y_px, region.radius_x_px, region.radius_y_px, region.rotation_deg)
    return np.asarray(region.points_px, np.float64)


def place_lines(regions: Sequence[Vector]) -> Placed:
    """Return polylines, branching ones and curves too; they overlap by the share of both that is within 5 px of the other."""
    points = [line_points(each) for each in regions]
    trees = [KDTree(each) for each in points]

    def ways(one: int, other: int) -> Floats:
        return np.concatenate([trees[other].query(points[one])[0], trees[one].query(points[other])[0]])

    def apart(one: Codes, other: Codes) -> Floats:
        return np.asarray([ways(a, b).mean() for a, b in zip(one.tolist(), other.tolist(), strict=True)], np.float64)

    near = by_place(lambda one, other: float((ways(one, other) <= NEAR_PX).mean()))
    return Placed(_places(len(regions)), near, _items(regions), [None] * len(regions), {"apart": apart}, {})


LINES = (
    *region_measures("polylines", overlap="the share within 5 px,", mean=f"mean_share_within_{NEAR_PX:.0f}_px"),
    Measure("mean_distance_px", share("apart", "any_label"), "no two polylines lie on each other", (0.0, np.inf)),
)


def line_points(line: Vector) -> Floats:
    """Return points along the line, at most a pixel apart (2,000 of them at the most), shape (points, 2)."""
    known = {vertex.id: vertex for vertex in line.vertices}
    joins = [(known[each.previous_id], each) for each in line.vertices if each.previous_id in known]
    if line.closed and len(line.vertices) > 2:
        joins.append((line.vertices[-1], line.vertices[0]))
    pieces = [pair for start, end in joins for pair in pairwise(_join(start, end))]
    if not pieces:
        return np.asarray([(each.x_px, each.y_px) for each in line.vertices], np.float64)
    ends = np.asarray(pieces, np.float64)
    lengths = np.hypot(*(ends[:, 1] - ends[:, 0]).T)
    step = max(1.0, float(lengths.sum()) / _STEPS)
    return np.concatenate(
        [np.linspace(start, end, int(np.ceil(length / step)) + 1) for (start, end), length in zip(ends, lengths, strict=True)]
    )


def _join(start: Vertex, end: Vertex) -> Floats:
    """Return the points of the join: its ends, or a cubic Bezier curve."""
    a, d = np.asarray([start.x_px, start.y_px]), np.asarray([end.x_px, end.y_px])
    if not end.curve_px:
        return np.stack([a, d])
    b, c = (np.asarray(point) for point in end.curve_px)
    t = np.linspace(0, 1, _CURVE)[:, np.newaxis]
    return np.asarray((1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d)

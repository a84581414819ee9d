"""How much two polygons of any form cover each other: exact, by the even-odd rule, from slabs between their corners."""

from typing import TypeAlias

import numpy as np

from yuelu.quality.resample import Floats

Outline: TypeAlias = Floats  # corners in order, shape (corners, 2); the last is joined to the first
_CELLS = 1 << 21  # numbers looked at together
_AROUND = 96  # corners that stand for an ellipse


def polygon_areas(one: Outline, other: Outline) -> tuple[float, float, float]:
    """Return the areas of two polygons and of what they share, in px²; a part that is gone round twice is outside.

    Between two heights at which there is a corner or a crossing, edges do not meet, so that what is inside at half the height
    times the height is the area.
    """
    edges = np.concatenate([_edges(one), _edges(other)])
    of_other = np.arange(len(edges)) >= len(one)
    heights = np.unique(np.concatenate([edges[:, 1], edges[:, 3], _crossing_heights(edges)]))
    middle, height = (heights[1:] + heights[:-1]) / 2, np.diff(heights)
    total = np.zeros(3)
    step = max(1, _CELLS // max(len(edges), 1))
    for start in range(0, len(middle), step):
        total += height[start : start + step] @ _inside(edges, of_other, middle[start : start + step])
    return float(total[0]), float(total[1]), float(total[2])


def polygon_iou(one: Outline, other: Outline) -> float:
    """Return intersection over union; 0 where both are empty."""
    if (one.max(axis=0) <= other.min(axis=0)).any() or (other.max(axis=0) <= one.min(axis=0)).any():
        return 0.0
    first, second, shared = polygon_areas(one, other)
    union = first + second - shared
    return min(shared / union, 1.0) if union > 0 else 0.0


def ellipse_outline(x: float, y: float, radius_x: float, radius_y: float, rotation_deg: float) -> Outline:
    """Return a polygon of the ellipse's own area about its centre; the rotation is clockwise, y points down."""
    around = np.arange(_AROUND) * 2 * np.pi / _AROUND
    grown = np.sqrt(2 * np.pi / (_AROUND * np.sin(2 * np.pi / _AROUND)))
    along, across = grown * radius_x * np.cos(around), grown * radius_y * np.sin(around)
    cos, sin = np.cos(np.deg2rad(rotation_deg)), np.sin(np.deg2rad(rotation_deg))
    return np.stack([x + along * cos - across * sin, y + along * sin + across * cos], axis=1)


def _edges(outline: Outline) -> Floats:
    return np.concatenate([outline, np.roll(outline, -1, axis=0)], axis=1)


def _crossing_heights(edges: Floats) -> Floats:
    """Return the heights at which two edges cross, corners left out."""
    start, along = edges[:, :2], edges[:, 2:] - edges[:, :2]
    found: list[Floats] = [np.zeros(0)]
    step = max(1, _CELLS // max(len(edges), 1))
    for first in range(0, len(edges), step):
        a, u = start[first : first + step, np.newaxis], along[first : first + step, np.newaxis]
        turn = _cross(u, along)
        level = np.abs(turn) < 1e-12
        turn = np.where(level, 1, turn)
        here, there = _cross(start - a, along) / turn, _cross(start - a, u) / turn
        meet = ~level & (here > 0) & (here < 1) & (there > 0) & (there < 1)
        found.append((a[..., 1] + here * u[..., 1])[meet])
    return np.concatenate(found)


def _cross(one: Floats, other: Floats) -> Floats:
    return np.asarray(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])


def _inside(edges: Floats, of_other: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], at: Floats) -> Floats:
    """Return the widths at each height that lie inside one, the other, and both, shape (heights, 3)."""
    x0, y0, x1, y1 = edges.T
    low, high = np.minimum(y0, y1), np.maximum(y0, y1)
    meets = (low < at[:, np.newaxis]) & (at[:, np.newaxis] < high)
    slope = np.divide(x1 - x0, y1 - y0, out=np.zeros_like(x0), where=y1 != y0)
    across = np.where(meets, x0 + (at[:, np.newaxis] - y0) * slope, np.inf)
    order = np.argsort(across, axis=1)
    across = np.take_along_axis(across, order, axis=1)
    second = of_other[order]
    wide = np.where(np.isfinite(across[:, 1:]), across[:, 1:], 0) - np.where(np.isfinite(across[:, 1:]), across[:, :-1], 0)
    in_one, in_other = (np.cumsum(side, axis=1)[:, :-1] % 2 == 1 for side in (~second, second))
    return np.stack([(wide * part).sum(axis=1) for part in (in_one, in_other, in_one & in_other)], axis=1)

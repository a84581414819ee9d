"""How much two boxes, or two stretches of time, cover each other: intersection over union, exact also for turned boxes."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from yuelu.quality.resample import Floats

Iou: TypeAlias = Callable[[Floats, Floats], Floats]  # pair by pair


def box_iou(one: Floats, other: Floats) -> Floats:
    """Return the IoU of boxes pair by pair; both of shape (pairs, 5): x, y, width, height in px, rotation in degrees.

    x, y is the top left corner, and the box is turned clockwise about it. Upright boxes take the short way.
    """
    turned = is_turned(one) | is_turned(other)
    shared = np.empty(len(one))
    shared[~turned] = _upright(one[~turned], other[~turned])
    near = turned.copy()
    near[turned] = _circles_meet(one[turned], other[turned])
    shared[turned & ~near] = 0
    shared[near] = _polygon_intersection(corners(one[near]), corners(other[near]))
    areas = one[:, 2] * one[:, 3] + other[:, 2] * other[:, 3]
    return np.asarray(np.clip(shared / (areas - shared), 0, 1))


def is_turned(boxes: Floats) -> NDArray[np.bool_]:
    """Say which boxes do not stand upright, shape (boxes,)."""
    turned = np.asarray(boxes[:, 4] != 0)
    turned[turned] = boxes[turned, 4] % 360 != 0
    return turned


def segment_iou(one: Floats, other: Floats) -> Floats:
    """Return the IoU of stretches of time pair by pair; both of shape (pairs, 2): start and end in s."""
    shared = np.minimum(one[:, 1], other[:, 1]) - np.maximum(one[:, 0], other[:, 0])
    shared = np.maximum(shared, 0)
    return np.asarray(shared / (one[:, 1] - one[:, 0] + other[:, 1] - other[:, 0] - shared))


def corners(boxes: Floats) -> Floats:
    """Return the corners, shape (boxes, 4, 2), from the top left one clockwise (y points down)."""
    along, down = directions(boxes[:, 4])
    across, below = boxes[:, 2:3] * along, boxes[:, 3:4] * down
    first = boxes[:, :2]
    return np.stack([first, first + across, first + across + below, first + below], axis=1)


def directions(rotation_deg: Floats) -> tuple[Floats, Floats]:
    """Return the unit vectors along the width and down the height, each of shape (boxes, 2)."""
    angle = np.deg2rad(rotation_deg)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos, sin], axis=1), np.stack([-sin, cos], axis=1)


def _upright(one: Floats, other: Floats) -> Floats:
    start = np.maximum(one[:, :2], other[:, :2])
    end = np.minimum(one[:, :2] + one[:, 2:4], other[:, :2] + other[:, 2:4])
    return np.asarray(np.maximum(end - start, 0).prod(axis=1))


def _circles_meet(one: Floats, other: Floats) -> NDArray[np.bool_]:
    """Say which pairs are near enough to share anything: far boxes need no polygons."""
    reach = (np.hypot(one[:, 2], one[:, 3]) + np.hypot(other[:, 2], other[:, 3])) / 2
    apart = corners(one).mean(axis=1) - corners(other).mean(axis=1)
    return np.asarray(np.hypot(apart[:, 0], apart[:, 1]) < reach)


def _polygon_intersection(one: Floats, other: Floats) -> Floats:
    """Return the areas shared by convex quadrilaterals, both of shape (pairs, 4, 2), pair by pair.

    The shared polygon's corners are the corners of one that lie in the other, and the points where edges cross; sorted
    by angle about their mean, the shoelace formula gives its area.
    """
    if len(one) == 0:
        return np.zeros(0)
    crossings, crossed = _crossings(one, other)
    points = np.concatenate([one, other, crossings], axis=1)
    valid = np.concatenate([_inside(one, other), _inside(other, one), crossed], axis=1)
    count = valid.sum(axis=1)
    centre = (points * valid[:, :, np.newaxis]).sum(axis=1) / np.maximum(count, 1)[:, np.newaxis]
    points = points - centre[:, np.newaxis]
    first = np.take_along_axis(points, valid.argmax(axis=1)[:, np.newaxis, np.newaxis], axis=1)
    points = np.where(valid[:, :, np.newaxis], points, first)  # a corner twice encloses nothing more
    order = np.argsort(np.arctan2(points[:, :, 1], points[:, :, 0]), axis=1)
    points = np.take_along_axis(points, order[:, :, np.newaxis], axis=1)
    following = np.roll(points, -1, axis=1)
    return np.asarray(np.where(count >= 3, np.abs(_cross(points, following).sum(axis=1)) / 2, 0))


def _inside(points: Floats, polygon: Floats) -> NDArray[np.bool_]:
    """Say which `points`, shape (pairs, points, 2), lie in or on the clockwise `polygon`, shape (pairs, 4, 2)."""
    edges = np.roll(polygon, -1, axis=1) - polygon
    to_points = points[:, :, np.newaxis] - polygon[:, np.newaxis]
    slack = 1e-9 * (edges**2).sum(axis=2)[:, np.newaxis]  # a corner on an edge is inside, whatever rounding says
    return np.asarray((_cross(edges[:, np.newaxis], to_points) >= -slack).all(axis=2))


def _crossings(one: Floats, other: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return where each edge of one meets each edge of the other, shape (pairs, 16, 2), and where they do meet."""
    start, along = one[:, :, np.newaxis], (np.roll(one, -1, axis=1) - one)[:, :, np.newaxis]
    begin, across = other[:, np.newaxis], (np.roll(other, -1, axis=1) - other)[:, np.newaxis]
    turn = _cross(along, across)
    parallel = np.abs(turn) < 1e-12
    turn = np.where(parallel, 1, turn)
    t, u = _cross(begin - start, across) / turn, _cross(begin - start, along) / turn
    meet = ~parallel & (t >= 0) & (t <= 1) & (u >= 0) & (u <= 1)
    points = start + np.where(meet, t, 0)[..., np.newaxis] * along
    return points.reshape(len(one), 16, 2), meet.reshape(len(one), 16)


def _cross(one: Floats, other: Floats) -> Floats:
    return np.asarray(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])

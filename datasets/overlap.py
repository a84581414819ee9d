"""How much two regions overlap: IoU of boxes (also turned ones), of segments and of frame ranges."""

import math
from collections.abc import Mapping
from typing import Any

from yuelu.datasets.coco_rle import expand, inside

Point = tuple[float, float]


def overlap(column: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Return the intersection over union of two regions of one column; 0 on other images, channels or grids.

    Of outlines, points, tracks and hypertext it is 1 where they are the same and else 0: one that moved counts as removed and
    added.
    """
    if one.get("item") != other.get("item") or one.get("channel") != other.get("channel"):
        return 0.0
    if column == "boxes":
        return box_iou(one, other)
    if column == "masks":
        return mask_iou(one, other) if one["size"] == other["size"] else 0.0
    if column in _ENDS:
        start, end, more = _ENDS[column]
        return _interval_iou(one[start], one[end] + more, other[start], other[end] + more)
    return float(_place(one) == _place(other))


# Of stretches: where they start and end, and what is to be added where the end is part of them.
_ENDS: Mapping[str, tuple[str, str, int]] = {
    "segments": ("start_s", "end_s", 0),
    "frame_ranges": ("first_frame", "last_frame", 1),
    "text_spans": ("start", "end", 0),
}


def _place(region: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in region.items() if name not in ("support", "label")}


def mask_iou(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Return the IoU of two masks on one grid; two empty ones have 1."""
    here, there = (list(inside(expand(mask["counts"]))) for mask in (one, other))
    shared = at = 0
    for start, end in here:
        while at < len(there) and there[at][1] <= start:
            at += 1
        following = at
        while following < len(there) and there[following][0] < end:
            shared += min(end, there[following][1]) - max(start, there[following][0])
            following += 1
    union = sum(end - start for start, end in (*here, *there)) - shared
    return shared / union if union else 1.0


def _interval_iou(start: float, end: float, other_start: float, other_end: float) -> float:
    shared = max(0.0, min(end, other_end) - max(start, other_start))
    union = end - start + other_end - other_start - shared
    return shared / union if union else float(start == other_start)


def box_iou(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Return the IoU of two boxes, each turned about its top left corner."""
    shared = _area(_clipped(_corners(one), _corners(other)))
    union = _area(_corners(one)) + _area(_corners(other)) - shared
    return min(1.0, shared / union)


def _corners(box: Mapping[str, Any]) -> list[Point]:
    """Return the corners, turning the way of the image's axes (x right, y down, clockwise as one sees it)."""
    turn = math.radians(box["rotation_deg"])
    across = (box["width_px"] * math.cos(turn), box["width_px"] * math.sin(turn))
    down = (-box["height_px"] * math.sin(turn), box["height_px"] * math.cos(turn))
    x, y = box["x_px"], box["y_px"]
    return [
        (x, y),
        (x + across[0], y + across[1]),
        (x + across[0] + down[0], y + across[1] + down[1]),
        (x + down[0], y + down[1]),
    ]


def _clipped(polygon: list[Point], window: list[Point]) -> list[Point]:
    """Return the part of a convex polygon inside a convex window (Sutherland and Hodgman 1974)."""
    for start, end in zip(window, window[1:] + window[:1], strict=True):
        inside = [_side(start, end, point) for point in polygon]
        kept: list[Point] = []
        for place, point in enumerate(polygon):
            before, was, now = polygon[place - 1], inside[place - 1], inside[place]
            if (was < 0) != (now < 0):
                share = was / (was - now)
                kept.append((before[0] + share * (point[0] - before[0]), before[1] + share * (point[1] - before[1])))
            if now >= 0:
                kept.append(point)
        polygon = kept
    return polygon


def _side(start: Point, end: Point, point: Point) -> float:
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def _area(polygon: list[Point]) -> float:
    following = polygon[1:] + polygon[:1]
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(polygon, following, strict=True))) / 2

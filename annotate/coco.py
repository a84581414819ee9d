"""Regions as COCO (https://cocodataset.org/#format-data): one image per picture, however many people drew on it.

A box that is turned has the axis-aligned box around its true corners, in pixels, and the corners as its segmentation; what
Label Studio's own converter makes of it is wrong on pictures that are not square, and it lists a picture once per annotator.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from yuelu.annotate.results.pictures import mask_levels
from yuelu.base.records import Box, Ellipse, KeyPoint, Mask, Polygon, Region
from yuelu.base.records.shapes import Point
from yuelu.base.schemas import TOGETHER

_ROUND = 64  # corners that stand for an ellipse
_INSIDE = 128  # a cell of a mask is inside from this level on


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture that somebody may have drawn on, and what they drew: regions by annotator's name."""

    file_name: str
    width_px: int
    height_px: int
    drawn: Mapping[str, Sequence[Region]]


def coco(pictures: Iterable[Picture]) -> dict[str, Any]:
    """Return a COCO data set: boxes, polygons, ellipses and masks as instances, key points one by one.

    Every annotation names who drew it (`annotator`) and its region's id (`region_id`), which COCO's readers pass over.
    Regions that are no shapes on pictures are counted in `info.left_out`, by kind.
    """
    images: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    left_out: dict[str, int] = {}
    names: dict[str, int] = {}
    for number, picture in enumerate(pictures, 1):
        size = {"width": picture.width_px, "height": picture.height_px}
        images.append({"id": number, "file_name": picture.file_name, **size})
        for annotator, region in ((who, region) for who, drawn in sorted(picture.drawn.items()) for region in drawn):
            shape = _shape(region, picture)
            if shape is None:
                kind = type(region).__name__
                left_out[kind] = left_out.get(kind, 0) + 1
                continue
            for label in _labels(region):
                category = names.setdefault(label, len(names) + 1)
                told = {"image_id": number, "category_id": category, "iscrowd": 0}
                found.append({"id": len(found) + 1, **told, **shape, "annotator": annotator, "region_id": _id(region)})
    categories = [{"id": id_, "name": name or "without a label", "supercategory": ""} for name, id_ in names.items()]
    return {"info": {"left_out": left_out}, "licenses": [], "images": images, "annotations": found, "categories": categories}


def _labels(region: Region) -> list[str]:
    return str(getattr(region, "label", "")).split(TOGETHER)


def _id(region: Region) -> str:
    return str(getattr(region, "id", ""))


def _shape(region: Region, picture: Picture) -> dict[str, Any] | None:
    match region:
        case Box():
            return _outline(box_corners(region))
        case Polygon():
            return _outline(region.points_px)
        case Ellipse():
            return _outline(_ellipse(region))
        case Mask():
            return _mask(region, picture)
        case KeyPoint():
            place = [region.x_px, region.y_px, 0.0, 0.0]
            return {"bbox": place, "area": 0.0, "segmentation": [], "keypoints": [*place[:2], 2], "num_keypoints": 1}
        case _:
            return None


def box_corners(box: Box) -> tuple[Point, ...]:
    """Return the corners of a box, clockwise from its own upper left, about which it is turned."""
    cos, sin = math.cos(math.radians(box.rotation_deg)), math.sin(math.radians(box.rotation_deg))
    sides = ((0.0, 0.0), (box.width_px, 0.0), (box.width_px, box.height_px), (0.0, box.height_px))
    return tuple((box.x_px + x * cos - y * sin, box.y_px + x * sin + y * cos) for x, y in sides)


def _ellipse(ellipse: Ellipse) -> tuple[Point, ...]:
    cos, sin = math.cos(math.radians(ellipse.rotation_deg)), math.sin(math.radians(ellipse.rotation_deg))
    turns = (2 * math.pi * step / _ROUND for step in range(_ROUND))
    around = ((ellipse.radius_x_px * math.cos(turn), ellipse.radius_y_px * math.sin(turn)) for turn in turns)
    return tuple((ellipse.x_px + x * cos - y * sin, ellipse.y_px + x * sin + y * cos) for x, y in around)


def _outline(points: Sequence[Point]) -> dict[str, Any]:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    area = abs(sum(x * points[place - 1][1] - points[place - 1][0] * y for place, (x, y) in enumerate(points))) / 2
    bbox = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
    return {"bbox": bbox, "area": area, "segmentation": [[each for point in points for each in point]]}


def _mask(mask: Mask, picture: Picture) -> dict[str, Any]:
    """Return a mask in COCO's run lengths, down the columns, outside first; its cells brought to the picture's pixels."""
    rows, columns = (
        (np.arange(size) * 2 + 1) * cells // (2 * size)
        for size, cells in ((picture.height_px, mask.height_px), (picture.width_px, mask.width_px))
    )
    inside = (mask_levels(mask) >= _INSIDE)[np.ix_(rows, columns)]
    cells = inside.ravel(order="F")
    edges = np.flatnonzero(np.diff(cells, prepend=False))
    counts = np.diff(np.concatenate(([0], edges, [cells.size]))).tolist()
    high, wide = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    bbox = [0.0, 0.0, 0.0, 0.0]
    if high.size:
        left, top = float(wide[0]), float(high[0])
        bbox = [left, top, float(wide[-1]) + 1 - left, float(high[-1]) + 1 - top]
    size = [picture.height_px, picture.width_px]
    return {"bbox": bbox, "area": float(inside.sum()), "segmentation": {"counts": counts, "size": size}}

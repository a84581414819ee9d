"""Regions in units of their sources: pixels and patient millimetres, voxels, SOP instances, and the source's own clock. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from yuelu.annotate.coco import box_corners
from yuelu.annotate.results.pictures import mask_levels
from yuelu.base.media import Shown
from yuelu.base.records import Box, Ellipse, FrameRange, KeyPoint, Mask, Polygon, Region, Segment, Track, Vector
from yuelu.base.records.shapes import Point
from yuelu.base.tracks import FrameBox, frame_boxes
from yuelu.datasets.clock import VideoClock
from yuelu.pipelines.media.volumes.geometry import source_frame, to_patient_mm, to_voxel

_INSIDE = 128  # a cell of a mask is inside from this level on


@dataclass(frozen=True, slots=True)
class Place:
    """Where one item of a task comes from: picture `picture` (from 0) of a labelled asset, or the asset itself.

    `facts` are the asset's. `across` and `down`: pixels of the source for one pixel of a region. `grid_px`: width and height of
    what the item shows, in pixels of a region; None: those of the asset.
    """

    asset: str
    facts: Mapping[str, Any]
    picture: int = 0
    across: float = 1.0
    down: float = 1.0
    grid_px: tuple[float, float] | None = None


def places_of(shown: Sequence[Shown]) -> tuple[Place, ...]:
    """Return the places of what a task shows, in the order that regions count in."""
    found = []
    for asset, pictures in groupby(shown, key=lambda each: each.labelled.sha256):
        for number, each in enumerate(pictures):
            facts = each.labelled.facts
            across, down = (_ratio(facts.get(side), each.facts.get(side)) for side in ("width_px", "height_px"))
            several = isinstance(facts.get("frames"), list)  # then each picture has a grid of its own
            grid = each.facts.get("width_px"), each.facts.get("height_px")
            known = (float(grid[0]), float(grid[1])) if grid[0] and grid[1] else None
            found.append(Place(asset, facts, number, *((1.0, 1.0) if several else (across, down)), known))
    return tuple(found)


def _ratio(there: Any, here: Any) -> float:
    return float(there) / float(here) if there and here else 1.0


def in_source_units(
    region: Region, places: Sequence[Place], times_s: Sequence[float] | None = None, *, every_frame: bool = False
) -> dict[str, Any] | None:
    """Return where a region lies in its source; None for an answer that lies nowhere.

    `times_s`: when the source presents what frame 1, 2, 3… of the proxy shows; None: not known, and then no time is told.
    With `every_frame` a track tells its box in every frame, not only at its keyframes.
    """
    match region:
        case Box() | Ellipse() | Polygon() | KeyPoint() | Vector():
            place = places[region.item]
            return {**_picture(place), **_points(place, outline(region))}
        case Mask():
            return {**_picture(places[region.item]), **_mask(region, places[region.item])}
        case Segment():
            return {"asset": places[0].asset, "start_s": region.start_s, "end_s": region.end_s}
        case FrameRange():
            start, end = VideoClock(times_s=times_s).source_span(region.first_frame, region.last_frame)
            return {"asset": places[0].asset, "start_s": start, "end_s": end}
        case Track():
            return {
                **_instance(places[0]),
                "boxes": [_timed(box, places[0], times_s) for box in _boxes(region, times_s, every_frame)],
            }
        case _:
            return None


def outline(shape: Box | Ellipse | Polygon | KeyPoint | Vector) -> tuple[Point, ...]:
    """Return the points that say where a shape lies: corners, vertices, the point itself; of an ellipse centre and axis ends."""
    match shape:
        case Box():
            return box_corners(shape)
        case Polygon():
            return shape.points_px
        case Vector():
            return tuple((vertex.x_px, vertex.y_px) for vertex in shape.vertices)
        case KeyPoint():
            return ((shape.x_px, shape.y_px),)
    turned = math.radians(shape.rotation_deg)
    along = shape.radius_x_px * math.cos(turned), shape.radius_x_px * math.sin(turned)
    beside = -shape.radius_y_px * math.sin(turned), shape.radius_y_px * math.cos(turned)
    ends = (along, beside, (-along[0], -along[1]), (-beside[0], -beside[1]))
    return (shape.x_px, shape.y_px), *((shape.x_px + x, shape.y_px + y) for x, y in ends)


def _instance(place: Place) -> dict[str, Any]:
    named = {name: place.facts[name] for name in ("sop_uid", "series") if name in place.facts}
    return {"asset": place.asset, **named}


def _picture(place: Place) -> dict[str, Any]:
    return {**_instance(place), "picture": place.picture, "source_frame": source_frame(place.facts, place.picture)}


def _points(place: Place, points: Sequence[Point]) -> dict[str, Any]:
    pixels = [_pixel(place, *point) for point in points]
    found: dict[str, Any] = {"points_px": pixels}
    for name, lies in (("points_mm", to_patient_mm), ("points_voxel", to_voxel)):
        there = [lies(_unscaled(place), place.picture, *pixel) for pixel in pixels]
        if None not in there:
            found[name] = there
    return found


def _pixel(place: Place, x: float, y: float) -> Point:
    """Return a point in pixels of the whole picture, where a task shows a tile of it."""
    tiles = place.facts.get("tiles")
    left, top = (tiles[side][place.picture] for side in ("x_px", "y_px")) if isinstance(tiles, dict) else (0, 0)
    return left + x * place.across, top + y * place.down


def _unscaled(place: Place) -> Mapping[str, Any]:
    """Return the facts for points in pixels of the source: `scale` is what its picture was enlarged by to be shown."""
    return {**place.facts, "scale": 1}


def _mask(mask: Mask, place: Place) -> dict[str, Any]:
    """Return the bounding box, the centre and the area of a mask, with what leads from a cell to the patient.

    `cell_to_mm` has four columns: a step along a row of cells, a step down a column, and where the first cell's middle lies
    (the second but last column is the normal, of length 0: a mask is flat).
    """
    levels = mask_levels(mask)
    rows, columns = np.nonzero(levels >= _INSIDE)
    sides = (place.facts.get(side) or cells for side, cells in (("width_px", mask.width_px), ("height_px", mask.height_px)))
    width, height = place.grid_px or tuple(map(float, sides))
    across, down = width / mask.width_px, height / mask.height_px
    found: dict[str, Any] = {"cells": len(rows), "cell_px": [across, down], "area_px": len(rows) * across * down}
    if not len(rows):
        return found
    left, right, top, bottom = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    flat = Place(place.asset, place.facts, place.picture)
    corners = [(x * across, y * down) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]
    middle = ((columns.mean() + 0.5) * across, (rows.mean() + 0.5) * down)
    found |= _points(flat, [(float(x), float(y)) for x, y in corners])
    found["centre_px"] = _pixel(flat, *map(float, middle))
    origin, aside, below = (
        to_patient_mm(_unscaled(flat), flat.picture, *_pixel(flat, x * across, y * down))
        for x, y in ((0.5, 0.5), (1.5, 0.5), (0.5, 1.5))
    )
    if origin and aside and below:
        steps = np.subtract([aside, below], origin)
        found["centre_mm"] = to_patient_mm(_unscaled(flat), flat.picture, *found["centre_px"])
        found["cell_to_mm"] = np.column_stack([*steps, np.zeros(3), origin]).tolist()
        found["area_mm2"] = len(rows) * float(np.linalg.norm(np.cross(*steps)))
    return found


def _boxes(track: Track, times_s: Sequence[float] | None, every_frame: bool) -> Iterator[FrameBox]:
    frames = frame_boxes(track, len(times_s) if times_s else None)
    return frames if every_frame else (box for box in frames if box.keyframe)


def _timed(box: FrameBox, place: Place, times_s: Sequence[float] | None) -> dict[str, Any]:
    time = times_s[box.frame - 1] if times_s is not None and box.frame <= len(times_s) else None
    corners = box_corners(Box("", "", "", 0, box.x_px, box.y_px, box.width_px, box.height_px, box.rotation_deg))
    return {"frame": box.frame, "time_s": time, "points_px": [_pixel(place, *corner) for corner in corners]}

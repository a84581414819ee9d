"""Shapes on pictures: percent of the picture that was shown, to pixels of the labelled asset, and back.

The editor keeps every shape in the picture as it is stored: turning the view by 90, 180 or 270 degrees turns the canvas, not
the shapes, and `image_rotation` only remembers the view. So it is kept, and changes nothing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from yuelu.annotate.results.frame import DIGITS, EDGE_PX, Fields, Item, Part, size_of
from yuelu.annotate.results.png import decode_alpha, encode_alpha
from yuelu.annotate.results.rle import decode_rle, encode_rle
from yuelu.base.errors import InvalidRecord
from yuelu.base.records import Box, Ellipse, KeyPoint, Mask, Polygon, Vector, Vertex
from yuelu.base.records.shapes import Point

Shape = Box | Ellipse | Polygon | KeyPoint | Vector | Mask


@dataclass(frozen=True, slots=True)
class _Grid:
    """A picture's size in pixels, of which a result's numbers are percentages."""

    region: str
    item: int
    width: int
    height: int

    def across(self, percent: float) -> float:
        return round(percent * self.width / 100, DIGITS)

    def down(self, percent: float) -> float:
        return round(percent * self.height / 100, DIGITS)

    def inside(self, left: float, top: float, right: float, bottom: float) -> None:
        if left < -EDGE_PX or top < -EDGE_PX or right > self.width + EDGE_PX or bottom > self.height + EDGE_PX:
            raise InvalidRecord(
                f"{self.region}: {left}..{right} x {top}..{bottom} px is outside the picture of {self.width} x {self.height}"
            )

    def point(self, x: float, y: float) -> Point:
        point = self.across(x), self.down(y)
        self.inside(*point, *point)
        return point

    def percent(self, point: Point) -> tuple[float, float]:
        return point[0] * 100 / self.width, point[1] * 100 / self.height


def _grid(part: Part) -> _Grid:
    return _Grid(part.id, *part.size())


def box(part: Part) -> Box:
    """Return a box."""
    grid = _grid(part)
    x, y, across, down = (part.value.number(name) for name in ("x", "y", "width", "height"))
    read = Box(
        id=part.id,
        control=part.control.name,
        label=part.label(),
        item=grid.item,
        x_px=grid.across(x),
        y_px=grid.down(y),
        width_px=grid.across(across),
        height_px=grid.down(down),
        rotation_deg=part.value.number("rotation", 0.0),
    )
    grid.inside(*edges(read.x_px, read.y_px, read.width_px, read.height_px, read.rotation_deg))
    return read


def edges(x: float, y: float, width: float, height: float, rotation_deg: float) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom; of a turned box its middle twice: its corners may well lie outside the picture."""
    if rotation_deg == 0:
        return x, y, x + width, y + height
    turned = math.radians(rotation_deg)
    middle = (
        x + (width * math.cos(turned) - height * math.sin(turned)) / 2,
        y + (width * math.sin(turned) + height * math.cos(turned)) / 2,
    )
    return *middle, *middle


def _box_value(box: Box, grid: _Grid) -> dict[str, Any]:
    (x, y), (width, height) = grid.percent((box.x_px, box.y_px)), grid.percent((box.width_px, box.height_px))
    return {"x": x, "y": y, "width": width, "height": height, "rotation": box.rotation_deg}


def ellipse(part: Part) -> Ellipse:
    """Return an ellipse; its centre must lie in the picture."""
    grid = _grid(part)
    x, y = grid.point(part.value.number("x"), part.value.number("y"))
    radii = grid.across(part.value.number("radiusX")), grid.down(part.value.number("radiusY"))
    return Ellipse(part.id, part.control.name, part.label(), grid.item, x, y, *radii, part.value.number("rotation", 0.0))


def _ellipse_value(ellipse: Ellipse, grid: _Grid) -> dict[str, Any]:
    (x, y), radii = grid.percent((ellipse.x_px, ellipse.y_px)), grid.percent((ellipse.radius_x_px, ellipse.radius_y_px))
    return {"x": x, "y": y, "radiusX": radii[0], "radiusY": radii[1], "rotation": ellipse.rotation_deg}


def polygon(part: Part) -> Polygon:
    """Return a polygon."""
    grid, found = _grid(part), part.value.take("points")
    if not isinstance(found, list) or not all(isinstance(each, list) and len(each) == 2 for each in found):
        raise InvalidRecord(f"{part.id}: points are {type(found).__name__}, need a list of pairs")
    points = tuple(grid.point(*(Fields({"point": each}).number("point") for each in pair)) for pair in found)
    return Polygon(part.id, part.control.name, part.label(), grid.item, points, _closed(part, True))


def _closed(part: Part, default: bool) -> bool:
    found = part.value.take("closed", default)
    if not isinstance(found, bool):
        raise InvalidRecord(f"{part.id}: closed is {found!r}, need true or false")
    return found


def _polygon_value(polygon: Polygon, grid: _Grid) -> dict[str, Any]:
    return {"points": [list(grid.percent(point)) for point in polygon.points_px], "closed": polygon.closed}


def keypoint(part: Part) -> KeyPoint:
    """Return a key point."""
    grid = _grid(part)
    x, y = grid.point(part.value.number("x"), part.value.number("y"))
    return KeyPoint(part.id, part.control.name, part.label(), grid.item, x, y, grid.across(part.value.number("width", 0.0)))


def _keypoint_value(point: KeyPoint, grid: _Grid) -> dict[str, Any]:
    x, y = grid.percent((point.x_px, point.y_px))
    return {"x": x, "y": y, "width": grid.percent((point.width_px, 0))[0]}


def vector(part: Part) -> Vector:
    """Return a polyline, a skeleton or an outline."""
    grid = _grid(part)
    vertices = tuple(_vertex(each, grid) for each in part.value.objects("vertices"))
    names = [vertex.id for vertex in vertices]
    unknown = [vertex.previous_id for vertex in vertices if vertex.previous_id not in (None, *names)]
    if unknown or len(set(names)) != len(names):
        raise InvalidRecord(f"{part.id}: vertices {names} are doubled, or joined to unknown {unknown}")
    return Vector(part.id, part.control.name, part.label(), grid.item, vertices, _closed(part, False))


def _vertex(found: Fields, grid: _Grid) -> Vertex:
    name, previous = found.text("id"), found.take("prevPointId")
    if previous is not None and not isinstance(previous, str):
        raise InvalidRecord(f"prevPointId is {previous!r}, need text")
    curve: tuple[Point, ...] = ()
    if found.take("isBezier") is True:
        handles = [found.take(f"controlPoint{number}") for number in (1, 2)]
        if not all(isinstance(each, dict) for each in handles):
            raise InvalidRecord(f"{grid.region}: vertex {name} is a curve without control points")
        # A handle may well stand outside the picture.
        read = [Fields(each) for each in handles]
        curve = tuple((grid.across(each.number("x")), grid.down(each.number("y"))) for each in read)
    # What says nothing, but stands there all the same, is written back.
    silent = {each: found.take(each) for each in ("prevPointId", "isBezier") if found.has(each) and not found.take(each)}
    return Vertex(name, *grid.point(found.number("x"), found.number("y")), previous, curve, found.rest() | silent)


def _vector_value(vector: Vector, grid: _Grid) -> dict[str, Any]:
    return {"vertices": [_vertex_value(vertex, grid) for vertex in vector.vertices], "closed": vector.closed}


def _vertex_value(vertex: Vertex, grid: _Grid) -> dict[str, Any]:
    x, y = grid.percent((vertex.x_px, vertex.y_px))
    value: dict[str, Any] = {"id": vertex.id, "x": x, "y": y, **vertex.extra}
    if vertex.previous_id is not None:
        value["prevPointId"] = vertex.previous_id
    for number, handle in enumerate(vertex.curve_px, 1):
        place = grid.percent(handle)
        value |= {"isBezier": True, f"controlPoint{number}": {"x": place[0], "y": place[1]}}
    return value


def mask(part: Part) -> Mask:
    """Return a brush mask, on the grid that it was painted on."""
    width, height = (part.around.whole(name) for name in ("original_width", "original_height"))
    grid = _grid(part)
    _same_shape(part.id, (width, height), (grid.width, grid.height))
    if part.value.take("format", "rle") != "rle":
        raise InvalidRecord(f"{part.id}: the mask is in the format {part.value.take('format')!r}, need rle")
    pixels = decode_rle(part.value.take("rle"), width, height)
    return _mask(part, grid.item, pixels[:, :, 3])


def bitmask(part: Part) -> Mask:
    """Return a bitmask, on the grid that it was painted on."""
    grid, levels = _grid(part), decode_alpha(part.value.take("imageDataURL"))
    _same_shape(part.id, (levels.shape[1], levels.shape[0]), (grid.width, grid.height))
    return _mask(part, grid.item, levels)


def _same_shape(region: str, mask: tuple[int, int], picture: tuple[int, int]) -> None:
    """Refuse a mask that cannot be of the picture: a proxy is as much wider as it is higher, but for rounding."""
    if abs(mask[0] * picture[1] - mask[1] * picture[0]) > max(*mask, *picture):
        raise InvalidRecord(f"{region}: a mask of {mask[0]} x {mask[1]} on a picture of {picture[0]} x {picture[1]}")


def _mask(part: Part, item: int, levels: np.ndarray[Any, np.dtype[np.uint8]]) -> Mask:
    values = levels.ravel()
    starts = np.concatenate(([0], np.flatnonzero(np.diff(values)) + 1))
    counts = np.diff(starts, append=values.size)
    height, width = levels.shape
    name, label = part.control.name, part.label()
    return Mask(part.id, name, label, item, width, height, tuple(counts.tolist()), tuple(values[starts].tolist()))


def mask_levels(mask: Mask) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the levels of a mask, shape (height, width): 0 outside, 255 inside, between at a soft edge."""
    return np.repeat(np.array(mask.levels, np.uint8), mask.counts).reshape(mask.height_px, mask.width_px)


def _mask_value(mask: Mask, kind: str) -> dict[str, Any]:
    levels = mask_levels(mask)
    return {"imageDataURL": encode_alpha(levels)} if kind.startswith("bitmask") else {"format": "rle", "rle": encode_rle(levels)}


PICTURE_READERS: Mapping[str, Callable[[Part], Shape]] = MappingProxyType(
    {
        **dict.fromkeys(("rectangle", "rectanglelabels"), box),
        **dict.fromkeys(("ellipse", "ellipselabels"), ellipse),
        **dict.fromkeys(("polygon", "polygonlabels"), polygon),
        **dict.fromkeys(("keypoint", "keypointlabels"), keypoint),
        **dict.fromkeys(("vector", "vectorlabels"), vector),
        **dict.fromkeys(("brush", "brushlabels", "magicwand"), mask),
        **dict.fromkeys(("bitmask", "bitmasklabels"), bitmask),
    }
)


def picture_part(shape: Shape, kind: str, items: Sequence[Item]) -> dict[str, Any]:
    """Return the frame and the value of a shape's part of a result."""
    width, height = size_of(shape.id, shape.item, items)
    grid = _Grid(shape.id, shape.item, width, height)
    shown = items[shape.item].shown_width_px or width, items[shape.item].shown_height_px or height
    if isinstance(shape, Mask):
        shown = shape.width_px, shape.height_px
    return {
        "original_width": shown[0],
        "original_height": shown[1],
        "image_rotation": 0,
        "value": _value(shape, kind, grid),
    }


def _value(shape: Shape, kind: str, grid: _Grid) -> dict[str, Any]:
    match shape:
        case Box():
            return _box_value(shape, grid)
        case Ellipse():
            return _ellipse_value(shape, grid)
        case Polygon():
            return _polygon_value(shape, grid)
        case KeyPoint():
            return _keypoint_value(shape, grid)
        case Vector():
            return _vector_value(shape, grid)
        case Mask():
            return _mask_value(shape, kind)

"""The outlines of regions on pictures, from the rows of a release: pixels of the released file, from its upper left corner."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from yuelu.base.schemas import TOGETHER
from yuelu.datasets.coco_rle import compress, expand, inside
from yuelu.datasets.tables import Row

Point: TypeAlias = tuple[float, float]

ROUND = 64  # corners that stand for an ellipse
DRAWN = ("boxes", "ellipses", "polygons", "keypoints", "vectors", "masks")  # columns of regions on pictures


@dataclass(frozen=True, slots=True)
class Frame:
    """An upright box."""

    x: float
    y: float
    width: float
    height: float

    def within(self, width: float, height: float) -> "Frame":
        """Return the part of it that is on a picture of that size; it may be empty."""
        left, top = min(max(self.x, 0.0), width), min(max(self.y, 0.0), height)
        right, bottom = min(max(self.x + self.width, 0.0), width), min(max(self.y + self.height, 0.0), height)
        return Frame(left, top, right - left, bottom - top)


def labels(region: Row) -> list[str]:
    """Return the labels of a region, each for itself; a region without one has the label ''."""
    return str(region["label"] or "").split(TOGETHER)


def corners(box: Row) -> list[Point]:
    """Return the corners of a box, clockwise from its own upper left, about which it is turned."""
    x, y, width, height = (box[f"{side}_px"] for side in ("x", "y", "width", "height"))
    turn = math.radians(box["rotation_deg"] or 0.0)
    cos, sin = math.cos(turn), math.sin(turn)
    sides = ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height))
    return [(x + across * cos - down * sin, y + across * sin + down * cos) for across, down in sides]


def around(points: Sequence[Point]) -> Frame:
    """Return the upright box around points."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return Frame(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def ellipse(region: Row) -> list[Point]:
    """Return points of an ellipse's outline."""
    turn = math.radians(region["rotation_deg"] or 0.0)
    cos, sin = math.cos(turn), math.sin(turn)
    steps = [2 * math.pi * step / ROUND for step in range(ROUND)]
    places = [(region["radius_x_px"] * math.cos(step), region["radius_y_px"] * math.sin(step)) for step in steps]
    return [(region["x_px"] + x * cos - y * sin, region["y_px"] + x * sin + y * cos) for x, y in places]


def outline(column: str, region: Row) -> list[Point] | None:
    """Return the corners of a closed region; None for a mask, a point, an open or a curved line."""
    match column:
        case "boxes":
            return corners(region)
        case "ellipses":
            return ellipse(region)
        case "polygons" if region["closed"] and len(region["points"]) > 2:
            return [(point["x_px"], point["y_px"]) for point in region["points"]]
        case "vectors" if region["closed"] and not any(vertex["curve"] for vertex in region["vertices"]):
            return _ring(region["vertices"])
    return None


def _ring(vertices: Sequence[Row]) -> list[Point] | None:
    """Return the corners of a closed line; None where it branches."""
    previous = [vertex["previous"] for vertex in vertices]
    if len(vertices) < 3 or previous[1:] != list(range(len(vertices) - 1)):
        return None
    return [(vertex["x_px"], vertex["y_px"]) for vertex in vertices]


def area(points: Sequence[Point]) -> float:
    """Return the area within an outline, by the shoelace formula."""
    return abs(sum(x * points[place - 1][1] - points[place - 1][0] * y for place, (x, y) in enumerate(points))) / 2


@dataclass(frozen=True, slots=True)
class Cells:
    """A mask on the grid of its picture: COCO's run lengths down the columns, outside first."""

    width: int
    height: int
    counts: tuple[int, ...]

    @property
    def area(self) -> int:
        """The number of cells inside."""
        return sum(self.counts[1::2])

    @property
    def frame(self) -> Frame:
        """The upright box around the cells inside; empty where there are none."""
        left, right, top, bottom = self.width, 0, self.height, 0
        for start, end in inside(self.counts):
            first, last = start // self.height, (end - 1) // self.height
            left, right = min(left, first), max(right, last + 1)
            if last > first:
                top, bottom = 0, self.height
            else:
                top, bottom = min(top, start % self.height), max(bottom, (end - 1) % self.height + 1)
        return Frame(left, top, right - left, bottom - top) if right else Frame(0, 0, 0, 0)

    @property
    def compressed(self) -> str:
        """COCO's text of the run lengths."""
        return compress(self.counts)


def cells(mask: Row, width: int, height: int) -> Cells:
    """Return a mask on a picture of that size: its nearest cells, where its own grid is another."""
    rows, columns = mask["size"]
    counts = expand(mask["counts"])
    if (rows, columns) == (height, width):
        return Cells(width, height, tuple(counts))
    flags = bytearray(rows * columns)
    for start, end in inside(counts):
        flags[start:end] = b"\1" * (end - start)
    down = [(2 * row + 1) * rows // (2 * height) for row in range(height)]
    across = [(2 * column + 1) * columns // (2 * width) for column in range(width)]
    picked = (flags[column * rows + row] for column in across for row in down)
    return Cells(width, height, tuple(_runs(picked)))


def _runs(values: Any) -> list[int]:
    runs, value = [0], 0
    for each in values:
        if each != value:
            runs.append(0)
            value = each
        runs[-1] += 1
    return runs

"""Shapes on pictures, in pixels of image `item` of the task (0-based): (0, 0) is the upper left corner of the picture.

`label` of a region is its label; several are joined by `schemas.TOGETHER` in order of text, none is "".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from yuelu.base.errors import InvalidRecord
from yuelu.base.records.entry import Entry, check_finite

Point: TypeAlias = tuple[float, float]  # x_px, y_px


@dataclass(frozen=True, slots=True)
class Box(Entry):
    """A box in pixels of image `item` of the task (0-based); x, y its top left corner.

    `rotation_deg` turns it clockwise about that corner, as Label Studio does.
    """

    id: str
    control: str
    label: str
    item: int
    x_px: float
    y_px: float
    width_px: float
    height_px: float
    rotation_deg: float = 0.0

    def __post_init__(self) -> None:
        check_finite(self)
        if self.item < 0 or self.width_px <= 0 or self.height_px <= 0:
            raise InvalidRecord(f"empty box {self}", "need item >= 0, width_px > 0 and height_px > 0")


@dataclass(frozen=True, slots=True)
class Ellipse(Entry):
    """An ellipse; x, y its centre, about which `rotation_deg` turns it clockwise."""

    id: str
    control: str
    label: str
    item: int
    x_px: float
    y_px: float
    radius_x_px: float
    radius_y_px: float
    rotation_deg: float = 0.0

    def __post_init__(self) -> None:
        check_finite(self)
        if self.item < 0 or self.radius_x_px <= 0 or self.radius_y_px <= 0:
            raise InvalidRecord(f"empty ellipse {self.id}", "need item >= 0, radius_x_px > 0 and radius_y_px > 0")


@dataclass(frozen=True, slots=True)
class Polygon(Entry):
    """An outline of three or more corners; open when the annotator never closed it."""

    id: str
    control: str
    label: str
    item: int
    points_px: tuple[Point, ...]
    closed: bool = True

    def __post_init__(self) -> None:
        if self.item < 0 or len(self.points_px) < 3:
            raise InvalidRecord(f"polygon {self.id} of {len(self.points_px)} points", "need item >= 0 and 3 or more points")


@dataclass(frozen=True, slots=True)
class KeyPoint(Entry):
    """A point; `width_px` is how large the editor draws it."""

    id: str
    control: str
    label: str
    item: int
    x_px: float
    y_px: float
    width_px: float

    def __post_init__(self) -> None:
        check_finite(self)
        if self.item < 0 or self.width_px < 0:
            raise InvalidRecord(f"key point {self}", "need item >= 0 and width_px >= 0")


@dataclass(frozen=True, slots=True)
class Vertex:
    """A point of a vector, joined to `previous_id`; with two control points the join is a Bezier curve."""

    id: str
    x_px: float
    y_px: float
    previous_id: str | None = None
    curve_px: tuple[Point, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        check_finite(self)
        if len(self.curve_px) not in (0, 2):
            raise InvalidRecord(f"vertex {self.id} with {len(self.curve_px)} control points", "need 0 or 2")


@dataclass(frozen=True, slots=True)
class Vector(Entry):
    """A polyline, a branching skeleton or, when `closed`, an outline."""

    id: str
    control: str
    label: str
    item: int
    vertices: tuple[Vertex, ...]
    closed: bool = False

    def __post_init__(self) -> None:
        if self.item < 0 or not self.vertices:
            raise InvalidRecord(f"vector {self.id} of {len(self.vertices)} vertices", "need item >= 0 and 1 or more vertices")


@dataclass(frozen=True, slots=True)
class Mask(Entry):
    """A mask over the whole picture, on a grid of `width_px` x `height_px` of its own.

    `counts` and `levels` are its run lengths, row by row from the upper left: so many cells of that level, which is 0 outside
    and 255 inside; a brush leaves levels between along its edge. The grid is that of the picture as it was shown, which may be
    another size than the asset's.
    """

    id: str
    control: str
    label: str
    item: int
    width_px: int
    height_px: int
    counts: tuple[int, ...]
    levels: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.item < 0 or self.width_px < 1 or self.height_px < 1:
            raise InvalidRecord(f"mask {self.id} of {self.width_px} x {self.height_px}", "need item >= 0 and a picture")
        if len(self.counts) != len(self.levels) or sum(self.counts) != self.width_px * self.height_px:
            raise InvalidRecord(
                f"mask {self.id}: {len(self.counts)} runs of {len(self.levels)} levels cover {sum(self.counts)} cells",
                f"need as many of each, and {self.width_px} x {self.height_px} cells",
            )
        if min(self.counts) < 1 or not all(0 <= level <= 255 for level in self.levels):
            raise InvalidRecord(f"mask {self.id}: an empty run, or a level beyond 0 to 255", "need runs of 1 or more")

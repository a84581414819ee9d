"""Very large pictures: an overview and overlapping tiles, and the way between a tile's pixels and the picture's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from yuelu.base.errors import InvalidRecord
from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.pictures import Pixels, jpeg
from yuelu.pipelines.media.reading import Context, Derived, Refused

COMFORTABLE_PX = 8192  # a longer side is cut into tiles
TILE_PX, OVERLAP_PX = 4096, 512  # what is smaller than the overlap lies whole within one tile
OVERVIEW_PX = 4096
_QUALITY = 95


@dataclass(frozen=True, slots=True)
class Tile:
    """What one shown picture shows of the whole one: a rectangle in its pixels; `scale`: shown pixels per pixel of it."""

    x_px: int
    y_px: int
    width_px: int
    height_px: int
    scale: float


class Raster(Protocol):
    """A picture that is read piece by piece."""

    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102

    def region(self, x: int, y: int, width: int, height: int) -> Pixels:
        """Return that rectangle; it lies within the picture."""
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """A picture that is in memory already."""

    pixels: Pixels

    @property
    def width(self) -> int:
        """Return pixels across."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Return pixels down."""
        return int(self.pixels.shape[0])

    def region(self, x: int, y: int, width: int, height: int) -> Pixels:
        """Return that rectangle."""
        return self.pixels[y : y + height, x : x + width]


def is_large(width: int, height: int) -> bool:
    """Whether the picture is too large for one proxy."""
    return max(width, height) > COMFORTABLE_PX


def layout(width: int, height: int) -> tuple[Tile, ...]:
    """Return the overview first, then the tiles row by row.

    The overview is smaller by a whole number; tiles start at its multiples, so that the overview is made from them.
    """
    by = -(-max(width, height) // OVERVIEW_PX)
    across, down = _cuts(width, by), _cuts(height, by)
    tiles = (Tile(x, y, w, h, 1.0) for y, h in down for x, w in across)
    return (Tile(0, 0, width, height, 1 / by), *tiles)


def _cuts(length: int, by: int) -> list[tuple[int, int]]:
    """Return (start, size) of pieces that overlap by 512 pixels or more and cover [0, length)."""
    if length <= TILE_PX:
        return [(0, length)]
    step = TILE_PX - OVERLAP_PX - by  # starts are rounded down by less than `by`
    count = -(-(length - TILE_PX) // step) + 1
    starts = [round(i * (length - TILE_PX) / (count - 1)) // by * by for i in range(count)]
    return [(start, TILE_PX) for start in starts[:-1]] + [(starts[-1], length - starts[-1])]


def to_source(tile: Tile, x: float, y: float) -> tuple[float, float]:
    """Return where a point of the shown picture, in its pixels, lies in the whole picture."""
    return tile.x_px + x / tile.scale, tile.y_px + y / tile.scale


def from_source(tile: Tile, x: float, y: float) -> tuple[float, float]:
    """Return where a point of the whole picture lies in the shown one, in its pixels; possibly outside."""
    return (x - tile.x_px) * tile.scale, (y - tile.y_px) * tile.scale


def to_facts(tiles: Sequence[Tile]) -> dict[str, list[Any]]:
    """Return the tiles as lists, one value per shown picture: `facts["tiles"]` of the labelled asset."""
    rows = [asdict(tile) for tile in tiles]
    return {name: [row[name] for row in rows] for name in rows[0]}


def from_facts(facts: Mapping[str, Sequence[Any]]) -> tuple[Tile, ...]:
    """Return the tiles that `to_facts` wrote. Raises InvalidRecord: the lists do not fit each other."""
    try:
        names = ("x_px", "y_px", "width_px", "height_px", "scale")
        return tuple(Tile(*row) for row in zip(*(facts[name] for name in names), strict=True))
    except (KeyError, ValueError) as error:
        raise InvalidRecord(f"the tiles of a picture are malformed: {error}", "ingest the picture again") from None


def cut(raster: Raster, tiles: Sequence[Tile]) -> Iterator[tuple[Tile, Pixels]]:
    """Yield each tile with its pixels; at last the overview, which was made on the way."""
    whole, *pieces = tiles
    by = round(1 / whole.scale)
    overview: Pixels | None = None
    for tile in pieces:
        pixels = raster.region(tile.x_px, tile.y_px, tile.width_px, tile.height_px)
        small = _shrunk(pixels, by)
        if overview is None:
            size = -(-whole.height_px // by), -(-whole.width_px // by)
            overview = np.zeros((*size, *pixels.shape[2:]), np.uint8)
        x, y = tile.x_px // by, tile.y_px // by
        overview[y : y + small.shape[0], x : x + small.shape[1]] = small
        yield tile, pixels
    if overview is not None:
        yield whole, overview


def _shrunk(pixels: Pixels, by: int) -> Pixels:
    """Return the mean of every square of `by` pixels; the last ones of a side are repeated where it is no multiple."""
    height, width = pixels.shape[:2]
    size = -(-width // by), -(-height // by)
    filled = cv2.copyMakeBorder(pixels, 0, size[1] * by - height, 0, size[0] * by - width, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(filled, size, interpolation=cv2.INTER_AREA), np.uint8)


def proxies(raster: Raster, tiles: Sequence[Tile], context: Context) -> tuple[tuple[Derived, ...], Pixels]:
    """Return one proxy for each of `tiles`, in their order, and the overview's pixels. All are JPEG: PNG would be too heavy.

    Raises Refused: together they take more than the limit of what a reader may derive.
    """
    made: list[Derived] = []
    taken, most_bytes = 0, context.limits.reply_bytes
    shown: Pixels = np.zeros((1, 1), np.uint8)
    for tile, shown in cut(raster, tiles):
        size = {"width_px": shown.shape[1], "height_px": shown.shape[0], "scale": tile.scale}
        data = jpeg(np.ascontiguousarray(shown), _QUALITY)
        taken += len(data)
        if taken > most_bytes:
            raise Refused(f"decoding gave {taken} bytes, more than the limit of {most_bytes}", "cut the object first")
        made.append(Derived(Role.PROXY, Medium.IMAGE, "image/jpeg", data, size))
        context.get_on()
    return (made[-1], *made[:-1]), shown

"""Where a film shows what it has not shown before, so that every letter is looked at and no still picture twice."""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[Any]  # shape (rows, columns) or (rows, columns, 3)

_TILE_PX, _MARGIN_PX = 16, 32
_DIFFERENT, _CONTRAST = 0.10, 0.15  # of the range of brightness: letters differ from what was there, and from what is beside them
_INK_PX = 4  # pixels of a tile that do both: less than a letter of 8 pixels has
_MOST_BOXES, _NEARLY_ALL = 6, 0.7  # of the picture: one look at all of it costs less


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture: rows and columns from `top` and `left` to before `bottom` and `right`."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def pixels(self) -> int:
        """How many it has."""
        return (self.bottom - self.top) * (self.right - self.left)

    @property
    def place(self) -> tuple[slice, slice]:
        """Its rows and columns, to index with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass(slots=True)
class Changes:
    """Compares each frame with what was told of before, tile by tile: what comes slowly adds up until it is told."""

    _seen: Picture | None = field(default=None)

    def new(self, picture: Picture) -> tuple[Box, ...]:
        """Return where `picture` shows something new that may be letters; all of it for the first one."""
        flat = picture if picture.dtype == np.uint8 else picture.astype(np.float32)
        height, width = flat.shape[:2]
        if self._seen is None:
            self._seen = flat.copy()
            return (Box(0, 0, height, width),)
        ink = _ink(flat, self._seen)
        tiles = _tiles(ink.astype(np.float32)) * _TILE_PX**2 >= _INK_PX - 0.5
        if not tiles.any():
            return ()
        changed = tiles.repeat(_TILE_PX, axis=0).repeat(_TILE_PX, axis=1)[:height, :width]
        self._seen[changed] = flat[changed]
        return _boxes(tiles, height, width)


def _ink(picture: Picture, seen: Picture) -> NDArray[np.bool_]:
    """Return which pixels differ from before and stand out from those beside them."""
    span = 255.0
    if picture.dtype != np.uint8:  # robust: a few bright pixels must not hide the letters beside them
        low, high = np.percentile(picture[::4, ::4], (0.5, 99.5))
        span = max(float(high - low), 1e-9)
    different = cv2.absdiff(picture, seen) > _DIFFERENT * span
    contrast = cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > _CONTRAST * span
    ink = np.asarray(different & contrast, np.bool_)
    return ink if ink.ndim == 2 else np.asarray(ink.any(axis=2))


def _tiles(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of each tile; those at the lower and right edge are filled up with nothing."""
    height, width = ink.shape
    whole = cv2.copyMakeBorder(ink, 0, -height % _TILE_PX, 0, -width % _TILE_PX, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(whole.reshape(whole.shape[0] // _TILE_PX, _TILE_PX, -1, _TILE_PX).mean(axis=(1, 3)), np.float32)


def _boxes(tiles: NDArray[np.bool_], height: int, width: int) -> tuple[Box, ...]:
    near = cv2.dilate(tiles.astype(np.uint8), np.ones((5, 5), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    if count - 1 > _MOST_BOXES:
        rows, columns = np.flatnonzero(tiles.any(axis=1)), np.flatnonzero(tiles.any(axis=0))
        found = [(columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)]
    else:
        found = [tuple(one[:4]) for one in stats[1:]]
    made = tuple(
        Box(
            max(0, int(top) * _TILE_PX - _MARGIN_PX),
            max(0, int(left) * _TILE_PX - _MARGIN_PX),
            min(height, int(top + rows) * _TILE_PX + _MARGIN_PX),
            min(width, int(left + columns) * _TILE_PX + _MARGIN_PX),
        )
        for left, top, columns, rows in found
    )
    return made if sum(box.pixels for box in made) < _NEARLY_ALL * height * width else (Box(0, 0, height, width),)

"""TIFF through tifffile and imagecodecs, the field's libraries: every depth, tiles, planes, BigTIFF, several pages."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from yuelu.pipelines.media.images import reader as images
from yuelu.pipelines.media.images import tiles
from yuelu.pipelines.media.images.orientation import upright, valid
from yuelu.pipelines.media.images.stills import MOST_FRAMES, one, several, tiled
from yuelu.pipelines.media.images.tiff_pages import Segments, Showing, check, needs_libtiff, showing_of, values
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import Pixels, check_size
from yuelu.pipelines.media.reading import Context, Reading, Refused

_ORIENTATION, _SUB_IFDS, _DNG_VERSION = 274, 330, 50706
_SIGHTED = 5  # pages or rows and columns of places from which the window of many values is taken
_SIGHTED_PX = 512
# Scanners of whole slides: beside the slide they keep pictures of its label, on which the patient's name may stand.
_SLIDES = ("svs", "ndpi", "scn", "bif", "philips", "qpi", "ventana", "sis", "avs")


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the one picture, or the pages as a stack; `pages` tells which of the file's pages they are, from 0.

    Very large pictures are read and cut piece by piece. Smaller copies, masks, and what slide scanners keep beside the slide
    are left out. Raises Refused: too large, damaged, or values that are no picture.
    """
    with tifffile.TiffFile(file, name="picture.tif") as tif:
        numbers = pictures_of(tif)
        pages: list[Any] = [tif.pages[number] for number in numbers]
        for page in pages:
            _check_limits(page, context.limits, alone=len(pages) == 1)
        shows = _Shows(file, numbers, pages, context.limits)
        if len(pages) > 1:
            made = several((shows.pixels(i) for i in range(len(pages))), len(pages), context, {"pages": numbers})
            return Reading(made.medium, made.media_type, {**made.facts, **shows.told}, made.derived)
        page = pages[0]
        if tiles.is_large(page.imagewidth, page.imagelength) and not shows.libtiff(0) and shows.orientation(0) == 1:
            raster = shows.raster()
            return tiled(raster, context, shows.told)
        check_size(page.imagewidth, page.imagelength, context.limits, tiled=tiles.is_large(page.imagewidth, page.imagelength))
        return one(shows.pixels(0), context, shows.told)


def pictures_of(tif: Any) -> list[int]:
    """Return the numbers of the pages that are pictures of their own, from 0."""
    count = len(tif.pages)
    if not count:
        raise Refused("cannot be decoded: a TIFF without pages", "check the file at its origin")
    if count > MOST_FRAMES * 2:  # a smaller copy may accompany each
        raise Refused(f"{count} pictures in one file are more than the limit of {MOST_FRAMES}", "split the file first")
    if any(getattr(tif, f"is_{kind}", False) for kind in _SLIDES):
        return [0]  # in all of these the slide at its full size comes first
    if count == 1 and int((tif.imagej_metadata or {}).get("images", 1)) > 1:
        raise Refused("an ImageJ stack whose pages have no entries of their own", "save it as OME-TIFF or as single pictures")
    first = tif.pages[0]
    if _DNG_VERSION in first.tags:
        raise Refused("no reader for a camera's raw data (DNG)", "develop it to TIFF or JPEG first")
    found = [number for number in range(count) if not (tif.pages[number].subfiletype & 5)]  # 1: reduced, 4: a mask
    if not found and _SUB_IFDS in first.tags:
        raise Refused("only a small copy is where pictures stand, as in a camera's raw data", "develop it to TIFF or JPEG first")
    return found or [0]


def _check_limits(page: Any, limits: Limits, *, alone: bool) -> None:
    width, height = int(page.imagewidth), int(page.imagelength)
    if alone and tiles.is_large(width, height):
        if width * height > limits.tiled_pixels:
            raise Refused(f"{width} x {height} pixels are more than the limit of {limits.tiled_pixels}", "tile the picture first")
    else:
        check_size(width, height, limits)
    check(page)


class _Shows:
    """The pages of one file and how they are shown: with one window for all, so that pages can be compared."""

    def __init__(self, file: BinaryIO, numbers: list[int], pages: list[Any], limits: Limits) -> None:
        self.file, self.numbers, self.pages, self.limits = file, numbers, pages, limits
        self.told: dict[str, Any] = {}
        self._showing: dict[tuple[Any, ...], Showing] = {}

    def orientation(self, i: int) -> int:
        tag = self.pages[i].tags.get(_ORIENTATION)
        return valid(None if tag is None else tag.value)

    def libtiff(self, i: int) -> bool:
        return needs_libtiff(self.pages[i])

    def pixels(self, i: int) -> Pixels:
        """Return page `i` upright."""
        if self.libtiff(i):
            return self._by_libtiff(i)
        stored = values(self.pages[i])
        pixels = self._showing_of(i, stored)(stored)
        if (turned := self.orientation(i)) != 1:
            self.told["orientation"] = turned
        return np.asarray(upright(pixels, turned), np.uint8)

    def raster(self) -> tiles.Raster:
        """Return the only page, to be read piece by piece."""
        self.told["orientation"] = 1
        segments = Segments(self.pages[0], self.limits)
        return segments.shown(self._showing_of(0, _sighted(segments)))

    def _showing_of(self, i: int, stored: NDArray[Any]) -> Showing:
        page = self.pages[i]
        kind = (page.dtype, page.photometric, page.samplesperpixel, page.bitspersample)
        if kind not in self._showing:
            self._showing[kind] = showing_of(page, self._sample(i, stored))
            self.told |= self._showing[kind].told()
        return self._showing[kind]

    def _sample(self, i: int, stored: NDArray[Any]) -> NDArray[Any]:
        """Return values of some pages of that kind: a window fits them all, or none of them can be compared."""
        page, alike = self.pages[i], []
        if len(self.pages) == 1 or page.dtype == np.uint8:
            return stored
        last = len(self.pages) - 1
        for j in sorted({i, *(round(k * last / (_SIGHTED - 1)) for k in range(_SIGHTED))}):
            other = self.pages[j]
            if (other.dtype, other.samplesperpixel, other.photometric) == (page.dtype, page.samplesperpixel, page.photometric):
                every = values(other) if j != i else stored
                alike.append(every.reshape(-1, *every.shape[2:])[:: max(1, every.size >> 22)])
        return np.asarray(np.concatenate(alike)[None])

    def _by_libtiff(self, i: int) -> Pixels:
        self.file.seek(0)
        with images.opened(images.whole(self.file, self.limits), ("TIFF",), self.limits) as image:
            image.seek(self.numbers[i])
            pixels, told = images.shown(image)
        self.told |= told
        return pixels


def _sighted(segments: Segments) -> NDArray[Any]:
    """Return values from evenly spread places of a picture that is too large to be read twice."""
    return np.concatenate([place.reshape(1, -1, *place.shape[2:]) for place in _places(segments)], axis=1)


def _places(segments: Segments) -> Iterator[NDArray[Any]]:
    width, height = min(_SIGHTED_PX, segments.width), min(_SIGHTED_PX, segments.height)
    for row in range(_SIGHTED):
        for column in range(_SIGHTED):
            x = (segments.width - width) * column // (_SIGHTED - 1)
            y = (segments.height - height) * row // (_SIGHTED - 1)
            yield segments.values(x, y, width, height)

"""One page of a TIFF: its values, whole or piece by piece, and how they become 8-bit pixels.

Source: TIFF 6.0 (Adobe, 1992) sections 3 to 6, 12 (photometric interpretation) and 18 (associated alpha).
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from yuelu.pipelines.media.images import colour
from yuelu.pipelines.media.images import reader as images
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import Pixels, percentile_window, windowed
from yuelu.pipelines.media.reading import Refused

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3}
_LAB = (8, 9, 10)
_FAX, _OLD_JPEG, _THUNDERSCAN = (2, 3, 4), 6, 32809
_UNCOMPRESSED, _JPEG = 1, (7, 34892)
_ALPHA = (1, 2)
_MOST_SAMPLES = 16  # of a picture in colours: what follows them is left out; of one in grey none is the one to show
_ICC_PROFILE, _NODATA = 34675, 42113
_HELD_BYTES = 5 << 28  # of decoded segments: a row of tiles of 16-bit colours, 48,000 pixels wide, so that each is decoded once


def needs_libtiff(page: Any) -> bool:
    """Whether only libtiff, through Pillow, knows the page: fax codes, old JPEG, L*a*b*, subsampled colour outside JPEG."""
    if page.compression in (*_FAX, _OLD_JPEG, _THUNDERSCAN) or page.photometric in _LAB:
        return True
    return bool(page.photometric == _YCBCR and page.compression not in _JPEG)


def check(page: Any) -> None:
    """Raise Refused: the page is no picture, or its data are not all there."""
    if needs_libtiff(page):
        return
    if page.photometric not in _COLOURS:
        raise Refused(f"a TIFF of photometric interpretation {int(page.photometric)}", "export it in grey, RGB or CMYK")
    colours, samples = _COLOURS[page.photometric], int(page.samplesperpixel)
    if not colours <= samples <= (colours + 1 if colours == 1 else _MOST_SAMPLES):
        raise Refused(f"a picture of {samples} channels", "export the channels that show what is to be labelled")
    if page.dtype is None or page.dtype.kind not in "buif" or set(page.axes) - set("YXS"):
        raise Refused(f"a TIFF of values {page.dtype} along {page.axes}", "export it as pictures of whole or real numbers")
    if page.photometric == _PALETTE and page.colormap is None:
        raise Refused("cannot be decoded: a palette picture without palette", "check the file at its origin")
    _check_complete(page)


def _check_complete(page: Any) -> None:
    expected, size = int(np.prod(page.chunked)), page.parent.filehandle.size
    contiguous = page.is_contiguous and len(page.dataoffsets) == 1
    ends = [at + count for at, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if (len(ends) < expected and not contiguous) or max(ends, default=0) > size:
        raise Refused("cannot be decoded: parts of the picture are missing", "fetch the file again from its origin")


def values(page: Any) -> NDArray[Any]:
    """Return all values, shape (height, width) or (height, width, samples)."""
    stored: NDArray[Any] = page.asarray(maxworkers=1).reshape(page.shape)
    return np.moveaxis(stored, 0, -1) if page.axes == "SYX" else stored


@dataclass(frozen=True, slots=True)
class Showing:
    """How the values of a page become pixels. `window`: what is black and what is white; None where values are 8 bit."""

    photometric: int
    window: tuple[float, float] | None
    deep: bool  # the window is worth telling: there were more than 8 bits
    alpha: float | None  # the value that is opaque
    palette: Pixels | None
    profile: bytes

    def told(self) -> dict[str, Any]:
        """Return the facts of it."""
        mode = {1: "L", 3: "RGB", 4: "CMYK"}[_COLOURS[self.photometric]]
        told: dict[str, Any] = {"icc_profile": colour.kind_of(self.profile, "RGB" if self.palette is not None else mode)}
        if self.window is not None and self.deep:
            told["window_low"], told["window_high"] = self.window
        return told

    def __call__(self, stored: NDArray[Any]) -> Pixels:
        """Return the pixels of values, shape (height, width) or (height, width, samples)."""
        colours = _COLOURS[self.photometric]
        shades = stored if stored.ndim == 2 else stored[..., 0] if colours == 1 else stored[..., :colours]
        if self.palette is not None:
            shown = self.palette[np.minimum(shades, len(self.palette) - 1)]
        else:
            shown = np.ascontiguousarray(shades) if self.window is None else windowed(shades, *self.window)
        if self.photometric == _WHITE_IS_ZERO:
            shown = 255 - shown
        image = Image.fromarray(shown, "CMYK") if self.photometric == _CMYK else Image.fromarray(shown)
        image, _ = colour.to_srgb(image, self.profile)
        if self.alpha is not None and image.mode != "CMYK":
            image = image.convert("RGB")
            image.putalpha(Image.fromarray(windowed(stored[..., colours], 0, self.alpha)))
        return images.on_white(image)


def showing_of(page: Any, sample: NDArray[Any]) -> Showing:
    """Return how the page is shown, decided from a sample of its values."""
    colours = _COLOURS[page.photometric]
    palette = _palette(page) if page.photometric == _PALETTE else None
    opaque = np.iinfo(page.dtype).max if page.dtype.kind in "iu" else 1.0
    alpha = float(opaque) if page.extrasamples and page.extrasamples[0] in _ALPHA and page.samplesperpixel > colours else None
    tag = page.tags.get(_ICC_PROFILE)
    profile = bytes(tag.value) if tag is not None and isinstance(tag.value, bytes) else b""
    shades = sample[..., :colours] if sample.ndim == 3 and page.samplesperpixel > 1 else sample
    bits = int(page.bitspersample)
    window = None if palette is not None else _window(page, shades, bits)
    return Showing(int(page.photometric), window, bits > 8 or page.dtype.kind in "if", alpha, palette, profile)


def _window(page: Any, shades: NDArray[Any], bits: int) -> tuple[float, float] | None:
    if page.dtype.kind == "b" or (page.dtype == np.uint8 and bits <= 8):
        return None if bits == 8 else (0.0, 2.0**bits - 1)
    if _COLOURS[page.photometric] == 1:
        return percentile_window(_without(page, shades))
    # Colours are coded for the whole range; 10 or 12 bits of it are used where a camera has no more.
    if page.dtype.kind == "u":
        return 0.0, 2.0 ** max(8, int(shades.max(initial=1)).bit_length()) - 1
    if page.dtype.kind == "f" and np.nanmin(shades) >= 0 and np.nanmax(shades) <= 1:
        return 0.0, 1.0
    return percentile_window(_without(page, shades))


def _without(page: Any, shades: NDArray[Any]) -> NDArray[Any]:
    """Return the values but for the one that stands for "nothing was measured here" (GDAL's tag)."""
    tag = page.tags.get(_NODATA)
    try:
        return shades if tag is None else shades[shades != float(str(tag.value).strip("\0 "))]
    except ValueError:
        return shades


def _palette(page: Any) -> Pixels:
    colours = np.asarray(page.colormap).T
    return np.asarray(colours >> 8 if colours.dtype.itemsize == 2 else colours, np.uint8)


class Segments:
    """The values of a page, read strip by strip or tile by tile."""

    def __init__(self, page: Any, limits: Limits) -> None:
        self.page = page
        self.width, self.height = int(page.imagewidth), int(page.imagelength)
        self.planes = int(page.samplesperpixel) if page.axes == "SYX" else 1
        down, across = (1 if page.axes == "SYX" else 0), (2 if page.axes == "SYX" else 1)
        chunk = page.chunks if len(page.chunks) == len(page.shape) else (1, *page.chunks)
        self.chunk = int(chunk[down]), int(chunk[across])
        self.grid = -(-self.height // self.chunk[0]), -(-self.width // self.chunk[1])
        self.plain = page.compression == _UNCOMPRESSED and page.is_contiguous and page.bitspersample == 8 * page.dtype.itemsize
        if not self.plain and self.chunk[0] * self.chunk[1] > limits.pixels:
            raise Refused(f"a very large picture in pieces of {self.chunk[1]} x {self.chunk[0]} pixels", "save it in tiles")
        self._held: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._held_bytes = 0

    def shown(self, showing: Showing) -> "ShownSegments":
        """Return the same, as pixels."""
        return ShownSegments(self, showing)

    def values(self, x: int, y: int, width: int, height: int) -> NDArray[Any]:
        """Return the values of a rectangle, shape (height, width) or (height, width, samples)."""
        samples = () if self.page.samplesperpixel == 1 else (int(self.page.samplesperpixel),)
        out = np.zeros((height, width, *samples), self.page.dtype)
        for plane in range(self.planes):
            target = out[..., plane] if self.planes > 1 else out
            (self._rows if self.plain else self._pieces)(target, plane, x, y)
        return out

    def _rows(self, out: NDArray[Any], plane: int, x: int, y: int) -> None:
        """Fill `out` from data that lie in the file as they are, in one run."""
        handle, dtype = self.page.parent.filehandle, np.dtype(self.page.parent.byteorder + self.page.dtype.char)
        each = dtype.itemsize * (1 if self.planes > 1 or out.ndim == 2 else out.shape[2])
        start = int(self.page.dataoffsets[0]) + plane * self.height * self.width * each
        for row in range(len(out)):
            handle.seek(start + ((y + row) * self.width + x) * each)
            out[row] = np.frombuffer(handle.read(out.shape[1] * each), dtype).reshape(out.shape[1:])

    def _pieces(self, out: NDArray[Any], plane: int, x: int, y: int) -> None:
        (tall, wide), (height, width) = self.chunk, out.shape[:2]
        for down in range(y // tall, -(-(y + height) // tall)):
            for across in range(x // wide, -(-(x + width) // wide)):
                piece = self._piece((plane * self.grid[0] + down) * self.grid[1] + across)
                top, left = max(y, down * tall), max(x, across * wide)
                bottom = min(y + height, down * tall + piece.shape[0])
                right = min(x + width, across * wide + piece.shape[1])
                part = piece[top - down * tall : bottom - down * tall, left - across * wide : right - across * wide]
                out[top - y : bottom - y, left - x : right - x] = part if out.ndim == 3 else part[..., 0]

    def _piece(self, index: int) -> NDArray[Any]:
        if index in self._held:
            self._held.move_to_end(index)
            return self._held[index]
        handle, page = self.page.parent.filehandle, self.page
        handle.seek(page.dataoffsets[index])
        data = handle.read(page.databytecounts[index]) or None
        tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader} if page.compression in _JPEG else {}
        piece, _, shape = page.decode(data, index, **tables)
        decoded = np.zeros(shape[1:], page.dtype) if piece is None else np.asarray(piece[0])
        self._held[index] = decoded
        self._held_bytes += decoded.nbytes
        while self._held_bytes > _HELD_BYTES:
            self._held_bytes -= self._held.popitem(last=False)[1].nbytes
        return decoded


@dataclass(frozen=True, slots=True)
class ShownSegments:
    """A page as pixels, read piece by piece."""

    segments: Segments
    showing: Showing

    @property
    def width(self) -> int:
        """Return pixels across."""
        return self.segments.width

    @property
    def height(self) -> int:
        """Return pixels down."""
        return self.segments.height

    def region(self, x: int, y: int, width: int, height: int) -> Pixels:
        """Return that rectangle."""
        return self.showing(self.segments.values(x, y, width, height))

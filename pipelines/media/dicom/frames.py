"""The frames of a DICOM object, decoded one at a time."""

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import JPEGExtended12Bit, RLELossless

from yuelu.pipelines.deid.engine import transfer_syntax
from yuelu.pipelines.media.dicom.syntaxes import plugins
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import check_size
from yuelu.pipelines.media.reading import Refused, panic_refused

Values = NDArray[Any]

# The head of a scan of one component that begins and ends with the mean; coded data never hold a marker's bytes.
_SCAN_TO_0 = re.compile(rb"(\xff\xda\x00\x08\x01..\x00)\x00(\x00)", re.DOTALL)
_MANY = 1000  # frames, from which looking up each one's offset takes longer than decoding a few again

PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_COLOURS = frozenset({"RGB", "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"})
_LUMINANCE = frozenset({"YBR_FULL", "YBR_FULL_422"})  # decoders make RGB of YBR_ICT and YBR_RCT themselves


def pixel_keyword(dataset: Dataset) -> str | None:
    """Return the attribute that holds the pixels; None when there is none."""
    return next((keyword for keyword in PIXEL_KEYWORDS if keyword in dataset), None)


def whole(dataset: Dataset, keyword: str, default: int = 0) -> int:
    """Return the attribute as a whole number. Raises Refused: it is none."""
    value = dataset.get(keyword)
    try:
        return default if value is None or value == "" else int(value)
    except (TypeError, ValueError):
        raise Refused(f"{keyword} is {str(value)[:20]!r}, not a number", "check the file at its origin") from None


def check_frames(dataset: Dataset, limits: Limits) -> int:
    """Return how many frames the object says it has. Raises Refused: too many, too large, or of no size."""
    count = whole(dataset, "NumberOfFrames", 1) or 1  # 0 where a writer means none
    columns, rows = whole(dataset, "Columns"), whole(dataset, "Rows")
    check_size(columns, rows, limits)
    if count < 1:
        raise Refused(f"{count} frames in one object", "check the file at its origin")
    if count > limits.frames:
        raise Refused(f"{count} frames are more than the limit of {limits.frames}", "split the object first")
    return count


class Frames:
    """The frames of one object, in the order of the object, decoded when they are asked for.

    `hidden_px` counts samples, seen so far, whose unused bits were not empty.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = _with_scans_mended(dataset)
        self.count = whole(dataset, "NumberOfFrames", 1) or 1  # 0 where a writer means none
        self.hidden_px = 0
        self._decoder = get_decoder(transfer_syntax(dataset))
        self._options = _options(dataset)
        self._unused = _Unused.of(dataset)
        self._kept: dict[int, Values] = {}

    def values(self, index: int) -> Values:
        """Return frame `index` (from 0): stored values of shape (rows, columns), or RGB of shape (rows, columns, 3)."""
        if (kept := self._kept.pop(index, None)) is not None:
            return kept
        with panic_refused():
            raw, told = self._decoder.as_array(self.dataset, index=index, **self._options)
        return self._checked(raw, told)

    def in_order(self, order: Sequence[int]) -> Iterator[Values]:
        """Yield the frames numbered in `order`; in the object's own order each is found at the end of the one before."""
        if self.count > 1 and order == range(self.count) and (not self._kept or self.count > _MANY):
            self._kept.clear()
            with panic_refused():
                for raw, told in self._decoder.iter_array(self.dataset, **self._options):
                    yield self._checked(raw, told)
            return
        for index in order:
            yield self.values(index)

    def keep(self, index: int) -> Values:
        """Return frame `index`, and hold it until it is asked for again."""
        self._kept[index] = self.values(index)
        return self._kept[index]

    def _checked(self, raw: Values, told: dict[str, Any]) -> Values:
        colour = str(told["photometric_interpretation"])
        if not raw.dtype.isnative:
            raw = raw.astype(raw.dtype.newbyteorder("="))
        values = raw
        if self._unused is not None:
            values, hidden = self._unused.cut(raw)
            self.hidden_px += hidden
        if colour in _LUMINANCE and values.ndim == 3:
            return _rgb(values)
        if colour not in _COLOURS:
            raise Refused(f"no reader for the photometric interpretation {colour}", "export the object as RGB or MONOCHROME2")
        return values


def _with_scans_mended(dataset: Dataset) -> Dataset:
    """Return the object with the end of each sequential scan of one component told as 63; it is the same where none is wrong.

    Some writers tell 0, which says that only the means of blocks follow. Lenient decoders pass over it, and libjpeg's refuses.
    Source: ITU-T T.81, table B.3: 63 in all sequential modes.
    """
    if transfer_syntax(dataset) != JPEGExtended12Bit or "PixelData" not in dataset:
        return dataset
    told = dataset.PixelData
    mended = _SCAN_TO_0.sub(b"\\1\x3f\\2", told)
    if mended == told:
        return dataset
    copied = deepcopy(dataset)  # what is written of the object stays as it came
    copied["PixelData"].value = mended
    return copied


def _rgb(values: Values) -> Values:
    """Return luminance and chrominance as RGB (PS3.3 section C.7.6.3.1.2). OpenCV does 8 bits thirty times faster."""
    if values.dtype == np.uint8:
        luminance, blue, red = cv2.split(np.ascontiguousarray(values))
        return np.asarray(cv2.cvtColor(cv2.merge((luminance, red, blue)), cv2.COLOR_YCrCb2RGB))
    return np.asarray(convert_color_space(values, "YBR_FULL", "RGB"))


class _Unused:
    """Where the bits of a sample lie in its cell (PS3.5 section 8.1.1). All others are no part of the image."""

    def __init__(self, allocated: int, stored: int, low: int) -> None:
        self.allocated, self.stored, self.low = allocated, stored, low

    @classmethod
    def of(cls, dataset: Dataset) -> "_Unused | None":
        """Return None when every bit is used. What compresses samples, not cells, puts them at the low end."""
        allocated, stored = whole(dataset, "BitsAllocated", 8), whole(dataset, "BitsStored", 8)
        if pixel_keyword(dataset) != "PixelData" or allocated not in (8, 16, 32) or not 0 < stored < allocated:
            return None
        syntax = transfer_syntax(dataset)
        cells = not syntax.is_encapsulated or syntax == RLELossless
        low = whole(dataset, "HighBit", stored - 1) + 1 - stored if cells else 0
        return cls(allocated, stored, low if 0 <= low <= allocated - stored else 0)

    def cut(self, raw: Values) -> tuple[Values, int]:
        """Return the samples alone, and how many cells held something else beside them.

        A sample that is filled up with its sign holds nothing else, and neither do cells that are empty above throughout.
        """
        if raw.dtype.kind not in "iu":
            return raw, 0
        spare = 8 * raw.dtype.itemsize - self.stored - self.low  # the cell as decoded may be smaller than BitsAllocated
        if spare < 0 or (not spare and not self.low):
            return raw, 0
        if not self.low and self._fits(raw):
            return raw, 0
        values = (raw << spare) >> (spare + self.low)
        different = raw != (values << self.low)
        if raw.dtype.kind == "i" and not self.low:
            empty_above = raw.view(raw.dtype.str.replace("i", "u")) >> self.stored == 0
            different = different if not empty_above.all() else np.zeros_like(different)
        return values, int(np.count_nonzero(different))

    def _fits(self, raw: Values) -> bool:
        """Whether every cell holds its sample and nothing else; two quick looks spare most files the shifting."""
        if raw.dtype.kind == "u":
            return int(raw.max(initial=0)) >> self.stored == 0
        limit = 1 << (self.stored - 1)
        return -limit <= int(raw.min(initial=0)) and int(raw.max(initial=0)) < limit


def _options(dataset: Dataset) -> dict[str, Any]:
    syntax = transfer_syntax(dataset)
    wanted = plugins(syntax)
    plugin = wanted[0] if wanted else ""
    if plugin == "pillow" and whole(dataset, "BitsAllocated", 8) != 8:
        plugin = wanted[-1]
    return {"raw": True, "decoding_plugin": plugin, "correct_unused_bits": False, "view_only": not syntax.is_encapsulated}

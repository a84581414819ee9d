"""How a DICOM object says that its stored values are to be shown: modality and VOI transformation, per frame."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from yuelu.pipelines.media.reading import Refused


@dataclass(frozen=True, slots=True, eq=False)
class Lut:
    """A look-up table: `entries[0]` for inputs up to `first`, the last entry for inputs beyond the end."""

    first: int
    entries: NDArray[np.uint16]
    bits: int

    def of(self, values: NDArray[Any]) -> NDArray[np.uint16]:
        """Return the entries for `values`, in their shape."""
        at = np.clip(np.rint(values) if values.dtype.kind == "f" else values.astype(np.int64), self.first, None) - self.first
        return np.asarray(self.entries[np.minimum(at, len(self.entries) - 1).astype(np.int64)])


@dataclass(frozen=True, slots=True)
class Window:
    """A VOI window: `function` is LINEAR, LINEAR_EXACT or SIGMOID (PS3.3 section C.11.2.1)."""

    centre: float
    width: float
    function: str = "LINEAR"


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What turns stored values into grey: rescale or modality table, then a VOI table or window. None: not stated."""

    slope: float = 1.0
    intercept: float = 0.0
    modality: Lut | None = None
    voi: Lut | None = None
    window: Window | None = None
    inverted: bool = False

    def modal(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return stored values after the modality transformation."""
        if self.modality is not None:
            return self.modality.of(stored)
        if self.slope == 1 and self.intercept == 0:
            return stored
        return stored * self.slope + self.intercept


def look_of(dataset: Dataset, frame: int = 0) -> Look:
    """Return how frame `frame` (from 0) is to be shown: its own functional groups first, then the shared, then the object.

    Source: PS3.3 sections C.7.6.16.2.9 (values per frame), C.7.6.16.2.10 (VOI per frame), C.11.1, C.11.2.
    """
    values = functional_group(dataset, frame, "PixelValueTransformationSequence")
    shown = functional_group(dataset, frame, "FrameVOILUTSequence")
    little = little_endian(dataset)
    voi = _first_item(dataset, "VOILUTSequence") if shown is dataset else None
    modality = _first_item(values, "ModalityLUTSequence")
    slope, intercept = first_number(values.get("RescaleSlope")), first_number(values.get("RescaleIntercept"))
    presentation = str(dataset.get("PresentationLUTShape") or "")
    return Look(
        1.0 if slope is None or slope == 0 else slope,
        intercept or 0.0,
        None if modality is None else lut_of(modality, "LUTDescriptor", "LUTData", little),
        None if voi is None else lut_of(voi, "LUTDescriptor", "LUTData", little),
        _window(shown),
        # INVERSE and MONOCHROME1 say the same thing twice (PS3.3 section C.7.6.3.1.2).
        dataset.get("PhotometricInterpretation") == "MONOCHROME1" or presentation == "INVERSE",
    )


def functional_group(dataset: Dataset, frame: int, keyword: str) -> Dataset:
    """Return the macro `keyword` of one frame (from 0), or the shared one, or the data set itself where there is neither."""
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    for groups in (frames[frame] if frame < len(frames) else None, _first_item(dataset, "SharedFunctionalGroupsSequence")):
        if groups is not None and (item := _first_item(groups, keyword)) is not None:
            return item
    return dataset


def little_endian(dataset: Dataset) -> bool:
    """Return the byte order of words within the object; one that names no transfer syntax has the usual one."""
    syntax = getattr(dataset, "file_meta", Dataset()).get("TransferSyntaxUID")
    return syntax is None or bool(syntax.is_little_endian)


def first_number(value: Any) -> float | None:
    """Return the first of one or several numbers: the one the object shows first. None: none, or not finite."""
    if value is None or value == "":
        return None
    try:
        first = value if isinstance(value, (str, int, float)) else next(iter(value), None)
        number = None if first is None or first == "" else float(first)
    except (TypeError, ValueError):
        return None
    return number if number is not None and np.isfinite(number) else None


def _first_item(dataset: Dataset, keyword: str) -> Dataset | None:
    sequence = dataset.get(keyword)
    return sequence[0] if sequence else None


def _window(dataset: Dataset) -> Window | None:
    centre, width = first_number(dataset.get("WindowCenter")), first_number(dataset.get("WindowWidth"))
    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    least = 1 if function == "LINEAR" else 0
    if centre is None or width is None or width < least or width == 0:
        return None  # C.11.2.1.2.1: a narrower window is none
    return Window(centre, width, function)


def lut_of(item: Dataset, descriptor: str, data: str, little_endian: bool = True) -> Lut:
    """Return the look-up table of `item`. Raises Refused: it is not one.

    Source: PS3.3 sections C.11.1.1 and C.7.6.3.1.5: number of entries (0 is 65536), first value mapped, bits per entry.
    """
    told = item.get(descriptor)
    if not hasattr(told, "__len__") or len(told) != 3:
        raise Refused(f"{descriptor} is {str(told)[:40]!r}, not three numbers", "check the file at its origin")
    count, first, bits = (int(number) for number in told)
    entries = _entries(item.get(data), (count % 65536) or 65536, little_endian)
    if not len(entries):
        raise Refused(f"{data} is empty", "check the file at its origin")
    return Lut(first, entries, bits)


def _entries(data: Any, count: int, little_endian: bool) -> NDArray[np.uint16]:
    if not isinstance(data, (bytes, bytearray)):
        listed = [] if data is None else [data] if isinstance(data, int) else data
        return (np.asarray(list(listed), np.int64) & 0xFFFF)[:count].astype(np.uint16)
    if len(data) >= 2 * count:
        return np.frombuffer(data[: 2 * count], "<u2" if little_endian else ">u2").astype(np.uint16)
    entries = np.frombuffer(data, np.uint8)  # two to a word, whatever the descriptor says of bits
    if not little_endian and len(data) % 2 == 0:
        entries = entries.reshape(-1, 2)[:, ::-1].ravel()
    return entries[:count].astype(np.uint16)

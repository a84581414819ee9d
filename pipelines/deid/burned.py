"""Pixels without the text that was burned into them: found by a detector, blanked in every frame, looked at again."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import RLELosslessEncoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import RLELossless

from yuelu.pipelines.deid.engine import transfer_syntax
from yuelu.pipelines.deid.suspects import STATED
from yuelu.pipelines.deid.text import MISSING, Detector, Mask, detector
from yuelu.pipelines.media.dicom.frames import Frames
from yuelu.pipelines.media.pictures import Pixels, window_by_percentiles, windowed
from yuelu.pipelines.media.reading import Refused

_LOOKED_AT = 5  # frames of a cine, evenly spaced; its brightest and darkest projection show text that comes and goes
_MOST_PALETTE = 48  # frames of a film with a palette
_ROUNDS = 5  # of blanking and looking again
_LARGEST_SHARE = 0.3  # of the picture; a page of text is no image to label
_CHECK = "have it checked, and set BurnedInAnnotation to NO at its origin"

Frame = NDArray[Any]  # stored values, shape (rows, columns) or (rows, columns, 3)


@dataclass(frozen=True, slots=True)
class Look:
    """What the detector is shown: `looked_at` frames of the object, and where these are not all, all its frames in one."""

    frames: tuple[Frame, ...]
    looked_at: int


def clean(dataset: Dataset, cause: str, found_by: Detector | None = None) -> dict[str, Any]:
    """Blank text in the pixels of `dataset`, in place; return the evidence as JSON values, never the text.

    Pixels that change are stored uncompressed where they were so, else as RLE Lossless. `cause` is why they are
    suspected. Raises Refused: no detector, too much text, or text that stays.
    """
    found_by = found_by or detector()
    if found_by is None:
        raise Refused(f"{cause}; pixels are not checked for text without the extra: {MISSING}", f"{MISSING}, or {_CHECK}")
    look = _look(dataset)
    text = _text(look, dataset, found_by)
    if not text.any() and cause == STATED:
        raise Refused(f"{cause}, but no text was found", _CHECK)
    if text.any():
        _blank(dataset, text, _empty(dataset, look))
    dataset.BurnedInAnnotation = "NO"
    return {
        "checked_by": found_by.name,
        "cause": cause,
        "frames_checked": look.looked_at,
        "blanked_regions": _regions(text),
        "blanked_share": round(float(text.mean()), 6),
    }


def _look(dataset: Dataset) -> Look:
    count = int(dataset.get("NumberOfFrames") or 1)
    palette = dataset.PhotometricInterpretation == "PALETTE COLOR"  # its values have no brightness: all frames are looked at
    if palette and count > _MOST_PALETTE:
        raise Refused(f"a palette film of {count} frames: text is looked for in up to {_MOST_PALETTE}", _CHECK)
    wanted = {round(index) for index in np.linspace(0, count - 1, count if palette else min(count, _LOOKED_AT))}
    kept: list[Frame] = []
    bright: Frame | None = None
    dark: Frame | None = None
    for index, frame in enumerate(frames(dataset)):
        if index in wanted:
            kept.append(frame.copy())
        if count > _LOOKED_AT and not palette:
            bright = frame.copy() if bright is None else np.maximum(bright, frame)
            dark = frame.copy() if dark is None else np.minimum(dark, frame)
    return Look((*kept, *(one for one in (bright, dark) if one is not None)), len(kept))


def frames(dataset: Dataset) -> Iterator[Frame]:
    """Yield the frames one by one, colour as RGB, samples without what their cells hold beside them.

    Raises Refused: one cannot be decoded.
    """
    decoded = Frames(dataset)
    yield from decoded.in_order(range(decoded.count))


def _text(look: Look, dataset: Dataset, found_by: Detector) -> Mask:
    """Return where text is, so that none is found once that is blanked. Raises Refused."""
    empty = _empty(dataset, look)

    def shown(text: Mask) -> Iterator[Pixels]:
        for frame in look.frames:
            yield from _shown(_blanked(frame, text, empty), dataset)

    return text_in(shown, look.frames[0].shape[:2], found_by, _CHECK)


def text_in(shown: Callable[[Mask], Iterable[Pixels]], shape: tuple[int, ...], found_by: Detector, hint: str) -> Mask:
    """Return where text is, so that none is found once that is blanked. `shown` gives the pictures with a part blanked.

    Raises Refused: too much text, or text that stays; `hint` says what to do then.
    """
    text = np.zeros(shape, np.bool_)
    for _ in range(_ROUNDS):
        before, found = text, np.zeros_like(text)
        for picture in shown(text):
            found |= found_by.find(picture)
        text = before | found
        if text.mean() > _LARGEST_SHARE:
            raise Refused(f"burned-in text over more than {_LARGEST_SHARE:.0%} of the picture", hint)
        if (text == before).all():
            return text
    if _apart(found, before):
        raise Refused("burned-in text is still found after blanking", hint)
    return text  # what was found last were only the rims of what is blank already


def _apart(found: Mask, blank: Mask) -> bool:
    """Whether any region of `found` lies by more than half outside of what is blank."""
    count, labels = cv2.connectedComponents(found.astype(np.uint8), connectivity=8)
    return any((labels == each)[~blank].sum() > (labels == each).sum() / 2 for each in range(1, count))


def _empty(dataset: Dataset, look: Look) -> Any:
    """Return the stored value that shows as background: black, or white where low values are bright."""
    photometric = str(dataset.PhotometricInterpretation)
    if photometric == "PALETTE COLOR":
        entries = np.arange(2 ** int(dataset.BitsStored), dtype=np.uint16)
        return int(apply_color_lut(entries, dataset).astype(np.int64).sum(axis=-1).argmin())
    if photometric == "MONOCHROME1":
        return max(frame.max() for frame in look.frames)
    return min(frame.min() for frame in look.frames) if photometric == "MONOCHROME2" else 0


def _blanked(frame: Frame, text: Mask, empty: Any) -> Frame:
    if not text.any():
        return frame
    blanked = frame.copy()
    blanked[text] = empty
    return blanked


def _shown(frame: Frame, dataset: Dataset) -> Iterator[Pixels]:
    """Yield pictures of the frame for the detector: one, or two where a window hides what lies beyond it."""
    if str(dataset.PhotometricInterpretation) == "PALETTE COLOR":
        frame = apply_color_lut(frame, dataset)
    if frame.dtype == np.uint8 and (frame.ndim == 3 or int(dataset.BitsStored) == 8):
        yield frame
        return
    yield windowed(frame, float(frame.min()), float(frame.max()))
    if frame.ndim == 2:
        yield window_by_percentiles(frame)


def _blank(dataset: Dataset, text: Mask, empty: Any) -> None:
    """Store the pixels anew, with `text` blanked in every frame."""
    if int(dataset.BitsAllocated) not in (8, 16, 32) or "PixelData" not in dataset:
        raise Refused(f"burned-in text in pixels of {dataset.BitsAllocated} bits", _CHECK)
    compressed = transfer_syntax(dataset).is_encapsulated
    kind, size = "i" if int(dataset.PixelRepresentation) else "u", int(dataset.BitsAllocated) // 8
    order: Literal["<", ">"] = "<" if transfer_syntax(dataset).is_little_endian else ">"
    written = []
    for frame in frames(dataset):
        blanked = _blanked(frame, text, empty).astype(f"{kind}{size}")  # a decoder may give smaller cells
        written.append(_rle(blanked, dataset) if compressed else blanked.astype(blanked.dtype.newbyteorder(order)).tobytes())
    dataset.HighBit = int(dataset.BitsStored) - 1  # where the samples lie now
    if int(dataset.SamplesPerPixel) == 3:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    if compressed:
        dataset.PixelData = encapsulate(written)
        dataset.file_meta.TransferSyntaxUID = RLELossless
        dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
        return
    data = b"".join(written)
    dataset.PixelData = data + bytes(len(data) % 2)
    dataset["PixelData"].VR = "OW" if int(dataset.BitsAllocated) > 8 or transfer_syntax(dataset).is_implicit_VR else "OB"


def _rle(frame: Frame, dataset: Dataset) -> bytes:
    colour = frame.ndim == 3
    only_colour: dict[str, Any] = {"planar_configuration": 0} if colour else {}
    return bytes(
        RLELosslessEncoder.encode(
            frame,
            rows=frame.shape[0],
            columns=frame.shape[1],
            samples_per_pixel=3 if colour else 1,
            bits_allocated=8 * frame.dtype.itemsize,
            bits_stored=int(dataset.BitsStored),
            pixel_representation=int(dataset.PixelRepresentation),
            number_of_frames=1,
            validate=False,  # some files hold what the standard does not allow
            photometric_interpretation="RGB" if colour else str(dataset.PhotometricInterpretation),
            **only_colour,
        )
    )


def _regions(text: Mask) -> int:
    return int(cv2.connectedComponents(text.astype(np.uint8), connectivity=8)[0]) - 1

"""Pixels without the text that was burned into them: found by a detector, blanked in every frame, looked at again."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import RLELosslessEncoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import RLELossless

from yuelu.pipelines.deid.changes import Box, Changes
from yuelu.pipelines.deid.engine import transfer_syntax
from yuelu.pipelines.deid.suspects import STATED
from yuelu.pipelines.deid.text import MISSING, Detector, Mask, detector, scales
from yuelu.pipelines.media.dicom.frames import Frames
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import Pixels, window_by_percentiles, windowed
from yuelu.pipelines.media.reading import Refused

_LOOKED_AT = 5  # frames of a film that are looked at again after blanking, beside those in which text was found
_ROUNDS = 5  # of blanking and looking again
_LARGEST_SHARE = 0.3  # of the picture; a page of text is no image to label
_CHECK = "have it checked, and set BurnedInAnnotation to NO at its origin"

Frame = NDArray[Any]  # stored values, shape (rows, columns) or (rows, columns, 3)


@dataclass(frozen=True, slots=True)
class Look:
    """What a first look through all frames gave: where text is, and what has to be looked at again.

    `again` are numbers of frames, `projections` the brightest and the darkest of all frames in one (none for one frame, nor for
    a palette, whose values have no brightness). `lowest` and `highest` are stored values.
    """

    text: Mask
    again: tuple[int, ...]
    projections: tuple[Frame, ...]
    lowest: Any
    highest: Any


def clean(dataset: Dataset, cause: str, found_by: Detector | None = None, most_px: int = Limits().text_pixels) -> dict[str, Any]:
    """Blank text in the pixels of `dataset`, in place; return the evidence as JSON values, never the text.

    Pixels that change are stored uncompressed where they were so, else as RLE Lossless. `cause` is why they are
    suspected; `most_px` bounds what the detector is shown. Raises Refused: no detector, too much that moves to look for
    text in all of it, too much text, or text that stays.
    """
    found_by = found_by or detector()
    if found_by is None:
        raise Refused(f"{cause}; pixels are not checked for text without the extra: {MISSING}", f"{MISSING}, or {_CHECK}")
    decoded = Frames(dataset)
    look = _look(decoded, found_by, most_px)
    empty = _empty(dataset, look)
    text = _text(decoded, look, empty, found_by)
    if not text.any() and cause == STATED:
        raise Refused(f"{cause}, but no text was found", _CHECK)
    if text.any():
        _blank(dataset, text, empty)
    dataset.BurnedInAnnotation = "NO"
    return {
        "checked_by": found_by.name,
        "cause": cause,
        "frames_checked": decoded.count,
        "blanked_regions": _regions(text),
        "blanked_share": round(float(text.mean()), 6),
    }


def _look(decoded: Frames, found_by: Detector, most_px: int) -> Look:
    """Look at each frame, there where it shows what none before it has. Raises Refused: that is too much."""
    dataset, changes, again, left = decoded.dataset, Changes(), set[int](), most_px
    palette = dataset.PhotometricInterpretation == "PALETTE COLOR"
    text, bright, dark, lowest, highest = (cast(Any, None),) * 5
    for index, frame in enumerate(frames(decoded)):
        if not index:
            text, bright, dark = np.zeros(frame.shape[:2], np.bool_), frame.copy(), frame.copy()
            lowest, highest = frame.min(), frame.max()
        bright, dark = np.maximum(bright, frame), np.minimum(dark, frame)
        lowest, highest = min(lowest, frame.min()), max(highest, frame.max())
        boxes = changes.new(apply_color_lut(frame, dataset) if palette else frame)
        left -= sum(box.pixels for box in boxes) * sum(scale**2 for scale in scales(*text.shape))
        if left < 0 and index:
            raise Refused(
                f"{decoded.count} frames move too much to look for text in each: over the limit of {most_px} pixels",
                f"have the limit text_pixels raised, or {_CHECK}",
            )
        found = _found(boxes, frame, dataset, found_by)
        if _apart(found, text):  # and not only another rim of what is known
            again.add(index)
            left -= text.size
        text |= found
    again |= {round(index) for index in np.linspace(0, decoded.count - 1, min(decoded.count, _LOOKED_AT))}
    projections = () if palette or decoded.count == 1 else (bright, dark)
    return Look(text, tuple(sorted(again)), projections, lowest, highest)


def _found(boxes: tuple[Box, ...], frame: Frame, dataset: Dataset, found_by: Detector) -> Mask:
    """Return where text is within the boxes."""
    height, width = frame.shape[:2]
    found = np.zeros((height, width), np.bool_)
    for picture in _shown(frame, dataset) if boxes else ():
        for box in boxes:
            found[box.place] |= found_by.find(picture[box.place], (height, width))
    return found


def frames(decoded: Frames) -> Iterator[Frame]:
    """Yield the frames one by one, colour as RGB, samples without what their cells hold beside them.

    Raises Refused: one cannot be decoded.
    """
    yield from decoded.in_order(range(decoded.count))


def _text(decoded: Frames, look: Look, empty: Any, found_by: Detector) -> Mask:
    """Return where text is, so that none is found once that is blanked. Raises Refused."""

    def shown(text: Mask) -> Iterator[Pixels]:
        for frame in chain(look.projections, map(decoded.values, look.again)):
            yield from _shown(_blanked(frame, text, empty), decoded.dataset)

    return text_in(shown, look.text, found_by, _CHECK)


def text_in(shown: Callable[[Mask], Iterable[Pixels]], text: Mask, found_by: Detector, hint: str) -> Mask:
    """Return where text is, so that none is found once that is blanked. `text` is what is known of it already.

    `shown` gives the pictures with a part blanked. Raises Refused: too much text, or text that stays; `hint` says what then.
    """
    for _ in range(_ROUNDS):
        before, found = text, np.zeros_like(text)
        _check_share(text, hint)
        for picture in shown(text):
            found |= found_by.find(picture)
        text = before | found
        if (text == before).all():
            return text
    _check_share(text, hint)
    if _apart(found, before):
        raise Refused("burned-in text is still found after blanking", hint)
    return text  # what was found last were only the rims of what is blank already


def _check_share(text: Mask, hint: str) -> None:
    if text.mean() > _LARGEST_SHARE:
        raise Refused(f"burned-in text over more than {_LARGEST_SHARE:.0%} of the picture", hint)


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
        return look.highest
    return look.lowest if photometric == "MONOCHROME2" else 0


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
    for frame in frames(Frames(dataset)):
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

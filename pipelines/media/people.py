"""Faces, plates and text in what annotators would see: found and hidden after an object was read, where that was asked for.

Proxies and thumbnail change; facts, probes and fingerprints stay those of the object as it came. A DICOM copy keeps its
pixels: it stays in the store, and neither tasks nor releases show it.
"""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from PIL import Image

from yuelu.base.records import Medium, Role
from yuelu.pipelines.deid.burned import text_in
from yuelu.pipelines.deid.seen import TEXT, blurred, find
from yuelu.pipelines.deid.text import MISSING, Detector, Mask, detector
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import Pixels, jpeg, png, thumbnail
from yuelu.pipelines.media.reading import Derived, Reading, Refused
from yuelu.pipelines.media.video.hidden import without

# DICOM modalities that are photographs of people; in sections a cascade sees faces that are none, and would blur findings.
_PHOTOGRAPHS = frozenset({"XC", "DMS", "OT"})
_RING_PX = 4  # around text, where its ground shows
_CHECK = "have it checked, and ingest it into a collection that is not searched for text"


def without_people(reading: Reading, kinds: Sequence[str], limits: Limits) -> Reading:
    """Return the reading with what is found of `kinds` hidden, and `detected` among its facts: how many of each.

    In a video, `detected` counts the frames in which some were hidden. What is neither picture nor video comes back as it is, and
    so do DICOM of other modalities than photographs and NIfTI. Text in DICOM has been looked for already, where it is suspected.
    Raises Refused: no detector of text, or text that must not or cannot be blanked.
    """
    kinds = [kind for kind in kinds if kind != TEXT or reading.media_type != "application/dicom"]
    if not kinds or not _photograph(reading):
        return reading
    found_by = detector() if TEXT in kinds else None
    if TEXT in kinds and found_by is None:
        raise Refused("text cannot be looked for without the extra: ocr", f"{MISSING} on every worker, then retry")
    counts = Counter(dict.fromkeys(kinds, 0))
    if reading.medium is Medium.VIDEO:
        parts = _films(reading.derived, kinds, counts, found_by, limits)
    else:
        parts = _pictures(reading, kinds, counts, found_by)
    return replace(reading, derived=parts, facts={**reading.facts, "detected": dict(sorted(counts.items()))})


def _photograph(reading: Reading) -> bool:
    if reading.media_type == "application/dicom":
        return reading.facts.get("modality") in _PHOTOGRAPHS
    return reading.medium in (Medium.IMAGE, Medium.VIDEO) and reading.media_type != "application/x-nifti"


def _films(
    parts: Sequence[Derived], kinds: Sequence[str], counts: Counter[str], found_by: Detector | None, limits: Limits
) -> tuple[Derived, ...]:
    made: list[Derived] = []
    poster: Pixels | None = None
    for part in parts:
        if part.role is Role.PROXY:
            hidden = without(part, kinds, counts, found_by, limits)
            made.append(part if hidden is None else replace(part, data=b"", file=hidden[0]))
            poster = poster if hidden is None else hidden[1]
        else:
            made.append(part)
    return tuple(thumbnail(poster) if part.role is Role.THUMBNAIL and poster is not None else part for part in made)


def _pictures(reading: Reading, kinds: Sequence[str], counts: Counter[str], found_by: Detector | None) -> tuple[Derived, ...]:
    shown = [part for part in reading.derived if part.role is Role.PROXY]
    made = {id(part): _searched(part, kinds, counts, found_by) for part in shown}
    first = 0 if "tiles" in reading.facts else len(shown) // 2  # of tiles the overview, of a stack the middle
    parts = tuple(made.get(id(part), (part, None))[0] for part in reading.derived)
    if shown and (pixels := made[id(shown[first])][1]) is not None:
        parts = tuple(thumbnail(pixels) if part.role is Role.THUMBNAIL else part for part in parts)
    return parts


def _searched(
    part: Derived, kinds: Sequence[str], counts: Counter[str], found_by: Detector | None
) -> tuple[Derived, Pixels | None]:
    """Return the picture, and its pixels if something was hidden in it."""
    before = pixels = _pixels(part)
    for kind in kinds:
        if kind != TEXT:
            boxes = find(kind, before)
            counts[kind] += len(boxes)
            pixels = blurred(pixels, boxes) if boxes else pixels
    if found_by is not None:
        unlettered = pixels
        text = text_in(lambda mask: (blanked(unlettered, mask),), np.zeros(before.shape[:2], np.bool_), found_by, _CHECK)
        counts[TEXT] += int(cv2.connectedComponents(text.astype(np.uint8), connectivity=8)[0]) - 1
        pixels = blanked(pixels, text) if text.any() else pixels
    if pixels is before:
        return part, None
    data = jpeg(pixels, 95) if part.media_type == "image/jpeg" else png(pixels)
    return replace(part, data=data, file=None), pixels


def blanked(pixels: Pixels, text: Mask) -> Pixels:
    """Return the picture with each region of `text` in the median colour around it: a black one would look like a letter."""
    made = pixels.copy()
    count, regions, boxes, _ = cv2.connectedComponentsWithStats(text.astype(np.uint8), connectivity=8)
    for number in range(1, count):
        left, top, width, height = (int(value) for value in boxes[number, :4])
        place = np.s_[max(0, top - _RING_PX) : top + height + _RING_PX, max(0, left - _RING_PX) : left + width + _RING_PX]
        region = regions[place] == number
        around = (cv2.dilate(region.astype(np.uint8), np.ones((2 * _RING_PX + 1,) * 2)) > 0) & ~text[place]
        made[place][region] = np.median(pixels[place][around], axis=0).astype(np.uint8) if around.any() else 0
    return made


def _pixels(part: Derived) -> Pixels:
    file: Any = io.BytesIO(part.data) if part.file is None else part.file
    with Image.open(file, formats=("PNG", "JPEG")) as image:
        return np.asarray(image if image.mode == "L" else image.convert("RGB"), np.uint8)

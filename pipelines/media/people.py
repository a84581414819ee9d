"""Faces and plates in what annotators would see: found and blurred after a picture was read, where that was asked for.

Proxies and thumbnail change; facts, probes and fingerprints stay those of the picture as it came. A DICOM copy keeps its
pixels: it stays in the store, and neither tasks nor releases show it.
"""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from yuelu.base.records import Medium, Role
from yuelu.pipelines.deid.seen import blurred, find
from yuelu.pipelines.media.pictures import Pixels, jpeg, png, thumbnail
from yuelu.pipelines.media.reading import Derived, Reading, Refused

# DICOM modalities that are photographs of people; in sections a cascade sees faces that are none, and would blur findings.
_PHOTOGRAPHS = frozenset({"XC", "DMS", "OT"})


def without_people(reading: Reading, kinds: Sequence[str]) -> Reading:
    """Return the reading with what is found of `kinds` blurred, and `detected` (how many of each) among its facts.

    What is neither picture nor video comes back as it is, and so do DICOM of other modalities than photographs and NIfTI.
    Raises Refused: a video, in which nothing is searched.
    """
    if not kinds or not _photograph(reading):
        return reading
    if reading.medium is Medium.VIDEO:
        raise Refused(
            f"no search for {', '.join(kinds)} in videos", "ingest videos into a collection of their own, without --detect"
        )
    counts = Counter(dict.fromkeys(kinds, 0))
    shown = [part for part in reading.derived if part.role is Role.PROXY]
    made = {id(part): _searched(part, kinds, counts) for part in shown}
    first = 0 if "tiles" in reading.facts else len(shown) // 2  # of tiles the overview, of a stack the middle
    parts = tuple(made.get(id(part), (part, None))[0] for part in reading.derived)
    if shown and (pixels := made[id(shown[first])][1]) is not None:
        parts = tuple(thumbnail(pixels) if part.role is Role.THUMBNAIL else part for part in parts)
    return replace(reading, derived=parts, facts={**reading.facts, "detected": dict(sorted(counts.items()))})


def _photograph(reading: Reading) -> bool:
    if reading.media_type == "application/dicom":
        return reading.facts.get("modality") in _PHOTOGRAPHS
    return reading.medium in (Medium.IMAGE, Medium.VIDEO) and reading.media_type != "application/x-nifti"


def _searched(part: Derived, kinds: Sequence[str], counts: Counter[str]) -> tuple[Derived, Pixels | None]:
    """Return the picture, and its pixels if something was blurred in it."""
    pixels = _pixels(part)
    found = {kind: find(kind, pixels) for kind in kinds}
    counts.update({kind: len(boxes) for kind, boxes in found.items()})
    if not any(found.values()):
        return part, None
    for boxes in found.values():
        pixels = blurred(pixels, boxes)
    data = jpeg(pixels, 95) if part.media_type == "image/jpeg" else png(pixels)
    return replace(part, data=data, file=None), pixels


def _pixels(part: Derived) -> Pixels:
    file: Any = io.BytesIO(part.data) if part.file is None else part.file
    with Image.open(file, formats=("PNG", "JPEG")) as image:
        return np.asarray(image if image.mode == "L" else image.convert("RGB"), np.uint8)

"""Faces, licence plates and text in pictures: a seam for detectors, and those whose models ship inside a package we have.

Text is found by `deid.text`, the extra `ocr`. OpenCV's cascades find frontal, upright faces and plates of the Russian form; they
miss every other. All are off unless asked for, and what they find is a help to people, never a proof that nobody can be
recognised.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from yuelu.base.errors import InvalidRecord, NotFound

TEXT = "text"
# One screen holds every other detector: what it finds -> the model inside OpenCV's package.
DETECTORS: Mapping[str, str] = MappingProxyType(
    {"faces": "haarcascade_frontalface_default.xml", "plates": "haarcascade_russian_plate_number.xml"}
)
_NEIGHBOURS, _SMALLEST_SHARE = 5, 0.02


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """Where something was found, in pixels of the picture."""

    x: int
    y: int
    width: int
    height: int


def kinds(text: str) -> tuple[str, ...]:
    """Return what `text` asks to look for, between commas, sorted. Raises InvalidRecord: nothing looks for that."""
    asked = sorted({part.strip() for part in text.split(",") if part.strip()})
    for kind in asked:
        if kind not in (*DETECTORS, TEXT):
            raise InvalidRecord(f"no detector of {kind!r}", f"known: {', '.join((*DETECTORS, TEXT))}")
    return tuple(asked)


def find(kind: str, picture: NDArray[np.uint8]) -> tuple[Box, ...]:
    """Return where `kind` is in the picture, shape (height, width) or (height, width, 3) RGB, sorted.

    Raises NotFound: the installed OpenCV brings no model for it.
    """
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    side = max(16, round(_SMALLEST_SHARE * min(grey.shape)))
    found = _cascade(kind).detectMultiScale(cv2.equalizeHist(grey), 1.1, _NEIGHBOURS, minSize=(side, side))
    return tuple(sorted(Box(*(int(value) for value in one)) for one in found))


def blurred(picture: NDArray[np.uint8], boxes: tuple[Box, ...]) -> NDArray[np.uint8]:
    """Return the picture with the boxes as a few flat squares each: nothing of a face comes back from six of them."""
    made = picture.copy()
    for box in boxes:
        part = made[box.y : box.y + box.height, box.x : box.x + box.width]
        small = cv2.resize(part, (6, 6), interpolation=cv2.INTER_AREA)
        made[box.y : box.y + box.height, box.x : box.x + box.width] = cv2.resize(
            small, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_NEAREST
        )
    return made


@cache
def _cascade(kind: str) -> Any:
    place = Path(cv2.__file__).parent / "data" / DETECTORS[kind]
    if not place.is_file() or not hasattr(cv2, "CascadeClassifier"):
        raise NotFound(f"the installed OpenCV {cv2.__version__} brings no detector of {kind}", "use OpenCV 4, or leave it out")
    return cv2.CascadeClassifier(str(place))

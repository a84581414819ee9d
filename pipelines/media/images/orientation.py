"""Which way up a picture is meant to be seen: EXIF's orientation, one of eight."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_TAG = 0x0112


def orientation_of(exif: bytes) -> int:
    """Return the orientation that an EXIF block states, 1 to 8; 1 where it states none or is broken."""
    if not exif:
        return 1
    known = Image.Exif()
    try:
        known.load(exif)
        return valid(known.get(_TAG))
    except Exception:  # a block may be broken in any way; without it the picture is still a picture
        return 1


def valid(value: Any) -> int:
    """Return the stated orientation where it is one, else 1."""
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return the picture as it is meant to be seen. Source: Exif 3.0 section 4.6.5.1.5, the tag Orientation."""
    if orientation >= 5:  # rows are columns
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)

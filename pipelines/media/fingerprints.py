"""Fingerprints: short codes that stay nearly the same when a picture is scaled, compressed or brightened.

They stand in the facts of the labelled asset: `fingerprints = {"picture": [16 hex digits, ...], "sound": [...]}`.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from yuelu.pipelines.media.pictures import Pixels

_SIDE, _KEPT = 32, 8


def picture_fingerprint(pixels: Pixels) -> str:
    """Return the perceptual hash (pHash, 64 bits as 16 hex digits) of `pixels`, shape (height, width) or (height, width, 3).

    Bit by bit from the left: is a low frequency of the cosine transform above the median of all 64? Source: C. Zauner (2010),
    Implementation and Benchmarking of Perceptual Image Hash Functions, section 3.2.3.
    """
    luma = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(luma, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low: NDArray[np.float32] = np.asarray(cv2.dct(small), np.float32)[:_KEPT, :_KEPT]
    return np.packbits((low > np.median(low)).ravel()).tobytes().hex()

"""Fingerprints: short codes that stay nearly the same when a picture is scaled, compressed or brightened.

They stand in the facts of the labelled asset: `fingerprints = {"picture": [16 hex digits, ...], "sound": [...]}`.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from yuelu.pipelines.media.pictures import Pixels, luma_of

_SIDE, _KEPT = 32, 8
FLAT = "0" * 16  # the code of a picture without structure: it looks like every other such picture
_FLAT_AC = 16.0  # the strongest coefficient of a picture that varies by one grey level


def picture_fingerprint(pixels: Pixels) -> str:
    """Return the perceptual hash (pHash, 64 bits as 16 hex digits) of `pixels`, shape (height, width) or (height, width, 3).

    Bit by bit from the left: is a low frequency of the cosine transform above the median of all 64? `FLAT` for a picture that
    varies by less than about one grey level: its bits would be rounding errors. The bits are those of imagehash.phash where
    both scale the picture alike; Pillow's Lanczos filter and ours by area differ in few bits. Source: C. Zauner (2010),
    Implementation and Benchmarking of Perceptual Image Hash Functions, section 3.2.3.
    """
    small = cv2.resize(luma_of(pixels), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)
    low: NDArray[np.float64] = np.asarray(cv2.dct(small), np.float64)[:_KEPT, :_KEPT].copy()
    if np.abs(low.ravel()[1:]).max() < _FLAT_AC:
        return FLAT
    # The transform as it is published is not orthonormal, and the median compares across frequencies.
    low[0] *= np.sqrt(2)
    low[:, 0] *= np.sqrt(2)
    # What is zero but for rounding shall be zero: a picture of stripes has most coefficients there.
    low = np.round(low, 6)
    middle = np.sort(low, axis=None)[31:33].mean()  # the median, without the checks of numpy's
    return np.packbits((low > middle).ravel()).tobytes().hex()

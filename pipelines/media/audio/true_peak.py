"""True peak: the highest level between the samples too, by four-times oversampling.

Source: ITU-R BS.1770-5, Annex 2: an interpolating filter of 48 taps in four phases. It is applied only where it can raise
the maximum: what a phase makes of 12 samples is at most their peak times the sum of its absolute taps.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Channels = NDArray[np.float32]  # shape (channels, samples)

LOWEST_RATE_HZ = 8000  # below, a recording is no sound to be levelled
_FIRST = (0.001708984375, 0.010986328125, -0.0196533203125, 0.033203125, -0.0594482421875, 0.1373291015625,
          0.97216796875, -0.102294921875, 0.047607421875, -0.026611328125, 0.014892578125, -0.00830078125)  # fmt: skip
_SECOND = (-0.0291748046875, 0.029296875, -0.0517578125, 0.089111328125, -0.16650390625, 0.465087890625,
           0.77978515625, -0.2003173828125, 0.1015625, -0.0582275390625, 0.0330810546875, -0.0189208984375)  # fmt: skip
PHASES = np.array([_FIRST, _SECOND, _SECOND[::-1], _FIRST[::-1]], np.float32)
_TAPS = PHASES.shape[1]
_GAIN = float(np.abs(PHASES).sum(axis=1).max()) * 1.000001  # the sums are made in single precision
_PIECE = 1024  # samples that are oversampled or left out together


class TruePeak:
    """Listens to a recording block by block. Before its start and after its end, a recording stands at its last value."""

    def __init__(self, rate_hz: int) -> None:
        self._listens, self.peak = rate_hz >= LOWEST_RATE_HZ, 0.0
        self._rest: Channels | None = None  # what no whole piece was made of yet, after the samples that filters reach back to

    def add(self, block: Channels) -> None:
        """Take the next samples."""
        if not self._listens:
            return
        before = np.repeat(block[:, :1], _TAPS - 1, axis=1) if self._rest is None else self._rest
        samples = np.concatenate([before, block], axis=1)
        count = (samples.shape[1] - _TAPS + 1) // _PIECE
        if count:
            views = np.lib.stride_tricks.sliding_window_view(samples, _TAPS - 1 + _PIECE, axis=1)
            self._take(views[:, : count * _PIECE : _PIECE])
        self._rest = samples[:, count * _PIECE :].copy()

    def _take(self, pieces: Channels) -> None:
        """Take pieces, shape (channels, pieces, samples)."""
        peaks = np.maximum(pieces.max(axis=2), -pieces.min(axis=2))
        loudest = float(peaks.max())
        self.peak = max(self.peak, loudest)
        if loudest * _GAIN > self.peak:
            self._oversample(pieces[peaks == loudest][:1])  # first, for it spares most of the others
            self._oversample(pieces[peaks * _GAIN > self.peak])

    def _oversample(self, pieces: Channels) -> None:
        """Raise the peak to what lies between the samples of the pieces, shape (pieces, samples)."""
        for phase in PHASES if len(pieces) else ():
            between = cv2.filter2D(pieces, -1, phase[None], anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
            self.peak = max(self.peak, cv2.norm(between[:, : 1 - _TAPS], cv2.NORM_INF))

    def facts(self) -> dict[str, float | None]:
        """Return the peak in dB of full scale, None for silence and for what is no sound; call it once, at the end."""
        if self._rest is not None:
            self.add(np.repeat(self._rest[:, -1:], _TAPS + _PIECE, axis=1))
        return {"true_peak_dbtp": round(20 * math.log10(self.peak), 2) if self._listens and self.peak > 0 else None}

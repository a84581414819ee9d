"""Quality of a recording: tallies over blocks of samples, from which the probes and the waveform are made."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.pictures import png
from yuelu.pipelines.media.reading import Derived

Block = NDArray[np.float32] | NDArray[np.int16]  # shape (samples, channels), full scale is 1 or 32768
Channels = NDArray[np.float32]  # shape (channels, samples), each in one piece of memory: many times faster to reduce

_CLIPPED, _SILENT = 0.999, 0.001  # of full scale; -60 dB
_QUIETEST = 0.01  # sounds below this peak are drawn small, all others fill the waveform
_NOISE_PERCENTILE = 10  # of the levels of tenths of a second: what is there when nothing else is
_WAVEFORM_PX = (256, 64)


@dataclass(slots=True)
class Levels:
    """Tallies of all blocks so far."""

    rate_hz: int
    channels: int
    samples: int = 0
    clipped: int = 0
    silent: int = 0
    first_sound: int | None = None
    last_sound: int = 0
    peaks: list[float] = field(default_factory=list)  # of each tenth of a second
    powers: list[float] = field(default_factory=list)  # mean square of each tenth of a second
    _channel_peaks: Any = 0.0
    _sums: Any = 0.0

    def add(self, block: Channels) -> None:
        """Take the next samples."""
        sizes, count = np.abs(block), block.shape[1]
        self._channel_peaks = np.maximum(self._channel_peaks, sizes.max(axis=1))
        self._sums = self._sums + block.sum(axis=1, dtype=np.float64)
        loudest = sizes[0]
        for one in sizes[1:]:
            np.maximum(loudest, one, out=loudest)
        sounding = loudest >= _SILENT
        if (heard := int(np.count_nonzero(sounding))) > 0:
            self.first_sound = self.samples + int(sounding.argmax()) if self.first_sound is None else self.first_sound
            self.last_sound = self.samples + count - 1 - int(sounding[::-1].argmax())
        self.samples += count
        self.silent += count - heard
        peaks = _tenths(loudest[None], self.rate_hz).max(axis=2)[0]
        if peaks.max() >= _CLIPPED:
            self.clipped += int(np.count_nonzero(loudest >= _CLIPPED))
        self.peaks += peaks.tolist()
        tenths = _tenths(block, self.rate_hz)
        sums = np.matmul(tenths[:, :, None, :], tenths[:, :, :, None]).sum(axis=0, dtype=np.float64).ravel()
        lengths = np.full(len(sums), tenths.shape[2])
        lengths[-1] = count - tenths.shape[2] * (len(sums) - 1)
        self.powers += (sums / (lengths * self.channels)).tolist()

    def probes(self) -> dict[str, Any]:
        """Return the probes. `noise_floor_dbfs` is None where even that is digital silence."""
        floor = float(np.percentile(self.powers, _NOISE_PERCENTILE))
        leading = self.samples if self.first_sound is None else self.first_sound
        trailing = self.samples if self.first_sound is None else self.samples - 1 - self.last_sound
        return {
            "peak": round(float(self._channel_peaks.max()), 6),
            "channel_peaks": np.round(self._channel_peaks.astype(float), 6).tolist(),
            "clipped_share": round(self.clipped / self.samples, 6),
            "silent_share": round(self.silent / self.samples, 6),
            "leading_silence_s": round(leading / self.rate_hz, 3),
            "trailing_silence_s": round(trailing / self.rate_hz, 3),
            "dc_offsets": np.round(self._sums / self.samples, 6).tolist(),
            "noise_floor_dbfs": None if floor <= 0 else round(10 * float(np.log10(floor)), 1),
        }

    def waveform(self) -> Derived:
        """Return a small picture of how loud it is along the time."""
        width, height = _WAVEFORM_PX
        columns = np.interp(np.arange(width), np.linspace(0, width - 1, len(self.peaks)), self.peaks) / max(
            _QUIETEST, *self.peaks
        )
        rows = np.abs(np.arange(height) - (height - 1) / 2)[:, None]
        pixels = np.where(rows <= np.maximum(columns * height / 2, 1), 64, 255).astype(np.uint8)
        return Derived(Role.THUMBNAIL, Medium.IMAGE, "image/png", png(pixels), {"width_px": width, "height_px": height})


def _tenths(block: Channels, rate_hz: int) -> NDArray[np.float32]:
    """Return the samples by tenths of a second, shape (channels, tenths, samples); the last one is filled up with zeros."""
    size = max(1, rate_hz // 10)
    if over := -block.shape[1] % size:
        block = np.pad(block, ((0, 0), (0, over)))
    return block.reshape(len(block), -1, size)

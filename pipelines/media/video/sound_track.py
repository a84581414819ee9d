"""The sound of a video's proxy: AAC, mono or stereo, sample for sample on the clock of the frames."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.codec.context import Flags
from numpy.typing import NDArray

_RATES_HZ = (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)  # that AAC and browsers have
_FRAME = 1024  # samples per AAC frame, and the encoder's delay
_SLACK_S = 0.05  # timestamps of sound jitter; less than this is neither a gap nor an overlap
_BIT_RATE = 64_000  # per channel


class SoundTrack:
    """Encodes the frames of a sound stream so that the sample at time t of the source plays at t - start in the proxy.

    An encoder's first 1024 samples are its own delay. They are cut by starting 1024 samples later instead of by an
    edit list, which not every player honours; 21 ms of sound at 48 kHz are the price.
    """

    def __init__(self, out: Any, source: Any, start: Fraction, end: Fraction) -> None:
        context = source.codec_context
        self.rate_hz = context.sample_rate if context.sample_rate in _RATES_HZ else _RATES_HZ[0]
        self.channels = 1 if context.channels == 1 else 2
        layout = "mono" if self.channels == 1 else "stereo"
        self._out = out.add_stream("aac", rate=self.rate_hz, layout=layout)
        self._out.codec_context.flags |= Flags.bitexact
        self._out.codec_context.bit_rate = _BIT_RATE * self.channels
        self._resampler = AudioResampler(format="fltp", layout=layout, rate=self.rate_hz)
        self._start, self._layout = start, layout
        self._last = max(0, int((end - start) * self.rate_hz))  # no sound after the last frame
        self._at = 0  # samples placed so far
        self._held: NDArray[np.float32] = np.zeros((self.channels, 0), np.float32)
        self._sent = _FRAME

    def push(self, frame: Any) -> Iterator[Any]:
        """Yield the packets that `frame` completes."""
        at = None if frame.pts is None else frame.pts * Fraction(frame.time_base)
        for even in self._resampler.resample(frame):
            samples = np.asarray(even.to_ndarray(), np.float32)
            if not np.isfinite(samples).all():
                samples = np.nan_to_num(samples)
            wanted = self._at if at is None else round((at - self._start) * self.rate_hz)
            at = None
            yield from self._place(samples, wanted)

    def _place(self, samples: NDArray[np.float32], wanted: int) -> Iterator[Any]:
        gap = wanted - self._at
        if gap < 0 and (self._at == 0 or -gap > _SLACK_S * self.rate_hz):
            samples = samples[:, -gap:]  # before the first frame, or said twice
        while gap > (0 if self._at == 0 else _SLACK_S * self.rate_hz) and self._at < self._last:
            silence = min(gap, self.rate_hz, self._last - self._at)
            yield from self._hold(np.zeros((self.channels, silence), np.float32))
            gap -= silence
        yield from self._hold(samples[:, : max(0, self._last - self._at)])

    def _hold(self, samples: NDArray[np.float32]) -> Iterator[Any]:
        skipped = max(0, min(_FRAME - self._at, samples.shape[1]))  # the encoder's delay takes their place
        self._at += samples.shape[1]
        self._held = np.concatenate([self._held, samples[:, skipped:]], axis=1)
        while self._held.shape[1] >= _FRAME:
            yield from self._encode(self._held[:, :_FRAME])
            self._held = self._held[:, _FRAME:]

    def _encode(self, samples: NDArray[np.float32]) -> Iterator[Any]:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self.rate_hz, self._sent, Fraction(1, self.rate_hz)
        self._sent += samples.shape[1]
        yield from self._out.encode(frame)

    def close(self) -> Iterator[Any]:
        """Yield the last packets."""
        if self._held.shape[1]:
            yield from self._encode(self._held)
        if self._sent > _FRAME:
            yield from self._out.encode(None)

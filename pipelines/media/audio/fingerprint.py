"""Sound fingerprints: 64-bit codes of what a recording does in frequency and time, at moments its own content chooses.

Energies are taken over 0.37 s every 16 ms: those of spectra of 0.13 s, weighted in time so that together they weigh as one
window of 0.37 s does. The spectrogram's patch of two seconds that follows a moment is hashed as a picture is (pHash). The
moments are the most sudden rises of energy, each the strongest within half a second on either side, so that they stay where
they are when a recording is compressed, resampled, made louder, or trimmed; at most 64 of them, the strongest, in the order
of time. Two recordings that share several codes within 3 bits hold the same sound. Silence has no code.
Sources: J. Haitsma, T. Kalker (2002), A Highly Robust Audio Fingerprinting System, section 4.2 (frames of 0.37 s, bands
evenly spaced in log frequency from 300 Hz); C. Zauner (2010), Implementation and Benchmarking of Perceptual Image Hash
Functions, section 3.2.3.
"""

import itertools
from typing import Any

import av
import cv2
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

RATE_HZ, MOST_CODES = 8000, 64
_FRAME, _HOP, _BANDS = 1024, 128, 32  # 0.13 s every 16 ms
_WEIGHTS = np.hanning(23)[1:-1] ** 2  # over frames: the square of a Hann window of 0.37 s, but for the frame's own
_LOWEST_HZ, _HIGHEST_HZ = 300.0, 3000.0
_PATCH, _APART = 125, 31  # frames: 2 s of content, half a second between moments
_FLOOR = 1e-4  # of the loudest: what lies 40 dB below is noise
_SILENCE = 1e-9  # energy of a frame in which nothing sounds
_SIDE, _KEPT = 32, 8

Energies = NDArray[np.float32]  # shape (frames, bands)


class SoundPrint:
    """Listens to a recording block by block; keeps band energies, 8 kB per second."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz, self._at = rate_hz, 0
        self._resampler = AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
        self._rest: NDArray[np.float32] = np.zeros(0, np.float32)
        self._energies: list[Energies] = []
        edges = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, _BANDS + 1) * _FRAME / RATE_HZ
        bins = np.arange(_FRAME // 2 + 1)
        bands = np.stack([(bins >= low) & (bins < high) for low, high in itertools.pairwise(edges)], 1)
        used = np.flatnonzero(bands.any(axis=1))
        self._used = slice(int(used[0]), int(used[-1]) + 1)
        self._bands = bands[self._used].astype(np.float32) / _FRAME**2
        self._window = np.hanning(_FRAME).astype(np.float32)

    def add(self, mono: NDArray[np.float32]) -> None:
        """Take the next samples of one channel."""
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mono)[None], format="flt", layout="mono")
        frame.sample_rate, frame.pts = self._rate_hz, self._at
        self._at += mono.size
        self._take(self._resampler.resample(frame))

    def _take(self, frames: list[Any]) -> None:
        samples = np.concatenate([self._rest, *(np.asarray(frame.to_ndarray(), np.float32).ravel() for frame in frames)])
        count = (samples.size - _FRAME) // _HOP + 1
        if count > 0:
            views = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[: count * _HOP : _HOP]
            spectrum = np.fft.rfft(views * self._window, axis=1)[:, self._used]
            self._energies.append(np.asarray((spectrum.real**2 + spectrum.imag**2) @ self._bands, np.float32))
        self._rest = samples[max(0, count) * _HOP :]

    def codes(self) -> list[str]:
        """Return the codes, 16 hex digits each, in the order of time; call it once, at the end."""
        self._take([*self._resampler.resample(None), _silence()])
        weights = (_WEIGHTS / _WEIGHTS.sum())[:, None].astype(np.float32)
        energies = cv2.filter2D(np.concatenate(self._energies), -1, weights, borderType=cv2.BORDER_REPLICATE)
        return codes(np.asarray(energies, np.float32))


def _silence() -> Any:
    return av.AudioFrame.from_ndarray(np.zeros((1, _FRAME), np.float32), format="flt", layout="mono")


def codes(energies: Energies) -> list[str]:
    """Return the codes of a recording with these band energies."""
    found = dict.fromkeys(_code(energies[at : at + _PATCH]) for at in moments(energies))
    return [code for code in found if code is not None]


def moments(energies: Energies) -> list[int]:
    """Return the frames at which the patches start, in order."""
    total = energies.sum(axis=1)
    loud = 10 * np.log10(total + total.max() * _FLOOR + _SILENCE)
    if len(loud) <= _PATCH:
        return [0]
    smooth = cv2.GaussianBlur(loud[:, None].astype(np.float64), (1, 41), 6).ravel()
    rise = np.diff(smooth, prepend=smooth[0])
    highest = cv2.dilate(rise[:, None], np.ones((2 * _APART + 1, 1), np.uint8)).ravel()
    peaks = np.flatnonzero((rise == highest) & (rise > 0))
    peaks = peaks[peaks + _PATCH <= len(loud)]
    strongest = peaks[np.argsort(-rise[peaks], kind="stable")[:MOST_CODES]]
    return sorted(int(at) for at in strongest) or [0]


def _code(patch: Energies) -> str | None:
    """Return pHash of the patch's levels, None where it is silent."""
    if float(patch.max()) < _SILENCE:
        return None
    levels = np.log(np.maximum(patch, patch.max() * _FLOOR))
    small = cv2.resize(levels.T, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = np.asarray(cv2.dct(small - small.mean()), np.float32)[:_KEPT, :_KEPT]
    return np.packbits((low > np.median(low)).ravel()).tobytes().hex()

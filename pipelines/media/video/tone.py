"""High dynamic range as every screen shows it: PQ and HLG become BT.709 at a reference white of 203 cd/m2.

Light of the display by the curves of ITU-R BT.2100 (HLG for a display of 1000 cd/m2), luminance brought from 1000 to 203 cd/m2
by the curve of ITU-R BT.2390 (section 5.4.1, no black lift), colour from BT.2020 to BT.709 by the matrix of ITU-R BT.2407,
what then lies outside cut off, and the inverse of ITU-R BT.1886. Light above 1000 cd/m2 is shown as 1000. The mapping
stands in a table of 36 x 36 x 36 colours, between which libav interpolates.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

PQ, HLG = 16, 18  # transfer characteristics of ITU-T H.273
_BT2020, _UNSPECIFIED = 9, 2
_PEAK, _WHITE = 1000.0, 203.0  # cd/m2; ITU-R BT.2408
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593])  # of BT.2020
_TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])  # BT.2407, 2
_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A, _GAMMA = 0.17883277, 1.2
_LEVEL = 6  # of the table: 36 steps each way, as an image of 216 x 216 pixels
FORMAT = "rgb48le"  # of the frames that are mapped

Values = NDArray[np.float64]  # shape (..., 3), red first


def pq_light(signal: Values) -> Values:
    """Return the light in cd/m2 of a PQ signal from 0 to 1 (ITU-R BT.2100, table 4)."""
    power = np.power(np.clip(signal, 0, 1), 1 / _M2)
    return np.asarray(10_000 * np.power(np.maximum(power - _C1, 0) / (_C2 - _C3 * power), 1 / _M1))


def pq_signal(light: Values) -> Values:
    """Return the inverse of `pq_light`."""
    power = np.power(np.maximum(light, 0) / 10_000, _M1)
    return np.asarray(np.power((_C1 + _C2 * power) / (1 + _C3 * power), _M2))


def hlg_light(signal: Values) -> Values:
    """Return the light in cd/m2 that a display of 1000 cd/m2 makes of an HLG signal from 0 to 1 (ITU-R BT.2100, table 5)."""
    b = 1 - 4 * _A
    c = 0.5 - _A * np.log(4 * _A)
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / _A) + b) / 12)
    luminance = np.maximum(scene @ _LUMINANCE, 1e-12)[..., None]
    return np.asarray(_PEAK * luminance ** (_GAMMA - 1) * scene)


def compressed(luminance: Values) -> Values:
    """Return the luminance in cd/m2 on a screen of 203 that one of 1000 would show (ITU-R BT.2390, section 5.4.1)."""
    whole = float(pq_signal(np.array(_PEAK)))
    signal, most = np.clip(pq_signal(luminance) / whole, 0, 1), float(pq_signal(np.array(_WHITE))) / whole
    knee = 1.5 * most - 0.5
    t = np.clip((signal - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    return pq_light(np.where(signal < knee, signal, spline) * whole)


def shown(signal: Values, transfer: int, *, wide: bool) -> Values:
    """Return the BT.709 signal from 0 to 1 for an HDR one; `wide` when its primaries are those of BT.2020."""
    light = np.minimum(pq_light(signal), _PEAK) if transfer == PQ else hlg_light(signal)
    luminance = light @ _LUMINANCE
    light = light * (compressed(luminance) / np.maximum(luminance, 1e-9))[..., None]
    narrow = light @ _TO_BT709.T if wide else light
    return np.asarray(np.power(np.clip(narrow / _WHITE, 0, 1), 1 / 2.4))


@dataclass(frozen=True, slots=True)
class _Table:
    transfer: int
    wide: bool

    def frame(self) -> Any:
        steps = np.linspace(0, 1, _LEVEL**2)
        blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")  # red counts fastest
        mapped = shown(np.stack([red, green, blue], -1).reshape(-1, 3), self.transfer, wide=self.wide)
        pixels = np.rint(mapped * 65535).astype(np.uint16).reshape(_LEVEL**3, _LEVEL**3, 3)
        return av.VideoFrame.from_ndarray(pixels, format=FORMAT)


class ToneMap:
    """Maps frames of one HDR stream."""

    def __init__(self, transfer: int, primaries: int) -> None:
        self.told = f"{'PQ' if transfer == PQ else 'HLG'} to BT.709, {_PEAK:g} to {_WHITE:g} cd/m2 by BT.2390"
        self._table = _Table(transfer, primaries in (_BT2020, _UNSPECIFIED))
        self._graph: Any = None
        self._size = (0, 0)

    @classmethod
    def of(cls, transfer: int, primaries: int) -> "ToneMap | None":
        """Return None for a stream that screens show as it is."""
        return cls(transfer, primaries) if transfer in (PQ, HLG) else None

    def apply(self, frame: Any) -> Any:
        """Return the frame with BT.709 colours; both are of FORMAT."""
        if self._graph is None or self._size != (frame.width, frame.height):
            self._begin(frame)
        frame.pts, frame.time_base = self._count, Fraction(1, 1000)
        self._count += 1
        self._source.push(frame)
        return self._graph.pull()

    def _begin(self, frame: Any) -> None:
        self._size, self._count = (frame.width, frame.height), 0
        self._graph = av.filter.Graph()
        self._graph.threads = 1
        sizes = (self._size, (_LEVEL**3, _LEVEL**3))
        self._source, table = (
            self._graph.add_buffer(width=width, height=height, format=FORMAT, time_base=Fraction(1, 1000))
            for width, height in sizes
        )
        mapped = self._graph.add("haldclut", "interp=tetrahedral")
        self._source.link_to(mapped, 0, 0)
        table.link_to(mapped, 0, 1)
        mapped.link_to(self._graph.add("buffersink"))
        self._graph.configure()
        whole = self._table.frame()
        whole.pts, whole.time_base = 0, Fraction(1, 1000)
        table.push(whole)
        table.push(None)

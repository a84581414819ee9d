"""Loudness by EBU R 128 (ITU-R BS.1770), as libav's ebur128 filter measures it."""

import math
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

_LOWEST_RATE_HZ = 8000  # below, the standard's filters have no room
_SHORTEST_RANGE_S = 60  # EBU Tech 3342 advises against a range of less than a minute
_GATE_LUFS = -70.0  # the absolute gate: an integrated loudness at or below it was never measured


class Loudness:
    """Listens to a recording block by block."""

    def __init__(self, rate_hz: int, layout: str) -> None:
        self._rate_hz, self._layout, self._at = rate_hz, layout, 0
        self._last: dict[str, str] = {}
        self._sink: Any = None
        if rate_hz >= _LOWEST_RATE_HZ:
            graph = av.filter.Graph()
            graph.threads = 1
            self._graph = graph
            self._source = graph.add_abuffer(sample_rate=rate_hz, format="flt", layout=layout, time_base=Fraction(1, rate_hz))
            meter, self._sink = graph.add("ebur128", "metadata=1:peak=true"), graph.add("abuffersink")
            self._source.link_to(meter)
            meter.link_to(self._sink)
            graph.configure()

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next samples, shape (samples, channels)."""
        if self._sink is None:
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block).reshape(1, -1), format="flt", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self._rate_hz, self._at, Fraction(1, self._rate_hz)
        self._at += len(block)
        self._source.push(frame)
        self._pull()

    def _pull(self) -> None:
        while True:
            try:
                self._last = dict(self._sink.pull().metadata) or self._last
            except (av.error.BlockingIOError, av.error.EOFError):
                return

    def facts(self) -> dict[str, float | None]:
        """Return integrated loudness, loudness range and true peak; None where the recording is too short or too quiet."""
        if self._sink is not None:
            self._source.push(None)
            self._pull()
        loudness = _number(self._last.get("lavfi.r128.I"))
        peak = _number(self._last.get("lavfi.r128.true_peak"))
        long = self._at >= _SHORTEST_RANGE_S * self._rate_hz
        heard = loudness is not None and loudness > _GATE_LUFS
        return {
            "loudness_lufs": loudness if heard else None,
            "loudness_range_lu": _number(self._last.get("lavfi.r128.LRA")) if heard and long else None,
            "true_peak_dbtp": None if not peak else round(20 * math.log10(peak), 2),
        }


def _number(text: str | None) -> float | None:
    value = math.nan if text is None else float(text)
    return value if math.isfinite(value) else None

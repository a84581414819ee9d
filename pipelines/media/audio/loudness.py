"""Loudness by EBU R 128 (ITU-R BS.1770), as libav's ebur128 filter measures it; its true peak costs more and is ours."""

import math
from fractions import Fraction
from typing import Any

import av
import numpy as np

from yuelu.pipelines.media.audio.levels import Channels

_LOWEST_RATE_HZ = 8000  # below, the standard's filters have no room
_SHORTEST_RANGE_S = 60  # EBU Tech 3342 advises against a range of less than a minute
_GATE_LUFS = -70.0  # the absolute gate: an integrated loudness at or below it was never measured


class Loudness:
    """Listens to a recording block by block."""

    def __init__(self, rate_hz: int, layout: str) -> None:
        self._rate_hz, self._layout, self._at = rate_hz, layout, 0
        self._last: Any = None
        self._sink: Any = None
        if rate_hz >= _LOWEST_RATE_HZ:
            graph = av.filter.Graph()
            graph.threads = 1
            self._graph = graph
            self._source = graph.add_abuffer(sample_rate=rate_hz, format="flt", layout=layout, time_base=Fraction(1, rate_hz))
            meter, self._sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
            self._source.link_to(meter)
            meter.link_to(self._sink)
            graph.configure()

    def add(self, block: Channels) -> None:
        """Take the next samples."""
        if self._sink is None:
            return
        packed = np.ascontiguousarray(block.T).reshape(1, -1)  # PyAV holds no more than 8 channels apart
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self._rate_hz, self._at, Fraction(1, self._rate_hz)
        self._at += block.shape[1]
        self._source.push(frame)
        self._pull()

    def _pull(self) -> None:
        while True:
            try:
                self._last = self._sink.pull()  # each tells of all so far; only the last is asked
            except (av.error.BlockingIOError, av.error.EOFError):
                return

    def facts(self) -> dict[str, float | None]:
        """Return integrated loudness and loudness range; None where the recording is too short or too quiet."""
        if self._sink is not None:
            self._source.push(None)
            self._pull()
        said = {} if self._last is None else dict(self._last.metadata)
        loudness = _number(said.get("lavfi.r128.I"))
        long = self._at >= _SHORTEST_RANGE_S * self._rate_hz
        heard = loudness is not None and loudness > _GATE_LUFS
        return {
            "loudness_lufs": loudness if heard else None,
            "loudness_range_lu": _number(said.get("lavfi.r128.LRA")) if heard and long else None,
        }


def _number(text: str | None) -> float | None:
    value = math.nan if text is None else float(text)
    return value if math.isfinite(value) else None

"""From whatever a file calls time to seconds since its first row."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.media.timeseries.names import unit_in

_UNITS_S: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("s", "sec", "seconds", "秒"), 1.0),
        **dict.fromkeys(("ms", "毫秒"), 1e-3),
        **dict.fromkeys(("us", "µs", "μs", "微秒"), 1e-6),
        **dict.fromkeys(("ns", "纳秒"), 1e-9),
        **dict.fromkeys(("min", "分"), 60.0),
        **dict.fromkeys(("h", "时"), 3600.0),
    }
)
# Numbers this large are no seconds since a start: they count from 1970, in s, ms, µs or ns (each from 1973 to 5138).
_EPOCHS = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3), (1e8, 1.0))
_MOST_UNORDERED = 0.01  # of the rows; more is not a late message, but no clock
GAP = 1.5  # times the usual interval


@dataclass(frozen=True, slots=True)
class Clock:
    """`times_s` rise strictly from 0; `order` are the rows of the file that they belong to, in that order.

    `stated` is how the file told its time: a unit, calendar time, counts since 1970, a sampling rate, or `assumed`
    seconds. `repeated` rows had the time of the row before and were spread up to the next; `unordered` rows came late and
    were moved to their place.
    """

    times_s: NDArray[np.float64]
    order: NDArray[np.int64]
    stated: str
    repeated: int = 0
    unordered: int = 0

    @property
    def interval_s(self) -> float:
        """The median time from row to row."""
        return float(np.median(np.diff(self.times_s)))

    @property
    def duration_s(self) -> float:
        """From the first row to the end of the last one, which lasts as long as rows usually do."""
        return float(self.times_s[-1]) + self.interval_s

    def gaps(self) -> list[tuple[float, float]]:
        """Return (start_s, length_s) of each stretch without rows."""
        steps = np.diff(self.times_s)
        found = np.flatnonzero(steps > GAP * self.interval_s)
        return [(float(self.times_s[each]), float(steps[each])) for each in found]


def from_numbers(values: NDArray[np.float64], name: str, unit: str | None) -> Clock:
    """Return the clock that a column of numbers gives. Raises Refused."""
    scale = _UNITS_S.get((unit or unit_in(name) or "").lower())
    if scale is not None:
        return ordered(values * scale, unit or unit_in(name) or "s", values)
    largest = float(np.nanmax(np.abs(values), initial=0.0))
    for least, scale in _EPOCHS:
        if largest >= least:
            start = float(np.nanmin(values))
            return ordered((values - start) * scale, "counted from 1970", values)
    return ordered(values, "assumed seconds", values)


def from_calendar(times_ns: NDArray[np.int64], known: NDArray[np.bool_]) -> Clock:
    """Return the clock that calendar times give, in nanoseconds since any moment. Raises Refused."""
    start = int(times_ns[known].min()) if known.any() else 0
    seconds = np.where(known, (times_ns - start) / 1e9, np.nan)
    return ordered(seconds, "calendar time", seconds)


def from_rate(rows: int, rate_hz: float) -> Clock:
    """Return the clock of `rows` that were taken `rate_hz` times a second. Raises Refused."""
    if not (np.isfinite(rate_hz) and rate_hz > 0) or rows < 2:
        raise Refused(f"{rows} rows at a sampling rate of {rate_hz:g} Hz", "check the file at its origin")
    return Clock(np.arange(rows) / rate_hz, np.arange(rows), "sampling rate")


def ordered(seconds: NDArray[np.float64], stated: str, said: NDArray[np.float64]) -> Clock:
    """Return the clock of rows at those `seconds`, in order and from 0. Rows without a time are left out.

    Raises Refused: time stands still, or runs backwards too often.
    """
    rows = np.flatnonzero(np.isfinite(seconds) & np.isfinite(said))
    times = seconds[rows]
    if len(times) < 2:
        raise Refused(f"{len(times)} rows with a time", "a series needs a time for each row")
    unordered = int((np.diff(times) < 0).sum())
    if unordered > max(1, _MOST_UNORDERED * len(times)):
        raise Refused(f"time runs backwards {unordered} times in {len(times)} rows", "sort the rows, or give one series per file")
    if unordered:
        sort = np.argsort(times, kind="stable")
        rows, times = rows[sort], times[sort]
    different, first = np.unique(times, return_index=True)
    if len(different) < 2:
        raise Refused("time stands still", "a series needs a time for each row")
    repeated = len(times) - len(different)
    if repeated:  # a clock coarser than the rows: they lie evenly between its ticks
        end = float(different[-1] + np.median(np.diff(different)))
        times = np.interp(np.arange(len(times)), [*first, len(times)], [*different, end])
    return Clock(times - times[0], rows, stated, repeated, unordered)

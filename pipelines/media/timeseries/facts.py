"""What is known of a series before anybody looks at it: its clock, and each channel's range and faults."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from yuelu.pipelines.media.timeseries.clock import GAP, Clock

_SHOWN_GAPS = 5
_JITTER, _REGULAR = 0.05, 0.99  # of the usual interval; share of the intervals
_STUCK_ROWS = 3  # in a row at the very end of the range are no chance
_FEW_VALUES = 16  # a switch or a code, which is at an end of its range all the time
_FAR = 6 * 1.4826  # robust standard deviations from the median (1.4826 MAD is one of a normal distribution)


def clock_facts(clock: Clock) -> dict[str, Any]:
    """Return the facts of the clock; `gaps` are stretches without rows, in seconds, and `regular` is said of the rest."""
    steps, usual, gaps = np.diff(clock.times_s), clock.interval_s, clock.gaps()
    even = float((np.abs(steps[steps <= GAP * usual] - usual) <= _JITTER * usual).mean())
    return {
        "rows": len(clock.times_s),
        "duration_s": _short(clock.duration_s),
        "sampling_rate_hz": _short(1 / usual),
        "regular": even >= _REGULAR,
        "time_stated_as": clock.stated,
        "repeated_times": clock.repeated,
        "unordered_rows": clock.unordered,
        "gaps": {
            "count": len(gaps),
            "longest_s": _short(max((length for _, length in gaps), default=0.0)),
            "first": [{"start_s": _short(start), "length_s": _short(length)} for start, length in gaps[:_SHOWN_GAPS]],
        },
    }


def channel_facts(values: NDArray[np.float64], clock: Clock) -> dict[str, Any]:
    """Return range, mean and spread of a channel in its own unit, and the shares of its rows that look faulty.

    `stuck_s` is the longest time that the value did not change at all. `clipped_share` counts rows that stay at an end of the
    range; it is 0 for switches and codes.
    """
    known = values[~np.isnan(values)]
    low, high = float(known.min()), float(known.max())
    middle = float(np.median(known))
    spread = float(np.median(np.abs(known - middle)))
    far = float((np.abs(known - middle) > _FAR * spread).mean()) if spread else 0.0
    return {
        "min": low,
        "max": high,
        "mean": float(known.mean()),
        "std": float(known.std()),
        "missing_share": round(1 - len(known) / len(values), 6),
        "constant": low == high,
        "stuck_s": _short(_longest_run(values) * clock.interval_s),
        "clipped_share": 0.0 if _is_code(known) else round(_at_ends(known, low, high) / len(known), 6),
        "outlier_share": round(far, 6),
    }


def _is_code(known: NDArray[np.float64]) -> bool:
    return len(np.unique(known[:: max(1, len(known) // 10_000)])) <= _FEW_VALUES


def _at_ends(known: NDArray[np.float64], low: float, high: float) -> int:
    """Return how many values lie in runs at the lowest or the highest value."""
    found = 0
    for end in (low, high):
        starts, lengths, same = _runs(known == end)
        found += int(lengths[same & (lengths >= _STUCK_ROWS)].sum()) if len(starts) else 0
    return found


def _longest_run(values: NDArray[np.float64]) -> int:
    """Return the most steps in a row over which the value stayed the same."""
    _, lengths, same = _runs(np.diff(values) == 0)
    return int(lengths[same].max()) if same.any() else 0


def _runs(flags: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return start, length and flag of each run of equal flags."""
    if not len(flags):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_)
    starts = np.concatenate([[0], np.flatnonzero(flags[1:] != flags[:-1]) + 1])
    return starts, np.diff([*starts, len(flags)]), flags[starts]


def _short(value: float) -> float:
    """Return the number without the noise of its last digits."""
    return float(f"{value:.9g}")

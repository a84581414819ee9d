"""When the frames of a video come, and at which constant rate a proxy shows every one of them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

HIGHEST_RATE_HZ, HIGHEST_STATED_HZ, USUAL_RATE_HZ = Fraction(1000), Fraction(60), Fraction(25)
# Rates that cameras, screens and films have: what a stream with uneven times is tried at.
USUAL_RATES = tuple(
    sorted(
        [Fraction(n) for n in (1, 2, 5, 8, 10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 75, 90, 100, 120, 144, 200, 240)]
        + [Fraction(n, 1001) for n in (24000, 30000, 60000, 120000)]
    )
)
_NEARLY = 0.002  # a measured rate this close to a stated or usual one is that one


@dataclass(frozen=True, slots=True)
class Timing:
    """How the frames of a stream lie in time.

    `rate_hz` is the proxy's; `variable` says that at this rate some frame stands longer than one proxy frame or comes
    off its beat by more than a quarter of one. `measured_rate_hz` is None with fewer than two timestamps.
    """

    rate_hz: Fraction
    measured_rate_hz: float | None
    variable: bool
    timestamps: bool


def timing(pts: Sequence[int], time_base: Fraction, stated: Fraction | None, most_frames: int = 10**9) -> Timing:
    """Return the timing of a stream whose packets have these timestamps, in any order; `stated` is the header's rate.

    `most_frames` bounds the proxy: no rate is chosen at which it would have more.
    """
    times = np.sort(np.asarray(pts, np.int64)).astype(np.float64) * float(time_base)
    times -= times[0] if times.size else 0
    if times.size < 2 or np.unique(times).size * 2 < times.size:
        return Timing(stated_rate(stated), None, False, times.size == 1)
    beat = float(np.median(np.diff(times)[np.diff(times) > 0]))
    measured = (times.size - 1) / float(times[-1])
    highest = min(HIGHEST_RATE_HZ, Fraction(most_frames - 1) / Fraction(float(times[-1])))
    rate = _rate(times, _Beat(beat, measured, float(time_base)), stated, highest)
    at = slots(times, float(rate))
    off = np.abs(at - times * float(rate))
    # A clock that ticks in milliseconds puts frames off their beat by up to a tick; that is no variable rate.
    variable = bool((np.diff(at) != 1).any() or (off > 0.25 + float(time_base * rate)).any())
    return Timing(rate, measured, variable, True)


def stated_rate(stated: Fraction | None) -> Fraction:
    """Return the rate of a proxy when only the header speaks: at most 60 Hz, 25 Hz where it says nothing."""
    if not stated or stated < 0:
        return USUAL_RATE_HZ
    return min(Fraction(stated).limit_denominator(1001), HIGHEST_STATED_HZ) or Fraction(1, 10)


def slots(times: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
    """Return the proxy frame (from 0) at which each frame first shows: the nearest that no earlier frame holds."""
    count = np.arange(times.size)
    return np.asarray(count + np.maximum.accumulate(np.floor(times * rate_hz + 0.5) - count))


@dataclass(frozen=True, slots=True)
class _Beat:
    """The usual distance of two frames, the mean rate, and the tick of the clock that measured both."""

    usual_s: float
    measured_hz: float
    tick_s: float


def _rate(times: NDArray[np.float64], beat: _Beat, stated: Fraction | None, highest: Fraction) -> Fraction:
    """Return the lowest rate at which every frame shows within half a frame of its time.

    "Half a frame" is half the usual distance of two frames. Where no rate can do that, the one that comes closest.
    """
    usual = [*([stated] if stated and stated > 0 else []), *USUAL_RATES]
    # The clock's tick blurs the distance of two frames, but hardly that of the first and the last.
    seen = (
        (beat.measured_hz, _NEARLY + beat.tick_s / float(times[-1])),
        (1 / beat.usual_s, _NEARLY + beat.tick_s / beat.usual_s),
    )
    known = [(min(usual, key=lambda rate: abs(float(rate) - hz)), hz, blur) for hz, blur in seen]
    near = [rate for rate, hz, blur in known if abs(float(rate) - hz) < blur * hz]
    exact = [Fraction(hz).limit_denominator(1001) for hz, _ in seen]
    lowest = beat.measured_hz * (1 - _NEARLY)
    tried = [*near, *sorted({*exact, *usual})]
    best, closest = min(highest, exact[0]) or highest, np.inf
    for rate in tried:
        if not max(lowest, 0) < rate <= highest:
            continue
        off = float(np.abs(slots(times, float(rate)) / float(rate) - times).max())
        if off <= beat.usual_s / 2:
            return rate
        if off < closest * 0.99:
            best, closest = rate, off
    return best

"""Frames over time: which DICOM objects are a film, and when each of its frames was taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from statistics import median

from pydicom.dataset import Dataset

from yuelu.pipelines.media.dicom.look import first_number, functional_group
from yuelu.pipelines.media.volumes.geometry import Plane

_FILMED = frozenset({"US", "IVUS", "XA", "RF", "ES", "XC", "OAM", "OPM"})
_TIMED = frozenset({0x00181063, 0x00181065})  # FrameTime, FrameTimeVector: what FrameIncrementPointer names in a film
_VECTORS = frozenset({0x00540010, 0x00540020, 0x00540050, 0x00540060, 0x00540070, 0x00540080, 0x00540090, 0x00182001})
_SLOWEST_HZ, _FASTEST_HZ, _UNSTATED_HZ = Fraction(1, 10), Fraction(60), Fraction(25)


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """When each frame was taken, in microseconds from the first; `rate_hz` is the proxy's.

    `stated_by` names the attribute that says so; None: nothing does, and the times are the proxy's own.
    """

    at_us: tuple[int, ...]
    rate_hz: Fraction
    stated_by: str | None


def is_cine(dataset: Dataset, planes: Sequence[Plane]) -> bool:
    """Return whether the frames are moments, not places.

    Places that differ make a volume, whatever else is said; then the frame increment decides, then stated times, then
    the modality.
    """
    if len(planes) < 2 or len({plane.position_mm for plane in planes}) > 1:
        return False
    increments = _pointers(dataset)
    if increments & _TIMED:
        return True
    if increments & _VECTORS:
        return False
    stated = any(
        first_number(dataset.get(name)) for name in ("FrameTime", "CineRate", "RecommendedDisplayFrameRate")
    ) or dataset.get("FrameTimeVector")
    return bool(stated) or str(dataset.get("Modality") or "").strip().upper() in _FILMED


def frame_times(dataset: Dataset, count: int) -> FrameTimes:
    """Return when the `count` frames were taken. Source: PS3.3 sections C.7.6.5.1 (cine), C.7.6.16.2.2 (frame content)."""
    for name, steps in (
        ("FrameTimeVector", _vector(dataset, count)),
        ("FrameTime", _even(first_number(dataset.get("FrameTime")), count)),
        ("FrameAcquisitionDateTime", _acquired(dataset, count)),
        ("CineRate", _even(_period(dataset, "CineRate"), count)),
        ("RecommendedDisplayFrameRate", _even(_period(dataset, "RecommendedDisplayFrameRate"), count)),
    ):
        if steps is not None:
            return FrameTimes(steps, _rate(steps), name)
    return FrameTimes(_even(float(1000 / _UNSTATED_HZ), count) or (0,), _UNSTATED_HZ, None)


def _pointers(dataset: Dataset) -> set[int]:
    value = dataset.get("FrameIncrementPointer")
    if value is None or value == "":
        return set()
    return {int(one) for one in ([value] if isinstance(value, int) else value)}


def _period(dataset: Dataset, keyword: str) -> float | None:
    rate = first_number(dataset.get(keyword))
    return 1000 / rate if rate and rate > 0 else None


def _even(period_ms: float | None, count: int) -> tuple[int, ...] | None:
    if not period_ms or period_ms <= 0:
        return None
    return tuple(round(number * period_ms * 1000) for number in range(count))


def _vector(dataset: Dataset, count: int) -> tuple[int, ...] | None:
    """Increments between frames; the first belongs to no pair. One that goes back in time makes the vector worthless."""
    value = dataset.get("FrameTimeVector")
    if value is None or isinstance(value, str) or not hasattr(value, "__len__") or len(value) != count:
        return None
    try:
        steps = [0.0, *(float(step) for step in list(value)[1:])]
    except (TypeError, ValueError):
        return None
    if min(steps) < 0 or not 0 < sum(steps) < 1e9:
        return None
    at, total = [], 0.0
    for step in steps:
        total += step
        at.append(round(total * 1000))
    return tuple(at)


def _acquired(dataset: Dataset, count: int) -> tuple[int, ...] | None:
    contents = (functional_group(dataset, frame, "FrameContentSequence") for frame in range(count))
    try:
        moments = [_moment(str(content.get("FrameAcquisitionDateTime") or "")) for content in contents]
    except ValueError:
        return None
    at = tuple(round((moment - moments[0]).total_seconds() * 1e6) for moment in moments)
    return at if all(one < other for one, other in pairwise(at)) else None


def _moment(text: str) -> datetime:
    whole, _, part = text.partition(".")
    return datetime.strptime(whole[:14], "%Y%m%d%H%M%S") + timedelta(microseconds=int(part[:6].ljust(6, "0")))


def _rate(at_us: Sequence[int]) -> Fraction:
    usual = median(later - earlier for earlier, later in pairwise(at_us)) if len(at_us) > 1 else 0
    if usual <= 0:
        return _UNSTATED_HZ
    return min(max(Fraction(1_000_000 / usual).limit_denominator(1001), _SLOWEST_HZ), _FASTEST_HZ)

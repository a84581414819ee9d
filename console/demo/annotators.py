"""Scripted annotators: five people that never were, each with a skill and habits, who answer around known truth.

What an annotator answers to a task is a function of who, which task and which round alone: never of the order of calls.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from yuelu.base.records import Box, Choice, FrameRange, Segment
from yuelu.console.demo.truth import Region


@dataclass(frozen=True, slots=True)
class Scripted:
    """A scripted annotator. All `*_rate` are probabilities for each object or choice.

    `jitter` is the standard deviation of a boundary as a share of the object's own length, `growth` the factor by which
    this annotator habitually draws too large, `late_s` how late they mark the start of a sound, `pace_s` what an object
    costs them in seconds.
    """

    id: str
    company: str
    jitter: float
    miss_rate: float
    extra_rate: float
    confusion_rate: float
    choice_error_rate: float
    growth: float
    late_s: float
    pace_s: float


ANNOTATORS: tuple[Scripted, ...] = (
    Scripted("li-na", "Orange Isle Data", 0.020, 0.00, 0.00, 0.00, 0.00, 1.00, 0.00, 6.0),  # careful and slow
    Scripted("wang-wei", "Orange Isle Data", 0.035, 0.01, 0.01, 0.01, 0.02, 1.04, 0.02, 4.0),  # draws a little too large
    Scripted("zhang-min", "Orange Isle Data", 0.030, 0.02, 0.01, 0.02, 0.02, 1.00, 0.05, 3.5),  # marks sounds late
    Scripted("liu-yang", "Xiang River Labels", 0.045, 0.03, 0.02, 0.02, 0.03, 0.97, 0.00, 2.5),  # fast
    Scripted("chen-jie", "Xiang River Labels", 0.050, 0.04, 0.03, 0.03, 0.04, 1.02, 0.03, 2.0),  # fastest, least exact
)

Noise: TypeAlias = NDArray[np.float64]

_HARD_JITTER = 0.45  # nobody agrees on what a hard task shows and where it ends, until they have read the note


@dataclass(frozen=True, slots=True)
class Shown:
    """What the annotator of one task sees. `extents` are, by item: (width_px, height_px), (duration_s,) or (frames,)."""

    item_key: str
    round: int
    truth: tuple[Region, ...]
    extents: tuple[tuple[float, ...], ...]
    labels: Mapping[str, Sequence[str]]  # by control
    hard: bool = False
    disputed: bool = False


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """What a scripted annotator submits."""

    regions: tuple[Region, ...]
    lead_time_s: float


def answer(who: Scripted, shown: Shown) -> ScriptedAnswer:
    """Return what `who` answers.

    From the second round on people work with more care, as they do when a task comes back with a note: half the jitter,
    nothing missed or confused. A hard task is guesswork in the first round: loosely drawn, and everybody takes it for
    something else. A disputed one is seen in another way by everybody, in every round.
    """
    seed = hashlib.sha256(f"{who.id}\0{shown.item_key}\0{shown.round}".encode()).digest()
    rng = np.random.default_rng(np.frombuffer(seed, np.uint32))
    skill = _in_round(who, shown)
    drawn = [region for truth in shown.truth for region in _seen(truth, skill, shown, rng)]
    objects = sum(not isinstance(region, Choice) for region in drawn)
    lead_time_s = (4.0 + who.pace_s * objects) * float(rng.uniform(0.8, 1.3))
    return ScriptedAnswer(tuple(_named(drawn)), round(lead_time_s, 1))


def _in_round(who: Scripted, shown: Shown) -> Scripted:
    if shown.round > 1:
        who = replace(who, miss_rate=0.0, extra_rate=0.0, confusion_rate=0.0, choice_error_rate=0.0)
        return replace(who, jitter=who.jitter / 2, late_s=who.late_s / 2)
    return replace(who, jitter=_HARD_JITTER, miss_rate=0.0) if shown.hard else who


def _seen(truth: Region, skill: Scripted, shown: Shown, rng: np.random.Generator) -> list[Region]:
    """Return what becomes of one true region: as many draws are taken whatever happens, so that parts do not interact."""
    missed, extra, confused, erred = rng.random(4) < (
        skill.miss_rate,
        skill.extra_rate,
        skill.confusion_rate,
        skill.choice_error_rate,
    )
    other = int(rng.integers(1 << 30))
    if isinstance(truth, Choice):
        return [_choice(truth, skill, shown, bool(erred), other)]
    labels = shown.labels[truth.control]
    label = _another(truth.label, labels, other) if confused else truth.label
    if shown.hard and shown.round == 1:
        label = _own(skill, labels)
    noise = rng.normal(0, skill.jitter, 4)
    extent = shown.extents[truth.item if isinstance(truth, Box) else 0]
    away = rng.normal(0, 1.5, 4)
    region = _drawn(replace(truth, label=label), skill, noise, extent)
    twin = _drawn(replace(truth, label=label), skill, noise + away, extent) if extra else None
    return [found for found in (None if missed else region, twin) if found is not None]


def _choice(truth: Choice, skill: Scripted, shown: Shown, erred: bool, other: int) -> Choice:
    labels = shown.labels[truth.control]
    if shown.disputed:
        return replace(truth, labels=(_own(skill, labels),))
    return replace(truth, labels=(_another(truth.labels[0], labels, other),)) if erred else truth


def _own(who: Scripted, labels: Sequence[str]) -> str:
    """Return the label that this annotator sees: with three labels or more, no three people share one."""
    place = next((at for at, each in enumerate(ANNOTATORS) if each.id == who.id), 0)
    return labels[place % len(labels)]


def _another(label: str, labels: Sequence[str], other: int) -> str:
    rest = [each for each in labels if each != label]
    return rest[other % len(rest)] if rest else label


def _drawn(region: Region, skill: Scripted, noise: Noise, extent: tuple[float, ...]) -> Region | None:
    """Return the region as the annotator draws it, inside what is shown; None when nothing of it is left."""
    match region:
        case Box():
            left, right = _span(region.x_px, region.width_px, skill.growth, noise[:2], extent[0])
            top, bottom = _span(region.y_px, region.height_px, skill.growth, noise[2:], extent[1])
            if right - left < 1 or bottom - top < 1:
                return None
            return replace(region, x_px=left, y_px=top, width_px=round(right - left, 2), height_px=round(bottom - top, 2))
        case Segment():
            length = region.end_s - region.start_s
            start, end = _span(region.start_s, length, 1.0, noise[:2], extent[0])
            start = min(round(start + skill.late_s, 2), extent[0])
            return replace(region, start_s=start, end_s=end) if end - start >= 0.05 else None
        case FrameRange():
            length = region.last_frame - region.first_frame + 1
            start, end = _span(region.first_frame - 1, length, 1.0, noise[:2], extent[0])
            first, last = round(start) + 1, round(end)
            return replace(region, first_frame=first, last_frame=last) if last >= first else None
        case _:
            return region


def _span(start: float, length: float, growth: float, noise: Noise, extent: float) -> tuple[float, float]:
    """Return the two boundaries of a stretch as drawn: moved by `noise` times its length, kept within [0, extent]."""
    widened = length * (growth - 1) / 2
    low = start - widened + float(noise[0]) * length
    high = start + length + widened + float(noise[1]) * length
    return min(round(max(low, 0.0), 2), extent), min(round(max(high, 0.0), 2), extent)


def _named(regions: Sequence[Region]) -> list[Region]:
    """Return the regions with ids of their own: the same answer has the same ids."""
    return [region if isinstance(region, Choice) else replace(region, id=f"r{number}") for number, region in enumerate(regions)]

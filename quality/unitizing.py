"""Krippendorff's alpha for unitizing: agreement on which stretches of a continuum are marked, and with which label."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from yuelu.quality.resample import Floats

Stretch: TypeAlias = tuple[str, float, float]  # label, start, end


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Observed and expected disagreement on one label, or on several added up. Both are 0 where nobody used it."""

    observed: float
    expected: float

    def __add__(self, more: "Disagreement") -> "Disagreement":
        return Disagreement(self.observed + more.observed, self.expected + more.expected)

    @property
    def alpha(self) -> float | None:
        """1 less their quotient; None where chance cannot disagree."""
        return 1 - self.observed / self.expected if self.expected > 0 else None


def unitizing(annotators: Sequence[Sequence[Stretch]], length: float) -> dict[str, Disagreement]:
    """Return the disagreement of annotators of one continuum, from 0 to `length`, by label; alpha of all labels is of their sum.

    Lengths are counted in units (characters, frames, milliseconds), as the formulas do. Stretches of one annotator and label
    that overlap are one. Source: K. Krippendorff (2004), Content Analysis, 2nd ed., section 11.6.
    """
    labels = sorted({label for said in annotators for label, *_ in said})
    return {label: _disagreement([_merged(said, label) for said in annotators], length) for label in labels}


def _merged(said: Sequence[Stretch], label: str) -> Floats:
    """Return starts and ends of the label, shape (stretches, 2), in order and apart."""
    found: list[list[float]] = []
    for start, end in sorted((start, end) for name, start, end in said if name == label and end > start):
        if found and start < found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([start, end])
    return np.asarray(found, np.float64).reshape(-1, 2)


def _gaps(units: Floats, length: float) -> Floats:
    ends = np.concatenate([[0.0], units[:, 1]])
    starts = np.concatenate([units[:, 0], [length]])
    gaps = np.stack([ends, starts], axis=1)
    return gaps[gaps[:, 1] > gaps[:, 0]]


def _disagreement(units: Sequence[Floats], length: float) -> Disagreement:
    people, gaps = len(units), [_gaps(each, length) for each in units]
    if people < 2 or length <= 0:
        return Disagreement(0.0, 0.0)
    apart = sum(
        _apart(units[one], units[other]) + _missed(units[one], gaps[other]) + _missed(units[other], gaps[one])
        for one in range(people)
        for other in range(one)
    )
    return Disagreement(2 * apart / (people * (people - 1) * length**2), _expected(np.concatenate(units), gaps, people, length))


def _apart(one: Floats, other: Floats) -> float:
    """Return the squared differences of the ends of stretches that overlap."""
    starts = one[:, np.newaxis, 0] - other[np.newaxis, :, 0]
    ends = one[:, np.newaxis, 1] - other[np.newaxis, :, 1]
    meet = (one[:, np.newaxis, 0] < other[np.newaxis, :, 1]) & (one[:, np.newaxis, 1] > other[np.newaxis, :, 0])
    return float(((starts**2 + ends**2) * meet).sum())


def _missed(units: Floats, gaps: Floats) -> float:
    """Return the squared lengths of stretches that lie whole in a gap of the other annotator."""
    within = (units[:, np.newaxis, 0] >= gaps[np.newaxis, :, 0]) & (units[:, np.newaxis, 1] <= gaps[np.newaxis, :, 1])
    return float((((units[:, 1] - units[:, 0]) ** 2)[:, np.newaxis] * within).sum())


def _expected(units: Floats, gaps: Sequence[Floats], people: int, length: float) -> float:
    sizes = units[:, 1] - units[:, 0]
    free = np.concatenate([each[:, 1] - each[:, 0] for each in gaps])
    fits = np.maximum(free[np.newaxis] - sizes[:, np.newaxis] + 1, 0) * (free[np.newaxis] >= sizes[:, np.newaxis])
    among = (len(sizes) - 1) / 3 * (2 * sizes**3 - 3 * sizes**2 + sizes)
    above = 2 / length * float((among + sizes**2 * fits.sum(axis=1)).sum())
    below = people * length * (people * length - 1) - float((sizes * (sizes - 1)).sum())
    return above / below if below > 0 else 0.0

"""How far the shares of classes moved from one release to the next."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from yuelu.datasets.region_schemas import PLACED
from yuelu.datasets.tables import Row

ONLY_NEW, ONLY_OLD, NONE_BEFORE = (
    "only the new release has it",
    "only the old release has it",
    "the old release has no such labels",
)


@dataclass(frozen=True, slots=True, order=True)
class ClassDrift:
    """A class of one control: how often each release has it, and its part of the population stability index.

    The parts of a control's classes add up to its PSI; as a rule of thumb below 0.1 is stable, above 0.25 is another population.
    None where a share is zero: the logarithm has no value, and `reason` says which.
    """

    control: str
    label: str
    before: int
    after: int
    psi: float | None
    reason: str | None = None


Classes = Counter[tuple[str, str]]  # control, label


def classes_of(row: Row) -> Classes:
    """Return how often the consensus of an item says each class."""
    found: Classes = Counter()
    for choice in row["choices"]:
        found.update((choice["control"], label) for label in choice["labels"])
    for column in PLACED:
        found.update((region["control"], region["label"]) for region in row.get(column, ()))
    return found


def drift(before: Mapping[tuple[str, str], int], after: Mapping[tuple[str, str], int]) -> tuple[ClassDrift, ...]:
    """Return each class's part of the PSI between two releases: (n - o) ln(n / o) of its old share o and its new share n.

    Shares are of the labels of one control. Source: N. Siddiqi (2006), Credit Risk Scorecards, chapter 9; it is the symmetrised
    divergence of S. Kullback and R. A. Leibler (1951), On Information and Sufficiency.
    """
    old, new = _totals(before), _totals(after)
    return tuple(
        _part(each, (before.get(each, 0), after.get(each, 0)), (old[each[0]], new[each[0]]))
        for each in sorted(before.keys() | after.keys())
    )


def _totals(counts: Mapping[tuple[str, str], int]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for (control, _), count in counts.items():
        totals[control] += count
    return totals


def _part(named: tuple[str, str], counts: tuple[int, int], totals: tuple[int, int]) -> ClassDrift:
    before, after = counts
    if not before or not after:
        reason = ONLY_OLD if before else ONLY_NEW if totals[0] else NONE_BEFORE
        return ClassDrift(*named, before, after, None, reason)
    was, now = before / totals[0], after / totals[1]
    return ClassDrift(*named, before, after, (now - was) * math.log(now / was))


def total(parts: Iterable[ClassDrift]) -> float | None:
    """Return the PSI of the classes of one control; None where one of them has no value."""
    known = [part.psi for part in parts]
    return None if None in known or not known else math.fsum(value for value in known if value is not None)

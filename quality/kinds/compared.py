"""What every two annotators share in every task, as tallies that add, and the measures that are made of their sums."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from scipy import sparse

from yuelu.quality.coded import Codes
from yuelu.quality.kinds.answers import Pairs
from yuelu.quality.resample import Floats

Sums: TypeAlias = Mapping[str, Floats]  # by name, of shape (sums, ...)


@dataclass(frozen=True, slots=True)
class Labelled:
    """Tallies by label: in pair `row`, the two marked things with `label` that often, and `both` of them are shared.

    F1 of a label is 2 both / marked: of single labels it is their specific agreement.
    """

    names: tuple[str, ...] = ()
    row: Codes = field(default_factory=lambda: np.zeros(0, np.int64))
    label: Codes = field(default_factory=lambda: np.zeros(0, np.int64))
    both: Floats = field(default_factory=lambda: np.zeros(0))
    marked: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True)
class Named:
    """The labels that two annotators gave to one thing, in pair `row`; codes into `Labelled.names`."""

    row: Codes = field(default_factory=lambda: np.zeros(0, np.int64))
    one: Codes = field(default_factory=lambda: np.zeros(0, np.int64))
    other: Codes = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True)
class Samples:
    """Numbers of which a measure takes the median, and the pair of each."""

    values: Floats
    row: Codes


@dataclass(frozen=True, slots=True)
class Compared:
    """Tallies of every two answers: `counts` by name, of shape (rows, ...); what is unscored is in `left_out`, and why."""

    pairs: Pairs
    counts: Sums
    labels: Labelled = field(default_factory=Labelled)
    named: Named = field(default_factory=Named)
    samples: Mapping[str, Samples] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)

    def take(self, rows: Codes) -> "Compared":
        """Return the tallies of the chosen pairs."""
        place = np.full(len(self.pairs.task), -1, np.int64)
        place[rows] = np.arange(len(rows))
        label, named = place[self.labels.row] >= 0, place[self.named.row] >= 0
        return Compared(
            self.pairs.take(rows),
            MappingProxyType({name: counts[rows] for name, counts in self.counts.items()}),
            Labelled(
                self.labels.names, place[self.labels.row[label]],
                *(getattr(self.labels, name)[label] for name in ("label", "both", "marked")),
            ),
            Named(place[self.named.row[named]], self.named.one[named], self.named.other[named]),
            {name: _kept(samples, place) for name, samples in self.samples.items()},
            self.left_out,
        )  # fmt: skip


def _kept(samples: Samples, place: Codes) -> Samples:
    row = place[samples.row]
    return Samples(samples.values[row >= 0], row[row >= 0])


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric of pairs: `value` makes it of summed counts, NaN where it is undefined; None: the median of the samples.

    `undefined` is the reason for 0 / 0. `two`: of a whole batch it is only defined between two annotators.
    """

    name: str
    value: Callable[[Sums], Floats] | None
    undefined: str
    limits: tuple[float, float] = (0.0, 1.0)
    two: bool = False

    @property
    def is_error(self) -> bool:
        """Whether less is better: a distance or a rate without an upper end."""
        return self.limits[1] != 1


def share(top: str | Mapping[str, float], bottom: str | Mapping[str, float]) -> Callable[[Sums], Floats]:
    """Return what divides weighted sums: `share({"both": 2}, "drawn")` is 2 both / drawn; NaN where the lower is 0."""

    def value(sums: Sums) -> Floats:
        above, below = (_weighted(sums, part) for part in (top, bottom))
        return np.asarray(np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 0))

    return value


def _weighted(sums: Sums, part: str | Mapping[str, float]) -> Floats:
    weights = {part: 1.0} if isinstance(part, str) else part
    return np.asarray(sum(weight * sums[name] for name, weight in weights.items()))


def sum_by(counts: Sums, unit: Codes, units: int) -> dict[str, Floats]:
    """Return the counts summed by unit, of shape (units, ...)."""
    adds = sparse.csr_array((np.ones(len(unit)), (unit, np.arange(len(unit)))), (units, len(unit)))
    return {
        name: np.asarray(adds @ each.reshape(len(unit), prod(each.shape[1:]))).reshape(units, *each.shape[1:])
        for name, each in counts.items()
    }


def weigh(weights: Floats, sums: Sums) -> dict[str, Floats]:
    """Return the sums with units drawn by `weights`, shape (resamples, units): shape (resamples, ...)."""
    return {
        name: np.asarray(weights @ each.reshape(len(each), prod(each.shape[1:]))).reshape(len(weights), *each.shape[1:])
        for name, each in sums.items()
    }

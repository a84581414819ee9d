"""What coefficients of agreement need to know of a set of tasks: sums, so that tallies of disjoint sets add.

Every field has a leading axis (sets of tasks, or resamples of them), so that one call measures thousands of resamples.
"""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from scipy import sparse

from yuelu.quality.patterns import Patterns
from yuelu.quality.resample import Floats


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts and sums of a set of tasks, documents or recordings; those of disjoint sets add, field by field."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(_add(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Labels(Tally):
    """Sums over tasks. `sizes`, shape (sets, most labels of a task + 1): how many tasks have that many labels."""

    sizes: Floats

    def weighed(self, weights: Floats) -> Self:
        """Return the tallies of mixtures: `weights`, shape (mixtures, sets), says how often each set goes in."""
        return type(self)(*(np.tensordot(weights, getattr(self, f.name), axes=1) for f in fields(self)))

    @property
    def paired(self) -> Floats:
        """How many tasks have two labels or more, shape (sets,)."""
        return np.asarray(self.sizes[:, 2:].sum(axis=1))

    @property
    def tasks(self) -> Floats:
        """How many tasks have a label, shape (sets,)."""
        return np.asarray(self.sizes[:, 1:].sum(axis=1))


def _add(one: Any, other: Any) -> Any:
    if np.ndim(one) == 2 and one.shape[1] != other.shape[1]:  # sizes: one set has tasks with more labels than the other
        width = max(one.shape[1], other.shape[1])
        one, other = (np.pad(array, ((0, 0), (0, width - array.shape[1]))) for array in (one, other))
    return one + other


@dataclass(frozen=True, slots=True)
class Agreed(Labels):
    """`agreed`: the sum, over tasks with two labels or more, of the share of pairs of labels that agree."""

    agreed: Floats


@dataclass(frozen=True, slots=True)
class Nominal(Agreed):
    """For labels that are either the same or not.

    `clashes`: sum over paired tasks of ordered pairs that differ / (labels of the task - 1). `totals`, (sets, labels): labels
    given in paired tasks. `shares`, (sets, labels): sum over all tasks of the share of each label. `first`, `second`: the
    labels of the first and second annotator in paired tasks, when there are exactly two annotators; else zero.
    """

    clashes: Floats
    totals: Floats
    shares: Floats
    first: Floats
    second: Floats


@dataclass(frozen=True, slots=True)
class Pairs(Labels):
    """For labels that can be near or far.

    `coincidences`, (sets, labels, labels): ordered pairs of labels of one task / (labels of the task - 1). `meetings`: the
    same / labels of the task, so that each paired task weighs 1. `shares` as in Nominal.
    """

    coincidences: Floats
    meetings: Floats
    shares: Floats


@dataclass(frozen=True, slots=True)
class Moments(Labels):
    """For numbers under the squared difference: `count`, `total`, `squares` of the values in paired tasks.

    `clashes`: sum over paired tasks of the squared differences of its ordered pairs / (labels of the task - 1).
    """

    count: Floats
    total: Floats
    squares: Floats
    clashes: Floats


def tally_agreed(p: Patterns, members: sparse.csr_array) -> Agreed:
    """Tally the patterns; `members`, shape (sets, patterns), says how many tasks of each set have the pattern."""
    return Agreed(members @ _sizes(p), members @ _agreement(p))


def tally_nominal(p: Patterns, members: sparse.csr_array) -> Nominal:
    """Tally the patterns for nominal coefficients; see `tally_agreed`."""
    m, counts = p.sizes, p.counts()
    agreement = _agreement(p)
    clashes = np.where(m >= 2, m * (1 - agreement), 0)  # m(m-1) ordered pairs, of which 1 - agreement differ
    totals = members @ _scaled(counts, np.where(m >= 2, 1.0, 0.0))
    shares = members @ _scaled(counts, 1 / np.maximum(m, 1))
    none = np.zeros((members.shape[0], p.labels))
    two = p.annotators == 2
    return Nominal(
        members @ _sizes(p),
        members @ agreement,
        members @ clashes,
        totals.toarray(),
        shares.toarray(),
        (members @ _given(p, 0)).toarray() if two else none,
        (members @ _given(p, 1)).toarray() if two else none,
    )


def tally_pairs(p: Patterns, members: sparse.csr_array) -> Pairs:
    """Tally the patterns for coefficients that weigh how far labels are apart; see `tally_agreed`."""
    m, counts = p.sizes, p.counts()
    per_label, per_task = np.where(m >= 2, 1 / np.maximum(m - 1, 1), 0), np.where(m >= 2, 1 / np.maximum(m * (m - 1), 1), 0)
    shape = (members.shape[0], p.labels, p.labels)
    coincidences, meetings = np.zeros(shape), np.zeros(shape)
    for label in range(p.labels):
        with_label = counts[:, [label]].toarray()[:, 0]
        others = counts - sparse.csr_array(
            (np.ones(int((with_label > 0).sum())), (np.flatnonzero(with_label), np.full((with_label > 0).sum(), label))),
            counts.shape,
        )
        coincidences[:, label] = (members @ _scaled(others, with_label * per_label)).toarray()
        meetings[:, label] = (members @ _scaled(others, with_label * per_task)).toarray()
    shares = members @ _scaled(counts, 1 / np.maximum(m, 1))
    return Pairs(members @ _sizes(p), coincidences, meetings, shares.toarray())


def tally_moments(p: Patterns, values: Floats, members: sparse.csr_array) -> Moments:
    """Tally the patterns for numbers; `values`, shape (labels,), is what each label stands for; see `tally_agreed`."""
    m = p.sizes
    given = np.where(p.answers >= 0, values[p.answers], 0.0) if p.labels else np.zeros(p.answers.shape)
    total, squares, paired = given.sum(axis=1), (given**2).sum(axis=1), m >= 2
    clashes = np.where(paired, 2 * (m * squares - total**2) / np.maximum(m - 1, 1), 0)
    count, total, squares = (members @ np.where(paired, of_task, 0.0) for of_task in (m, total, squares))
    return Moments(members @ _sizes(p), count, total, squares, members @ np.maximum(clashes, 0))


def agreement_of(p: Patterns) -> Floats:
    """Return the share of agreeing pairs of labels of each pattern; NaN with fewer than two labels."""
    return np.where(p.sizes >= 2, _agreement(p), np.nan)


def _agreement(p: Patterns) -> Floats:
    m, counts = p.sizes, p.counts()
    same = np.asarray(counts.multiply(counts).sum(axis=1)).ravel() - m
    return np.where(m >= 2, same / np.maximum(m * (m - 1), 1), 0.0)


def _sizes(p: Patterns) -> Floats:
    """Return a 1 for each pattern in the column of its number of labels, shape (patterns, slots + 1)."""
    return np.eye(p.answers.shape[1] + 1)[p.sizes]


def _scaled(counts: sparse.csr_array, by: Floats) -> sparse.csr_array:
    return sparse.csr_array(counts.multiply(by[:, np.newaxis]))


def _given(p: Patterns, slot: int) -> sparse.csr_array:
    """Return the label in `slot` of the patterns that both annotators answered, shape (patterns, labels)."""
    row = np.flatnonzero(p.sizes == 2)
    return sparse.csr_array((np.ones(len(row)), (row, p.answers[row, slot])), (len(p.answers), p.labels))

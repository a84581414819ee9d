"""Gamma: agreement on stretches and their labels at once, when annotators also differ in how many they mark.

The best alignment of all annotators' units is an exact integer programme, so this is for samples (tens of units each);
`segment_scores` is for everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.quality.resample import Floats

Unit: TypeAlias = tuple[str, float, float]  # label, start, end

_LEAST, _MOST = 30, 1000  # drawn continua
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Weights:
    """What a difference costs: of place (alpha), of label (beta), and of having no partner at all."""

    place: float = 1.0
    label: float = 1.0
    alone: float = 1.0


@dataclass(frozen=True, slots=True)
class Gamma:
    """1 is perfect, 0 what chance gives. `value` is None with the `reason` where chance cannot differ. `drawn` continua."""

    value: float | None
    observed: float | None
    expected: float | None
    drawn: int
    reason: str | None


def gamma(
    annotators: Sequence[Sequence[Unit]], weights: Weights | None = None, *, precision: float = 0.05, seed: int = 0
) -> Gamma:
    """Return gamma of two or more annotators' units of one recording.

    Chance is what the annotators' own units give when each is shifted round the recording by a drawn amount; continua are
    drawn until the mean is known to `precision` of itself (95 %), at least 30 and at most 1,000 of them.
    Raises InvalidRecord: fewer than two annotators, an empty unit; Misconfigured: a precision outside (0, 1).
    Source: Y. Mathet, A. Widloecher, J.-P. Metivier (2015), The Unified and Holistic Method Gamma, Computational Linguistics.
    """
    if not 0 < precision < 1:
        raise Misconfigured(f"a precision of {precision}", "need a share between 0 and 1")
    units = [np.asarray([each[1:] for each in one], np.float64).reshape(-1, 2) for one in annotators]
    if len(units) < 2 or any((times[:, 0] >= times[:, 1]).any() or not np.isfinite(times).all() for times in units):
        raise InvalidRecord(f"{len(units)} annotators' units", "need two or more annotators, and units that end after they start")
    if sum(map(len, units)) == 0:
        return Gamma(None, None, None, 0, "nobody marked anything")
    weights = weights or Weights()
    observed = disorder(annotators, weights)
    chance, rng = list[float](), np.random.default_rng(seed)
    while len(chance) < _wanted(chance, precision):
        chance.append(disorder(_shifted(annotators, rng), weights))
    expected = float(np.mean(chance))
    if expected == 0:
        return Gamma(None, observed, expected, len(chance), "units shifted at random agree as well, so chance cannot differ")
    return Gamma(1 - observed / expected, observed, expected, len(chance), None)


def _wanted(chance: Sequence[float], precision: float) -> int:
    if len(chance) < _LEAST:
        return _LEAST
    mean = float(np.mean(chance))
    spread = float(np.std(chance, ddof=1)) / mean if mean else 0.0
    return min(max(_LEAST, int(np.ceil((spread * 1.96 / precision) ** 2))), _MOST)


def _shifted(annotators: Sequence[Sequence[Unit]], rng: np.random.Generator) -> list[list[Unit]]:
    """Return for each annotator the units of one drawn annotator, turned round the recording by a drawn amount."""
    begin = min(unit[1] for one in annotators for unit in one)
    length = max(unit[2] for one in annotators for unit in one) - begin
    made = []
    for _ in annotators:
        source, pivot = annotators[int(rng.integers(len(annotators)))], rng.uniform(0, length)
        turned = [(label, begin + (start - begin + pivot) % length, end - start) for label, start, end in source]
        made.append([(label, start, start + lasts) for label, start, lasts in turned])
    return made


def disorder(annotators: Sequence[Sequence[Unit]], weights: Weights) -> float:
    """Return the disorder of the best alignment: the least mean dissimilarity, for each unit an annotator has on average."""
    counts = [len(one) for one in annotators]
    units = sum(counts)
    if len(counts) == 2:  # then it is an assignment problem, which needs no integer programme
        return _assigned(_apart(annotators[0], annotators[1], weights), weights.alone) / (units / 2)
    members, costs = _alignments(annotators, weights)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    columns, who = np.nonzero(members < np.asarray(counts))
    rows = first[who] + members[columns, who]
    holds = sparse.csr_array((np.ones(len(rows)), (rows, columns)), (units, len(members)))
    chosen = optimize.milp(
        costs,
        integrality=np.ones(len(costs), np.int64),
        bounds=optimize.Bounds(0, 1),
        constraints=optimize.LinearConstraint(holds, 1, 1),
    ).x
    return float(costs[np.asarray(chosen) > 0.5].sum()) / (units / len(counts))


def _assigned(apart: Floats, alone: float) -> float:
    """Return the least cost for two annotators: each unit has a partner, or is alone."""
    ones, others = apart.shape[0] - 1, apart.shape[1] - 1
    cost = np.full((ones + others, ones + others), alone)
    cost[:ones, :others] = apart[:-1, :-1]
    cost[ones:, others:] = 0
    return float(cost[optimize.linear_sum_assignment(cost)].sum())


def _alignments(annotators: Sequence[Sequence[Unit]], weights: Weights) -> tuple[NDArray[np.int64], Floats]:
    """Return who can go together, shape (alignments, annotators) with an annotator's count for nobody, and at what cost.

    What costs more than all its members alone is in no best alignment (Mathet et al., section 4.4).
    """
    people = len(annotators)
    pairs = people * (people - 1) // 2
    apart = {(a, b): _apart(annotators[a], annotators[b], weights) for a, b in combinations(range(people), 2)}
    bound = people * weights.alone * pairs * (1 + _ROUNDING)
    counts = [len(one) for one in annotators]
    grown = [_grown(first, counts, apart, bound) for first in range(people)]  # the first with a unit; those before have none
    taken, costs = (np.concatenate([each[at] for each in grown]) for at in (0, 1))
    kept = _unsplit(taken, costs, counts, apart)
    return taken[kept], costs[kept] / pairs


def _unsplit(
    taken: NDArray[np.int64], costs: Floats, counts: Sequence[int], apart: dict[tuple[int, int], Floats]
) -> NDArray[np.bool_]:
    """Say which alignments cost less than with any one of their units on its own: no other is needed for the best."""
    kept = np.ones(len(taken), bool)
    for who, nobody in enumerate(counts):
        rest, alone = taken.copy(), np.tile(np.asarray(counts), (len(taken), 1))
        rest[:, who], alone[:, who] = nobody, taken[:, who]
        kept &= costs < _costs(rest, apart) + _costs(alone, apart) - _ROUNDING * costs
        kept |= (taken < np.asarray(counts)).sum(axis=1) == 1
    return kept


def _costs(taken: NDArray[np.int64], apart: dict[tuple[int, int], Floats]) -> Floats:
    return np.asarray(sum(cost[taken[:, one], taken[:, other]] for (one, other), cost in apart.items()))


def _grown(
    first: int, counts: Sequence[int], apart: dict[tuple[int, int], Floats], bound: float
) -> tuple[NDArray[np.int64], Floats]:
    """Grow alignments annotator by annotator, dropping those that already cost more than `bound`."""
    taken = np.column_stack([*(np.full(counts[first], none) for none in counts[:first]), np.arange(counts[first])])
    cost: Floats = np.zeros(len(taken))
    for one, other in combinations(range(first + 1), 2):
        cost += apart[one, other][taken[:, one], taken[:, other]]
    for who in range(first + 1, len(counts)):
        total = np.asarray(sum(apart[other, who][taken[:, other]] for other in range(who))) + cost[:, np.newaxis]
        row, at = np.nonzero(total <= bound)
        taken, cost = np.column_stack([taken[row], at]), total[row, at]
    return taken, cost


def _apart(one: Sequence[Unit], other: Sequence[Unit], weights: Weights) -> Floats:
    """Return the dissimilarities, shape (units + 1, units + 1); the last row and column stand for no unit."""
    cost = np.full((len(one) + 1, len(other) + 1), weights.alone)
    cost[-1, -1] = weights.alone  # two who both have nothing still leave the unit of a third alone
    if one and other:
        (start, end), (begin, stop) = (np.asarray([unit[1:] for unit in each]).T for each in (one, other))
        off = np.abs(start[:, np.newaxis] - begin) + np.abs(end[:, np.newaxis] - stop)
        place = (off / ((end - start)[:, np.newaxis] + (stop - begin))) ** 2
        differ = np.asarray([[a[0] != b[0] for b in other] for a in one])
        cost[:-1, :-1] = (weights.place * place + weights.label * differ) * weights.alone
    return cost

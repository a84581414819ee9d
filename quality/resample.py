"""Confidence intervals by resampling groups, never single annotations: what shares a patient or a recording goes together."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from yuelu.base.errors import Misconfigured

Floats: TypeAlias = NDArray[np.float64]
Evaluate: TypeAlias = Callable[[Floats], Floats]  # weights, shape (resamples, units) -> values, NaN where undefined

SMALL = 50  # groups; below it the bootstrap covers too little (Hughes 2022, arXiv 2210.13265) and the jackknife is used
MOST_UNITS = 2048
_TOLERATED = 0.05  # share of resamples that may be undefined
_STILL = 1e-12


@dataclass(frozen=True, slots=True)
class Sampling:
    """How intervals are made: the same settings on the same data give the same numbers."""

    confidence: float = 0.95
    replicates: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1 or self.replicates < 1:
            raise Misconfigured(
                f"confidence {self.confidence} with {self.replicates} replicates", "need 0 < confidence < 1, replicates >= 1"
            )


@dataclass(frozen=True, slots=True)
class Units:
    """What is drawn. `members`, shape (units, parts), says which parts make up a unit; `groups` how many groups are alike."""

    members: sparse.csr_array
    groups: NDArray[np.int64]

    @property
    def weights(self) -> Floats:
        """The weights that give the data themselves back, shape (1, units)."""
        return self.groups[np.newaxis].astype(np.float64)


def units(of_task: NDArray[np.int64], parts: NDArray[np.int64], group: NDArray[np.int64] | None, seed: int) -> Units:
    """Return what to draw from tasks that fall into `parts` (how many tasks each part has).

    `group` is the group of each task; None when every task is its own. Then parts are drawn in proportion to their tasks,
    which is the same as drawing tasks. More than 2,048 groups are dealt at random into that many sets, which are
    drawn instead: sums over equal random sets have the variance of the sums over groups.
    """
    if group is None and len(parts) <= MOST_UNITS:
        return Units(sparse.csr_array(sparse.eye_array(len(parts))), parts)
    group = np.arange(len(of_task)) if group is None else group
    group, count = deal(group, seed)
    members = sparse.csr_array((np.ones(len(group)), (group, of_task)), (count, len(parts)))
    return Units(members, np.ones(count, np.int64))


def deal(group: NDArray[np.int64], seed: int) -> tuple[NDArray[np.int64], int]:
    """Return the set that each row's group is drawn with, and how many sets there are: one per group up to 2,048 groups."""
    count = int(group.max()) + 1 if len(group) else 0
    if count <= MOST_UNITS:
        return group, count
    return (np.random.default_rng(seed).permutation(count) % MOST_UNITS)[group], MOST_UNITS


def _draws(groups: NDArray[np.int64], sampling: Sampling) -> Floats:
    total = int(groups.sum())
    draw = np.random.default_rng(sampling.seed).multinomial
    return draw(total, groups / total, sampling.replicates).astype(np.float64)


@lru_cache(maxsize=1)
def _evenly(units: int, sampling: Sampling) -> Floats:
    """Return draws from units that are one group each. The parts of a large table have as many units, so the same draws."""
    drawn = _draws(np.ones(units, np.int64), sampling)
    drawn.flags.writeable = False
    return drawn


class Resamples:
    """Draws made once and used for every metric of a table."""

    def __init__(self, groups: NDArray[np.int64], sampling: Sampling) -> None:
        self.groups, self.sampling = groups, sampling
        self.total = int(groups.sum())
        self._drawn: Floats | None = None

    @property
    def drawn(self) -> Floats:
        """Bootstrap weights, shape (replicates, units): groups drawn with replacement."""
        if self._drawn is None:
            s, alike = self.sampling, bool((self.groups == 1).all())
            self._drawn = _evenly(self.total, s) if alike else _draws(self.groups, s)
        return self._drawn

    def interval(self, evaluate: Evaluate, point: float, limits: tuple[float, float]) -> tuple[float, float] | tuple[None, None]:
        """Return the interval of `evaluate` about `point`, inside `limits`.

        Fewer than 50 groups: jackknife standard error with Student's t. From 50 on: bias-corrected accelerated bootstrap
        (BCa). When the value does not move whichever group is left out and stands at a limit, resampling says nothing;
        then it is Wilson's interval for the share of groups without disagreement (or agreement), n of n.
        (None, None) with fewer than two groups, when over 5 % of the resamples are undefined, or when the value does not
        move and stands at no limit: groups that are all alike do not show how far others would be.
        """
        if self.total < 2:
            return None, None
        left_out = self._left_out(evaluate)
        if left_out is None:
            return None, None
        values, share = left_out
        if np.ptp(values) < _STILL:
            return self._still(point, limits)
        ends = self._jackknife(values, share, point) if self.total < SMALL else self._bca(evaluate, values, share, point)
        if ends is None:
            return None, None
        return max(min(ends[0], point), limits[0]), min(max(ends[1], point), limits[1])

    def _left_out(self, evaluate: Evaluate) -> tuple[Floats, Floats] | None:
        """Return the value without one group, per unit, and the share of groups that each stands for."""
        values = np.concatenate(
            [evaluate(self._without(start, min(start + 256, len(self.groups)))) for start in range(0, len(self.groups), 256)]
        )
        defined = np.isfinite(values) & (self.groups > 0)
        share = np.where(defined, self.groups, 0) / self.total
        return (values[defined], share[defined]) if share.sum() >= 1 - _TOLERATED else None

    def _without(self, start: int, stop: int) -> Floats:
        weights = np.repeat(self.groups[np.newaxis].astype(np.float64), stop - start, axis=0)
        weights[np.arange(stop - start), np.arange(start, stop)] -= 1
        return weights

    def _still(self, point: float, limits: tuple[float, float]) -> tuple[float, float] | tuple[None, None]:
        z = float(special.ndtri(0.5 + self.sampling.confidence / 2))
        doubt = z * z / (self.total + z * z)
        if abs(point - limits[1]) < _STILL:
            return max(1 - doubt, limits[0]), limits[1]
        if (limits[0], limits[1], round(point, 12)) == (0.0, 1.0, 0.0):
            return 0.0, doubt
        return (point, point) if abs(point - limits[0]) < _STILL else (None, None)

    def _jackknife(self, values: Floats, share: Floats, point: float) -> tuple[float, float]:
        mean = (values * share).sum() / share.sum()
        error = np.sqrt((self.total - 1) * (share * (values - mean) ** 2).sum())
        reach = float(special.stdtrit(self.total - 1, 0.5 + self.sampling.confidence / 2) * error)
        return point - reach, point + reach

    def _bca(self, evaluate: Evaluate, values: Floats, share: Floats, point: float) -> tuple[float, float] | None:
        """Source: B. Efron (1987), Better Bootstrap Confidence Intervals."""
        drawn = np.concatenate([evaluate(self.drawn[start : start + 256]) for start in range(0, len(self.drawn), 256)])
        defined = drawn[np.isfinite(drawn)]
        if len(defined) < (1 - _TOLERATED) * len(drawn):
            return None
        below = float(((defined < point).sum() + (defined == point).sum() / 2) / len(defined))
        bias = float(special.ndtri(below)) if 0 < below < 1 else 0.0
        away = (values * share).sum() / share.sum() - values
        acceleration = float((share * away**3).sum() / (6 * np.sqrt(self.total) * (share * away**2).sum() ** 1.5))
        z = special.ndtri([0.5 - self.sampling.confidence / 2, 0.5 + self.sampling.confidence / 2]) + bias
        low, high = np.quantile(defined, special.ndtr(bias + z / (1 - acceleration * z)))
        return float(low), float(high)

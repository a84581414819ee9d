"""Which of two is better: strengths from pairwise preferences (Bradley-Terry), agreement of rankings, and cycles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse, stats
from scipy.sparse.csgraph import connected_components

from yuelu.base.errors import InvalidRecord
from yuelu.quality.coded import Codes
from yuelu.quality.resample import Floats

_STEPS, _STILL = 10_000, 1e-10
_APART = "not every item can be reached from every other by a chain of wins, so some strengths have no bound"


@dataclass(frozen=True, slots=True)
class Strengths:
    """Log strengths of the items, shape (items,), with mean 0; None when they are undefined, and then `reason` says why.

    The probability that a is preferred to b is 1 / (1 + exp(b - a)).
    """

    log: Floats | None
    reason: str | None


def bradley_terry(winner: Codes, loser: Codes, items: int, *, prior: float = 0.0) -> Strengths:
    """Return the strengths of items 0..items-1 from preferences, row by row.

    `prior` adds so many wins and losses against an imagined item of mean strength to each item; then every strength is
    defined. Source: R. Bradley, M. Terry (1952); D. Hunter (2004), MM Algorithms for Generalized Bradley-Terry Models.
    Raises InvalidRecord: an item preferred to itself, or outside 0..items-1.
    """
    if len(winner) != len(loser) or (winner == loser).any() or not _within(items, winner, loser):
        raise InvalidRecord(f"preferences among {items} items", f"need two different items of 0..{items - 1} a row")
    wins = sparse.csr_array((np.ones(len(winner)), (winner, loser)), (items, items))
    if not prior and connected_components(wins, directed=True, connection="strong")[0] > 1:
        return Strengths(None, _APART)
    games, won = (wins + wins.T).tocoo(), np.bincount(winner, minlength=items) + prior
    strength: Floats = np.ones(items)
    for _ in range(_STEPS):
        rate = games.data / (strength[games.row] + strength[games.col])
        before = np.log(strength)
        strength = won / (np.bincount(games.row, rate, minlength=items) + 2 * prior / (strength + 1))
        strength = strength if prior else strength / np.exp(np.log(strength).mean())
        if np.abs(np.log(strength) - before).max() < _STILL:
            break
    logs = np.log(strength)
    return Strengths(np.asarray(logs - logs.mean()), None)


def _within(items: int, *codes: Codes) -> bool:
    return all(len(each) == 0 or (each.min() >= 0 and each.max() < items) for each in codes)


def kendall_tau_b(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Return Kendall's tau-b of two rankings of the same items, from -1 to 1, ties allowed; None when either is all ties.

    As a distance of rankings: (1 - tau) / 2, the share of pairs in opposite order.
    """
    tau = stats.kendalltau(one, other, variant="b", nan_policy="raise").statistic
    return float(tau) if np.isfinite(tau) else None


def pair_agreement(preferred: Mapping[tuple[str, str], Sequence[str]]) -> float | None:
    """Return the share of pairs of answers to one comparison that prefer the same; None when nothing was answered twice."""
    alike = pairs = 0
    for answers in preferred.values():
        counts = np.unique(np.asarray(answers), return_counts=True)[1]
        alike += int((counts * (counts - 1) // 2).sum())
        pairs += len(answers) * (len(answers) - 1) // 2
    return alike / pairs if pairs else None


def cycle_rate(winner: Codes, loser: Codes, items: int) -> float | None:
    """Return the share of triples, all compared, in which a beats b, b beats c and c beats a; None without such a triple.

    Each pair goes to who won more often; a draw leaves its triples out. Source: M. Kendall, B. Babington Smith (1940).
    """
    won = np.zeros((items, items))
    np.add.at(won, (winner, loser), 1)
    beats = (won > won.T).astype(np.int64)
    met = beats + beats.T
    triples = int(np.trace(met @ met @ met)) // 6
    return int(np.trace(beats @ beats @ beats)) // 3 / triples if triples else None

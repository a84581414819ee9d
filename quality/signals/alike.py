"""Alike: two people of one company who make the same mistakes more often than their mistakes and the tasks explain."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from yuelu.quality.coded import Coded, Codes
from yuelu.quality.resample import Floats
from yuelu.quality.signals.answers import Votes, majority, rows_by_annotator, votes
from yuelu.quality.signals.crowd import LEAST, standing_out
from yuelu.quality.signals.record import Looked, looked

KIND = "alike"
_TASKS = 20  # that both answered, with a majority of the others
_ELSEWHERE = 2000  # pairs of two companies that are looked at for comparison, at most
_SURE = 0.95  # no mistake is more certain than this
_MEANING = "tasks on which both gave the same answer against the majority of the others"
_REASON = f"fewer than {LEAST} pairs with {_TASKS} common tasks that others answered, too"


def alike(coded: Coded, companies: Mapping[str, str], *, seed: int = 0) -> Looked:
    """Return which pairs within a company agree on wrong answers beyond chance.

    That two people are right together accuses nobody. A shared mistake is to be expected as often as each of them errs, on
    tasks on which the others err, too. How far honest pairs are from that shows in the pairs of two companies, or in all
    pairs when there are too few of those.
    """
    cast, mine = votes(coded), rows_by_annotator(coded)
    inside, outside = _pairs(coded, companies, seed)
    found: list[tuple[tuple[str, str], float, float, int, float, bool]] = []
    for pairs, within in ((inside, True), (outside, False)):
        for one, other in pairs:
            told = _pair(cast, mine[one], mine[other])
            if told is not None:
                found.append(((coded.annotators[one], coded.annotators[other]), *told, within))
    if len(found) < LEAST or not any(row[5] for row in found):
        return Looked(KIND, (), _REASON)
    effects = np.array([(row[1] - row[2]) / row[4] for row in found])
    apart = np.array([not row[5] for row in found])
    p_values = standing_out(effects, np.ones(len(found)), apart if apart.sum() >= LEAST else None)
    rows = [(*row[:4], p) for row, p in zip(found, p_values.tolist(), strict=True) if row[5]]
    return looked(KIND, rows, _MEANING, _REASON)


def _pairs(coded: Coded, companies: Mapping[str, str], seed: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the pairs within companies, and as many of the others as are needed to compare with."""
    of = [companies.get(name) for name in coded.annotators]
    inside: list[tuple[int, int]] = []
    outside: list[tuple[int, int]] = []
    for one, other in combinations(range(len(of)), 2):
        (inside if of[one] is not None and of[one] == of[other] else outside).append((one, other))
    if len(outside) > _ELSEWHERE:
        chosen = np.random.default_rng(seed).choice(len(outside), _ELSEWHERE, replace=False)
        outside = [outside[place] for place in sorted(chosen)]
    return inside, outside


def _pair(cast: Votes, one: Codes, other: Codes) -> tuple[float, float, int, float] | None:
    """Return shared mistakes, how many are expected, of how many tasks, and the standard error; None with too few tasks."""
    coded = cast.coded
    _, here, there = np.intersect1d(coded.task[one], coded.task[other], return_indices=True)
    if len(here) < _TASKS:
        return None
    said, also = coded.label[one[here]], coded.label[other[there]]
    rest = cast.counts[coded.task[one[here]]].copy()
    rest[np.arange(len(here)), said] -= 1
    rest[np.arange(len(here)), also] -= 1
    top = majority(rest)
    kept = top >= 0
    if kept.sum() < _TASKS:
        return None
    said, also, rest, top = said[kept], also[kept], rest[kept], top[kept]
    wrong = _mistakes(rest, top)
    mine, theirs = (np.minimum(_pace(answers, top, wrong) * wrong, _SURE) for answers in (said, also))
    chance = mine * theirs
    expected = chance.sum(axis=1)
    shared = int(((said == also) & (said != top)).sum())
    error = float(np.sqrt((expected * (1 - expected)).sum() + 0.25))
    return float(shared), float(expected.sum()), int(kept.sum()), error


def _mistakes(rest: Codes, top: Codes) -> Floats:
    """Return how probable each mistake is among the others, shape (tasks, labels): of votes and half a vote each."""
    wrong: Floats = (rest + 0.5) / (rest.sum(axis=1, keepdims=True) + 0.5 * rest.shape[1])
    wrong[np.arange(len(top)), top] = 0
    return wrong


def _pace(said: Codes, top: Codes, wrong: Floats) -> Floats:
    """Return how many times more often somebody errs than the others on the same tasks, shape (tasks, 1).

    By the majority's label: who leans to one label errs where the majority says another, and shares that with others who do.
    """
    erred = np.bincount(top, said != top, wrong.shape[1])
    usual = np.bincount(top, wrong.sum(axis=1), wrong.shape[1])
    return ((erred + 0.5) / (usual + 0.5))[top][:, np.newaxis]

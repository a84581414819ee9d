"""Agreement of answers of any kind, as long as the distance of two answers can be said.

What annotators of one task are apart (observed) is set against what answers to different tasks are apart (expected).
Source: A. Braylan, O. Alonso, M. Lease (2022), Measuring Annotator Agreement Generally across Complex Structured,
Multi-object, and Free-text Annotation Tasks, WWW '22, doi 10.1145/3485447.3512242.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from yuelu.base.errors import InvalidRecord
from yuelu.quality.resample import Floats, Resamples, Sampling, deal
from yuelu.quality.score import Score

Answer = TypeVar("Answer")
Distance = Callable[[Answer, Answer], float]

_MOST_EXPECTED = 10_000  # pairs of different tasks; drawn by the seed where there are more
_QUANTILE = 0.05  # of the expected distances: what counts as close
_NO_PAIR = "no task has two answers"
_NO_CHANCE = "answers to different tasks are all alike, so chance cannot disagree"
_ONE_TASK = "one task only, so there is nothing to expect by chance"


@dataclass(frozen=True, slots=True)
class Apart:
    """Distances of pairs. `observed`, shape (pairs,), with the task of each; `expected` with both tasks, shape (pairs, 2)."""

    observed: Floats
    observed_task: NDArray[np.int64]
    expected: Floats
    expected_tasks: NDArray[np.int64]


def apart(
    tasks: Sequence[str], answers: Sequence[Answer], distance: Distance[Answer], *, most: int = _MOST_EXPECTED, seed: int = 0
) -> Apart:
    """Return the distances of all pairs within a task, and of pairs across tasks: all, or `most` of them drawn by `seed`.

    `tasks` and `answers` belong together row by row. Raises InvalidRecord: a distance that is negative or no number.
    """
    return _apart(tasks, partial(_each, answers, distance), most, seed)


def _each(answers: Sequence[Answer], distance: Distance[Answer], pairs: Sequence[Sequence[int]]) -> Floats:
    return np.asarray([distance(answers[a], answers[b]) for a, b in pairs], np.float64)


def _apart(tasks: Sequence[str], measure: Callable[[Sequence[Sequence[int]]], Floats], most: int, seed: int) -> Apart:
    names, task = np.unique(np.asarray(tasks), return_inverse=True)
    task = np.asarray(task, np.int64)
    order = np.argsort(task, kind="stable")
    bounds = np.searchsorted(task[order], np.arange(len(names) + 1))
    within = [
        (int(a), int(b))
        for start, stop in pairwise(bounds)
        for at, a in enumerate(order[start:stop])
        for b in order[start + at + 1 : stop]
    ]
    across = _across(task, most, seed)
    observed, expected = _checked(measure(within)), _checked(measure(across.tolist()))
    return Apart(observed, task[[a for a, _ in within]].astype(np.int64), expected, task[across].reshape(-1, 2))


def _across(task: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    rows = len(task)
    if rows * (rows - 1) // 2 <= most:
        pairs = np.stack(np.triu_indices(rows, 1), axis=1)
        return np.asarray(pairs[task[pairs[:, 0]] != task[pairs[:, 1]]], np.int64)
    drawn = np.random.default_rng(seed).integers(0, rows, (4 * most, 2))
    return np.asarray(drawn[task[drawn[:, 0]] != task[drawn[:, 1]]][:most], np.int64)


def _checked(found: Floats) -> Floats:
    if not np.isfinite(found).all() or (found < 0).any():
        raise InvalidRecord(f"a distance is {found[~(found >= 0)][0]}", "a distance is a finite number, 0 or more")
    return found


def distance_alpha(a: Apart, weights: Floats) -> Floats:
    """Return 1 less the mean observed over the mean expected distance: 1 is perfect, 0 is chance. NaN where chance is 0.

    `weights`, shape (resamples, tasks): how often each task was drawn.
    """
    expected = _mean(a.expected, weights[:, a.expected_tasks[:, 0]] * weights[:, a.expected_tasks[:, 1]])
    observed = _mean(a.observed, weights[:, a.observed_task])
    return np.asarray(1 - np.divide(observed, expected, out=np.full(len(weights), np.nan), where=expected > 0))


def distance_ks(a: Apart, weights: Floats) -> Floats:
    """Return the largest lead of the observed distances' distribution over that of the expected ones (Kolmogorov-Smirnov).

    One-sided. 1: every pair of one task is closer than any pair of different tasks. It does not depend on the scale.
    """
    cuts = np.unique(a.observed)  # between two of them the lead only shrinks
    observed = _reached(a.observed, weights[:, a.observed_task], cuts)
    expected = _reached(a.expected, weights[:, a.expected_tasks[:, 0]] * weights[:, a.expected_tasks[:, 1]], cuts)
    return np.asarray(np.maximum((observed - expected).max(axis=1), 0))


def distance_sigma(a: Apart, weights: Floats) -> Floats:
    """Return the share of observed distances below the 5 % quantile of the expected ones.

    It reads: so many pairs of annotators agree closer than the closest 5 % of what chance brings. The quantile is that of
    all tasks, whatever `weights` says: it is no smooth function of them, and a jackknife over it would mean nothing.
    """
    bound = np.quantile(a.expected, _QUANTILE, method="inverted_cdf")
    return _mean((a.observed < bound).astype(np.float64), weights[:, a.observed_task])


def _mean(values: Floats, weights: Floats) -> Floats:
    total = weights.sum(axis=1)
    return np.asarray(np.divide(weights @ values, total, out=np.full(len(weights), np.nan), where=total > 0))


def _reached(values: Floats, weights: Floats, cuts: Floats) -> Floats:
    """Return the weighted distribution function at `cuts`, shape (resamples, cuts)."""
    order = np.argsort(values, kind="stable")
    running = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights[:, order], axis=1)], axis=1)
    at = np.searchsorted(values[order], cuts, side="right")
    total = running[:, -1:]
    return np.asarray(np.divide(running[:, at], total, out=np.full((len(weights), len(cuts)), np.nan), where=total > 0))


_METRICS: tuple[tuple[str, Callable[[Apart, Floats], Floats], tuple[float, float]], ...] = (
    ("distance_alpha", distance_alpha, (-np.inf, 1.0)),
    ("distance_ks", distance_ks, (0.0, 1.0)),
    ("distance_sigma", distance_sigma, (0.0, 1.0)),
)


def distance_scores(  # noqa: PLR0917
    tasks: Sequence[str],
    annotators: Sequence[str],
    answers: Sequence[Answer],
    distance: Distance[Answer],
    groups: Mapping[str, str] | None = None,
    sampling: Sampling | None = None,
) -> tuple[Score, ...]:
    """Return alpha, KS and sigma of the answers, each with its interval or the reason why it is undefined.

    Row by row, `annotators` gave `answers` to `tasks`. `groups` maps a task to what is resampled with it; a task that is
    not in it is its own group. `distance` is symmetric and 0 for equal answers.
    """
    return pair_distance_scores(tasks, annotators, partial(_each, answers, distance), groups, sampling)


def pair_distance_scores(
    tasks: Sequence[str],
    annotators: Sequence[str],
    measure: Callable[[Sequence[Sequence[int]]], Floats],
    groups: Mapping[str, str] | None = None,
    sampling: Sampling | None = None,
    *,
    most: int = _MOST_EXPECTED,
) -> tuple[Score, ...]:
    """Return what `distance_scores` does, where `measure` gives the distances of many pairs of rows at once."""
    sampling = sampling or Sampling()
    names = sorted(set(tasks))
    several = {task for task in names if list(tasks).count(task) > 1} if len(names) < 2 else _answered_twice(tasks)
    counts = len(several), len({who for task, who in zip(tasks, annotators, strict=True) if task in several})
    counted = (*counts, sum(task in several for task in tasks))
    reason = _NO_PAIR if not several else _ONE_TASK if len(names) < 2 else None
    if reason is None:
        a = _apart(tasks, measure, most, sampling.seed)
        reason = None if a.expected.any() else _NO_CHANCE
    if reason is not None:
        return tuple(Score(name, None, None, None, None, *counted, reason) for name, _, _ in _METRICS)
    of_group = {name: number for number, name in enumerate(sorted({(groups or {}).get(task, task) for task in names}))}
    dealt, count = deal(np.asarray([of_group[(groups or {}).get(task, task)] for task in names], np.int64), sampling.seed)
    resamples = Resamples(np.ones(count, np.int64), sampling)
    scores = []
    for name, metric, limits in _METRICS:
        point = float(metric(a, np.ones((1, len(names))))[0])
        low, high = resamples.interval(lambda drawn, metric=metric: metric(a, drawn[:, dealt]), point, limits)  # type: ignore[misc]
        scores.append(Score(name, None, point, low, high, *counted, None))
    return tuple(scores)


def _answered_twice(tasks: Sequence[str]) -> set[str]:
    names, counts = np.unique(np.asarray(tasks), return_counts=True)
    return set(names[counts > 1].tolist())

"""Agreement on labels for whole tasks: every coefficient with its interval, or the reason why there is none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
from scipy import sparse

from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.quality import coefficients as c
from yuelu.quality import tally
from yuelu.quality.coded import Coded, Codes, Repeats, code_labels, encode_sorted
from yuelu.quality.patterns import Patterns, patterns
from yuelu.quality.resample import Evaluate, Floats, Resamples, Sampling, units
from yuelu.quality.score import Score
from yuelu.quality.tally import Labels

Level: TypeAlias = Literal["nominal", "ordinal", "interval", "ratio"]

_SHARE, _COEFFICIENT = (0.0, 1.0), (-np.inf, 1.0)
_MOST_LABELS = 500  # a matrix label x label is kept for every drawn unit


@dataclass(frozen=True, slots=True)
class Answers:
    """What a metric may look at: the patterns, who draws what, and the number that each label stands for, if any."""

    patterns: Patterns
    members: sparse.csr_array
    values: Floats | None


@dataclass(frozen=True, slots=True)
class Scope:
    """How much there is to compare: annotators and labels in all, and how many labels tasks have (0 left out)."""

    annotators: int
    labels: int
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One coefficient: what it needs (`unmet` returns the reason when it is not there) and how it is computed.

    `value` makes it of the tally that `tally` takes of the answers, and of the numbers that labels stand for. `undefined` is
    the reason for 0 / 0.
    """

    name: str
    level: str | None
    tally: Callable[[Answers], Labels]
    value: Callable[[Any, Floats], Floats]
    undefined: str
    limits: tuple[float, float] = _COEFFICIENT
    unmet: Callable[[Scope], str | None] = lambda _: None

    def evaluate(self, found: Labels, values: Floats | None) -> Evaluate:
        """Return the function from weights of the tally's sets to values."""
        return lambda weights: self.value(found.weighed(weights), np.zeros(0) if values is None else values)


def _two_annotators(a: Scope) -> str | None:
    return None if a.annotators == 2 else f"needs exactly two annotators, there are {a.annotators}"


def _same_sizes(a: Scope) -> str | None:
    few, many = min(a.sizes), max(a.sizes)
    return None if few == many else f"needs the same number of labels for every task, there are {few} to {many}"


def _few_labels(a: Scope) -> str | None:
    return None if a.labels <= _MOST_LABELS else f"compares every label with every other; {a.labels} are over {_MOST_LABELS}"


def _agreed(a: Answers) -> tally.Agreed:
    return tally.tally_agreed(a.patterns, a.members)


def _nominal(a: Answers) -> tally.Nominal:
    return tally.tally_nominal(a.patterns, a.members)


def _pairs(a: Answers) -> tally.Pairs:
    return tally.tally_pairs(a.patterns, a.members)


def _moments(a: Answers) -> tally.Moments:
    values = np.zeros(0) if a.values is None else a.values
    return tally.tally_moments(a.patterns, values - values.mean(), a.members)  # about a middle, or squares eat the digits


def _ratio(found: tally.Pairs, values: Floats) -> Floats:
    return c.krippendorff_alpha_ratio(found, values=values)


def _plain(value: Callable[[Any], Floats]) -> Callable[[Any, Floats], Floats]:
    return lambda found, _: value(found)


_ONE_LABEL = "fewer than two labels were ever used, so chance cannot disagree"
_PERCENT = Metric("percent_agreement", None, _agreed, _plain(c.percent_agreement), "no task has two labels", _SHARE)
_NOMINAL = (
    Metric("cohen_kappa", "nominal", _nominal, _plain(c.cohen_kappa), _ONE_LABEL, unmet=_two_annotators),
    Metric("scott_pi", "nominal", _nominal, _plain(c.scott_pi), _ONE_LABEL, unmet=_two_annotators),
    Metric("fleiss_kappa", "nominal", _nominal, _plain(c.fleiss_kappa), _ONE_LABEL, unmet=_same_sizes),
    Metric("gwet_ac1", "nominal", _nominal, _plain(c.gwet_ac1), _ONE_LABEL),
)
_ALPHA = "krippendorff_alpha"

# One screen holds every coefficient; nothing registers itself on import.
LABEL_METRICS: Mapping[Level, tuple[Metric, ...]] = MappingProxyType(
    {
        "nominal": (_PERCENT, Metric(_ALPHA, "nominal", _nominal, _plain(c.krippendorff_alpha), _ONE_LABEL), *_NOMINAL),
        "ordinal": (
            _PERCENT,
            Metric(_ALPHA, "ordinal", _pairs, _plain(c.krippendorff_alpha_ordinal), _ONE_LABEL, unmet=_few_labels),
            Metric("gwet_ac2", "ordinal", _pairs, _plain(c.gwet_ac2), _ONE_LABEL, unmet=_few_labels),
            *_NOMINAL,
        ),
        "interval": (_PERCENT, Metric(_ALPHA, "interval", _moments, _plain(c.krippendorff_alpha_interval), _ONE_LABEL)),
        "ratio": (_PERCENT, Metric(_ALPHA, "ratio", _pairs, _ratio, _ONE_LABEL, unmet=_few_labels)),
    }
)


def label_scores(
    labels: pa.Table,
    groups: Mapping[str, str] | None = None,
    *,
    level: Level = "nominal",
    confidence: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
    order: tuple[str, ...] | None = None,
    repeats: Repeats = "refuse",
) -> tuple[Score, ...]:
    """Return the agreement of `labels` (schema LABELS), one score per coefficient of the level.

    `groups` maps a task to what is resampled with it (a patient, a recording); a task that is not in it is its own group.
    Intervals: jackknife with Student's t below 50 groups, where the bootstrap covers too little; BCa bootstrap from 50
    groups on, drawn over the distinct patterns of answers when every task is its own group. `seed` fixes all draws.
    `order` lists ordinal labels from low to high; without it they must be numbers. `repeats` says which of two answers of
    one annotator to one task counts: "refuse" (an error), "first" or "last" row.
    Raises InvalidRecord: a repeated answer, a label that is no number; Misconfigured: unknown level, label not in order.
    """
    if level not in LABEL_METRICS:
        raise Misconfigured(f"unknown level of measurement {level!r}", f"use one of {', '.join(LABEL_METRICS)}")
    if repeats == "keep":
        raise Misconfigured("agreement cannot count an annotator's second answer", "use first or last")
    coded, values = _on_scale(code_labels(labels, repeats), level, order)
    found = patterns(coded)
    sampling = Sampling(confidence, replicates, seed)
    drawn = units(found.of_task, found.tasks, _group_of_task(coded, groups), seed)
    answers = Answers(found, drawn.members, values)
    resamples = Resamples(drawn.groups, sampling)
    counted = _counted(coded, found)
    return tuple(_score(metric, answers, resamples, counted) for metric in LABEL_METRICS[level])


def task_label_scores(labels: pa.Table, *, repeats: Repeats = "refuse") -> dict[str, tuple[Score, ...]]:
    """Return percent_agreement for each task of `labels` (schema LABELS); one task has no interval and no chance to correct."""
    coded = code_labels(labels, repeats)
    found = patterns(coded)
    scores = tuple(
        _task_score(size, value) for size, value in zip(found.sizes.tolist(), tally.agreement_of(found).tolist(), strict=True)
    )
    return {task: (scores[at],) for task, at in sorted(zip(coded.tasks.to_pylist(), found.of_task.tolist(), strict=True))}


def _task_score(size: int, value: float) -> Score:
    if size < 2:
        return Score("percent_agreement", None, None, None, None, 0, size, size, "the task has fewer than two labels")
    return Score("percent_agreement", None, value, None, None, 1, size, size, None)


def _on_scale(coded: Coded, level: Level, order: tuple[str, ...] | None) -> tuple[Coded, Floats | None]:
    """Return the answers with label codes that rise with the scale, and the labels' values; nominal labels have none."""
    if level == "nominal":
        return coded, None
    if level == "ordinal" and order is not None:
        check_order(coded.labels, order)
        code = np.array([order.index(name) for name in coded.labels], np.int64)
        return _relabelled(coded, order, code), None
    values = numbers_of(coded.labels, level)
    if level == "ratio" and (values < 0).any():
        raise InvalidRecord(f"label {values.min()} is below zero", "a ratio scale starts at zero; use interval")
    distinct, code = np.unique(values, return_inverse=True)  # "1" and "1.0" are one value
    return _relabelled(coded, tuple(map(str, distinct.tolist())), code), distinct


def check_order(labels: tuple[str, ...], order: tuple[str, ...]) -> None:
    """Raise Misconfigured: a label that is not in the order, or one that is in it twice."""
    outside = sorted(set(labels) - set(order))
    if outside or len(set(order)) < len(order):
        raise Misconfigured(f"the order of labels lacks {outside} or repeats one", f"it lists {', '.join(order)}")


def _relabelled(coded: Coded, labels: tuple[str, ...], code: Codes) -> Coded:
    label = code[coded.label] if len(code) else coded.label
    return Coded(coded.tasks, coded.annotators, labels, coded.task, coded.annotator, label)


def numbers_of(labels: tuple[str, ...], level: str) -> Floats:
    """Return the numbers that the labels stand for. Raises InvalidRecord: one that is no finite number."""
    values = np.array([_number(label) for label in labels], np.float64)
    unfit = np.flatnonzero(~np.isfinite(values))
    if len(unfit):
        hint = "list the order of the labels" if level == "ordinal" else "use level nominal or ordinal"
        raise InvalidRecord(f"label {labels[int(unfit[0])]!r} is not a finite number, which level {level} needs", hint)
    return values


def _number(label: str) -> float:
    try:
        return float(label)
    except ValueError:
        return float("nan")


def _group_of_task(coded: Coded, groups: Mapping[str, str] | None) -> Codes | None:
    if not groups:
        return None
    # The two prefixes keep a task's own name apart from a group of the same name.
    names = [f"group {groups[task]}" if task in groups else f"task {task}" for task in coded.tasks.to_pylist()]
    return encode_sorted(pa.array(names, pa.string()))[1]


def _counted(coded: Coded, found: Patterns) -> tuple[int, int, int]:
    """Return how many tasks have two labels or more, who gave those labels, and how many they are."""
    paired = found.sizes >= 2
    rows = paired[found.of_task][coded.task] if len(coded.task) else np.zeros(0, bool)
    annotators = int((np.bincount(coded.annotator[rows], minlength=1) > 0).sum())
    return int(found.tasks[paired].sum()), annotators, int(rows.sum())


def _score(metric: Metric, answers: Answers, resamples: Resamples, counted: tuple[int, int, int]) -> Score:
    reason = "no task has two labels" if counted[0] == 0 else metric.unmet(_scope(answers.patterns))
    if reason is not None:
        return Score(metric.name, metric.level, None, None, None, *counted, reason)
    return score_of(metric, metric.evaluate(metric.tally(answers), answers.values), resamples, counted)


def _scope(found: Patterns) -> Scope:
    return Scope(found.annotators, found.labels, tuple(np.unique(found.sizes[found.sizes > 0]).tolist()))


def score_of(metric: Metric, evaluate: Evaluate, resamples: Resamples, counted: tuple[int, int, int]) -> Score:
    """Return the metric's score with its interval; `counted` are tasks with two labels or more, their annotators, labels."""
    point = float(evaluate(resamples.groups[np.newaxis].astype(np.float64))[0])
    if not np.isfinite(point):
        return Score(metric.name, metric.level, None, None, None, *counted, metric.undefined)
    point = min(point, metric.limits[1])  # rounding may leave 1 + 2e-16
    low, high = resamples.interval(evaluate, point, metric.limits)
    return Score(metric.name, metric.level, point, low, high, *counted, None)

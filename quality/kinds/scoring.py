"""From tallies of pairs to scores: over all with intervals, and by pair, annotator, company, label and task."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from yuelu.quality.coded import Codes
from yuelu.quality.kinds.compared import Compared, Measure, Sums, share, sum_by, weigh
from yuelu.quality.resample import Evaluate, Floats, Resamples, Sampling, deal
from yuelu.quality.score import Score
from yuelu.quality.shapes import weighted_median

_NOBODY = "no task was answered by two annotators"
_TWO = "needs exactly two annotators, there are {count}"


@dataclass(frozen=True, slots=True)
class Part:
    """A score of part of the pairs; `names` say which: one annotator, two of them, a label, a company."""

    names: tuple[str, ...]
    score: Score


def pair_scores(compared: Compared, measures: Sequence[Measure], sampling: Sampling) -> tuple[Score, ...]:
    """Return each measure over all pairs, with its interval by resampling the groups of their tasks, or why it is undefined."""
    pairs = compared.pairs
    group = np.unique(pairs.group[pairs.task], return_inverse=True)[1]
    unit, count = deal(np.asarray(group, np.int64), sampling.seed)
    count = max(count, 1)
    resamples = Resamples(np.ones(count, np.int64), sampling)
    sums = sum_by(compared.counts, unit, count)
    counted = _counted(compared)
    return tuple(_score(each, compared, _evaluation(each, compared, sums, unit), resamples, counted) for each in measures)


def _counted(compared: Compared) -> tuple[int, int, int]:
    """Return how many tasks two annotators answered, who they are, and how many things they said there."""
    pairs = compared.pairs
    answers = np.union1d(pairs.first, pairs.second)
    annotators = len(np.union1d(pairs.one, pairs.other))
    return len(np.unique(pairs.task)), annotators, int(pairs.said[answers].sum())


def _evaluation(measure: Measure, compared: Compared, sums: Sums, unit: Codes) -> Evaluate:
    value = measure.value
    if value is None:
        samples = compared.samples[measure.name]
        return weighted_median(samples.values, unit[samples.row])
    return lambda weights: value(weigh(weights, sums))


def _score(
    measure: Measure, compared: Compared, evaluate: Evaluate, resamples: Resamples, counted: tuple[int, int, int]
) -> Score:
    reason = _NOBODY if counted[0] == 0 else _TWO.format(count=counted[1]) if measure.two and counted[1] != 2 else None
    if reason is None:
        point = float(evaluate(np.ones((1, len(resamples.groups))))[0])
        if np.isfinite(point):
            point = min(point, measure.limits[1])  # rounding may leave 1 + 2e-16
            low, high = resamples.interval(evaluate, point, measure.limits)
            return Score(measure.name, None, point, low, high, *counted, None)
        reason = measure.undefined
    return Score(measure.name, None, None, None, None, *counted, reason)


def plain_values(compared: Compared, measure: Measure, unit: Codes, units: int) -> Floats:
    """Return the measure by unit of the pairs, shape (units,), NaN where it is undefined."""
    if measure.value is not None:
        return np.asarray(measure.value(sum_by(compared.counts, unit, units)), np.float64)
    samples = compared.samples[measure.name]
    values = np.full(units, np.nan)
    of_unit = unit[samples.row]
    for each in np.unique(of_unit):
        values[each] = np.median(samples.values[of_unit == each])
    return values


def by_task(compared: Compared, measures: Sequence[Measure]) -> dict[str, tuple[Score, ...]]:
    """Return each measure for every task that two annotators answered, without intervals: there is nothing to resample."""
    pairs = compared.pairs
    codes, unit = np.unique(pairs.task, return_inverse=True)
    columns = [plain_values(compared, measure, unit, len(codes)).tolist() for measure in measures]
    counted = _counts_by(compared, unit, len(codes))
    return {
        pairs.tasks[code]: tuple(
            _plain(measure, column[at], (1, *counted[at])) for measure, column in zip(measures, columns, strict=True)
        )
        for at, code in enumerate(codes.tolist())
    }


@dataclass(frozen=True, slots=True)
class TaskValues:
    """One measure of every task that two annotators answered, as columns: there may be a million of them.

    `values`, shape (tasks,), is NaN where the measure is undefined, for the reason `undefined`.
    """

    metric: str
    names: tuple[str, ...]
    values: Floats
    undefined: str

    def __len__(self) -> int:
        return len(self.names)

    @property
    def known(self) -> Floats:
        """The values that there are."""
        return np.asarray(self.values[np.isfinite(self.values)])

    def worst(self, most: int, *, less_is_better: bool) -> list[tuple[str, float]]:
        """Return the tasks with the least agreement, at most `most` of them, the worst first and those alike by name."""
        badness = np.where(np.isfinite(self.values), -self.values if less_is_better else self.values, np.inf)
        kept = np.flatnonzero(np.isfinite(badness))
        if len(kept) > most:
            kept = kept[badness[kept] <= np.partition(badness[kept], most - 1)[most - 1]]
        ranked = sorted(kept.tolist(), key=lambda at: (badness[at], self.names[at]))
        return [(self.names[at], float(self.values[at])) for at in ranked[:most]]


def task_values(compared: Compared, measure: Measure) -> TaskValues:
    """Return the measure for every task that two annotators answered, in order of the tasks' codes."""
    pairs = compared.pairs
    codes, unit = np.unique(pairs.task, return_inverse=True)
    values = np.minimum(plain_values(compared, measure, unit, len(codes)), measure.limits[1])
    return TaskValues(measure.name, tuple(pairs.tasks[code] for code in codes.tolist()), values, measure.undefined)


def _plain(measure: Measure, value: float, counted: tuple[int, int, int]) -> Score:
    reason = None if np.isfinite(value) else measure.undefined
    if measure.two and counted[1] != 2:
        value, reason = float("nan"), _TWO.format(count=counted[1])
    value_or_none = min(value, measure.limits[1]) if reason is None else None
    return Score(measure.name, None, value_or_none, None, None, *counted, reason)


def _counts_by(compared: Compared, unit: Codes, units: int) -> list[tuple[int, int]]:
    """Return how many annotators a unit has, and how many things they said."""
    pairs = compared.pairs
    answers = max(len(pairs.said), 1)
    of_unit, answer = np.divmod(np.union1d(unit * answers + pairs.first, unit * answers + pairs.second), answers)
    annotators = np.bincount(of_unit, minlength=units)
    said = np.bincount(of_unit, pairs.said[answer], units)
    return [(int(people), int(things)) for people, things in zip(annotators, said, strict=True)]


def by_pair(compared: Compared, measures: Sequence[Measure], sampling: Sampling | None) -> tuple[Part, ...]:
    """Return each measure for every two annotators, in the order of their names; without `sampling` without intervals."""
    pairs = compared.pairs
    codes, unit = np.unique(pairs.one * max(len(pairs.annotators), 1) + pairs.other, return_inverse=True)
    order = np.argsort(unit, kind="stable")
    rows = np.split(order, np.searchsorted(unit[order], np.arange(1, len(codes)))) if len(codes) else []
    named = [(pairs.annotators[pairs.one[each[0]]], pairs.annotators[pairs.other[each[0]]]) for each in rows]
    if sampling is not None:
        scored = (pair_scores(compared.take(each), measures, sampling) for each in rows)
        return tuple(Part(names, score) for names, found in zip(named, scored, strict=True) for score in found)
    columns = [plain_values(compared, measure, unit, len(codes)).tolist() for measure in measures]
    return tuple(
        Part(names, _plain(measure, column[at], (len(rows[at]), 2, 2 * len(rows[at]))))
        for at, names in enumerate(named)
        for measure, column in zip(measures, columns, strict=True)
    )


def by_annotator(compared: Compared, measures: Sequence[Measure], sampling: Sampling) -> tuple[Part, ...]:
    """Return each measure for the pairs that an annotator is one of."""
    pairs = compared.pairs
    return tuple(
        Part((pairs.annotators[who],), score)
        for who in np.union1d(pairs.one, pairs.other).tolist()
        for score in pair_scores(_where(compared, (pairs.one == who) | (pairs.other == who)), measures, sampling)
    )


def by_company(
    compared: Compared, companies: Mapping[str, str], measures: Sequence[Measure], sampling: Sampling
) -> tuple[Part, ...]:
    """Return each measure for the pairs within a company, and for those of every two companies."""
    pairs = compared.pairs
    if not companies:
        return ()
    of_one, of_other = (
        np.asarray([companies.get(pairs.annotators[who], "") for who in side]) for side in (pairs.one, pairs.other)
    )
    both = sorted({tuple(sorted(each)) for each in zip(of_one.tolist(), of_other.tolist(), strict=True) if all(each)})
    found = []
    for one, other in both:
        within = ((of_one == one) & (of_other == other)) | ((of_one == other) & (of_other == one))
        names = (one,) if one == other else (one, other)
        found += [Part(names, score) for score in pair_scores(_where(compared, within), measures, sampling)]
    return tuple(found)


F1 = Measure("f1", share({"both": 2}, "marked"), "nobody used the label")


def by_label(compared: Compared, sampling: Sampling) -> tuple[Part, ...]:
    """Return F1 of each label: 2 both / marked; of single labels it is their specific agreement."""
    labels, found = compared.labels, []
    for code, name in enumerate(labels.names):
        rows = np.flatnonzero(labels.label == code)
        if not len(rows):
            continue
        counts = {"both": labels.both[rows], "marked": labels.marked[rows]}
        part = replace(compared, pairs=compared.pairs.take(labels.row[rows]), counts=counts)
        score = pair_scores(part, (F1,), sampling)[0]
        found.append(Part((name,), replace(score, annotations=int(labels.marked[rows].sum()))))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Confused:
    """How often one annotator said `one` where another said `other`, whoever came first."""

    one: str
    other: str
    count: int


def confusions(compared: Compared) -> tuple[Confused, ...]:
    """Return how often two labels were given to one thing, the most frequent first; equal labels are among them."""
    names, named = compared.labels.names, compared.named
    low, high = np.minimum(named.one, named.other), np.maximum(named.one, named.other)
    keys, counts = np.unique(low * max(len(names), 1) + high, return_counts=True)
    pairs = np.divmod(keys, max(len(names), 1))
    found = [Confused(names[one], names[other], int(count)) for one, other, count in zip(*pairs, counts, strict=True)]
    return tuple(sorted(found, key=lambda each: (-each.count, each.one, each.other)))


def _where(compared: Compared, chosen: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Compared:
    return compared.take(np.flatnonzero(chosen))


def between(compared: Compared, choose: Callable[[str, str], bool]) -> Compared:
    """Return the tallies of those pairs whose two annotators are chosen."""
    pairs = compared.pairs
    people = max(len(pairs.annotators), 1)
    codes, of_code = np.unique(pairs.one * people + pairs.other, return_inverse=True)
    chosen = [choose(pairs.annotators[code // people], pairs.annotators[code % people]) for code in codes.tolist()]
    return _where(compared, np.asarray(chosen, bool)[of_code])

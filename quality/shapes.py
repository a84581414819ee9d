"""Agreement on shapes, boxes and segments alike: the metrics, over a batch with intervals and for each task without."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from yuelu.quality.coded import Codes, encode_sorted
from yuelu.quality.compare import Comparison, Kind, compare
from yuelu.quality.drawn import Drawn, Seen
from yuelu.quality.resample import Evaluate, Floats, Resamples, Sampling, deal
from yuelu.quality.score import Score


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric: `parts` returns what is summed over tasks above and below the line; None for the median of the shifts."""

    name: str
    parts: Callable[[Comparison], tuple[Floats, Floats]] | None
    undefined: str
    limits: tuple[float, float] = (0.0, 1.0)


def measures(kind: Kind, iou: float) -> tuple[Measure, ...]:
    """Return the metrics of the kind at the IoU threshold `iou`. F1 is 2 matches / shapes, over all pairs of annotators."""
    no_match = f"no two {kind.plural} overlap by IoU {iou:.2f} or more"
    nothing = f"nobody drew any {kind.plural}"
    found = (
        Measure(f"f1@{iou:.2f}", lambda c: (2 * c.same, c.drawn), nothing),
        Measure(f"f1_any_label@{iou:.2f}", lambda c: (2 * c.any_label, c.drawn), nothing),
        Measure("mean_iou", lambda c: (c.overlap, c.any_label), no_match),
    )
    return (*found, Measure("boundary_s", None, no_match, (0.0, np.inf))) if kind.shifts else found


def batch_scores(drawn: Drawn, seen: Seen, kind: Kind, iou: float, sampling: Sampling) -> tuple[Score, ...]:
    """Return the kind's metrics over all tasks, with intervals by resampling the groups of tasks that two annotators saw."""
    compared = compare(drawn, seen, kind, iou)
    shared = np.flatnonzero(seen.viewers >= 2)
    group, count = deal(encode_sorted(pa.array(seen.group[shared]))[1], sampling.seed)
    count = max(count, 1)  # without a comparison, one empty unit
    unit = np.zeros(len(seen.tasks), np.int64)
    unit[shared] = group
    resamples = Resamples(np.ones(count, np.int64), sampling)
    annotators = len(np.unique(seen.annotator[np.isin(seen.task, shared)]))
    counted = (len(shared), annotators, int(np.isin(drawn.task, shared).sum()))
    found = []
    for measure in measures(kind, iou):
        evaluate = _evaluate(measure, compared, unit, count)
        point = float(evaluate(np.ones((1, count)))[0])
        if np.isfinite(point):
            point = min(point, measure.limits[1])  # rounding may leave 1 + 2e-16
            low, high = resamples.interval(evaluate, point, measure.limits)
            found.append(Score(measure.name, None, point, low, high, *counted, None))
        else:
            reason = _reason(measure, kind, counted[0], counted[2])
            found.append(Score(measure.name, None, None, None, None, *counted, reason))
    return tuple(found)


def task_scores(drawn: Drawn, seen: Seen, kind: Kind, iou: float) -> dict[str, tuple[Score, ...]]:
    """Return the kind's metrics for each task of `seen`, without intervals: there is nothing to resample."""
    compared, table = compare(drawn, seen, kind, iou), measures(kind, iou)
    columns = [_per_task(measure, compared).tolist() for measure in table]
    viewers, rows = seen.viewers.tolist(), np.bincount(drawn.task, minlength=len(seen.tasks)).tolist()

    def score(measure: Measure, value: float, task: int) -> Score:
        counted = (int(viewers[task] >= 2), viewers[task], rows[task])
        if np.isfinite(value):
            return Score(measure.name, None, min(value, measure.limits[1]), None, None, *counted, None)
        return Score(measure.name, None, None, None, None, *counted, _reason(measure, kind, counted[0], counted[2]))

    return {
        name: tuple(score(measure, column[task], task) for measure, column in zip(table, columns, strict=True))
        for task, name in enumerate(seen.tasks.to_pylist())
    }


def _reason(measure: Measure, kind: Kind, tasks: int, rows: int) -> str:
    if tasks == 0:
        return "no task was seen by two annotators"
    return measure.undefined if rows else f"nobody drew any {kind.plural}"


def _evaluate(measure: Measure, compared: Comparison, unit: Codes, count: int) -> Evaluate:
    if measure.parts is None:
        return weighted_median(compared.shift, unit[compared.shift_task])
    top, bottom = (np.bincount(unit, part, count) for part in measure.parts(compared))
    return lambda weights: _quotient(weights @ top, weights @ bottom)


def _per_task(measure: Measure, compared: Comparison) -> Floats:
    if measure.parts is not None:
        return _quotient(*measure.parts(compared))
    values: Floats = np.full(len(compared.drawn), np.nan)
    order = np.argsort(compared.shift_task, kind="stable")
    tasks, starts = np.unique(compared.shift_task[order], return_index=True)
    for task, shifts in zip(tasks, np.split(compared.shift[order], starts[1:]), strict=False):
        values[task] = np.median(shifts)
    return values


def _quotient(top: Floats, bottom: Floats) -> Floats:
    undefined: Floats = np.full(len(bottom), np.nan)
    return np.divide(top, bottom, out=undefined, where=bottom > 0)


def weighted_median(values: Floats, unit: Codes) -> Evaluate:
    """Return what gives the median of the values, each as often as its unit is drawn."""
    order = np.argsort(values, kind="stable")
    values, unit = values[order], unit[order]

    def evaluate(weights: Floats) -> Floats:
        if len(values) == 0:
            return np.full(len(weights), np.nan)
        reached = np.cumsum(weights[:, unit], axis=1)
        half = reached[:, -1:] / 2
        low, high = (reached >= half).argmax(axis=1), (reached > half).argmax(axis=1)
        return np.asarray(np.where(reached[:, -1] > 0, (values[low] + values[high]) / 2, np.nan))

    return evaluate

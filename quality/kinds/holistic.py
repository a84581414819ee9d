"""Gamma (Mathet 2015) of the tasks of a batch: agreement on stretches and labels at once, corrected for chance."""

from collections.abc import Callable, Sequence

import numpy as np

from yuelu.base.records import Region, Segment
from yuelu.quality.gamma import Unit, gamma
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.spans import Span, place_spans
from yuelu.quality.resample import Resamples, Sampling, deal
from yuelu.quality.score import Score

MOST_TASKS, MOST_UNITS, MOST_ANNOTATORS = 30, 20, 3
_TOO_MUCH = (
    "gamma is an integer programme, for samples: "
    f"at most {MOST_TASKS} tasks of {MOST_UNITS} stretches by {MOST_ANNOTATORS} annotators"
)


def segment_gamma(answers: Sequence[Answer], asked: Asked, sampling: Sampling) -> tuple[Score, ...]:
    """Return the mean of gamma over the tasks, for stretches of time, where it is asked for."""
    return (_gamma(answers, _segments, sampling),) if asked.gamma else ()


def span_gamma(answers: Sequence[Answer], asked: Asked, sampling: Sampling) -> tuple[Score, ...]:
    """Return the mean of gamma over the tasks, for spans of text, where it is asked for."""
    return (_gamma(answers, _spans, sampling),) if asked.gamma else ()


def _segments(said: Sequence[Region]) -> list[Unit]:
    return [(each.label, each.start_s, each.end_s) for each in said if isinstance(each, Segment)]


def _spans(said: Sequence[Region]) -> list[Unit]:
    regions = [each for each in said if isinstance(each, Span)]
    placed = place_spans(regions)
    rows = zip(regions, placed.reasons, placed.item.tolist(), placed.places.tolist(), strict=True)
    return [(each.label, start, end) for each, reason, item, (start, end) in rows if reason is None and item == 0]


def _gamma(answers: Sequence[Answer], units_of: Callable[[Sequence[Region]], list[Unit]], sampling: Sampling) -> Score:
    tasks: dict[str, list[list[Unit]]] = {}
    group, who = {}, dict[str, set[str]]()
    for each in answers:
        tasks.setdefault(each.task, []).append(units_of(each.said))
        group[each.task] = each.group
        who.setdefault(each.task, set()).add(each.annotator)
    several = {task: units for task, units in sorted(tasks.items()) if len(units) > 1}
    people = set().union(*(who[task] for task in several))
    counted = len(several), len(people), sum(len(units) for found in several.values() for units in found)
    if not several:
        return Score("gamma", None, None, None, None, *counted, "no task was answered by two annotators")
    if len(several) > MOST_TASKS or any(len(u) > MOST_ANNOTATORS or max(map(len, u)) > MOST_UNITS for u in several.values()):
        return Score("gamma", None, None, None, None, *counted, _TOO_MUCH)
    values = {task: gamma(units, seed=sampling.seed).value for task, units in several.items()}
    known = {task: value for task, value in values.items() if value is not None}
    if not known:
        return Score("gamma", None, None, None, None, *counted, "nobody marked anything, or chance cannot differ")
    names = sorted({group[task] for task in known})
    unit, count = deal(np.asarray([names.index(group[task]) for task in known], np.int64), sampling.seed)
    found, one = np.bincount(unit, list(known.values()), count), np.bincount(unit, minlength=count)
    point = float(np.mean(list(known.values())))
    low, high = Resamples(np.ones(count, np.int64), sampling).interval(
        lambda w: np.divide(w @ found, w @ one, out=np.full(len(w), np.nan), where=w @ one > 0), point, (-np.inf, 1.0)
    )
    return Score("gamma", None, point, low, high, *counted, None)

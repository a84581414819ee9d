"""Agreement on stretches and their labels at once, corrected for chance: alpha for unitizing, and gamma (Mathet 2015)."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from yuelu.base.records import FrameRange, Region, Segment
from yuelu.quality.gamma import Unit, gamma
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.spans import Span, place_spans
from yuelu.quality.resample import Floats, Resamples, Sampling, deal
from yuelu.quality.score import Score
from yuelu.quality.unitizing import Disagreement, Stretch, unitizing

ALPHA_U = "krippendorff_alpha_u"
# What gives the stretches of an answer, each with the continuum it lies on, and how many of the formulas' units one of theirs is.
Placing: TypeAlias = tuple[Callable[[Sequence[Region]], list[tuple[int, Stretch]]], float]

MOST_TASKS, MOST_UNITS, MOST_ANNOTATORS = 30, 20, 3
_TOO_MUCH = (
    "gamma is an integer programme, for samples: "
    f"at most {MOST_TASKS} tasks of {MOST_UNITS} stretches by {MOST_ANNOTATORS} annotators"
)


def segment_scores(answers: Sequence[Answer], asked: Asked, sampling: Sampling) -> tuple[Score, ...]:
    """Return alpha for unitizing of stretches of time in milliseconds and, where asked for, the mean of gamma over tasks."""
    return _scores(answers, asked, (_channels, 1000.0), _segments, sampling)


def frame_scores(answers: Sequence[Answer], _: Asked, sampling: Sampling) -> tuple[Score, ...]:
    """Return alpha for unitizing of ranges of frames."""
    return (_alpha_u(answers, (_frames, 1.0), sampling),)


def span_scores(answers: Sequence[Answer], asked: Asked, sampling: Sampling) -> tuple[Score, ...]:
    """Return alpha for unitizing of spans in characters and, where it is asked for, the mean of gamma over tasks."""
    return _scores(answers, asked, (_paragraphs, 1.0), _spans, sampling)


def _scores(
    answers: Sequence[Answer], asked: Asked, placed: Placing, units_of: Callable[[Sequence[Region]], list[Unit]], s: Sampling
) -> tuple[Score, ...]:
    return (_alpha_u(answers, placed, s), *((_gamma(answers, units_of, s),) if asked.gamma else ()))


def _channels(said: Sequence[Region]) -> list[tuple[int, Stretch]]:
    segments = (each for each in said if isinstance(each, Segment))
    return [(-1 if each.channel is None else each.channel, (each.label, each.start_s, each.end_s)) for each in segments]


def _frames(said: Sequence[Region]) -> list[tuple[int, Stretch]]:
    ranges = (each for each in said if isinstance(each, FrameRange))
    return [(0, (each.label, each.first_frame - 1, each.last_frame)) for each in ranges]


def _paragraphs(said: Sequence[Region]) -> list[tuple[int, Stretch]]:
    regions = [each for each in said if isinstance(each, Span)]
    placed = place_spans(regions)
    rows = zip(regions, placed.reasons, placed.item.tolist(), placed.places.tolist(), strict=True)
    return [(item, (each.label, start, end)) for each, reason, item, (start, end) in rows if reason is None]


def _alpha_u(answers: Sequence[Answer], placed: Placing, sampling: Sampling) -> Score:
    """Return alpha of the tasks' disagreements added up, each task a continuum that ends where the last stretch in it does."""
    tasks: dict[str, list[Answer]] = {}
    for each in answers:
        tasks.setdefault(each.task, []).append(each)
    several = {task: given for task, given in sorted(tasks.items()) if len(given) > 1}
    people = {each.annotator for given in several.values() for each in given}
    counted = len(several), len(people), sum(len(each.said) for given in several.values() for each in given)
    if not several:
        return Score(ALPHA_U, None, None, None, None, *counted, "no task was answered by two annotators")
    found = [_of_task(given, placed) for given in several.values()]
    names = sorted({given[0].group for given in several.values()})
    groups = np.asarray([names.index(given[0].group) for given in several.values()], np.int64)
    unit, count = deal(groups, sampling.seed)
    observed, expected = (np.bincount(unit, [getattr(e, side) for e in found], count) for side in ("observed", "expected"))
    if not expected.sum():
        return Score(ALPHA_U, None, None, None, None, *counted, "nobody marked anything, or chance cannot differ")

    def alpha(weights: Floats) -> Floats:
        above, below = weights @ observed, weights @ expected
        return np.asarray(1 - np.divide(above, below, out=np.full(len(weights), np.nan), where=below > 0))

    point = float(alpha(np.ones((1, count)))[0])
    low, high = Resamples(np.ones(count, np.int64), sampling).interval(alpha, point, (-np.inf, 1.0))
    return Score(ALPHA_U, None, point, low, high, *counted, None)


def _of_task(given: Sequence[Answer], placed: Placing) -> Disagreement:
    of_region, scale = placed
    said = [[(item, (label, a * scale, b * scale)) for item, (label, a, b) in of_region(each.said)] for each in given]
    total = Disagreement(0.0, 0.0)
    for item in sorted({item for each in said for item, _ in each}):
        mine = [[stretch for at, stretch in each if at == item] for each in said]
        length = max(end for each in mine for _, _, end in each)
        total = sum(unitizing(mine, length).values(), total)
    return total


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

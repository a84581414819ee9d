"""Kinds of answers and their measures: the one place that says what is measured of what."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from yuelu.base.errors import Misconfigured
from yuelu.quality.kinds import classes, holistic, masks, moving, points, relations, shapes, spans, stretches, words
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.compared import Compared, Measure
from yuelu.quality.kinds.distances import answer_distances
from yuelu.quality.kinds.kind import MOST_EXPECTED, Compare, Kind, Whole
from yuelu.quality.kinds.regions import Placed, compare_regions
from yuelu.quality.kinds.scoring import by_task, pair_scores
from yuelu.quality.resample import Sampling
from yuelu.quality.score import Score

_FEW = 300  # where one distance takes milliseconds


def kind_named(name: str) -> Kind:
    """Return how the kind is measured. Raises Misconfigured: a kind that is not in the table."""
    if name not in KINDS:
        raise Misconfigured(f"no agreement measure for {name!r}", f"known kinds: {', '.join(KINDS)}")
    return KINDS[name]


def agreement(answers: Sequence[Answer], asked: Asked, sampling: Sampling | None = None) -> tuple[Score, ...]:
    """Return every measure of the kind over all pairs of annotators, with intervals, or the reasons why there are none.

    Raises InvalidRecord: an answer twice, a task in two groups; Misconfigured: unknown kind.
    """
    sampling = sampling or Sampling()
    return scores_of(answers, asked, kind_named(asked.kind).compare(answers, asked), sampling)


def scores_of(answers: Sequence[Answer], asked: Asked, compared: Compared, sampling: Sampling) -> tuple[Score, ...]:
    """Return the scores of answers whose tallies are there already."""
    kind = kind_named(asked.kind)
    whole = kind.whole(answers, asked, sampling) if kind.whole else ()
    given = answers if kind.drawn else [each for each in answers if each.said]
    told = {score.metric for score in whole}
    plain = pair_scores(compared, [each for each in kind.measures if each.name not in told], sampling)
    return (*whole, *plain, *(answer_distances(given, asked, kind, sampling) if kind.distance else ()))


def task_agreement(answers: Sequence[Answer], asked: Asked) -> dict[str, tuple[Score, ...]]:
    """Return the measures of pairs for each task that two annotators answered, without intervals."""
    kind = kind_named(asked.kind)
    return by_task(kind.compare(answers, asked), kind.measures)


def _regions(place: Callable[[Sequence[Any]], Placed]) -> Compare:
    return lambda answers, _: compare_regions(answers, place)


def _drawn(
    compare: Compare,
    measures: tuple[Measure, ...],
    distance: str = "panoptic_quality",
    *,
    whole: Whole | None = None,
    expected: int = MOST_EXPECTED,
    apart: Compare | None = None,
) -> Kind:
    return Kind(compare, measures, whole, distance, drawn=True, expected=expected, apart=apart)


# One screen holds every kind; nothing registers itself on import.
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "nominal": Kind(classes.compare_labels, classes.AGREED, classes.coefficients("nominal")),
        "ordinal": Kind(classes.compare_degrees, classes.ORDERED, classes.coefficients("ordinal")),
        "interval": Kind(classes.compare_numbers, classes.MEASURED, classes.number_scores),
        "ratio": Kind(classes.compare_numbers, classes.MEASURED, classes.coefficients("ratio")),
        "multilabel": Kind(classes.compare_sets, classes.SETS, classes.label_presence, "jaccard"),
        "taxonomy": Kind(classes.compare_sets, classes.SETS, None, "jaccard"),
        "moment": Kind(classes.compare_labels, classes.AGREED, classes.coefficients("nominal")),
        "preference": Kind(classes.compare_labels, classes.AGREED, classes.coefficients("nominal")),
        "ranking": Kind(words.compare_rankings, words.RANKINGS, None, "pair_agreement"),
        "text": Kind(words.compare_texts, words.TEXTS, None, "cer"),
        "box": _drawn(_regions(shapes.place_boxes), shapes.BOXES),
        "outline": _drawn(_regions(shapes.place_outlines), shapes.OUTLINES, expected=_FEW),
        "polyline": _drawn(_regions(shapes.place_lines), shapes.LINES, expected=_FEW),
        "keypoint": _drawn(points.compare_points, points.POINTS, "f1"),
        "mask": _drawn(masks.compare_masks, masks.MASKS, "dice", expected=_FEW),
        "volume": _drawn(masks.compare_masks, (*masks.MASKS, *masks.VOLUMES), "dice", expected=_FEW),
        "segment": _drawn(stretches.compare_segments, stretches.SEGMENTS, whole=holistic.segment_scores),
        "frame_range": _drawn(_regions(stretches.place_frames), stretches.FRAMES, whole=holistic.frame_scores),
        "track": _drawn(moving.compare_tracks, moving.TRACKS, "idf1", expected=_FEW, apart=moving.compare_identities),
        "span": _drawn(spans.compare_spans, spans.SPANS, "f1_characters", whole=holistic.span_scores),
        "relation": _drawn(relations.compare_relations, relations.RELATIONS, "f1", expected=_FEW),
    }
)

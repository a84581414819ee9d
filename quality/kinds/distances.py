"""Alpha, KS and sigma (Braylan 2022) of answers of any kind: a distance is 1 less a measure of two answers."""

from collections.abc import Sequence

import numpy as np

from yuelu.quality.coded import Codes
from yuelu.quality.distances import pair_distance_scores
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.compared import Measure
from yuelu.quality.kinds.kind import Kind
from yuelu.quality.kinds.scoring import plain_values
from yuelu.quality.resample import Floats, Sampling
from yuelu.quality.score import Score


def answer_distances(answers: Sequence[Answer], asked: Asked, kind: Kind, sampling: Sampling) -> tuple[Score, ...]:
    """Return alpha, KS and sigma of the answers, at the kind's distance."""
    measure = next(each for each in kind.measures if each.name == kind.distance)

    def apart(pairs: Sequence[Sequence[int]]) -> Floats:
        return distances_of(answers, np.asarray(pairs, np.int64).reshape(-1, 2), asked, kind, measure)

    tasks, annotators = [each.task for each in answers], [each.annotator for each in answers]
    groups = {each.task: each.group for each in answers}
    return pair_distance_scores(tasks, annotators, apart, groups, sampling, most=kind.expected)


def distances_of(answers: Sequence[Answer], pairs: Codes, asked: Asked, kind: Kind, measure: Measure) -> Floats:
    """Return how far apart the answers of each pair (rows of two places) are; two empty answers are equal.

    All pairs are compared at once, each as if it were a task that two people answered.
    """
    width = len(str(len(pairs)))
    made = [
        Answer(f"{number:0{width}}", side, f"{number}", answers[at].said)
        for number, pair in enumerate(pairs.tolist())
        for side, at in zip("ab", pair, strict=True)
    ]
    compared = (kind.apart or kind.compare)(made, asked)
    number = np.asarray([int(compared.pairs.tasks[code]) for code in compared.pairs.task], np.int64)
    values = plain_values(compared, measure, number, len(pairs))
    alike = 1 - values if measure.is_error else values
    return np.where(np.isfinite(values), 1 - np.clip(alike, 0, 1), 0.0)

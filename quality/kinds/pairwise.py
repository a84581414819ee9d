"""Tallies of answers that are compared two by two, by a function of both."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from yuelu.base.records import Region
from yuelu.quality.kinds.answers import Answer, pair_up
from yuelu.quality.kinds.compared import Compared, Labelled
from yuelu.quality.resample import Floats

Said: TypeAlias = tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What two answers share: `counts` by name; by label how often both have it, and how often either; why it is unscored."""

    counts: Mapping[str, float | Floats]
    labels: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    left_out: str | None = None


def compare_pairs(
    answers: Sequence[Answer], names: Mapping[str, tuple[int, ...]], of_pair: Callable[[Said, Said], Found]
) -> Compared:
    """Return the tallies that `of_pair` makes of every two answers; `names` are those of the counts, with their shapes."""
    pairs = pair_up(answers)
    found = [
        of_pair(answers[one].said, answers[other].said)
        for one, other in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
    ]
    counts = {
        name: np.asarray([each.counts.get(name, np.zeros(shape)) for each in found], np.float64).reshape(len(found), *shape)
        for name, shape in names.items()
    }
    return Compared(
        pairs,
        MappingProxyType(counts),
        _labelled([each.labels for each in found]),
        left_out=Counter(each.left_out for each in found if each.left_out is not None),
    )


def _labelled(found: Sequence[Mapping[str, tuple[float, float]]]) -> Labelled:
    names = sorted({label for each in found for label in each})
    code = {name: at for at, name in enumerate(names)}
    rows = [(row, code[label], both, marked) for row, each in enumerate(found) for label, (both, marked) in each.items()]
    row, label = (np.asarray([each[at] for each in rows], np.int64) for at in (0, 1))
    both, marked = (np.asarray([each[at] for each in rows], np.float64) for at in (2, 3))
    return Labelled(tuple(names), row, label, both, marked)

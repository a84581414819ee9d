"""Labels made one: of choices, taxonomies, ratings, preferences and moments, by vote or by a model of the annotators."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from yuelu.base.records import Choice, Moment, Preference, Rating, Region, Taxonomy
from yuelu.base.schemas import LABELS
from yuelu.quality.coded import code_labels
from yuelu.quality.consensus import Method, probabilities
from yuelu.quality.fusion.fused import Entry, Fused
from yuelu.quality.kinds.answers import Answer

_STEP = " / "  # between the levels of a taxonomy; only used inside


@dataclass(frozen=True, slots=True)
class Labelling:
    """How entries of one kind are read as labels, and how labels become an entry of a control again."""

    labels: Callable[[Entry], tuple[str, ...]]
    entry: Callable[[str, tuple[str, ...]], Region]


def _choice(control: str, labels: tuple[str, ...]) -> Region:
    return Choice(control, labels)


LABELLINGS: Mapping[str, Labelling] = MappingProxyType(
    {
        "choice": Labelling(lambda e: tuple(e.labels), _choice),
        "taxonomy": Labelling(
            lambda e: tuple(_STEP.join(path) for path in e.paths),
            lambda control, labels: Taxonomy(control, tuple(tuple(label.split(_STEP)) for label in labels)),
        ),
        "rating": Labelling(lambda e: (str(e.stars),), lambda control, labels: Rating(control, int(labels[0]))),
        "moment": Labelling(lambda e: (e.moment,), lambda control, labels: Moment(control, labels[0])),
        "preference": Labelling(lambda e: (e.preferred,), lambda control, labels: Preference(control, labels[0])),
    }
)


def fused_labels(answers: Sequence[Answer], control: str, kind: str, method: Method = "majority") -> dict[str, tuple[Fused, ...]]:
    """Return for each task the label that its annotators come to by `method`; only those who said something count.

    Where anybody gave several labels at once, each label is a question of its own (is it there?), and the answer holds those
    that more probably are; its probability is that of the least certain label, there or not. A rating is the lower median.
    """
    reading = LABELLINGS[kind]
    given = [(each, tuple(dict.fromkeys(label for entry in each.said for label in reading.labels(entry)))) for each in answers]
    given = [(each, labels) for each, labels in given if each.said]
    if any(len(labels) != 1 for _, labels in given):
        return _sets(given, control, reading, method)
    if kind == "rating" and method == "majority":
        return _medians(given, control, reading)
    rows = [(each.task, each.annotator, labels[0]) for each, labels in given]
    return {
        task: (Fused(reading.entry(control, (label,)), votes, seen, probability, (("shares", shares),)),)
        for task, (label, probability, votes, seen, shares) in _best(rows, method).items()
    }


_Best = tuple[str, float, int, int, tuple[tuple[str, float], ...]]


def _best(rows: Sequence[tuple[str, str, str]], method: Method) -> dict[str, _Best]:
    """Return of each task the label, its probability and votes, how many answered, and the probabilities of all labels."""
    if not rows:
        return {}
    coded = code_labels(pa.table(dict(zip(LABELS.names, zip(*rows, strict=True), strict=True)), LABELS))
    likely = probabilities(coded, method)
    votes = np.zeros(likely.shape, np.int64)
    np.add.at(votes, (coded.task, coded.label), 1)
    found = {}
    for at, task in enumerate(coded.tasks.to_pylist()):
        best = int(np.round(likely[at], 12).argmax())
        shares = tuple((coded.labels[one], float(likely[at, one])) for one in np.flatnonzero(likely[at] > 1e-9).tolist())
        found[task] = (coded.labels[best], float(likely[at, best]), int(votes[at, best]), int(votes[at].sum()), shares)
    return found


def _sets(
    given: Sequence[tuple[Answer, tuple[str, ...]]], control: str, reading: Labelling, method: Method
) -> dict[str, tuple[Fused, ...]]:
    names = sorted({label for _, labels in given for label in labels})
    found = {
        name: _best([(each.task, each.annotator, "yes" if name in labels else "no") for each, labels in given], method)
        for name in names
    }
    told: dict[str, tuple[Fused, ...]] = {}
    for task in dict.fromkeys(each.task for each, _ in given):
        kept = tuple(name for name in names if found[name][task][0] == "yes")
        votes = min((found[name][task][2] for name in kept), default=0)
        seen = next(iter(found.values()))[task][3] if names else 0
        shares = tuple((name, dict(found[name][task][4]).get("yes", 0.0)) for name in names)
        if kept:
            likely = min(found[name][task][1] for name in names)
            told[task] = (Fused(reading.entry(control, kept), votes, seen, likely, (("shares", shares),)),)
        else:
            told[task] = ()
    return told


def _medians(given: Sequence[tuple[Answer, tuple[str, ...]]], control: str, reading: Labelling) -> dict[str, tuple[Fused, ...]]:
    stars: dict[str, list[int]] = {}
    for each, labels in given:
        stars.setdefault(each.task, []).append(int(labels[0]))
    found: dict[str, tuple[Fused, ...]] = {}
    for task, values in stars.items():
        middle = sorted(values)[(len(values) - 1) // 2]
        votes = values.count(middle)
        found[task] = (Fused(reading.entry(control, (str(middle),)), votes, len(values), votes / len(values)),)
    return found

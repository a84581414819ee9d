"""Agreement on labels from parts of a table: each part is tallied by itself, tallies add, and the sum is scored."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from operator import add
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from yuelu.base.errors import InvalidRecord
from yuelu.base.schemas import LABELS, conform
from yuelu.quality.coded import Coded, Codes, code_labels
from yuelu.quality.labels import LABEL_METRICS, Answers, Level, Scope, check_order, numbers_of, score_of
from yuelu.quality.patterns import patterns
from yuelu.quality.resample import Floats, Resamples, Sampling
from yuelu.quality.score import Score
from yuelu.quality.tally import Labels, Tally

SETS = 2048  # that tasks or groups are dealt into by the checksum of their name; intervals resample these


@dataclass(frozen=True, slots=True)
class Names:
    """Who answers and with which labels, in all parts; the names of parts are joined by `|`."""

    annotators: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()

    def __or__(self, more: "Names") -> "Names":
        return Names(self.annotators | more.annotators, self.labels | more.labels)


def names_of(part: pa.Table) -> Names:
    """Return the names in a part of a table of labels (schema LABELS)."""
    part = conform(part, LABELS)
    return Names(*(frozenset(pc.unique(part[column]).to_pylist()) for column in ("annotator", "label")))


@dataclass(frozen=True, slots=True)
class Parted(Tally):
    """The tallies of a part, by kind of tally, each of SETS sets; parts add.

    `tasks`, shape (SETS,): tasks of each set. `counted`: tasks with two labels or more, and the labels in them; `answered`,
    shape (annotators,): the labels each annotator gave in them.
    """

    tallies: "Tallies"
    tasks: Floats
    counted: Codes
    answered: Codes


@dataclass(frozen=True, slots=True)
class Tallies:
    """Tallies by the name of what takes them."""

    by_name: Mapping[str, Labels] = field(default_factory=dict)

    def __add__(self, more: "Tallies") -> "Tallies":
        return Tallies({name: add(each, more.by_name[name]) for name, each in self.by_name.items()})


def tally_part(
    part: pa.Table,
    names: Names,
    level: Level = "nominal",
    groups: Mapping[str, str] | None = None,
    *,
    order: tuple[str, ...] | None = None,
) -> Parted:
    """Return the tallies of a part, in which every task has all of its answers.

    `names` are those of all parts; `order` lists ordinal labels from low to high, without it they are numbers. Raises
    InvalidRecord: an annotator who answers a task twice, a label that is no number; Misconfigured: a label not in `order`.
    """
    coded, values = _in_all(code_labels(part), names, level, order)
    found = patterns(coded)
    of = [(groups or {}).get(task, task) for task in coded.tasks.to_pylist()]
    sets = np.fromiter((crc32(name.encode()) % SETS for name in of), np.int64, len(of))
    members = sparse.csr_array((np.ones(len(sets)), (sets, found.of_task)), (SETS, len(found.tasks)))
    answers = Answers(found, members, values)
    paired = (found.sizes >= 2)[found.of_task] if of else np.zeros(0, bool)
    rows = paired[coded.task]
    return Parted(
        Tallies({name: take(answers) for name, take in _takers(level).items()}),
        np.bincount(sets, minlength=SETS).astype(np.float64),
        np.asarray([int(paired.sum()), int(rows.sum())], np.int64),
        np.bincount(coded.annotator[rows], minlength=len(names.annotators)),
    )


def _takers(level: Level) -> dict[str, partial[Labels]]:
    return {metric.tally.__name__: partial(metric.tally) for metric in LABEL_METRICS[level]}


def _in_all(coded: Coded, names: Names, level: Level, order: tuple[str, ...] | None) -> tuple[Coded, Floats | None]:
    """Return the answers with the codes that annotators and labels have among all, and the labels' values in order."""
    annotators, labels = tuple(sorted(names.annotators)), tuple(sorted(names.labels))
    values = None
    if level == "ordinal" and order is not None:
        check_order(labels, order)
        place, labels = {label: at for at, label in enumerate(order)}, order
    elif level != "nominal":
        numbers = numbers_of(labels, level)
        if level == "ratio" and (numbers < 0).any():
            raise InvalidRecord(f"label {numbers.min()} is below zero", "a ratio scale starts at zero; use interval")
        values, code = np.unique(numbers, return_inverse=True)
        place = dict(zip(labels, code.tolist(), strict=True))
        labels = tuple(map(str, values.tolist()))
    else:
        place = {label: at for at, label in enumerate(labels)}
    who = {name: at for at, name in enumerate(annotators)}
    annotator = np.asarray([who[name] for name in coded.annotators], np.int64)[coded.annotator]
    label = np.asarray([place[name] for name in coded.labels], np.int64)[coded.label]
    return Coded(coded.tasks, annotators, labels, coded.task, annotator, label), values


def score_parts(
    whole: Parted,
    names: Names,
    level: Level = "nominal",
    sampling: Sampling | None = None,
    *,
    order: tuple[str, ...] | None = None,
) -> tuple[Score, ...]:
    """Return the scores of the added parts: the values of `labels.label_scores`, to rounding (1e-9).

    Intervals resample the sets that tasks (or groups) are dealt into by name, so they do not depend on how the table was
    parted; with few groups use `label_scores`, which resamples the groups themselves.
    """
    kept = np.flatnonzero(whole.tasks > 0)
    chosen = sparse.csr_array((np.ones(len(kept)), (np.arange(len(kept)), kept)), (len(kept), SETS)).toarray()
    counted = (int(whole.counted[0]), int((whole.answered > 0).sum()), int(whole.counted[1]))
    plain = level == "nominal" or (level == "ordinal" and order is not None)
    numbers = None if plain else np.unique(numbers_of(tuple(names.labels), level))
    resamples = Resamples(np.ones(max(len(kept), 1), np.int64), sampling or Sampling())
    scores = []
    for metric in LABEL_METRICS[level]:
        found = whole.tallies.by_name[metric.tally.__name__]
        reason = (
            "no task has two labels" if counted[0] == 0 else metric.unmet(_scope(found, names, order or names.labels, numbers))
        )
        if reason is not None:
            scores.append(Score(metric.name, metric.level, None, None, None, *counted, reason))
        else:
            scores.append(score_of(metric, metric.evaluate(found.weighed(chosen), numbers), resamples, counted))
    return tuple(scores)


def _scope(found: Labels, names: Names, labels: Collection[str], numbers: Floats | None) -> Scope:
    sizes = tuple(size for size in np.flatnonzero(found.sizes.sum(axis=0)).tolist() if size)
    return Scope(len(names.annotators), len(labels if numbers is None else numbers), sizes)

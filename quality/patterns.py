"""Tasks grouped by how they were answered: a million tasks have few distinct answers, so all work is done on those."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from yuelu.quality.coded import Coded, Codes

_SLOT_PER_ANNOTATOR = 8  # with more annotators than this, most of a matrix task x annotator would be empty
_COUNTABLE = 1 << 20
_EXACT, _LARGEST = 2**53, 2**62  # sums of numbers of 64 bits, floating and whole


@dataclass(frozen=True, slots=True)
class Patterns:
    """The distinct ways in which tasks were answered.

    `answers`, shape (patterns, slots), holds label codes, -1 for none. A slot is an annotator (in the order of their
    names) while there are few; otherwise a task's labels stand in the order of their codes. `tasks` says how many tasks
    have the pattern, `of_task` which one each task has.
    """

    answers: Codes
    tasks: Codes
    of_task: Codes
    labels: int
    annotators: int

    @property
    def sizes(self) -> Codes:
        """How many labels each pattern has, shape (patterns,)."""
        return np.asarray((self.answers >= 0).sum(axis=1), np.int64)

    def counts(self) -> sparse.csr_array:
        """How many annotators gave each label, shape (patterns, labels)."""
        row, slot = np.nonzero(self.answers >= 0)
        shape = (len(self.answers), self.labels)
        return sparse.csr_array((np.ones(len(row)), (row, self.answers[row, slot])), shape)


def patterns(coded: Coded) -> Patterns:
    """Return the patterns of the answers: each task's labels as one integer in base labels + 1, counted.

    An annotator answers a task once, see `repeats` of `code_labels`.
    """
    tasks, annotators, labels = len(coded.tasks), len(coded.annotators), len(coded.labels)
    many = annotators > _SLOT_PER_ANNOTATOR
    task, slot, label = _in_label_order(coded) if many else (coded.task, coded.annotator, coded.label)
    slots = (int(slot.max()) + 1 if len(slot) else 0) if many else annotators
    base = labels + 1
    if base**slots < _EXACT:
        places = float(base) ** np.arange(slots - 1, -1, -1)
        keys = np.bincount(task, places[slot] * (label + 1), tasks).astype(np.int64)
        return _counted(keys, slots, labels, annotators)
    matrix = np.full((slots, tasks), -1, np.int64)
    matrix[slot, task] = label
    return patterns_of(matrix, labels, annotators)


def patterns_of(answers: NDArray[np.integer[Any]], labels: int, annotators: int | None = None) -> Patterns:
    """Return the patterns of label codes below `labels`, shape (slots, tasks), -1 for none; a slot is an annotator."""
    slots, tasks = answers.shape
    annotators = slots if annotators is None else annotators
    base = labels + 1
    if base**slots > _LARGEST:  # one integer cannot hold it; every task stays a pattern of its own
        each = np.arange(tasks)
        return Patterns(np.asarray(answers.T, np.int64), np.ones_like(each), each, labels, annotators)
    # What is read and written takes the time, so keys are no wider than need be. The sum of all places makes a zero of -1.
    keys: NDArray[np.int32] | NDArray[np.int64]
    keys = np.zeros(tasks, np.int32) if base**slots < 2**31 else np.zeros(tasks, np.int64)
    for row in answers:
        np.multiply(keys, base, out=keys)
        np.add(keys, row, out=keys, casting="unsafe")
    np.add(keys, sum(base**place for place in range(slots)), out=keys)
    return _counted(keys, slots, labels, annotators)


def _in_label_order(coded: Coded) -> tuple[Codes, Codes, Codes]:
    """Return task, slot and label of each answer; the slots of a task follow its labels."""
    base = len(coded.labels) + 1
    ordered = np.sort(coded.task * base + coded.label)
    task = ordered // base
    starts = np.zeros(len(coded.tasks), np.int64)
    np.cumsum(np.bincount(task, minlength=len(coded.tasks))[:-1], out=starts[1:])
    return task, np.arange(len(task)) - starts[task], ordered - task * base


def _counted(keys: NDArray[np.integer[Any]], slots: int, labels: int, annotators: int) -> Patterns:
    base = labels + 1
    found, tasks, of_task = _count(keys, base**slots)
    distinct = found.astype(np.int64)[:, np.newaxis] // base ** np.arange(slots - 1, -1, -1) % base - 1
    return Patterns(distinct, tasks, of_task, labels, annotators)


def _count(keys: NDArray[np.integer[Any]], space: int) -> tuple[Codes, Codes, Codes]:
    """Return the distinct keys, how often each occurs, and which of them each key is."""
    if space > _COUNTABLE:
        found, of_task, tasks = np.unique(keys, return_inverse=True, return_counts=True)
        return found, tasks, of_task
    histogram = np.bincount(keys, minlength=1)
    found = np.flatnonzero(histogram)
    place = np.zeros(len(histogram), np.int64)
    place[found] = np.arange(len(found))
    return found, histogram[found], place[keys]

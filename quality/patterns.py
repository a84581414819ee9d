"""Tasks grouped by how they were answered: a million tasks have few distinct answers, so all work is done on those."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from yuelu.quality.coded import Coded, Codes

_SLOT_PER_ANNOTATOR = 8  # with more annotators than this, most of a matrix task x annotator would be empty
_COUNTABLE = 1 << 20


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
    """Return the patterns of the answers: each task's labels as one integer in base labels + 1, counted."""
    matrix = _matrix(coded)
    base, slots = len(coded.labels) + 1, matrix.shape[1]
    if base**slots > 2**62:  # one integer cannot hold it; every task stays a pattern of its own
        each = np.arange(len(matrix))
        return Patterns(matrix, np.ones_like(each), each, len(coded.labels), len(coded.annotators))
    keys: Codes = np.zeros(len(matrix), np.int64)
    for slot in range(slots):
        keys = keys * base + matrix[:, slot] + 1
    found, tasks, of_task = _count(keys, base**slots)
    places = base ** np.arange(slots - 1, -1, -1)
    distinct = found[:, np.newaxis] // places % base - 1
    return Patterns(distinct, tasks, of_task, len(coded.labels), len(coded.annotators))


def _matrix(coded: Coded) -> Codes:
    """Return the label codes, shape (tasks, slots), -1 where there is none."""
    many = len(coded.annotators) > _SLOT_PER_ANNOTATOR
    row, slot, label = _in_label_order(coded) if many else (coded.task, coded.annotator, coded.label)
    slots = int(slot.max()) + 1 if len(slot) else 0
    matrix = np.full((len(coded.tasks), len(coded.annotators) if not many else slots), -1, np.int64)
    matrix[row, slot] = label
    return matrix


def _in_label_order(coded: Coded) -> tuple[Codes, Codes, Codes]:
    order = np.argsort(coded.task * (len(coded.labels) + 1) + coded.label, kind="stable")
    row = coded.task[order]
    starts = np.zeros(len(coded.tasks), np.int64)
    np.cumsum(np.bincount(row, minlength=len(coded.tasks))[:-1], out=starts[1:])
    return row, np.arange(len(row)) - starts[row], coded.label[order]


def _count(keys: NDArray[np.int64], space: int) -> tuple[Codes, Codes, Codes]:
    """Return the distinct keys, how often each occurs, and which of them each key is."""
    if space > _COUNTABLE:
        found, of_task, tasks = np.unique(keys, return_inverse=True, return_counts=True)
        return found, tasks, of_task
    histogram = np.bincount(keys, minlength=1)
    found = np.flatnonzero(histogram)
    place = np.zeros(len(histogram), np.int64)
    place[found] = np.arange(len(found))
    return found, histogram[found], place[keys]

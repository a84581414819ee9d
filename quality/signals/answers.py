"""What the signals look at: coded labels, and how the other annotators of each task voted."""

from dataclasses import dataclass

import numpy as np

from yuelu.quality.coded import Coded, Codes
from yuelu.quality.resample import Floats


@dataclass(frozen=True, slots=True)
class Votes:
    """The votes for each label, shape (tasks, labels)."""

    coded: Coded
    counts: Codes

    def others(self, rows: Codes) -> Codes:
        """Return the votes of the others on the tasks of these rows, shape (rows, labels): all less the row's own."""
        counts = self.counts[self.coded.task[rows]].copy()
        counts[np.arange(len(rows)), self.coded.label[rows]] -= 1
        return counts


def votes(coded: Coded) -> Votes:
    """Return the votes for each label."""
    counts = np.zeros((len(coded.tasks), len(coded.labels)), np.int64)
    np.add.at(counts, (coded.task, coded.label), 1)
    return Votes(coded, counts)


def majority(counts: Codes, least: int = 2) -> Codes:
    """Return the label with most of at least `least` votes, shape (rows,); -1 where there is none, or a tie."""
    if counts.shape[1] == 0:
        return np.full(len(counts), -1, np.int64)
    best = counts.max(axis=1)
    alone = (counts == best[:, np.newaxis]).sum(axis=1) == 1
    return np.where(alone & (counts.sum(axis=1) >= least), counts.argmax(axis=1), -1)


def rows_by_annotator(coded: Coded) -> list[Codes]:
    """Return the rows of each annotator."""
    order = np.argsort(coded.annotator, kind="stable")
    ends = np.cumsum(np.bincount(coded.annotator, minlength=len(coded.annotators)))
    return [np.asarray(part, np.int64) for part in np.split(order, ends[:-1])]


def shares(counts: Codes) -> Floats:
    """Return the counts of each row as shares; 0 where there are none."""
    total = counts.sum(axis=1, keepdims=True)
    none: Floats = np.zeros(counts.shape)
    np.divide(counts, total, out=none, where=total > 0)
    return none

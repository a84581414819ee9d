"""Typed answers to one question, and which two of them can be compared."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from yuelu.base.errors import InvalidRecord
from yuelu.base.records import Region
from yuelu.quality.coded import Codes, first_repeat
from yuelu.quality.matching import pairs_within


@dataclass(frozen=True, slots=True)
class Answer:
    """What one annotator said with one control in one task: all of one kind, empty where they drew nothing.

    `group` is what is resampled with the task (a patient, a recording); a task that stands for itself is its own group.
    """

    task: str
    annotator: str
    group: str
    said: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: its control, the kind of its answers (a name of `table.KINDS`), and what a kind wants to know besides.

    `order` lists ordinal labels from low to high; `spacing_mm` is the size of a voxel (slice, row, column) where the items of
    a task are the slices of a volume. `gamma`: compute it too, for stretches of few tasks; it takes its time.
    """

    control: str
    kind: str
    order: tuple[str, ...] | None = None
    spacing_mm: tuple[float, float, float] | None = None
    gamma: bool = False


@dataclass(frozen=True, slots=True)
class Pairs:
    """Every two answers to one task, row by row. `tasks`, `annotators` are names; `group` is by task, shape (tasks,).

    `task`, `one` and `other`, shape (rows,), are codes; `one` is before `other` in order of names. `first` and `second` are
    their places in the answers; `said` counts the entries of every answer, shape (answers,).
    """

    tasks: tuple[str, ...]
    annotators: tuple[str, ...]
    group: Codes
    task: Codes
    one: Codes
    other: Codes
    first: Codes
    second: Codes
    said: Codes

    def take(self, rows: Codes) -> "Pairs":
        """Return the chosen rows; names keep their codes."""
        names = ("task", "one", "other", "first", "second")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})


def pair_up(answers: Sequence[Answer]) -> Pairs:
    """Return every two answers to one task. Raises InvalidRecord: an answer twice, a task in two groups."""
    tasks, task = np.unique(np.asarray([each.task for each in answers], np.str_), return_inverse=True)
    annotators, annotator = np.unique(np.asarray([each.annotator for each in answers], np.str_), return_inverse=True)
    group = np.unique(np.asarray([each.group for each in answers], np.str_), return_inverse=True)[1]
    twice = first_repeat(np.asarray(task * max(len(annotators), 1) + annotator, np.int64))
    if twice is not None:
        who = answers[twice]
        raise InvalidRecord(f"annotator {who.annotator!r} answered task {who.task!r} twice", "keep one answer of each")
    of_task = np.zeros(len(tasks), np.int64)
    of_task[task] = group
    split = np.flatnonzero(of_task[task] != group)
    if len(split):
        raise InvalidRecord(f"task {answers[int(split[0])].task!r} is in two groups", "a task belongs to one group")
    return pair_codes(tuple(tasks.tolist()), tuple(annotators.tolist()), of_task, task, annotator, _entries(answers))


def pair_codes(  # noqa: PLR0917
    tasks: tuple[str, ...], annotators: tuple[str, ...], group: Codes, task: Codes, annotator: Codes, said: Codes
) -> Pairs:
    """Return every two answers to one task from codes: `group` by task, the rest by answer."""
    found = list(pairs_within(task, annotator))
    first, second = (np.concatenate([np.zeros(0, np.int64), *(each[side] for each in found)]) for side in (0, 1))
    order = np.lexsort((annotator[second], annotator[first], task[first]))
    first, second = first[order], second[order]
    return Pairs(tasks, annotators, group, task[first], annotator[first], annotator[second], first, second, said)


def _entries(answers: Sequence[Answer]) -> Codes:
    return np.asarray([len(each.said) for each in answers], np.int64)

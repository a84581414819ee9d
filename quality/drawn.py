"""Who saw which task and what they drew there, as codes; checked once, so that everything after can trust it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from yuelu.base.errors import InvalidRecord
from yuelu.base.schemas import SEEN, conform
from yuelu.quality.coded import Codes, encode_sorted, first_repeat
from yuelu.quality.resample import Floats


@dataclass(frozen=True, slots=True)
class Seen:
    """The answers that count, as codes: rows of (task, annotator), and the group of each task."""

    tasks: pa.Array
    annotators: pa.Array
    task: Codes
    annotator: Codes
    group: Codes

    @property
    def viewers(self) -> Codes:
        """How many annotators saw each task, shape (tasks,)."""
        return np.bincount(self.task, minlength=len(self.tasks))


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn, in an order of its own content: `places`, shape (rows, numbers), is what overlap is measured on."""

    task: Codes
    annotator: Codes
    item: Codes
    label: Codes
    labels: pa.Array
    places: Floats


def read_seen(seen: pa.Table) -> Seen:
    """Return `seen` (schema SEEN) as codes. Raises InvalidRecord: an answer twice, a task in two groups."""
    seen = conform(seen, SEEN)
    tasks, task = encode_sorted(seen["task"])
    annotators, annotator = encode_sorted(seen["annotator"])
    twice = first_repeat(task * max(len(annotators), 1) + annotator)
    if twice is not None:
        who, what = annotators[int(annotator[twice])], tasks[int(task[twice])]
        raise InvalidRecord(f"annotator {str(who)!r} saw task {str(what)!r} twice", "keep one answer per task and annotator")
    _, group = encode_sorted(seen["group"])
    of_task = np.zeros(len(tasks), np.int64)
    of_task[task] = group
    split = np.flatnonzero(of_task[task] != group)
    if len(split):
        raise InvalidRecord(f"task {str(tasks[int(task[split[0]])])!r} is in two groups", "a task belongs to one group")
    return Seen(tasks, annotators, task, annotator, of_task)


def read_drawn(table: pa.Table, seen: Seen, places: tuple[str, ...]) -> Drawn:
    """Return the rows of `table` (BOXES or SEGMENTS, conformed) whose tasks and annotators are those of `seen`.

    Raises InvalidRecord: a shape of an annotator who has not seen the task, or a number that is not finite.
    """
    task, annotator = _look_up(table["task"], seen.tasks), _look_up(table["annotator"], seen.annotators)
    labels, label = encode_sorted(table["label"])
    item = table["item"].to_numpy().astype(np.int64) if "item" in table.column_names else np.zeros(len(table), np.int64)
    numbers = np.stack([table[name].to_numpy() for name in places], axis=1).reshape(len(table), len(places))
    answered = np.isin(task * len(seen.annotators) + annotator, seen.task * len(seen.annotators) + seen.annotator)
    for bad, problem, hint in (
        ((task < 0) | (annotator < 0) | ~answered, "drew in a task without having seen it", "every answer has a row in `seen`"),
        (~np.isfinite(numbers).all(axis=1), "drew a shape that is not finite", "leave the shape out"),
    ):
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise InvalidRecord(f"annotator {str(table['annotator'][row])!r} {problem}: task {str(table['task'][row])!r}", hint)
    order = np.lexsort((label, *numbers.T[::-1], annotator, item, task))  # the order of rows leaves no trace
    return Drawn(task[order], annotator[order], item[order], label[order], labels, numbers[order])


def _look_up(column: pa.ChunkedArray, names: pa.Array) -> Codes:
    return np.asarray(pc.index_in(column, names).fill_null(-1).to_numpy(), np.int64)

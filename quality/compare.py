"""What any two annotators share in a task: tallies per task, which add."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from yuelu.base.errors import Misconfigured
from yuelu.quality.coded import Codes
from yuelu.quality.drawn import Drawn, Seen
from yuelu.quality.matching import candidates, match
from yuelu.quality.overlap import Iou
from yuelu.quality.resample import Floats


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of shape is read and compared."""

    plural: str
    columns: tuple[str, ...]
    iou: Iou
    shifts: Callable[[Floats, Floats], Floats] | None = None  # distances between matched shapes, shape (matches, distances)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Per task, over the pairs of annotators who both saw it; the first four of shape (tasks,), and they add.

    `drawn`: shapes, once for every pair they take part in. `same`, `any_label`: matches with and without regard to the
    label. `overlap`: the sum of the IoU of the latter. `shift`: distances between matched shapes, and the task of each.
    """

    drawn: Floats
    same: Floats
    any_label: Floats
    overlap: Floats
    shift: Floats
    shift_task: Codes


def compare(drawn: Drawn, seen: Seen, kind: Kind, iou: float) -> Comparison:
    """Return what annotators share at IoU `iou` or more. Raises Misconfigured: a threshold that is no IoU."""
    if not 0 < iou <= 1:
        raise Misconfigured(f"IoU threshold {iou}", "need a number over 0 and up to 1")
    items = int(drawn.item.max()) + 1 if len(drawn.item) else 1
    found = candidates(drawn.task * items + drawn.item, drawn.annotator, drawn.places, kind.iou, iou)
    matched = match(found, drawn.annotator)
    # Matched again, not filtered: of two boxes on one object, the one with the right label must not lose to the other.
    same = match(found.take(drawn.label[found.one] == drawn.label[found.other]), drawn.annotator)
    task = drawn.task[matched.one]
    shift: Floats = np.zeros((len(task), 0))
    if kind.shifts is not None:
        shift = kind.shifts(drawn.places[matched.one], drawn.places[matched.other])

    def count(tasks: Codes, weights: Floats | None = None) -> Floats:
        return np.bincount(tasks, weights, len(seen.tasks)).astype(np.float64)

    return Comparison(
        count(drawn.task) * np.maximum(seen.viewers - 1, 0),
        count(drawn.task[same.one]),
        count(task),
        count(task, matched.iou),
        shift.ravel(),
        np.repeat(task, shift.shape[1]),
    )

"""Agreement on boxes: one-to-one matches by IoU, with the class and the detection told apart."""

import numpy as np
import pyarrow as pa

from yuelu.base.errors import InvalidRecord
from yuelu.base.schemas import BOXES, conform
from yuelu.quality.compare import Kind
from yuelu.quality.drawn import Drawn, Seen, read_drawn, read_seen
from yuelu.quality.overlap import box_iou
from yuelu.quality.resample import Sampling
from yuelu.quality.score import Score
from yuelu.quality.shapes import batch_scores, task_scores

BOX = Kind("boxes", ("x", "y", "width", "height", "rotation"), box_iou)


def box_scores(
    boxes: pa.Table,
    seen: pa.Table,
    *,
    iou: float = 0.5,
    confidence: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> tuple[Score, ...]:
    """Return f1, f1_any_label (both named with the threshold) and mean_iou of `boxes` (schema BOXES), with intervals.

    Over all pairs of annotators of tasks that both have `seen` (schema SEEN): matched one-to-one within an image, the most
    matches first, then the largest sum of IoU. f1 matches equal labels only, f1_any_label any, mean_iou is over the
    latter's matches. A task that nobody drew in adds nothing. Intervals resample the groups of `seen`, see `resample`.
    Raises SchemaMismatch; InvalidRecord: an empty box, a box in a task its annotator has not seen.
    """
    who = read_seen(seen)
    return batch_scores(read_boxes(boxes, who), who, BOX, iou, Sampling(confidence, replicates, seed))


def task_box_scores(boxes: pa.Table, seen: pa.Table, *, iou: float = 0.5) -> dict[str, tuple[Score, ...]]:
    """Return the metrics of `box_scores` for each task of `seen`, without intervals."""
    who = read_seen(seen)
    return task_scores(read_boxes(boxes, who), who, BOX, iou)


def read_boxes(boxes: pa.Table, seen: Seen) -> Drawn:
    """Return `boxes` (schema BOXES) as codes and numbers. Raises as `box_scores`."""
    boxes = conform(boxes, BOXES)
    empty = np.flatnonzero((boxes["width"].to_numpy() <= 0) | (boxes["height"].to_numpy() <= 0))
    if len(empty):
        raise InvalidRecord(
            f"empty box in task {str(boxes['task'][int(empty[0])])!r}", "width and height are over 0 px; leave the box out"
        )
    return read_drawn(boxes, seen, BOX.columns)

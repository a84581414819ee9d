"""Agreement on stretches of time: matches by temporal IoU, and how far apart the boundaries of matches are."""

import numpy as np
import pyarrow as pa

from yuelu.base.errors import InvalidRecord
from yuelu.base.schemas import SEGMENTS, conform
from yuelu.quality.compare import Kind
from yuelu.quality.drawn import Drawn, Seen, read_drawn, read_seen
from yuelu.quality.overlap import segment_iou
from yuelu.quality.resample import Sampling
from yuelu.quality.score import Score
from yuelu.quality.shapes import batch_scores, task_scores

SEGMENT = Kind("segments", ("start", "end"), segment_iou, lambda one, other: np.abs(one - other))


def segment_scores(
    segments: pa.Table,
    seen: pa.Table,
    *,
    iou: float = 0.5,
    confidence: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> tuple[Score, ...]:
    """Return f1, f1_any_label, mean_iou and boundary_s of `segments` (schema SEGMENTS), with intervals.

    The first three as for boxes (`boxes.box_scores`), with IoU in time. boundary_s is the median, over the starts and ends
    of matched segments of any label, of the absolute difference in seconds.
    Raises SchemaMismatch; InvalidRecord: an empty segment, a segment in a task its annotator has not seen.
    """
    who = read_seen(seen)
    return batch_scores(read_segments(segments, who), who, SEGMENT, iou, Sampling(confidence, replicates, seed))


def task_segment_scores(segments: pa.Table, seen: pa.Table, *, iou: float = 0.5) -> dict[str, tuple[Score, ...]]:
    """Return the metrics of `segment_scores` for each task of `seen`, without intervals."""
    who = read_seen(seen)
    return task_scores(read_segments(segments, who), who, SEGMENT, iou)


def read_segments(segments: pa.Table, seen: Seen) -> Drawn:
    """Return `segments` (schema SEGMENTS) as codes and numbers. Raises as `segment_scores`."""
    segments = conform(segments, SEGMENTS)
    empty = np.flatnonzero(segments["end"].to_numpy() <= segments["start"].to_numpy())
    if len(empty):
        raise InvalidRecord(f"empty segment in task {str(segments['task'][int(empty[0])])!r}", "a segment ends after it starts")
    return read_drawn(segments, seen, SEGMENT.columns)

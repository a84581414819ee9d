"""Boxes and segments that most annotators agree on: the median of what they drew, with the votes behind it."""

from dataclasses import dataclass
from operator import add
from statistics import median

import numpy as np
import pyarrow as pa

from yuelu.base.records import Box, Segment
from yuelu.quality.boxes import BOX, read_boxes
from yuelu.quality.clusters import kept_clusters
from yuelu.quality.drawn import read_seen
from yuelu.quality.overlap import corners
from yuelu.quality.resample import Floats
from yuelu.quality.segments import SEGMENT, read_segments


class _Voted:
    """What the votes for a shape say of it."""

    __slots__ = ()
    votes: int
    label_votes: int
    seen: int

    @property
    def support(self) -> float:
        """The share of those who saw the task that drew it."""
        return self.votes / self.seen

    @property
    def probability(self) -> float:
        """The share of those who saw the task that drew it with this label."""
        return self.label_votes / self.seen


@dataclass(frozen=True, slots=True)
class ConsensusBox(_Voted):
    """A box that `votes` of the `seen` annotators drew, `label_votes` of them with this label. Geometry as in BOXES."""

    task: str
    label: str
    item: int
    x: float
    y: float
    width: float
    height: float
    rotation: float
    votes: int
    label_votes: int
    seen: int

    def region(self, region_id: str, control: str) -> Box:
        """Return it as a region of an answer."""
        return Box(region_id, control, self.label, self.item, self.x, self.y, self.width, self.height, self.rotation)


@dataclass(frozen=True, slots=True)
class ConsensusSegment(_Voted):
    """A stretch of time that `votes` of the `seen` annotators marked, `label_votes` of them with this label; in s."""

    task: str
    label: str
    start: float
    end: float
    votes: int
    label_votes: int
    seen: int

    def region(self, region_id: str, control: str) -> Segment:
        """Return it as a region of an answer."""
        return Segment(region_id, control, self.label, self.start, self.end)


def consensus_boxes(boxes: pa.Table, seen: pa.Table, *, iou: float = 0.5) -> dict[str, tuple[ConsensusBox, ...]]:
    """Return for each task of `seen` the boxes that more than half of those who saw it drew, in order of place.

    Corners are the medians of the matched corners. A task without such boxes has an empty tuple.
    Raises as `boxes.box_scores`.
    """
    who = read_seen(seen)
    drawn = read_boxes(boxes, who)
    found: dict[str, list[ConsensusBox]] = {task: [] for task in who.tasks.to_pylist()}
    for cluster in kept_clusters(drawn, who, BOX.iou, iou):
        place = median_box(drawn.places[cluster.rows])
        box = ConsensusBox(
            cluster.task, cluster.label, cluster.item, *place, cluster.votes, cluster.label_votes, cluster.seen
        )  # fmt: skip
        found[cluster.task].append(box)
    return {task: tuple(sorted(kept, key=lambda b: (b.item, b.x, b.y, b.width, b.label))) for task, kept in found.items()}


def consensus_segments(segments: pa.Table, seen: pa.Table, *, iou: float = 0.5) -> dict[str, tuple[ConsensusSegment, ...]]:
    """Return for each task of `seen` the segments that more than half of those who saw it marked, in order of time.

    Boundaries are the medians of the matched boundaries. Raises as `segments.segment_scores`.
    """
    who = read_seen(seen)
    drawn = read_segments(segments, who)
    found: dict[str, list[ConsensusSegment]] = {task: [] for task in who.tasks.to_pylist()}
    for cluster in kept_clusters(drawn, who, SEGMENT.iou, iou):
        start, end = np.median(drawn.places[cluster.rows], axis=0).tolist()
        votes = (cluster.votes, cluster.label_votes, cluster.seen)
        found[cluster.task].append(ConsensusSegment(cluster.task, cluster.label, start, end, *votes))
    return {task: tuple(sorted(kept, key=lambda s: (s.start, s.end, s.label))) for task, kept in found.items()}


def median_box(boxes: Floats) -> tuple[float, float, float, float, float]:
    """Return x, y, width, height, rotation of the median of `boxes`, shape (boxes, 5).

    Upright boxes: the median of each side. Turned ones: corners are paired with those of the first box (a square turned by
    90 degrees is the same square), their medians taken, and the rectangle fitted that has their mean sides and centre.
    """
    x, y, width, height, rotation = boxes.T.tolist()  # few numbers: plain Python is ten times quicker than arrays
    if not any(turn % 360 for turn in rotation):
        left, top = median(x), median(y)
        right, bottom = median(map(add, x, width)), median(map(add, y, height))
        return left, top, right - left, bottom - top, 0.0
    points = corners(boxes)
    paired = [min((np.roll(each, -k, axis=0) for k in range(4)), key=lambda p: ((p - points[0]) ** 2).sum()) for each in points]
    a, b, c, d = np.median(np.stack(paired), axis=0)
    along, down = (b - a + c - d) / 2, (d - a + c - b) / 2
    wide, turn = float(np.hypot(*along)), float(np.arctan2(along[1], along[0]))
    across, below = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    high = float(down @ below)
    corner = (a + b + c + d) / 4 - across * wide / 2 - below * high / 2
    return float(corner[0]), float(corner[1]), wide, high, float(np.rad2deg(turn) % 360)

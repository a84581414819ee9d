"""Boxes and segments that most annotators agree on: the median of what they drew, with the votes behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import add
from statistics import median
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from yuelu.base.errors import Misconfigured
from yuelu.base.records import Box, Segment
from yuelu.quality.boxes import BOX, read_boxes
from yuelu.quality.clusters import Clusters, kept_clusters
from yuelu.quality.drawn import Drawn, Seen, read_seen
from yuelu.quality.overlap import corners
from yuelu.quality.resample import Floats
from yuelu.quality.segments import SEGMENT, read_segments

BoxMethod: TypeAlias = Literal["median", "wbf"]


class _Voted:
    """What the votes for a shape say of it."""

    __slots__ = ()
    votes: int
    seen: int

    @property
    def support(self) -> float:
        """The share of those who saw the task that drew it."""
        return self.votes / self.seen


@dataclass(frozen=True, slots=True)
class ConsensusBox(_Voted):
    """A box that `votes` of the `seen` annotators drew, `label_votes` of them with this label. Geometry as in BOXES.

    `probability`: of those who saw the task, the share that drew it with this label, by number or by weight.
    """

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
    probability: float

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

    @property
    def probability(self) -> float:
        """The share of those who saw the task that drew it with this label."""
        return self.label_votes / self.seen

    def region(self, region_id: str, control: str) -> Segment:
        """Return it as a region of an answer."""
        return Segment(region_id, control, self.label, self.start, self.end)


def consensus_boxes(
    boxes: pa.Table, seen: pa.Table, *, iou: float = 0.5, method: BoxMethod = "median", weights: Mapping[str, float] | None = None
) -> dict[str, tuple[ConsensusBox, ...]]:
    """Return for each task of `seen` the boxes that more than half of those who saw it drew, in order of place.

    "median": corners are the medians of the matched corners. "wbf" (weighted boxes fusion): the means of the corners of those
    that have the box's label, weighed by their annotators' `weights` (1 for who is not in it), and its probability is their
    share of the weight of all who saw the task. A task without such boxes has an empty tuple.
    Raises as `boxes.box_scores`; Misconfigured: unknown method, a weight below zero, turned boxes with "wbf".
    Source: R. Solovyev et al. (2021), Weighted Boxes Fusion; the boxes of a cluster are of different annotators here, so
    that its rescaling for more boxes than models never applies.
    """
    who = read_seen(seen)
    drawn = read_boxes(boxes, who)
    weight = _weights(who, weights or {})
    clusters = kept_clusters(drawn, who, BOX.iou, iou)
    if method == "median":
        places, probability = _median_boxes(drawn, clusters), clusters.label_votes / np.maximum(clusters.seen, 1)
    elif method == "wbf":
        places, probability = _weighted_boxes(drawn, clusters, who, weight)
    else:
        raise Misconfigured(f"unknown method of consensus {method!r} for boxes", "use median or wbf")
    columns = (places.tolist(), probability.tolist(), *_told(clusters, drawn, who))
    found: dict[str, list[ConsensusBox]] = {task: [] for task in who.tasks.to_pylist()}
    for (x, y, w, h, turn), likely, task, label, item, votes, label_votes, saw in zip(*columns, strict=True):
        found[task].append(ConsensusBox(task, label, item, x, y, w, h, turn, votes, label_votes, saw, likely))
    return {task: tuple(sorted(kept, key=lambda b: (b.item, b.x, b.y, b.width, b.label))) for task, kept in found.items()}


def consensus_segments(segments: pa.Table, seen: pa.Table, *, iou: float = 0.5) -> dict[str, tuple[ConsensusSegment, ...]]:
    """Return for each task of `seen` the segments that more than half of those who saw it marked, in order of time.

    Boundaries are the medians of the matched boundaries. Raises as `segments.segment_scores`.
    """
    who = read_seen(seen)
    drawn = read_segments(segments, who)
    clusters = kept_clusters(drawn, who, SEGMENT.iou, iou)
    places = _medians(drawn.places, clusters)
    columns = (places.tolist(), *_told(clusters, drawn, who))
    found: dict[str, list[ConsensusSegment]] = {task: [] for task in who.tasks.to_pylist()}
    for (start, end), task, label, _, votes, label_votes, saw in zip(*columns, strict=True):
        found[task].append(ConsensusSegment(task, label, start, end, votes, label_votes, saw))
    return {task: tuple(sorted(kept, key=lambda s: (s.start, s.end, s.label))) for task, kept in found.items()}


def _told(clusters: Clusters, drawn: Drawn, seen: Seen) -> tuple[list[Any], ...]:
    """Return each cluster's task, label, item, votes, votes for its label, and how many saw the task."""
    tasks, labels = seen.tasks.take(pa.array(clusters.task)), drawn.labels.take(pa.array(clusters.label))
    numbers = (clusters.item, clusters.votes, clusters.label_votes, clusters.seen)
    return (tasks.to_pylist(), labels.to_pylist(), *(each.tolist() for each in numbers))


def _medians(numbers: Floats, clusters: Clusters) -> Floats:
    """Return the medians of the clusters' rows of `numbers`, column by column."""
    found = np.empty((len(clusters.votes), numbers.shape[1]))
    for chosen, rows in clusters.by_votes():
        found[chosen] = np.median(numbers[rows], axis=1)
    return found


def _median_boxes(drawn: Drawn, clusters: Clusters) -> Floats:
    """Return x, y, width, height, rotation of each cluster's median box."""
    ends = drawn.places.copy()
    ends[:, 2:4] += ends[:, :2]
    found = _medians(ends, clusters)
    found[:, 2:4] -= found[:, :2]
    found[:, 4] = 0
    turned = np.zeros(len(clusters.votes), bool)
    np.logical_or.at(turned, clusters.of_row, drawn.places[clusters.rows, 4] % 360 != 0)
    starts = np.cumsum(clusters.votes) - clusters.votes
    for at in np.flatnonzero(turned).tolist():
        rows = clusters.rows[starts[at] : starts[at] + clusters.votes[at]]
        found[at] = median_box(drawn.places[rows])
    return found


def _weights(seen: Seen, weights: Mapping[str, float]) -> Floats:
    found = np.asarray([weights.get(name, 1.0) for name in seen.annotators.to_pylist()], np.float64)
    if not (np.isfinite(found) & (found >= 0)).all():
        raise Misconfigured(f"weights of annotators {dict(weights)}", "need numbers of 0 or more")
    return found


def _weighted_boxes(drawn: Drawn, clusters: Clusters, seen: Seen, weight: Floats) -> tuple[Floats, Floats]:
    """Return the fused boxes and, of the weight of all who saw the task, the share behind each."""
    rows, of = clusters.rows, clusters.of_row
    if (drawn.places[:, 4] % 360 != 0).any():
        raise Misconfigured("weighted boxes fusion of turned boxes", "use the method median, which fits a turned box")
    given = np.where(drawn.label[rows] == clusters.label[of], weight[drawn.annotator[rows]], 0.0)
    behind = np.bincount(of, given, minlength=len(clusters.votes))
    whole = np.bincount(seen.task, weight[seen.annotator], minlength=len(seen.tasks))[clusters.task]
    given = np.where(behind[of] > 0, given, drawn.label[rows] == clusters.label[of])  # nobody with a weight: the plain mean
    ends = drawn.places[rows].copy()
    ends[:, 2:4] += ends[:, :2]
    total = np.bincount(of, given, minlength=len(clusters.votes))
    columns = [np.bincount(of, given * ends[:, at], minlength=len(total)) / total for at in range(4)]
    x, y, right, bottom = columns
    return np.stack([x, y, right - x, bottom - y, np.zeros(len(x))], axis=1), behind / np.where(whole > 0, whole, 1)


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

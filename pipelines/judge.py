"""What the answers to a set of tasks add up to: scores by control, and the consensus of each task. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from yuelu.base.records import Box, Choice, FrameRange, Region, Segment
from yuelu.pipelines.tables import TOGETHER, Answers
from yuelu.quality.boxes import box_scores, task_box_scores
from yuelu.quality.consensus import consensus_labels, entropy_bits, vote_shares
from yuelu.quality.consensus_shapes import consensus_boxes, consensus_segments
from yuelu.quality.labels import label_scores, task_label_scores
from yuelu.quality.score import Score
from yuelu.quality.segments import segment_scores, task_segment_scores

METHOD = "majority"  # of the votes for a choice; medians of the matched corners and boundaries

# The type of a control's results in Label Studio, and the kind of region (`base.records`) that they become.
KINDS: Mapping[str, str] = MappingProxyType(
    {"choices": "choice", "rectanglelabels": "box", "labels": "segment", "timelinelabels": "frame_range"}
)


@dataclass(frozen=True, slots=True)
class Consensus:
    """The label derived from the answers to one task.

    `probability` is that of its least certain part, None when it has no part; `entropy` (bits) is that of the votes for
    its choices, the largest of them. `votes` maps a choice to the shares of its labels, and a region's id to its votes.
    """

    regions: tuple[Region, ...]
    support: Mapping[str, float]
    probability: float | None
    entropy: float | None
    votes: Mapping[str, Any]


def batch_scores(answers: Answers) -> dict[str, tuple[Score, ...]]:
    """Return the scores of all answers together, by control, with intervals that resample groups."""
    groups = dict(zip(answers.seen["task"].to_pylist(), answers.seen["group"].to_pylist(), strict=True))
    return {
        **{control: label_scores(table, groups) for control, table in answers.labels.items()},
        **{control: box_scores(table, answers.seen) for control, table in answers.boxes.items()},
        **{control: segment_scores(table, answers.seen) for control, table in answers.segments.items()},
    }


def task_scores(answers: Answers) -> dict[str, dict[str, tuple[Score, ...]]]:
    """Return the scores of each task, by control."""
    found: dict[str, dict[str, tuple[Score, ...]]] = {task: {} for task in answers.seen["task"].to_pylist()}
    by_control = {
        **{control: task_label_scores(table) for control, table in answers.labels.items()},
        **{control: task_box_scores(table, answers.seen) for control, table in answers.boxes.items()},
        **{control: task_segment_scores(table, answers.seen) for control, table in answers.segments.items()},
    }
    for control, tasks in by_control.items():
        for task, scores in tasks.items():
            found[task][control] = scores
    return found


def consensus_of(answers: Answers, kinds: Mapping[str, str], frame_rates: Mapping[str, float]) -> dict[str, Consensus]:
    """Return the consensus of each task that anybody answered. `kinds` is by control, `frame_rates` (Hz) by task."""
    parts: dict[str, list[_Part]] = {task: [] for task in sorted(set(answers.seen["task"].to_pylist()))}
    for control, table in answers.labels.items():
        shares = vote_shares(table)
        for row in consensus_labels(table, METHOD).to_pylist():
            choice = Choice(control, tuple(row["label"].split(TOGETHER)))
            parts[row["task"]].append(_Part(choice, row["probability"], shares[row["task"]], entropy_bits(shares[row["task"]])))
    for control, table in answers.boxes.items():
        for task, boxes in consensus_boxes(table, answers.seen).items():
            for number, box in enumerate(boxes):
                parts[task].append(_Part(box.region(f"{control}-{number}", control), box.support, box.votes))
    for control, table in answers.segments.items():
        for task, segments in consensus_segments(table, answers.seen).items():
            for number, found in enumerate(segments):
                segment = found.region(f"{control}-{number}", control)
                region = in_frames(segment, frame_rates[task]) if kinds[control] == "frame_range" else segment
                parts[task].append(_Part(region, found.support, found.votes))
    return {task: _joined(found) for task, found in parts.items()}


@dataclass(frozen=True, slots=True)
class _Part:
    region: Region
    support: float
    votes: Any
    entropy: float | None = None

    @property
    def name(self) -> str:
        return self.region.control if isinstance(self.region, Choice) else self.region.id


def _joined(parts: list[_Part]) -> Consensus:
    return Consensus(
        regions=tuple(part.region for part in parts),
        support={part.name: part.support for part in parts},
        probability=min((part.support for part in parts), default=None),
        entropy=max((part.entropy for part in parts if part.entropy is not None), default=None),
        votes={part.name: part.votes for part in parts},
    )


def in_frames(segment: Segment, frame_rate_hz: float) -> FrameRange:
    """Return the frames that a stretch of time covers: the inverse of what `tables.tabulate` did, to the nearest frame."""
    first = round(segment.start_s * frame_rate_hz) + 1
    last = max(first, round(segment.end_s * frame_rate_hz))
    return FrameRange(segment.id, segment.control, segment.label, first, last)


"""Metrics by kind of annotation: the one place that says how a batch and a task of each kind are scored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa

from yuelu.base.errors import Misconfigured
from yuelu.base.schemas import SEEN, conform
from yuelu.quality.boxes import box_scores, task_box_scores
from yuelu.quality.labels import label_scores, task_label_scores
from yuelu.quality.resample import Sampling
from yuelu.quality.score import Score
from yuelu.quality.segments import segment_scores, task_segment_scores


@dataclass(frozen=True, slots=True)
class Scoring:
    """How one kind is scored. Both take the table of the kind and SEEN; `task` gives a score to every task of SEEN."""

    batch: Callable[[pa.Table, pa.Table, Sampling], tuple[Score, ...]]
    task: Callable[[pa.Table, pa.Table], dict[str, tuple[Score, ...]]]


def scoring_for(kind: str) -> Scoring:
    """Return how the kind of annotation is scored. Raises Misconfigured: a kind that is not in the table."""
    if kind not in SCORING:
        raise Misconfigured(f"no agreement metric for {kind!r}", f"known kinds: {', '.join(SCORING)}")
    return SCORING[kind]


def _labels(labels: pa.Table, seen: pa.Table, s: Sampling) -> tuple[Score, ...]:
    seen = conform(seen, SEEN)
    groups = dict(zip(seen["task"].to_pylist(), seen["group"].to_pylist(), strict=True))
    return label_scores(labels, groups, confidence=s.confidence, replicates=s.replicates, seed=s.seed)


def _boxes(boxes: pa.Table, seen: pa.Table, s: Sampling) -> tuple[Score, ...]:
    return box_scores(boxes, seen, confidence=s.confidence, replicates=s.replicates, seed=s.seed)


def _segments(segments: pa.Table, seen: pa.Table, s: Sampling) -> tuple[Score, ...]:
    return segment_scores(segments, seen, confidence=s.confidence, replicates=s.replicates, seed=s.seed)


def _task_labels(labels: pa.Table, seen: pa.Table) -> dict[str, tuple[Score, ...]]:
    answered = task_label_scores(labels)
    none = Score("percent_agreement", None, None, None, None, 0, 0, 0, "the task has fewer than two labels")
    return {task: answered.get(task, (none,)) for task in sorted(set(conform(seen, SEEN)["task"].to_pylist()))}


# One screen holds every kind; nothing registers itself on import.
SCORING: Mapping[str, Scoring] = MappingProxyType(
    {
        "choice": Scoring(_labels, _task_labels),
        "box": Scoring(_boxes, task_box_scores),
        "segment": Scoring(_segments, task_segment_scores),
    }
)

"""Answers that are judged as typed entries: how they are measured, and what they come to. Pure."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from yuelu.quality.fusion.fused import Fused
from yuelu.quality.fusion.table import fuse
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.table import agreement, task_agreement
from yuelu.quality.resample import Sampling
from yuelu.quality.score import Score

# The kind of a control's entries (`base.records.REGION_KINDS`), and what they are measured as (`quality.kinds.table`).
MEASURED_AS: Mapping[str, str] = MappingProxyType(
    {
        "multichoice": "multilabel",
        "rating": "ordinal",
        "number": "interval",
        "moment": "moment",
        "taxonomy": "taxonomy",
        "preference": "preference",
        "ranking": "ranking",
        "text": "text",
        "polygon": "outline",
        "ellipse": "outline",
        "vector": "polyline",
        "keypoint": "keypoint",
        "mask": "mask",
        "track": "track",
        "text_span": "span",
        "hypertext_span": "span",
        "paragraph_span": "span",
    }
)
_RECORDED_AS: Mapping[str, str] = MappingProxyType({"multichoice": "choice"})


def typed_scores(control: str, kind: str, answers: tuple[Answer, ...]) -> tuple[Score, ...]:
    """Return the scores of all answers to one control together, with intervals that resample groups."""
    return agreement(answers, Asked(control, MEASURED_AS[kind]), Sampling())


def typed_task_scores(control: str, kind: str, answers: tuple[Answer, ...]) -> dict[str, tuple[Score, ...]]:
    """Return the scores of each task that two annotators answered."""
    return task_agreement(answers, Asked(control, MEASURED_AS[kind]))


def typed_consensus(control: str, kind: str, answers: tuple[Answer, ...]) -> Iterator[tuple[str, Fused]]:
    """Yield the entries of the consensus, each with its task."""
    for task, found in fuse(answers, control, _RECORDED_AS.get(kind, kind)).items():
        for each in found:
            yield task, each

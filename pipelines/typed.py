"""Answers that are judged as typed entries: how they are measured, and what they come to. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from yuelu.base.errors import InvalidRecord
from yuelu.quality.fusion.fused import Fused
from yuelu.quality.fusion.table import fuse
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.compared import Compared
from yuelu.quality.kinds.scoring import by_task, pair_scores
from yuelu.quality.kinds.table import kind_named, scores_of
from yuelu.quality.labels import Level
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


@dataclass(frozen=True, slots=True)
class Scale:
    """The level of measurement that a control declares; `order` lists ordinal labels from low to high."""

    level: Level
    order: tuple[str, ...] | None = None


def compared(control: str, kind: str, answers: tuple[Answer, ...]) -> Compared:
    """Return the tallies of every two answers to one task."""
    asked = asked_of(control, kind)
    return kind_named(asked.kind).compare(answers, asked)


def asked_of(control: str, kind: str, scale: Scale | None = None) -> Asked:
    """Return the question of a control whose entries are of that kind, and its scale if it declares one."""
    return Asked(control, MEASURED_AS[kind] if scale is None else scale.level)


def typed_scores(
    control: str, kind: str, answers: tuple[Answer, ...], found: Compared | None = None, scale: Scale | None = None
) -> tuple[Score, ...]:
    """Return the scores of all answers to one control together, with intervals that resample groups.

    `found` are their tallies, where they are there already.
    """
    asked, tallies = asked_of(control, kind, scale), found or compared(control, kind, answers)
    try:
        return scores_of(answers, asked, tallies, Sampling())
    except InvalidRecord as error:  # a number below zero on a ratio scale: the batch is judged, and says so
        if scale is None:
            raise
        plain = pair_scores(tallies, kind_named(asked.kind).measures, Sampling())
        return (Score("krippendorff_alpha", scale.level, None, None, None, 0, 0, 0, error.problem), *plain)


def typed_task_scores(
    control: str, kind: str, answers: tuple[Answer, ...], found: Compared | None = None
) -> dict[str, tuple[Score, ...]]:
    """Return the scores of each task that two annotators answered."""
    return by_task(found or compared(control, kind, answers), kind_named(MEASURED_AS[kind]).measures)


def typed_consensus(control: str, kind: str, answers: tuple[Answer, ...]) -> Iterator[tuple[str, Fused]]:
    """Yield the entries of the consensus, each with its task."""
    for task, found in fuse(answers, control, _RECORDED_AS.get(kind, kind)).items():
        for each in found:
            yield task, each

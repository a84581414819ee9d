"""What the answers to a set of tasks add up to: scores by control, and the consensus of each task. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from yuelu.annotate.configuration import Control
from yuelu.base.records import Choice, FrameRange, Region, Segment
from yuelu.base.schemas import TOGETHER
from yuelu.pipelines.tables import Answers, Typed
from yuelu.pipelines.typed import Scale, typed_consensus, typed_scores, typed_task_scores
from yuelu.quality.consensus import Method, consensus_labels, entropy_bits, vote_shares
from yuelu.quality.consensus_shapes import consensus_boxes, consensus_segments
from yuelu.quality.controls import Export
from yuelu.quality.kinds.compared import Compared
from yuelu.quality.labels import label_scores
from yuelu.quality.metrics import scoring_for
from yuelu.quality.resample import Sampling
from yuelu.quality.score import Score

METHOD: Method = "majority"  # of the votes for a choice; medians of the matched corners and boundaries

# The type of a control's results in Label Studio, and the kind of region (`base.records`) that they become.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "choices": "choice",
        "rating": "rating",
        "number": "number",
        "datetime": "moment",
        "taxonomy": "taxonomy",
        "pairwise": "preference",
        "ranker": "ranking",
        "textarea": "text",
        **dict.fromkeys(("rectangle", "rectanglelabels"), "box"),
        **dict.fromkeys(("ellipse", "ellipselabels"), "ellipse"),
        **dict.fromkeys(("polygon", "polygonlabels"), "polygon"),
        **dict.fromkeys(("keypoint", "keypointlabels"), "keypoint"),
        **dict.fromkeys(("vector", "vectorlabels"), "vector"),
        **dict.fromkeys(("brush", "brushlabels", "magicwand", "bitmask", "bitmasklabels"), "mask"),
        "timelinelabels": "frame_range",
        "timeserieslabels": "segment",
        "videorectangle": "track",
        "hypertextlabels": "hypertext_span",
        "paragraphlabels": "paragraph_span",
    }
)
_LABELS_ON: Mapping[str, str] = MappingProxyType({"Audio": "segment", "Text": "text_span", "HyperText": "hypertext_span"})


def names_regions_only(control: Control) -> bool:
    """Return whether the control only names what another one draws on a picture or video: it has no answers of its own."""
    return control.kind == "labels" and control.shown in ("Image", "Video")


def kind_of_control(control: Control) -> str | None:
    """Return the kind of region that a control's answers are scored as; None: nothing measures them yet.

    Questions about each region or item are not scored: which region of one annotator is which of another is not known here.
    """
    if control.per:
        return None
    if control.kind == "labels":
        return _LABELS_ON.get(control.shown)
    kind = KINDS.get(control.kind)
    return "multichoice" if kind == "choice" and not control.single else kind


def unmeasured(control: Control) -> Score:
    """Return the score of the answers to a control that nothing measures: None, and why."""
    what = f"answers about each {control.per}" if control.per else f"answers of type {control.kind}"
    return Score("agreement", None, None, None, None, 0, 0, 0, f"nothing measures agreement on {what} yet")


@dataclass(frozen=True, slots=True)
class Consensus:
    """The label derived from the answers to one task.

    `support` maps a choice to the share of its votes and a region's id to the share of annotators that drew it, with any
    label. `probability` is that of the least certain part (a shape's: the share that drew it with its label), None when
    there is no part; `entropy` (bits) is that of the votes for the choices, the largest of them. `votes` maps a choice to
    the shares of its labels (of several at once: each label's own), and a region's id to its votes.
    """

    regions: tuple[Region, ...]
    support: Mapping[str, float]
    probability: float | None
    entropy: float | None
    votes: Mapping[str, Any]


def scale_of_control(control: Control) -> Scale | None:
    """Return the scale that the configuration declares for the control's answers; None: they are measured as their kind is."""
    match control.level:
        case "ordinal":
            return Scale("ordinal", control.labels)
        case "ratio":
            return Scale("ratio")
    return None


def batch_scores(
    answers: Answers | Export, compared: Mapping[str, Compared] | None = None, scales: Mapping[str, Scale] | None = None
) -> dict[str, tuple[Score, ...]]:
    """Return the scores of all answers together, by control, with intervals that resample groups.

    `compared` are tallies of typed answers by control, where they are there already; `scales` those that controls declare.
    """
    scales = scales or {}
    found = {
        name: _ordered(control.table, answers.seen, scales[name].order)
        if name in scales and control.kind == "choice"
        else scoring_for(control.kind).batch(control.table, answers.seen, Sampling())
        for name, control in answers.controls.items()
    }
    for name, typed in _typed(answers).items():
        tallies = (compared or {}).get(name)
        found[name] = _beside(found.get(name, ()), typed_scores(name, typed.kind, typed.answers, tallies, scales.get(name)))
    return found


def _ordered(labels: pa.Table, seen: pa.Table, order: tuple[str, ...] | None) -> tuple[Score, ...]:
    groups = dict(zip(seen["task"].to_pylist(), seen["group"].to_pylist(), strict=True))
    return label_scores(labels, groups, level="ordinal", order=order)


def _typed(answers: Answers | Export) -> Mapping[str, Typed]:
    return answers.typed if isinstance(answers, Answers) else {}


def _beside(found: tuple[Score, ...], more: tuple[Score, ...]) -> tuple[Score, ...]:
    """Return the scores and those of the others that have a name of their own: a metric is told once."""
    names = {score.metric for score in found}
    return (*found, *(score for score in more if score.metric not in names))


def task_scores(answers: Answers, compared: Mapping[str, Compared] | None = None) -> dict[str, dict[str, tuple[Score, ...]]]:
    """Return the scores of each task, by control; `compared` as for `batch_scores`."""
    found: dict[str, dict[str, tuple[Score, ...]]] = {}
    for name, control in answers.controls.items():
        for task, scores in scoring_for(control.kind).task(control.table, answers.seen).items():
            found.setdefault(task, {})[name] = scores
    for name, typed in answers.typed.items():
        for task, scores in typed_task_scores(name, typed.kind, typed.answers, (compared or {}).get(name)).items():
            of_task = found.setdefault(task, {})
            of_task[name] = _beside(of_task.get(name, ()), scores)
    return found


def consensus_of(answers: Answers, kinds: Mapping[str, str], frame_rates: Mapping[str, float]) -> dict[str, Consensus]:
    """Return the consensus of each task that anybody answered. `kinds` is by control, `frame_rates` (Hz) by task."""
    parts: dict[str, list[_Part]] = {task: [] for task in sorted(set(answers.seen["task"].to_pylist()))}
    for name, control in answers.controls.items():
        if name in answers.typed:  # a choice of several labels: each is voted on by itself
            continue
        for task, part in _PARTS[control.kind](name, control.table, answers.seen):
            rate = frame_rates.get(task)
            parts[task].append(part.in_frames(rate) if kinds[name] == "frame_range" and rate else part)
    for name, typed in answers.typed.items():
        for task, fused in typed_consensus(name, typed.kind, typed.answers):
            shares = dict(fused.told).get("shares") if isinstance(fused.region, Choice) else None
            parts[task].append(_Part(fused.region, fused.support, fused.probability, dict(shares) if shares else fused.votes))
    return {task: _joined(found) for task, found in parts.items()}


@dataclass(frozen=True, slots=True)
class _Part:
    region: Region
    support: float
    probability: float | None  # None: a number is no matter of right and wrong
    votes: Any
    entropy: float | None = None

    @property
    def name(self) -> str:
        return str(getattr(self.region, "id", self.region.control))

    def in_frames(self, frame_rate_hz: float) -> "_Part":
        region = in_frames(self.region, frame_rate_hz) if isinstance(self.region, Segment) else self.region
        return replace(self, region=region)


def _choices(control: str, table: pa.Table, _: pa.Table) -> Iterator[tuple[str, _Part]]:
    shares = vote_shares(table)
    for row in consensus_labels(table, METHOD).to_pylist():
        task, choice = row["task"], Choice(control, tuple(row["label"].split(TOGETHER)))
        yield task, _Part(choice, row["probability"], row["probability"], shares[task], entropy_bits(shares[task]))


def _boxes(control: str, table: pa.Table, seen: pa.Table) -> Iterator[tuple[str, _Part]]:
    for task, found in consensus_boxes(table, seen).items():
        for number, box in enumerate(found):
            yield task, _Part(box.region(f"{control}-{number}", control), box.support, box.probability, box.votes)


def _segments(control: str, table: pa.Table, seen: pa.Table) -> Iterator[tuple[str, _Part]]:
    for task, found in consensus_segments(table, seen).items():
        for number, segment in enumerate(found):
            region = segment.region(f"{control}-{number}", control)
            yield task, _Part(region, segment.support, segment.probability, segment.votes)


_PARTS: Mapping[str, Callable[[str, pa.Table, pa.Table], Iterator[tuple[str, _Part]]]] = MappingProxyType(
    {"choice": _choices, "box": _boxes, "segment": _segments}
)


def _joined(parts: list[_Part]) -> Consensus:
    return Consensus(
        regions=tuple(part.region for part in parts),
        support={part.name: part.support for part in parts},
        probability=min((part.probability for part in parts if part.probability is not None), default=None),
        entropy=max((part.entropy for part in parts if part.entropy is not None), default=None),
        votes={part.name: part.votes for part in parts},
    )


def in_frames(segment: Segment, frame_rate_hz: float) -> FrameRange:
    """Return the frames that a stretch of time covers: the inverse of what `tables.tabulate` did, to the nearest frame."""
    first = round(segment.start_s * frame_rate_hz) + 1
    last = max(first, round(segment.end_s * frame_rate_hz))
    return FrameRange(segment.id, segment.control, segment.label, first, last)

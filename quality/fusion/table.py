"""Kinds of answers and how several become one: the one place that says what is derived how."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeAlias, cast

from yuelu.base.errors import Misconfigured
from yuelu.quality.consensus import METHODS, Method
from yuelu.quality.consensus_shapes import BoxMethod
from yuelu.quality.fusion.classes import LABELLINGS, fused_labels
from yuelu.quality.fusion.fused import Fused, Said, numbered
from yuelu.quality.fusion.medians import median_point, median_span
from yuelu.quality.fusion.moving import fused_tracks
from yuelu.quality.fusion.pixels import fused_masks
from yuelu.quality.fusion.places import fused_boxes, fused_frame_ranges, fused_segments
from yuelu.quality.fusion.regions import Merge, fused_regions
from yuelu.quality.fusion.values import fused_numbers, fused_rankings, fused_texts
from yuelu.quality.kinds.answers import Answer

Found: TypeAlias = dict[str, tuple[Fused, ...]]
Fuse: TypeAlias = Callable[[Sequence[Answer], str, str], Found]  # answers, control, method


@dataclass(frozen=True, slots=True)
class Fusion:
    """How answers of one kind become one, by which `methods`; the first is the default."""

    fuse: Fuse
    methods: tuple[str, ...]


def fuse(answers: Sequence[Answer], control: str, kind: str, method: str | None = None) -> Found:
    """Return the consensus of each task that anybody answered, in order of the tasks' names.

    `kind` is a name of `base.records.REGION_KINDS`; a `method` that the kind does not know gives way to the kind's default.
    Raises Misconfigured: a kind that nothing derives.
    """
    if kind not in FUSIONS:
        raise Misconfigured(f"nothing derives one answer from answers of kind {kind!r}", f"known kinds: {', '.join(FUSIONS)}")
    way = FUSIONS[kind]
    found = way.fuse(answers, control, method_of(kind, method))
    tasks = sorted({each.task for each in answers})
    return {task: numbered(found.get(task, ()), control) for task in tasks}


def method_of(kind: str, method: str | None) -> str:
    """Return the method that is used for the kind when `method` was asked for."""
    methods = FUSIONS[kind].methods
    return method if method in methods else methods[0]


def _labels(kind: str) -> Fusion:
    def fused(answers: Sequence[Answer], control: str, method: str) -> Found:
        return fused_labels(answers, control, kind, "majority" if method == "median" else cast("Method", method))

    methods = tuple(METHODS)
    return Fusion(fused, ("median", *methods[1:]) if kind == "rating" else methods)


def _each(one_task: Callable[..., tuple[Fused, ...]], *methods: str) -> Fusion:
    """Return the fusion that looks at one task after the other; `one_task` takes a method where there are several."""

    def fused(answers: Sequence[Answer], control: str, method: str) -> Found:
        said: dict[str, list[tuple[Any, ...]]] = {}
        for each in sorted(answers, key=lambda each: (each.task, each.annotator)):
            said.setdefault(each.task, []).append(each.said)
        more = {"method": method} if len(methods) > 1 else {}
        return {task: _of_control(one_task(cast("Said[Any]", given), control, **more), control) for task, given in said.items()}

    return Fusion(fused, methods)


def _regions(kind: str, merge: Merge | None = None, *, named: bool = False) -> Fusion:
    def fused(answers: Sequence[Answer], control: str, _: str) -> Found:
        found = fused_regions(answers, kind, merge, named=named)
        return {task: _of_control(each, control) for task, each in found.items()}

    return Fusion(fused, ("median" if merge else "middle",))


def _of_control(found: Sequence[Fused], control: str) -> tuple[Fused, ...]:
    return tuple(replace(each, region=replace(cast("Any", each.region), control=control)) for each in found)


# One screen holds every kind; nothing registers itself on import.
FUSIONS: Mapping[str, Fusion] = MappingProxyType(
    {
        **{kind: _labels(kind) for kind in LABELLINGS},
        "number": _each(fused_numbers, "median"),
        "text": _each(fused_texts, "rover"),
        "ranking": _each(fused_rankings, "bradley-terry"),
        "box": Fusion(lambda answers, control, way: fused_boxes(answers, control, cast("BoxMethod", way)), ("median", "wbf")),
        "segment": Fusion(lambda answers, control, _: fused_segments(answers, control), ("median",)),
        "frame_range": Fusion(lambda answers, control, _: fused_frame_ranges(answers, control), ("median",)),
        "mask": _each(fused_masks, "vote", "staple"),
        "polygon": _regions("polygon"),
        "ellipse": _regions("ellipse"),
        "vector": _regions("vector"),
        "keypoint": _regions("keypoint", median_point, named=True),
        "track": _each(fused_tracks, "median"),
        "text_span": _regions("text_span", median_span),
        "hypertext_span": _regions("hypertext_span"),
        "paragraph_span": _regions("paragraph_span"),
    }
)

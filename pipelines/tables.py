"""From annotations to the Arrow tables that `quality` scores, one set per control of the label configuration."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from yuelu.base.errors import InvalidRecord
from yuelu.base.records import Annotation, Box, Choice, FrameRange, Region, Segment, kind_of
from yuelu.base.schemas import SEEN, TOGETHER
from yuelu.pipelines.typed import MEASURED_AS
from yuelu.quality.controls import SCHEMAS, Control, Kind
from yuelu.quality.kinds.answers import Answer

_SCORED_AS: Mapping[str, Kind] = MappingProxyType(
    {"choice": "choice", "multichoice": "choice", "box": "box", "segment": "segment", "frame_range": "segment"}
)


@dataclass(frozen=True, slots=True)
class Typed:
    """The answers to one control as typed entries; `kind` as `judge.kind_of_control` says."""

    kind: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to a set of tasks, ready to be scored: a table for each control, and one row of `seen` per answer.

    What no table holds is in `typed`, by control; a choice of several labels is in both.
    """

    controls: Mapping[str, Control]
    seen: pa.Table
    typed: Mapping[str, Typed] = field(default_factory=dict)


def tabulate(
    annotations: Iterable[Annotation],
    kinds: Mapping[str, str],
    groups: Mapping[str, str],
    frame_rates: Mapping[str, float],
) -> Answers:
    """Return the tables of `annotations`.

    `kinds` maps each control that is scored to its kind of region, so that a control nobody used still has its (empty) table;
    answers to other controls are left out. `groups` and `frame_rates` (Hz) are by task. Frames become seconds: frame n is
    shown from (n - 1) / rate to n / rate. Several labels of one choice are one label, joined in order by `TOGETHER`. Raises
    InvalidRecord: frames of a task without a rate.
    """
    rows: dict[str, list[dict[str, Any]]] = {control: [] for control, kind in kinds.items() if kind in _SCORED_AS}
    typed: dict[str, list[Answer]] = {control: [] for control, kind in kinds.items() if kind in MEASURED_AS}
    seen: list[dict[str, Any]] = []
    for annotation in annotations:
        for control, answers in typed.items():
            said = tuple(region for region in annotation.regions if region.control == control)
            answers.append(Answer(annotation.item_key, annotation.annotator, groups[annotation.item_key], said))
        keys = {"task": annotation.item_key, "annotator": annotation.annotator}
        seen.append({**keys, "group": groups[annotation.item_key]})
        for region in annotation.regions:
            if region.control in rows:
                rows[region.control].append({**keys, **_fields(region, annotation.item_key, frame_rates)})
    return Answers(
        {control: _control(_SCORED_AS[kinds[control]], found) for control, found in rows.items()},
        pa.Table.from_pylist(seen, schema=SEEN),
        {control: Typed(kinds[control], tuple(answers)) for control, answers in typed.items()},
    )


def _control(kind: Kind, rows: list[dict[str, Any]]) -> Control:
    return Control(kind, pa.Table.from_pylist(rows, schema=SCHEMAS[kind]))


def _fields(region: Region, task: str, frame_rates: Mapping[str, float]) -> dict[str, Any]:
    match region:
        case Choice():
            return {"label": TOGETHER.join(sorted(region.labels))}
        case Box():
            shape = {"x": region.x_px, "y": region.y_px, "width": region.width_px, "height": region.height_px}
            return {"label": region.label, "item": region.item, **shape, "rotation": region.rotation_deg}
        case Segment():
            return {"label": region.label, "start": region.start_s, "end": region.end_s}
        case FrameRange():
            if task not in frame_rates:
                raise InvalidRecord(f"no frame rate of task {task}, which has frames", "ingest its video again")
            rate = frame_rates[task]
            return {"label": region.label, "start": (region.first_frame - 1) / rate, "end": region.last_frame / rate}
        case _:
            raise InvalidRecord(f"no table for a region of kind {kind_of(region)!r}", f"known: {', '.join(_SCORED_AS)}")

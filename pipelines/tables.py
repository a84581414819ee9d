"""From annotations to the Arrow tables that `quality` scores, one set per control of the label configuration."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from yuelu.base.records import Annotation, Box, Choice, FrameRange, Segment
from yuelu.base.schemas import BOXES, LABELS, SEEN, SEGMENTS

TOGETHER = " + "  # as `quality.export` joins them


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to a set of tasks, ready to be scored.

    `labels`, `boxes` and `segments` map a control to its table; a control stands in the one that its kind of region
    belongs to. `seen` has one row per answer, also for answers that are empty.
    """

    seen: pa.Table
    labels: Mapping[str, pa.Table]
    boxes: Mapping[str, pa.Table]
    segments: Mapping[str, pa.Table]


def tabulate(
    annotations: Iterable[Annotation],
    controls: Mapping[str, str],
    groups: Mapping[str, str],
    frame_rates: Mapping[str, float],
) -> Answers:
    """Return the tables of `annotations`.

    `controls` maps each control to "choice", "box", "segment" or "frame_range", so that a control nobody used still has
    its (empty) table. `groups` and `frame_rates` (Hz) are by task. Frames become seconds: frame n is shown from
    (n - 1) / rate to n / rate. Several labels of one choice are one label, joined in order by `TOGETHER`.
    """
    rows: dict[str, list[dict[str, Any]]] = {control: [] for control in controls}
    seen: list[dict[str, Any]] = []
    for annotation in annotations:
        keys = {"task": annotation.item_key, "annotator": annotation.annotator}
        seen.append({**keys, "group": groups[annotation.item_key]})
        for region in annotation.regions:
            rows[region.control].append({**keys, **_fields(region, frame_rates.get(annotation.item_key, 0.0))})
    schemas = {"choice": LABELS, "box": BOXES, "segment": SEGMENTS, "frame_range": SEGMENTS}
    tables = {control: pa.Table.from_pylist(rows[control], schema=schemas[kind]) for control, kind in controls.items()}

    def of(*kinds: str) -> dict[str, pa.Table]:
        return {control: tables[control] for control, kind in controls.items() if kind in kinds}

    return Answers(pa.Table.from_pylist(seen, schema=SEEN), of("choice"), of("box"), of("segment", "frame_range"))


def _fields(region: Box | Choice | FrameRange | Segment, frame_rate_hz: float) -> dict[str, Any]:
    match region:
        case Choice():
            return {"label": TOGETHER.join(sorted(region.labels))}
        case Box():
            shape = {"x": region.x_px, "y": region.y_px, "width": region.width_px, "height": region.height_px}
            return {"label": region.label, "item": region.item, **shape, "rotation": region.rotation_deg}
        case Segment():
            return {"label": region.label, "start": region.start_s, "end": region.end_s}
        case FrameRange():
            start, end = (region.first_frame - 1) / frame_rate_hz, region.last_frame / frame_rate_hz
            return {"label": region.label, "start": start, "end": end}

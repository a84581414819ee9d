"""Boxes, segments and ranges of frames made one, all tasks at once."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from yuelu.base.records import Box, FrameRange, Segment
from yuelu.base.schemas import BOXES, SEEN, SEGMENTS
from yuelu.quality.consensus_shapes import BoxMethod, consensus_boxes, consensus_segments
from yuelu.quality.fusion.fused import Fused
from yuelu.quality.kinds.answers import Answer


def fused_boxes(
    answers: Sequence[Answer], control: str, method: BoxMethod = "median", weights: Mapping[str, float] | None = None
) -> dict[str, tuple[Fused, ...]]:
    """Return for each task the boxes that more than half drew; see `consensus_shapes.consensus_boxes`."""
    rows = [
        {**_keys(each, box.label), "item": box.item, "x": box.x_px, "y": box.y_px}
        | {"width": box.width_px, "height": box.height_px, "rotation": box.rotation_deg}
        for each in answers
        for box in each.said
        if isinstance(box, Box)
    ]
    found = consensus_boxes(pa.Table.from_pylist(rows, BOXES), _seen(answers), method=method, weights=weights)
    return {
        task: tuple(Fused(box.region("", control), box.votes, box.seen, box.probability) for box in boxes)
        for task, boxes in found.items()
    }


def fused_segments(answers: Sequence[Answer], control: str) -> dict[str, tuple[Fused, ...]]:
    """Return for each task the segments that more than half marked, at the medians of their boundaries."""
    rows = [
        {**_keys(each, one.label), "start": one.start_s, "end": one.end_s}
        for each in answers
        for one in each.said
        if isinstance(one, Segment)
    ]
    found = consensus_segments(pa.Table.from_pylist(rows, SEGMENTS), _seen(answers))
    return {
        task: tuple(Fused(one.region("", control), one.votes, one.seen, one.probability) for one in segments)
        for task, segments in found.items()
    }


def fused_frame_ranges(answers: Sequence[Answer], control: str) -> dict[str, tuple[Fused, ...]]:
    """Return for each task the ranges that more than half marked, at the medians of their ends, to the nearest frame."""
    rows = [
        {**_keys(each, one.label), "start": one.first_frame - 1.0, "end": float(one.last_frame)}
        for each in answers
        for one in each.said
        if isinstance(one, FrameRange)
    ]
    found = consensus_segments(pa.Table.from_pylist(rows, SEGMENTS), _seen(answers))
    told = {}
    for task, segments in found.items():
        fused = []
        for one in segments:
            first = round(one.start) + 1
            region = FrameRange("", control, one.label, first, max(first, round(one.end)))
            fused.append(Fused(region, one.votes, one.seen, one.probability))
        told[task] = tuple(fused)
    return told


def _keys(answer: Answer, label: str) -> dict[str, Any]:
    return {"task": answer.task, "annotator": answer.annotator, "label": label}


def _seen(answers: Sequence[Answer]) -> pa.Table:
    rows = [{"task": each.task, "annotator": each.annotator, "group": each.group} for each in answers]
    return pa.Table.from_pylist(rows, SEEN)

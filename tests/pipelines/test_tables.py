"""Answers as tables: expected rows are worked out by hand."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from yuelu.base.errors import InvalidRecord
from yuelu.base.records import Annotation, Box, Choice, FrameRange, Region, Segment
from yuelu.base.schemas import BOXES, LABELS, SEEN, SEGMENTS
from yuelu.pipelines.tables import Answers, tabulate

AT = datetime(2026, 1, 2, tzinfo=UTC)
KINDS = {"scene": "choice", "object": "box", "sound": "segment", "event": "frame_range"}


def tables(*answers: tuple[str, str, tuple[Region, ...]], rates: dict[str, float] | None = None) -> Answers:
    annotations = [Annotation(f"{who} {task}", task, who, AT, AT, regions) for who, task, regions in answers]
    return tabulate(annotations, KINDS, {task: f"group of {task}" for _, task, _ in answers}, rates or {})


def rows(found: Answers, control: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = found.controls[control].table.to_pylist()
    return listed


def test_every_control_has_its_table_even_if_nobody_used_it() -> None:
    found = tables(("ann", "t", ()))
    schemas = {"scene": LABELS, "object": BOXES, "sound": SEGMENTS, "event": SEGMENTS}
    assert {name: control.table.schema for name, control in found.controls.items()} == schemas
    assert {control.table.num_rows for control in found.controls.values()} == {0}
    assert {name: control.kind for name, control in found.controls.items()} == {
        "scene": "choice", "object": "box", "sound": "segment", "event": "segment",
    }  # fmt: skip
    assert found.seen.to_pylist() == [{"task": "t", "annotator": "ann", "group": "group of t"}]


def test_without_answers_there_are_empty_tables() -> None:
    found = tables()
    assert found.seen.equals(pa.Table.from_pylist([], schema=SEEN))
    assert set(found.controls) == set(KINDS)


def test_a_row_for_each_region_with_its_own_numbers() -> None:
    box = Box("r1", "object", "part", 2, 1.5, 2.0, 30.0, 40.0, 10.0)
    found = tables(
        ("ann", "t", (Choice("scene", ("medical",)), box)), ("bob", "t", (Segment("r1", "sound", "speech", 0.25, 1.5),))
    )
    assert rows(found, "scene") == [{"task": "t", "annotator": "ann", "label": "medical"}]
    assert rows(found, "object") == [
        {"task": "t", "annotator": "ann", "label": "part", "item": 2, "x": 1.5, "y": 2.0, "width": 30.0, "height": 40.0,
         "rotation": 10.0}
    ]  # fmt: skip
    assert rows(found, "sound") == [{"task": "t", "annotator": "bob", "label": "speech", "start": 0.25, "end": 1.5}]
    assert [row["annotator"] for row in found.seen.to_pylist()] == ["ann", "bob"]


def test_several_labels_of_one_choice_are_one_label_whatever_their_order() -> None:
    found = tables(("ann", "t", (Choice("scene", ("b", "a")),)), ("bob", "t", (Choice("scene", ("a", "b")),)))
    assert [row["label"] for row in rows(found, "scene")] == ["a + b", "a + b"]


@pytest.mark.parametrize(
    ("first", "last", "rate", "start", "end"),
    [
        (1, 1, 25.0, 0.0, 0.04),  # the first frame of 25 a second is shown for 40 ms
        (26, 50, 25.0, 1.0, 2.0),  # the second second
        (1, 300, 30.0, 0.0, 10.0),
    ],
)
def test_frames_become_the_time_in_which_they_are_shown(first: int, last: int, rate: float, start: float, end: float) -> None:
    found = tables(("ann", "t", (FrameRange("r", "event", "person", first, last),)), rates={"t": rate})
    (row,) = rows(found, "event")
    assert (row["start"], row["end"]) == pytest.approx((start, end))


def test_each_task_has_its_own_frame_rate() -> None:
    event = FrameRange("r", "event", "person", 1, 50)
    found = tables(("ann", "slow", (event,)), ("ann", "fast", (event,)), rates={"slow": 10.0, "fast": 50.0})
    assert {row["task"]: row["end"] for row in rows(found, "event")} == {"slow": 5.0, "fast": 1.0}


def test_frames_without_a_rate_are_refused_by_name() -> None:
    with pytest.raises(InvalidRecord, match="no frame rate of task t"):
        tables(("ann", "t", (FrameRange("r", "event", "person", 1, 50),)))

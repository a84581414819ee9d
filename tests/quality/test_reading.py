"""Tables of labels and Label Studio's exports: what is read, what is reported, and what is refused by name."""

import json
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from yuelu.base.errors import InvalidRecord, NotFound, SchemaMismatch
from yuelu.quality.boxes import box_scores
from yuelu.quality.export import read_export
from yuelu.quality.tables import read_labels


def csv_file(folder: Any, text: Any, name: Any = "labels.csv") -> Any:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / name


def test_a_csv_table_keeps_text_as_it_is_and_extra_columns(tmp_path: Any) -> None:
    read = read_labels(csv_file(tmp_path, "\ufefftask,annotator,label,group,note\n1,ann,01,p,x\n1,bob,NA,p,\n2,ann,否,q,y\n"))
    assert read.labels.to_pylist()[:2] == [
        {"task": "1", "annotator": "ann", "label": "01"}, {"task": "1", "annotator": "bob", "label": "NA"}
    ]  # fmt: skip
    assert read.groups == {"1": "p", "2": "q"}
    assert read.table.column_names == ["task", "annotator", "label", "group", "note"]


def test_a_parquet_table_may_hold_numbers(tmp_path: Any) -> None:
    parquet.write_table(pa.table({"task": [1, 1], "annotator": ["a", "b"], "label": [2, 3]}), tmp_path / "l.parquet")
    read = read_labels(tmp_path / "l.parquet")
    assert read.labels["label"].to_pylist() == ["2", "3"]
    assert read.groups is None


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("task,annotator\n1,a\n", SchemaMismatch, "has no column label; it has task, annotator"),
        ("task,annotator,label\n1,a,x\n1,b,\n", InvalidRecord, "row 2 has no label"),
        ("task,annotator,label,label\n1,a,x,y\n", SchemaMismatch, "has the column label twice"),
        ("task,annotator,label,group\n1,a,x,p\n1,b,x,q\n", InvalidRecord, "task '1' is in the groups p, q"),
        ("task,annotator,label\n1,a\n", SchemaMismatch, "is not readable"),
        (b"task,annotator,label\n1,a,\xff\xfe\n", SchemaMismatch, "is not readable"),
        ("", SchemaMismatch, "is not readable"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(tmp_path: Any, text: Any, error: Any, message: Any) -> None:
    with pytest.raises(error, match=message):
        read_labels(csv_file(tmp_path, text))


def test_other_files_are_refused(tmp_path: Any) -> None:
    with pytest.raises(NotFound, match="no file"):
        read_labels(tmp_path / "none.csv")
    with pytest.raises(SchemaMismatch, match=r"neither \.csv nor"):
        read_labels(csv_file(tmp_path, "x", "labels.xlsx"))
    with pytest.raises(SchemaMismatch, match="is not readable"):
        read_labels(csv_file(tmp_path, "x", "labels.parquet"))
    parquet.write_table(pa.table({"task": [["a"]], "annotator": ["b"], "label": ["c"]}), tmp_path / "nested.parquet")
    with pytest.raises(SchemaMismatch, match="column task is list"):
        read_labels(tmp_path / "nested.parquet")


BOX: dict[str, Any] = {
    "id": "b1", "from_name": "box", "type": "rectanglelabels", "original_width": 640, "original_height": 480,
    "value": {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 15, "rectanglelabels": ["lesion"]},
}  # fmt: skip


def choice(*labels: Any, **value: Any) -> Any:
    return {"id": "c", "from_name": "view", "type": "choices", "value": {"choices": list(labels), **value}}


def answer(who: Any, *results: Any, updated: Any = "2026-01-01", **more: Any) -> Any:
    return {"id": 1, "completed_by": who, "updated_at": updated, "result": list(results), **more}


def export_file(folder: Any, *tasks: Any) -> Any:
    return csv_file(folder, json.dumps(list(tasks)), "export.json")


def test_an_export_becomes_tables_by_control(tmp_path: Any) -> None:
    sound = {"from_name": "seg", "type": "labels", "value": {"start": 1.25, "end": 3.5, "labels": ["speech"]}}
    frames = {
        "from_name": "tl", "type": "timelinelabels", "value": {"ranges": [{"start": 1, "end": 25}], "timelinelabels": ["on"]}
    }  # fmt: skip
    series = {"from_name": "ts", "type": "timeserieslabels", "value": {"start": 2, "end": 2.5, "timeserieslabels": ["stop"]}}
    export = read_export(
        export_file(
            tmp_path,
            {"id": 7, "data": {"item_key": "k1", "group": "p"}, "annotations": [
                answer(1, BOX, choice("front")), answer({"id": 2, "email": "b@x"}, choice("side", "back")), answer(3),
            ]},
            {"id": 8, "data": {"fps": 25}, "annotations": [answer(1, sound, frames, series)]},
        )
    )  # fmt: skip
    assert {name: control.kind for name, control in export.controls.items()} == {
        "box": "box", "seg": "segment", "tl": "segment", "ts": "segment", "view": "choice"
    }  # fmt: skip
    assert export.controls["box"].table.to_pylist() == [
        {"task": "k1", "annotator": "1", "label": "lesion", "item": 0, "x": 64.0, "y": 96.0, "width": 192.0, "height": 192.0,
         "rotation": 15.0}
    ]  # fmt: skip
    assert export.controls["view"].table["label"].to_pylist() == ["front", "back + side"]
    assert export.controls["ts"].table.select(["label", "start", "end"]).to_pylist() == [
        {"label": "stop", "start": 2, "end": 2.5}
    ]
    assert export.controls["tl"].table.select(["start", "end"]).to_pylist() == [{"start": 0.0, "end": 1.0}]
    assert [tuple(row.values()) for row in export.seen.to_pylist()] == [
        ("k1", "1", "p"), ("k1", "2", "p"), ("k1", "3", "p"), ("8", "1", "8"),
    ]  # fmt: skip
    assert export.ignored == ()
    assert box_scores(export.controls["box"].table, export.seen)[0].value == 0  # two others saw it and drew nothing


def test_what_does_not_count_is_left_out_and_reported(tmp_path: Any) -> None:
    export = read_export(
        export_file(
            tmp_path,
            {"id": 1, "data": {}, "annotations": [
                answer(1, choice("old"), updated="2026-01-01"), answer(1, choice("new"), updated="2026-01-02"),
                answer(2, choice("x"), was_cancelled=True), {"completed_by": 9},
                answer(3, choice("occluded", x=1), choice(), {"type": "brushlabels", "value": {}}, "junk",
                       BOX | {"original_width": None}, {**BOX, "value": {**BOX["value"], "width": 0}},
                       {**BOX, "value": {**BOX["value"], "x": "10"}}, {**BOX, "value": {**BOX["value"], "x": 10**400}},
                       {"type": "labels", "value": {"start": 0, "end": 5, "text": "Alice", "labels": ["PER"]}},
                       {"type": "labels", "value": {"start": 5, "end": 5, "labels": ["a"]}},
                       {"type": "timelinelabels", "value": {"timelinelabels": ["a"]}},
                       {"type": "timeserieslabels", "value": {"start": "2024-01-01", "end": "2024-01-02",
                                                              "timeserieslabels": ["a"]}}),
            ]},
        )
    )  # fmt: skip
    assert export.controls["view"].table.to_pylist() == [{"task": "1", "annotator": "1", "label": "new"}]
    assert list(export.controls) == ["view"]
    assert export.seen["annotator"].to_pylist() == ["1", "3"]
    assert export.ignored == (
        "1 x annotation without a result", "1 x cancelled annotation", "1 x choices of a region", "1 x choices without a label",
        "1 x earlier annotation of the same annotator", "1 x empty rectanglelabels", "1 x empty stretch of time",
        "1 x labels that are not of a sound", "1 x rectanglelabels without the size of the image",
        "2 x region without its numbers", "1 x result of type brushlabels", "1 x result of type unknown",
        "1 x timelinelabels without ranges", "1 x timeserieslabels under a clock of dates",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("{", SchemaMismatch, "is not JSON"),
        ("[" * 100_000, SchemaMismatch, "is not JSON"),
        ('[{"data": {"a": NaN}, "annotations": []}]', SchemaMismatch, "NaN is not a number of JSON"),
        ("3", SchemaMismatch, "entry 0 is not a task"),
        ('[{"id": 1, "image": "x", "choice": "y"}]', SchemaMismatch, "entry 0 is not a task with data and annotations"),
        (
            '[{"id": 1, "data": {}, "annotations": []}, {"id": 1, "data": {}, "annotations": []}]',
            InvalidRecord,
            "task 1 is",
        ),
    ],
)
def test_what_is_no_export_is_refused(tmp_path: Any, text: Any, error: Any, message: Any) -> None:
    with pytest.raises(error, match=message):
        read_export(csv_file(tmp_path, text, "export.json"))


def test_size_and_absence_are_refused(tmp_path: Any) -> None:
    with pytest.raises(SchemaMismatch, match="has 2 bytes, more than 1"):
        read_export(csv_file(tmp_path, "[]", "export.json"), most_bytes=1)
    with pytest.raises(NotFound, match="no file"):
        read_export(tmp_path / "none.json")

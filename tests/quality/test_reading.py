"""Tables of labels: what is read, what is reported, and what is refused by name."""

from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from yuelu.base.errors import InvalidRecord, NotFound, SchemaMismatch
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

"""Long tables of labels, CSV or Parquet: task, annotator, label, and perhaps group."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from yuelu.base.errors import InvalidRecord, NotFound, SchemaMismatch
from yuelu.base.schemas import LABELS, conform

_NEEDED = ("task", "annotator", "label")


@dataclass(frozen=True, slots=True)
class LabelTable:
    """`labels` in the schema LABELS; `groups` from task to group, None without such a column; `table`, all that was read."""

    labels: pa.Table
    groups: dict[str, str] | None
    table: pa.Table


def read_labels(path: Path) -> LabelTable:
    """Return the labels in the file at `path`, `.csv` (UTF-8) or `.parquet`.

    Raises NotFound; SchemaMismatch: no such kind of file, not readable, a column missing; InvalidRecord: an empty cell, or a
    task in two groups. Rows are counted from 1, without the header.
    """
    table = _read(path)
    lacking = [name for name in _NEEDED if name not in table.column_names]
    if lacking:
        raise SchemaMismatch(
            f"{path.name} has no column {', '.join(lacking)}; it has {', '.join(table.column_names) or 'none'}",
            "one row per answer, with the columns task, annotator, label and perhaps group",
        )
    texts = {name: _text(table, name, path.name) for name in (*_NEEDED, "group") if name in table.column_names}
    groups = _groups(texts["task"], texts["group"]) if "group" in texts else None
    return LabelTable(conform(pa.table({name: texts[name] for name in _NEEDED}), LABELS), groups, table)


def read_gold(path: Path) -> dict[str, str]:
    """Return the known answer of each task in the file at `path`, with the columns task and label; any other is ignored.

    Raises as `read_labels`; InvalidRecord: two answers to one task.
    """
    table = _read(path)
    lacking = [name for name in ("task", "label") if name not in table.column_names]
    if lacking:
        raise SchemaMismatch(f"{path.name} has no column {', '.join(lacking)}", "gold has one row per task: task, label")
    found: dict[str, str] = {}
    tasks, labels = (_text(table, name, path.name).to_pylist() for name in ("task", "label"))
    for task, label in zip(tasks, labels, strict=True):
        if found.setdefault(task, label) != label:
            raise InvalidRecord(f"{path.name}: task {task!r} is {found[task]} and {label}", "a known answer is one answer")
    return found


def _read(path: Path) -> pa.Table:
    if not path.is_file():
        raise NotFound(f"no file {path}", "give the path of a .csv or .parquet file")
    try:
        if path.suffix == ".parquet":
            return parquet.read_table(path)
        if path.suffix == ".csv":
            # As text: a label "01" or "NA" is what it says, not a number or nothing.
            names = csv.open_csv(path).schema.names
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise SchemaMismatch(f"{path.name} has the column {', '.join(twice)} twice", "give each column a name of its own")
            return csv.read_csv(path, convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())))
    except (pa.ArrowInvalid, OSError) as error:
        raise SchemaMismatch(f"{path.name} is not readable: {error}", "need UTF-8 CSV with a header line, or Parquet") from None
    raise SchemaMismatch(f"{path.name} is neither .csv nor .parquet", "convert it, or rename it")


def _text(table: pa.Table, name: str, file: str) -> pa.ChunkedArray:
    try:
        column = table[name].cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SchemaMismatch(f"{file}: column {name} is {table[name].type}: {error}", "need text or numbers") from None
    empty = pc.fill_null(pc.equal(column, ""), True)
    row = pc.index(empty, True).as_py()
    if row >= 0:
        raise InvalidRecord(f"{file}: row {row + 1} has no {name}", "leave out the row of an answer that was not given")
    return column


def _groups(tasks: pa.ChunkedArray, groups: pa.ChunkedArray) -> dict[str, str]:
    pairs = pa.table({"task": tasks, "group": groups}).group_by(["task", "group"], use_threads=False).aggregate([])
    names = pairs["task"].to_pylist()
    found = dict(zip(names, pairs["group"].to_pylist(), strict=True))
    if len(found) < len(names):
        once: set[str] = set()
        task = next(name for name in names if name in once or once.add(name))  # type: ignore[func-returns-value]
        both = sorted(pairs.filter(np.array([name == task for name in names]))["group"].to_pylist())
        raise InvalidRecord(f"task {task!r} is in the groups {', '.join(both)}", "a task belongs to one group")
    return found

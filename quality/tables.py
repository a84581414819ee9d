"""Long tables of labels, CSV or Parquet: task, annotator, label, and perhaps group."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from yuelu.base.errors import InvalidRecord, NotFound, SchemaMismatch
from yuelu.base.schemas import LABELS, conform

_NEEDED = ("task", "annotator", "label")
_ROWS, _BYTES = 1 << 17, 1 << 23  # of Parquet and of CSV, read at a time


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
    _check_columns(path, table.column_names)
    texts = {name: _text(table, name, path.name) for name in (*_NEEDED, "group") if name in table.column_names}
    groups = groups_of(texts["task"], texts["group"]) if "group" in texts else None
    return LabelTable(conform(pa.table({name: texts[name] for name in _NEEDED}), LABELS), groups, table)


def label_batches(path: Path) -> Iterator[pa.Table]:
    """Yield the labels in the file at `path` a piece at a time: task, annotator, label and group, if any; as text.

    Raises as `read_labels`, but for a task in two groups: all answers to a task need not be in one piece.
    """
    row = 0
    for batch in _batches(path):
        _check_columns(path, batch.schema.names)
        table = pa.Table.from_batches([batch])
        names = [name for name in (*_NEEDED, "group") if name in table.column_names]
        yield pa.table({name: _text(table, name, path.name, row) for name in names})
        row += len(table)


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    if not path.is_file() or path.suffix not in (".parquet", ".csv"):
        _read(path)  # says what is wrong with it
    try:
        if path.suffix == ".csv":
            with csv.open_csv(path, csv.ReadOptions(block_size=_BYTES), convert_options=_as_text(path)) as lines:
                yield from lines
        else:
            with parquet.ParquetFile(path) as file:
                _check_columns(path, file.schema_arrow.names)
                yield from file.iter_batches(_ROWS, columns=[n for n in (*_NEEDED, "group") if n in file.schema_arrow.names])
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from None


def _check_columns(path: Path, names: list[str]) -> None:
    lacking = [name for name in _NEEDED if name not in names]
    if lacking:
        raise SchemaMismatch(
            f"{path.name} has no column {', '.join(lacking)}; it has {', '.join(names) or 'none'}",
            "one row per answer, with the columns task, annotator, label and perhaps group",
        )


def read_gold(path: Path) -> dict[str, str]:
    """Return the known answer of each task in the file at `path`, with the columns task and label; any other is ignored.

    Raises as `read_labels`; InvalidRecord: two answers to one task.
    """
    table = _read_gold_table(path)
    found: dict[str, str] = {}
    tasks, labels = (_text(table, name, path.name).to_pylist() for name in ("task", "label"))
    for task, label in zip(tasks, labels, strict=True):
        if found.setdefault(task, label) != label:
            raise InvalidRecord(f"{path.name}: task {task!r} is {found[task]} and {label}", "a known answer is one answer")
    return found


def read_controls_gold(path: Path) -> dict[tuple[str, str | None], str]:
    """Return the known answer to each control of each task: columns task, label and perhaps control (else None).

    Raises as `read_gold`.
    """
    table = _read_gold_table(path)
    if "control" not in table.column_names:
        return {(task, None): label for task, label in read_gold(path).items()}
    found: dict[tuple[str, str | None], str] = {}
    columns = [_text(table, name, path.name).to_pylist() for name in ("task", "control", "label")]
    for task, control, label in zip(*columns, strict=True):
        if found.setdefault((task, control), label) != label:
            raise InvalidRecord(
                f"{path.name}: {control} of task {task!r} is {found[task, control]} and {label}", "a known answer is one answer"
            )
    return found


def _read_gold_table(path: Path) -> pa.Table:
    table = _read(path)
    lacking = [name for name in ("task", "label") if name not in table.column_names]
    if lacking:
        raise SchemaMismatch(f"{path.name} has no column {', '.join(lacking)}", "gold has one row per task: task, label")
    return table


def _read(path: Path) -> pa.Table:
    if not path.is_file():
        raise NotFound(f"no file {path}", "give the path of a .csv or .parquet file")
    try:
        if path.suffix == ".parquet":
            return parquet.read_table(path)
        if path.suffix == ".csv":
            return csv.read_csv(path, convert_options=_as_text(path))
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from None
    raise SchemaMismatch(f"{path.name} is neither .csv nor .parquet", "convert it, or rename it")


def _as_text(path: Path) -> csv.ConvertOptions:
    """Return how the columns are read: a label "01" or "NA" is what it says, not a number or nothing."""
    with csv.open_csv(path) as lines:
        names = lines.schema.names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SchemaMismatch(f"{path.name} has the column {', '.join(twice)} twice", "give each column a name of its own")
    return csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))


def _unreadable(path: Path, error: Exception) -> SchemaMismatch:
    return SchemaMismatch(f"{path.name} is not readable: {error}", "need UTF-8 CSV with a header line, or Parquet")


def _text(table: pa.Table, name: str, file: str, before: int = 0) -> pa.ChunkedArray:
    try:
        column = table[name].cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SchemaMismatch(f"{file}: column {name} is {table[name].type}: {error}", "need text or numbers") from None
    empty = pc.fill_null(pc.equal(column, ""), True)
    row = pc.index(empty, True).as_py()
    if row >= 0:
        raise InvalidRecord(f"{file}: row {before + row + 1} has no {name}", "leave out the row of an answer that was not given")
    return column


def groups_of(tasks: pa.ChunkedArray, groups: pa.ChunkedArray) -> dict[str, str]:
    """Return task -> group from two columns. Raises InvalidRecord: a task in two groups."""
    pairs = pa.table({"task": tasks, "group": groups}).group_by(["task", "group"], use_threads=False).aggregate([])
    names = pairs["task"].to_pylist()
    found = dict(zip(names, pairs["group"].to_pylist(), strict=True))
    if len(found) < len(names):
        once: set[str] = set()
        task = next(name for name in names if name in once or once.add(name))  # type: ignore[func-returns-value]
        both = sorted(pairs.filter(np.array([name == task for name in names]))["group"].to_pylist())
        raise InvalidRecord(f"task {task!r} is in the groups {', '.join(both)}", "a task belongs to one group")
    return found

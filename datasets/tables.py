"""Parquet that is the same bytes whenever the rows are the same, and that is read with every page's checksum checked."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast
from weakref import finalize

import pyarrow as pa
import pyarrow.parquet as pq

from yuelu.base.canonical import digest
from yuelu.base.errors import IntegrityFailure, SchemaMismatch
from yuelu.datasets.fields import empty_lists, says_nothing
from yuelu.datasets.schemas import KEYS, keys_schema, schema_digest, schema_of

ROW_GROUP = 8_192  # rows; fixed, because row groups of another size are other bytes

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class TableFile:
    """A finished table, which lies in a file without a name: its bytes, and what the manifest says about them."""

    table: str
    file: BinaryIO
    size: int
    sha256: str
    rows: int
    schema_hash: str
    writer: str

    def open(self) -> BinaryIO:
        """Return the file at its beginning; there is one of it, so read to the end before you open it again."""
        self.file.seek(0)
        return self.file

    @property
    def data(self) -> bytes:
        """All of its bytes."""
        return self.open().read()


class TableWriter:
    """Takes the rows of one table in the order of its key, and gives back the file. Holds a row group or two of rows."""

    def __init__(self, table: str) -> None:
        self.table, self.schema, self.keys = table, schema_of(table), KEYS[table]
        self._names = frozenset(self.schema.names)
        self._sink, self._waiting, self._rows = _scratch(), list[Row](), 0
        self._tables, self._count = list[pa.Table](), 0
        self._last: tuple[str, ...] | None = None
        self._writer = _parquet(self._sink, self.schema, self.keys)
        self._closing = finalize(self, _close, self._writer, self._sink)

    def add(self, row: Row) -> None:
        """Append a row. Raises SchemaMismatch: other columns than the schema's, or not after the row before it."""
        if row.keys() != self._names:
            odd = sorted(row.keys() ^ self._names)
            raise SchemaMismatch(f"{self.table}: columns missing or unexpected: {odd}", f"give {self.schema.names}")
        self._waiting.append(row)
        if len(self._waiting) == ROW_GROUP:
            self._pack()

    def _pack(self) -> None:
        rows, self._waiting = self._waiting, []
        self.add_table(packed(self.table, rows, self.schema))

    def add_table(self, rows: pa.Table) -> None:
        """Append rows that have the schema. Raises SchemaMismatch: one does not come after the row before it."""
        for key in zip(*(rows.column(name).to_pylist() for name in self.keys), strict=True):
            if self._last is not None and key <= self._last:
                raise SchemaMismatch(f"{self.table}: row {key} comes after {self._last}", "sort the rows; keys are unique")
            self._last = key
        self._tables.append(rows)
        self._count += rows.num_rows
        if self._count >= ROW_GROUP:
            whole = pa.concat_tables(self._tables).combine_chunks()
            full = self._count - self._count % ROW_GROUP
            self._write(whole.slice(0, full))
            self._tables, self._count = [whole.slice(full)], self._count - full

    def _write(self, rows: pa.Table) -> None:
        try:
            self._writer.write_table(rows, row_group_size=ROW_GROUP)
        except pa.ArrowInvalid as error:
            raise _misfit(self.table, error) from None
        self._rows += rows.num_rows

    def finish(self) -> TableFile:
        """Return the file."""
        if self._waiting:
            self._pack()
        if self._count:
            self._write(pa.concat_tables(self._tables).combine_chunks())
        self._writer.close()
        size = self._sink.tell()
        self._sink.seek(0)
        hashed = hashlib.file_digest(self._sink, "sha256").hexdigest()  # type: ignore[arg-type]  # any reader of bytes will do
        writer = pq.read_metadata(self._sink).created_by
        self._closing.detach()
        made = TableFile(self.table, self._sink, size, hashed, self._rows, schema_digest(self.schema), writer)
        finalize(made, self._sink.close)
        return made


def _close(*writers: Any) -> None:
    for each in writers:
        each.close()


def _scratch() -> BinaryIO:
    """Return a file without a name; it goes when it is closed."""
    return cast("BinaryIO", TemporaryFile(prefix="yuelu-table-"))


def packed(table: str, rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    """Return the rows as a table. Columns of labels that no row has anything in are made without looking at each row.

    Raises SchemaMismatch: a value does not fit.
    """
    try:
        columns = [_column([row[name] for row in rows], schema.field(name).type) for name in schema.names]
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise _misfit(table, error) from None
    return pa.Table.from_arrays(columns, schema=schema)


def _misfit(table: str, error: Exception) -> SchemaMismatch:
    return SchemaMismatch(f"{table}: a value does not fit: {error}", f"see the types of {table} in the documentation of releases")


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_list(kind) and not any(values) and None not in values:
        return empty_lists(len(values), kind)
    return pa.array(values, kind)


def _parquet(sink: BinaryIO, schema: pa.Schema, keys: Sequence[str]) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        sink,
        schema,
        version="2.6",
        data_page_version="1.0",
        compression="zstd",
        compression_level=3,
        write_page_index=True,
        write_page_checksum=True,
        # Keys stand before the first nested column, so the numbers of columns and of Parquet's leaves agree.
        sorting_columns=[pq.SortingColumn(schema.get_field_index(key)) for key in keys],
    )


def write_sorted(
    sink: BinaryIO,
    table: str,
    rows: Iterable[pa.Table],
    *,
    keys_only: bool = False,
    schema: pa.Schema | None = None,
    group: int = ROW_GROUP,
) -> int:
    """Write rows that are sorted already, as a `TableWriter` writes them, byte for byte; return how many there were.

    The columns are those of the rows: a release of an older schema stays what it is. `keys_only`: what comes are the keys
    of rows. `schema`: of rows that have other columns. `group`: rows of a row group.
    """
    count, groups = 0, iter(cut(rows, group))
    first = next(groups, None)
    if schema is None:
        schema = keys_schema(table) if keys_only else schema_of(table) if first is None else first.schema
    with _parquet(sink, schema, KEYS[table]) as writer:
        for some in () if first is None else chain((first,), groups):
            writer.write_table(some, row_group_size=group)
            count += some.num_rows
    return count


def cut(tables: Iterable[pa.Table], group: int = ROW_GROUP) -> Iterator[pa.Table]:
    """Yield the same rows by so many."""
    waiting, count = list[pa.Table](), 0
    for table in tables:
        waiting.append(table)
        count += table.num_rows
        while count >= group:
            whole = pa.concat_tables(waiting).combine_chunks()
            yield whole.slice(0, group)
            waiting, count = [whole.slice(group)], count - group
    if count:
        yield pa.concat_tables(waiting).combine_chunks()


def open_table(file: BinaryIO, name: str) -> pq.ParquetFile:
    """Return the Parquet file, page checksums on. Raises IntegrityFailure: not Parquet."""
    try:
        return pq.ParquetFile(file, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise IntegrityFailure(f"{name} cannot be read: {error}", "pull the release again") from None


def read_rows(file: pq.ParquetFile, name: str) -> Iterator[Row]:
    """Yield the rows in order, a row group's worth in memory. Raises IntegrityFailure: a page is damaged."""
    for some in read_batches(file, name):
        yield from listed(some, name)


def listed(rows: pa.Table, name: str) -> list[Row]:
    """Return the rows as dictionaries. Raises IntegrityFailure: a text is no UTF-8."""
    try:
        columns = [_listed(column) for column in rows.columns]
        return [dict(zip(rows.column_names, row, strict=True)) for row in zip(*columns, strict=True)]
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise IntegrityFailure(f"{name} cannot be read: {error}", "pull the release again") from None


def _listed(column: pa.ChunkedArray) -> list[Any]:
    if says_nothing(column):
        return [[] for _ in range(len(column))]  # most columns of labels in most releases
    return list(column.to_pylist())


def read_batches(file: pq.ParquetFile, name: str) -> Iterator[pa.Table]:
    """Yield tables of a row group's worth of rows; one without rows where there are none. Raises IntegrityFailure."""
    try:
        if not file.metadata.num_rows:
            yield file.schema_arrow.empty_table()
        groups = (file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups))
        # rows with media inside stand in smaller groups: then no more of them at a time
        for batch in file.iter_batches(batch_size=max(1, min(ROW_GROUP, max(groups, default=ROW_GROUP)))):
            yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise IntegrityFailure(f"{name} cannot be read: {error}", "pull the release again") from None


def row_digest(row: Mapping[str, Any]) -> str:
    """Return the digest of a row's values, however they are stored. Days are spelled as ISO 8601 spells them."""
    return digest({name: value.isoformat() if type(value) is date else value for name, value in row.items()})

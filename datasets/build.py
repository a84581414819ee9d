"""From rows to the finished tables of a release, in bounded memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from yuelu.base import merkle
from yuelu.base.errors import IntegrityFailure
from yuelu.datasets.labelled import LabelledItem
from yuelu.datasets.rows import rows_of
from yuelu.datasets.schemas import ASSETS, TABLES
from yuelu.datasets.split import split_proof
from yuelu.datasets.tables import ROW_GROUP, Row, TableFile, TableWriter


@dataclass(frozen=True, slots=True)
class Built:
    """The tables of a release and what is known once all rows have been seen."""

    tables: tuple[TableFile, ...]
    merkle_root: str
    leaves: int
    splits: dict[str, Any]
    media_files: int
    media_bytes: int

    def table(self, name: str) -> TableFile:
        """Return the table of that name."""
        return next(table for table in self.tables if table.table == name)


def build(items: Iterable[LabelledItem]) -> Built:
    """Return the tables of the release of `items`, which come sorted by id.

    The same items give the same bytes, whatever the order of the answers and regions within them.

    Raises SchemaMismatch: not sorted, or an id twice. Raises IntegrityFailure: a group in two splits, or two items that
    tell different things about one file.
    """
    writers = {name: TableWriter(name) for name in TABLES}
    homes: list[tuple[str, str]] = []
    leaves: list[bytes] = []
    assets = _Assets()
    for item in items:
        rows = rows_of(item)
        writers["items"].add(rows.item)
        for row in rows.annotations:
            writers["annotations"].add(row)
        writers["evidence"].add(rows.evidence)
        assets.add(rows.assets)
        homes.append((item.split, item.group))
        leaves.append(bytes.fromhex(rows.evidence["leaf"]))
    files, size = assets.write(writers["assets"])
    tables = tuple(writer.finish() for writer in writers.values())
    return Built(tables, merkle.root(leaves).hex(), len(leaves), split_proof(homes), files, size)


class _Assets:
    """Rows of assets, which come in the order of their items and leave in the order of their ids."""

    def __init__(self) -> None:
        self._waiting: list[Row] = []
        self._tables: list[pa.Table] = []

    def add(self, rows: Iterable[Row]) -> None:
        self._waiting.extend(rows)
        if len(self._waiting) >= ROW_GROUP:
            self._pack()

    def _pack(self) -> None:
        self._tables.append(pa.Table.from_pylist(self._waiting, schema=ASSETS))  # far smaller than dictionaries
        self._waiting = []

    def write(self, writer: TableWriter) -> tuple[int, int]:
        """Write each file once; return how many there are and their bytes together."""
        self._pack()
        ordered = pa.concat_tables(self._tables).sort_by("id")
        files, size, last = 0, 0, None
        for batch in ordered.to_batches(max_chunksize=ROW_GROUP):
            for row in batch.to_pylist():
                if last is not None and row["id"] == last["id"]:
                    _same(row, last)
                    continue
                writer.add(row)
                files, size, last = files + 1, size + row["bytes"], row
        return files, size


def _same(row: Row, other: Row) -> None:
    if row != other:
        odd = [name for name in row if row[name] != other[name]]
        raise IntegrityFailure(
            f"file {row['id']} is described in two ways; they differ in {', '.join(odd)}",
            "what is known of a file depends on its bytes alone; ingest its source again",
        )

"""From rows to the finished tables of a release, in memory that does not grow with them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from yuelu.base import merkle
from yuelu.base.errors import IntegrityFailure
from yuelu.datasets.labelled import LabelledItem
from yuelu.datasets.pieces import Piece, pieces
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
    return join(pieces(items))


def join(told: Iterable[Piece]) -> Built:
    """Return the tables that pieces make, which come in the order of their items; how they are cut makes no difference.

    Raises as `build`.
    """
    writers = {name: TableWriter(name) for name in TABLES}
    tree, assets = merkle.Growing(), _Assets()

    def homes() -> Iterator[tuple[str, str]]:
        for piece in told:
            for name in ("items", "annotations", "evidence"):
                writers[name].add_table(getattr(piece, name))
            assets.add(piece.assets)
            for leaf in piece.evidence["leaf"].to_pylist():
                tree.add(bytes.fromhex(leaf))
            yield from zip(piece.items["split"].to_pylist(), piece.items["group"].to_pylist(), strict=True)

    splits = split_proof(homes())
    files, size = assets.write(writers["assets"])
    tables = tuple(writer.finish() for writer in writers.values())
    return Built(tables, tree.root().hex(), tree.size, splits, files, size)


class _Assets:
    """Rows of assets, which come in the order of their items and leave in the order of their ids."""

    def __init__(self) -> None:
        self._tables: list[pa.Table] = [ASSETS.empty_table()]

    def add(self, rows: pa.Table) -> None:
        self._tables.append(rows)

    def write(self, writer: TableWriter) -> tuple[int, int]:
        """Write each file once; return how many there are and their bytes together."""
        ordered = pa.concat_tables(self._tables).sort_by("id")
        self._tables = []
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

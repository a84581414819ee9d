"""What a version writes of each table: all of it, or only what changed since the version before."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import pyarrow as pa

from yuelu.base.canonical import sha256
from yuelu.datasets.fields import says_nothing
from yuelu.datasets.layers import difference
from yuelu.datasets.layout import File, table_file
from yuelu.datasets.manifest import BASE, DELETED, DELTA
from yuelu.datasets.release import Release
from yuelu.datasets.schemas import KEYS, keys_schema, schema_digest
from yuelu.datasets.tables import TableFile, open_table, read_batches, write_sorted

LARGEST = 0.2  # of the base; layers that weigh more are written as a new base, for readers put them together each time
MOST = 16  # parts above a base; the next version writes one for all of them


@dataclass(frozen=True, slots=True)
class Written:
    """The parts of a table, oldest first, as they go into the manifest, and the objects among them that are new."""

    entries: tuple[dict[str, Any], ...]
    new: tuple[tuple[File, bytes | BinaryIO], ...]


def written(name: str, table: TableFile, before: Release | None) -> Written:
    """Return what the next version of the dataset `name` writes of `table`, whose newest release is `before`.

    The same table over the same release gives the same bytes.
    """
    standing = before.manifest.layers(table.table) if before else ()
    if before is None or standing[0].schema_hash != table.schema_hash:
        return _whole(name, table)
    kept = standing if len(standing) <= MOST else standing[:1]
    old = before if kept == standing else replace(before, plain={table.table: kept[0]})
    parts = _changes(name, table, old, most=LARGEST * standing[0].rows)
    if parts is None:
        return _whole(name, table)
    entries = [*before.manifest.entries(table.table)[: len(kept)], *(entry for entry, _, _ in parts)]
    above = sum(entry["bytes"] for entry in entries[1:])
    if above > LARGEST * standing[0].file.bytes:
        return _whole(name, table)
    return Written(tuple(entries), tuple((file, data) for _, file, data in parts))


def _changes(name: str, table: TableFile, old: Release, most: float) -> list[tuple[dict[str, Any], File, bytes]] | None:
    """Return the parts that make `table` of what `old` holds; None: more rows changed than `most`."""
    keys, changed, deleted, count = KEYS[table.table], list[pa.Table](), list[pa.Table](), 0
    new = read_batches(open_table(table.open(), table.table), table.table)
    for window in difference(old.batches(table.table), new, keys):
        changed.append(window.changed)
        deleted.append(window.deleted)
        count += window.changed.num_rows + window.deleted.num_rows
        if count > most:
            return None
    gone, total = sum(each.num_rows for each in deleted), old.parts(table.table)[-1].total
    parts = []
    if gone:
        parts.append(_part(name, table, DELETED, deleted, total - gone))
    if count > gone:
        parts.append(_part(name, table, DELTA, changed, table.rows))
    return parts


def _part(name: str, table: TableFile, kind: str, rows: Sequence[pa.Table], total: int) -> tuple[dict[str, Any], File, bytes]:
    sink = io.BytesIO()
    narrow = rows if kind == DELETED else _narrowed(rows)
    count = write_sorted(sink, table.table, narrow, keys_only=kind == DELETED)
    data = sink.getvalue()
    file = table_file(name, table.table, sha256(data), len(data))
    schema_hash = schema_digest(keys_schema(table.table) if kind == DELETED else narrow[0].schema)
    return {**_entry(table, kind, file, count), "schema_hash": schema_hash, "total": total}, file, data


def _narrowed(rows: Sequence[pa.Table]) -> list[pa.Table]:
    """Return the rows without columns that say nothing in any of them, which readers put back: each costs more than a row.

    What Hugging Face reads stands in the base; a part is read by nobody but us.
    """
    names = [name for name in rows[0].column_names if not all(says_nothing(each.column(name)) for each in rows)]
    return [each.select(names).replace_schema_metadata(None) for each in rows]


def _whole(name: str, table: TableFile) -> Written:
    file = table_file(name, table.table, table.sha256, table.size)
    return Written((_entry(table, BASE, file, table.rows),), ((file, table.file),))


def _entry(table: TableFile, kind: str, file: File, rows: int) -> dict[str, Any]:
    return {
        "table": table.table,
        "kind": kind,
        "path": file.key,
        "sha256": file.sha256,
        "bytes": file.bytes,
        "rows": rows,
        "schema_hash": table.schema_hash,
        "writer": table.writer,
    }

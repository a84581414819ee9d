"""The Arrow schemas of a release's tables: stable field ids, units, and the features that Hugging Face reads.

A new column goes to the end with a number of its own; a number is never used again.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from yuelu.base.canonical import digest
from yuelu.base.errors import SchemaMismatch
from yuelu.datasets.fields import COUNT, REAL, TEXT, field, listed, structs
from yuelu.datasets.region_schemas import region_fields


def _schema(table: str, fields: list[pa.Field], version: int = 1) -> pa.Schema:
    features = {column.name: _feature(column.type) for column in fields}
    hugging_face = json.dumps({"info": {"features": features}}, separators=(",", ":"))
    return pa.schema(fields, metadata={"table": table, "version": str(version), "huggingface": hugging_face})


def _feature(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return [_feature(kind.value_type)]  # this spelling is read by old and new releases of their library alike
    if pa.types.is_struct(kind):
        return {kind.field(place).name: _feature(kind.field(place).type) for place in range(kind.num_fields)}
    return {"dtype": {"double": "float64", "date32[day]": "date32"}.get(str(kind), str(kind)), "_type": "Value"}


_JUDGED = region_fields(7, 17, judged=True)
_ANSWERED = region_fields(7, 11, judged=False)

# One row per labelled item: its consensus, or the correction that stands above it.
ITEMS = _schema(
    "items",
    [
        field(1, "id", TEXT),
        field(2, "project", TEXT),
        field(3, "medium", TEXT),
        field(4, "split", TEXT),
        field(5, "group", TEXT),
        field(6, "media", structs(
            100,
            ("sha256", TEXT, None, False), ("path", TEXT, None, False), ("media_type", TEXT, None, False),
            ("source", TEXT, "keyed hash of the SHA-256 of what was labelled", False),
            ("deidentified", pa.bool_(), None, False),
        )),
        *_JUDGED[0],
        field(11, "probability", REAL, unit="1; null when not estimated or corrected", nullable=True),
        field(12, "entropy", REAL, unit="bit, of the votes", nullable=True),
        field(13, "answers", COUNT, unit="annotators"),
        field(14, "round", COUNT, unit="from 1; above 1 after rework"),
        field(15, "decision", TEXT, nullable=True),
        field(16, "corrected", pa.bool_()),
        *_JUDGED[1],
        field(60, "calibrated_probability", REAL, unit="1; null where no gold tells it", nullable=True),
    ],
    version=2,
)  # fmt: skip

# One row per answer that counts, of every round. The exact time of an answer stays in the ledger: stamps to the second
# of one worker's answers, matched with shift plans or server logs, would name the worker.
ANNOTATIONS = _schema(
    "annotations",
    [
        field(1, "id", TEXT),
        field(2, "item", TEXT),
        field(3, "annotator_pid", TEXT),
        field(4, "round", COUNT, unit="from 1"),
        field(5, "answered_on", pa.date32(), unit="day, UTC"),
        field(6, "lead_time_s", REAL, unit="s, as the client reported it", nullable=True),
        *_ANSWERED[0],
        *_ANSWERED[1],
    ],
    version=2,
)

# One row per released media file.
ASSETS = _schema(
    "assets",
    [
        field(1, "id", TEXT, unit="SHA-256 of the released file"),
        field(2, "path", TEXT),
        field(3, "medium", TEXT),
        field(4, "media_type", TEXT),
        field(5, "bytes", pa.int64(), unit="byte"),
        field(6, "width_px", COUNT, unit="px", nullable=True),
        field(7, "height_px", COUNT, unit="px", nullable=True),
        field(8, "duration_s", REAL, unit="s", nullable=True),
        field(9, "frame_rate_hz", REAL, unit="Hz", nullable=True),
        field(10, "frames", pa.int64(), unit="count", nullable=True),
        field(11, "sample_rate_hz", COUNT, unit="Hz", nullable=True),
        field(12, "channels", COUNT, unit="count", nullable=True),
        field(13, "sampling_rate_hz", REAL, unit="Hz, of a time series", nullable=True),
        field(14, "rows", pa.int64(), unit="count", nullable=True),
    ],
)

# One row per item: digests of what led to it. `leaf` is its leaf in the release's Merkle tree.
EVIDENCE = _schema(
    "evidence",
    [
        field(1, "id", TEXT),
        field(2, "item", TEXT, unit="digest of its row in items"),
        field(3, "assets", listed(100, TEXT), unit="digests of their rows, in the item's order"),
        field(4, "task", TEXT, unit="digest"),
        field(5, "annotations", listed(120, TEXT), unit="digests of their rows, in id order"),
        field(6, "consensus", TEXT, unit="digest", nullable=True),
        field(7, "correction", TEXT, unit="digest", nullable=True),
        field(8, "decision", TEXT, unit="digest", nullable=True),
        field(9, "leaf", TEXT, unit="RFC 6962 leaf hash of the other columns"),
    ],
)

TABLES: Mapping[str, pa.Schema] = MappingProxyType(
    {"items": ITEMS, "annotations": ANNOTATIONS, "assets": ASSETS, "evidence": EVIDENCE}
)
# What the rows of a table are sorted by; no two rows share it.
KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"items": ("id",), "annotations": ("item", "id"), "assets": ("id",), "evidence": ("id",)}
)


def schema_digest(schema: pa.Schema) -> str:
    """Return the digest of names, types, nullability, ids and units; it does not depend on Arrow's own encoding."""
    return digest([_described(column) for column in schema])


def _described(column: pa.Field) -> dict[str, Any]:
    kind, inner = column.type, []
    if pa.types.is_list(kind):
        inner = [kind.value_field]
    elif pa.types.is_struct(kind):
        inner = [kind.field(place) for place in range(kind.num_fields)]
    metadata = {name.decode(): value.decode() for name, value in sorted((column.metadata or {}).items())}
    spelled = ("list" if pa.types.is_list(kind) else "struct") if inner else str(kind)
    described = {"name": column.name, "type": spelled, "nullable": column.nullable, "metadata": metadata}
    return described | ({"fields": [_described(member) for member in inner]} if inner else {})


def keys_schema(table: str) -> pa.Schema:
    """Return the columns that name a row of `table`, alone."""
    return pa.schema([schema_of(table).field(name) for name in KEYS[table]])


def schema_of(table: str) -> pa.Schema:
    """Return the schema of `table`. Raises SchemaMismatch: no such table."""
    if table not in TABLES:
        raise SchemaMismatch(f"a release has no table {table!r}", f"its tables are {', '.join(TABLES)}")
    return TABLES[table]

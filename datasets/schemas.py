"""The Arrow schemas of a release's tables: stable field ids, units, and the features that Hugging Face reads.

A nested column has a block of twenty field ids: the list's element, then the fields of its struct in order. A new field
goes to the end of its block; a number is never used again.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from yuelu.base.canonical import digest
from yuelu.base.errors import SchemaMismatch

FIELD_ID = b"PARQUET:field_id"  # the name under which Arrow passes field ids to Parquet


def _field(number: int, name: str, kind: pa.DataType, *, unit: str | None = None, nullable: bool = False) -> pa.Field:
    metadata = {FIELD_ID: str(number)} | ({b"unit": unit} if unit else {})
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


def _structs(number: int, name: str, block: int, *fields: tuple[str, pa.DataType, str | None, bool]) -> pa.Field:
    members = [
        _field(block + place, member, kind, unit=unit, nullable=nullable)
        for place, (member, kind, unit, nullable) in enumerate(fields, 1)
    ]
    return _field(number, name, pa.list_(_field(block, "element", pa.struct(members))))


_TEXT, _REAL, _COUNT = pa.string(), pa.float64(), pa.int32()
_SUPPORT = ("support", _REAL, "share of annotators who drew it; null after a correction", True)
_PROBABILITY = ("probability", _REAL, "1; null when not estimated", True)


def _regions(first: int, *, judged: bool) -> list[pa.Field]:
    """Return the four columns of labels. `judged` adds what only a consensus knows."""
    support = (_SUPPORT,) if judged else ()
    labels = pa.list_(_field(139, "element", _TEXT))
    named = (("control", _TEXT, None, False), ("label", _TEXT, None, False))
    pixels = tuple((f"{side}_px", _REAL, "px of the released file", False) for side in ("x", "y", "width", "height"))
    return [
        _structs(
            first, "choices", 120,
            ("control", _TEXT, None, False),
            ("labels", labels, None, False),
            ("region", _TEXT, "column/position of the region it is about, from 0; null: the whole item", True),
            *((_PROBABILITY,) if judged else ()),
        ),
        _structs(
            first + 1, "boxes", 140, *named,
            ("item", _COUNT, "image of the item, from 0", False),
            *pixels,
            ("rotation_deg", _REAL, "deg, clockwise about the top left corner", False),
            *support,
        ),
        _structs(
            first + 2, "segments", 160, *named,
            ("start_s", _REAL, "s", False),
            ("end_s", _REAL, "s", False),
            ("channel", _COUNT, "from 0; null: all channels", True),
            *support,
        ),
        _structs(
            first + 3, "frame_ranges", 180, *named,
            ("first_frame", _COUNT, "frame, from 1", False),
            ("last_frame", _COUNT, "frame, from 1, included", False),
            ("start_s", _REAL, "s; null when the frame rate is unknown", True),
            ("end_s", _REAL, "s; null when the frame rate is unknown", True),
            *support,
            ("source_start_s", _REAL, "s on the clock of the source video; null when that is not known", True),
            ("source_end_s", _REAL, "s on the clock of the source video; null when that is not known", True),
        ),
    ]  # fmt: skip


def _schema(table: str, fields: list[pa.Field]) -> pa.Schema:
    features = {field.name: _feature(field.type) for field in fields}
    hugging_face = json.dumps({"info": {"features": features}}, separators=(",", ":"))
    return pa.schema(fields, metadata={"table": table, "version": "1", "huggingface": hugging_face})


def _feature(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return [_feature(kind.value_type)]  # this spelling is read by old and new releases of their library alike
    if pa.types.is_struct(kind):
        return {kind.field(place).name: _feature(kind.field(place).type) for place in range(kind.num_fields)}
    return {"dtype": {"double": "float64", "date32[day]": "date32"}.get(str(kind), str(kind)), "_type": "Value"}


# One row per labelled item: its consensus, or the correction that stands above it.
ITEMS = _schema(
    "items",
    [
        _field(1, "id", _TEXT),
        _field(2, "project", _TEXT),
        _field(3, "medium", _TEXT),
        _field(4, "split", _TEXT),
        _field(5, "group", _TEXT),
        _structs(
            6, "media", 100,
            ("sha256", _TEXT, None, False), ("path", _TEXT, None, False), ("media_type", _TEXT, None, False),
            ("source", _TEXT, "keyed hash of the SHA-256 of what was labelled", False),
            ("deidentified", pa.bool_(), None, False),
        ),
        *_regions(7, judged=True),
        _field(11, "probability", _REAL, unit="1; null when not estimated or corrected", nullable=True),
        _field(12, "entropy", _REAL, unit="bit, of the votes", nullable=True),
        _field(13, "answers", _COUNT, unit="annotators"),
        _field(14, "round", _COUNT, unit="from 1; above 1 after rework"),
        _field(15, "decision", _TEXT, nullable=True),
        _field(16, "corrected", pa.bool_()),
    ],
)  # fmt: skip

# One row per answer that counts, of every round. The exact time of an answer stays in the ledger: stamps to the second
# of one worker's answers, matched with shift plans or server logs, would name the worker.
ANNOTATIONS = _schema(
    "annotations",
    [
        _field(1, "id", _TEXT),
        _field(2, "item", _TEXT),
        _field(3, "annotator_pid", _TEXT),
        _field(4, "round", _COUNT, unit="from 1"),
        _field(5, "answered_on", pa.date32(), unit="day, UTC"),
        _field(6, "lead_time_s", _REAL, unit="s, as the client reported it", nullable=True),
        *_regions(7, judged=False),
    ],
)

# One row per released media file.
ASSETS = _schema(
    "assets",
    [
        _field(1, "id", _TEXT, unit="SHA-256 of the released file"),
        _field(2, "path", _TEXT),
        _field(3, "medium", _TEXT),
        _field(4, "media_type", _TEXT),
        _field(5, "bytes", pa.int64(), unit="byte"),
        _field(6, "width_px", _COUNT, unit="px", nullable=True),
        _field(7, "height_px", _COUNT, unit="px", nullable=True),
        _field(8, "duration_s", _REAL, unit="s", nullable=True),
        _field(9, "frame_rate_hz", _REAL, unit="Hz", nullable=True),
        _field(10, "frames", pa.int64(), unit="count", nullable=True),
        _field(11, "sample_rate_hz", _COUNT, unit="Hz", nullable=True),
        _field(12, "channels", _COUNT, unit="count", nullable=True),
        _field(13, "sampling_rate_hz", _REAL, unit="Hz, of a time series", nullable=True),
        _field(14, "rows", pa.int64(), unit="count", nullable=True),
    ],
)

# One row per item: digests of what led to it. `leaf` is its leaf in the release's Merkle tree.
EVIDENCE = _schema(
    "evidence",
    [
        _field(1, "id", _TEXT),
        _field(2, "item", _TEXT, unit="digest of its row in items"),
        _field(3, "assets", pa.list_(_field(100, "element", _TEXT)), unit="digests of their rows, in the item's order"),
        _field(4, "task", _TEXT, unit="digest"),
        _field(5, "annotations", pa.list_(_field(120, "element", _TEXT)), unit="digests of their rows, in id order"),
        _field(6, "consensus", _TEXT, unit="digest", nullable=True),
        _field(7, "correction", _TEXT, unit="digest", nullable=True),
        _field(8, "decision", _TEXT, unit="digest", nullable=True),
        _field(9, "leaf", _TEXT, unit="RFC 6962 leaf hash of the other columns"),
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
    return digest([_described(field) for field in schema])


def _described(field: pa.Field) -> dict[str, Any]:
    kind, inner = field.type, []
    if pa.types.is_list(kind):
        inner = [kind.value_field]
    elif pa.types.is_struct(kind):
        inner = [kind.field(place) for place in range(kind.num_fields)]
    metadata = {name.decode(): value.decode() for name, value in sorted((field.metadata or {}).items())}
    spelled = ("list" if pa.types.is_list(kind) else "struct") if inner else str(kind)
    described = {"name": field.name, "type": spelled, "nullable": field.nullable, "metadata": metadata}
    return described | ({"fields": [_described(member) for member in inner]} if inner else {})


def keys_schema(table: str) -> pa.Schema:
    """Return the columns that name a row of `table`, alone."""
    return pa.schema([schema_of(table).field(name) for name in KEYS[table]])


def schema_of(table: str) -> pa.Schema:
    """Return the schema of `table`. Raises SchemaMismatch: no such table."""
    if table not in TABLES:
        raise SchemaMismatch(f"a release has no table {table!r}", f"its tables are {', '.join(TABLES)}")
    return TABLES[table]

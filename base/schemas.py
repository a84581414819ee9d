"""The Arrow tables that pass between rooms, with units in the metadata of their fields."""

import pyarrow as pa

from yuelu.base.errors import SchemaMismatch

_KEYS = [pa.field("task", pa.string(), nullable=False), pa.field("annotator", pa.string(), nullable=False)]


def _measure(name: str, unit: str, kind: pa.DataType | None = None) -> pa.Field:
    return pa.field(name, kind or pa.float64(), nullable=False, metadata={"unit": unit})


TOGETHER = " + "  # joins several labels of one answer to one, in order of text; no label of a configuration contains it

# One row per (task, annotator): a label for the whole task.
LABELS = pa.schema([*_KEYS, pa.field("label", pa.string(), nullable=False)], metadata={"table": "labels", "version": "1"})

# One row per box. An annotator who saw the task and drew nothing has a row in SEEN and none here.
BOXES = pa.schema(
    [
        *_KEYS,
        pa.field("label", pa.string(), nullable=False),
        pa.field("item", pa.int32(), nullable=False, metadata={"unit": "image of the task, from 0"}),
        _measure("x", "px"),
        _measure("y", "px"),
        _measure("width", "px"),
        _measure("height", "px"),
        _measure("rotation", "deg, clockwise about the top left corner"),
    ],
    metadata={"table": "boxes", "version": "1"},
)

# One row per stretch of time [start, end).
SEGMENTS = pa.schema(
    [*_KEYS, pa.field("label", pa.string(), nullable=False), _measure("start", "s"), _measure("end", "s")],
    metadata={"table": "segments", "version": "1"},
)

# One row per answer that counts, also when it is empty; `group` is what is resampled for intervals.
SEEN = pa.schema([*_KEYS, pa.field("group", pa.string(), nullable=False)], metadata={"table": "seen", "version": "1"})

SCORES = pa.schema(
    [
        pa.field("metric", pa.string(), nullable=False),
        pa.field("level", pa.string()),  # of measurement, for the chance-corrected coefficients
        pa.field("value", pa.float64()),  # null: undefined, and `reason` says why
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("tasks", pa.int64(), nullable=False, metadata={"unit": "count"}),
        pa.field("annotators", pa.int64(), nullable=False, metadata={"unit": "count"}),
        pa.field("annotations", pa.int64(), nullable=False, metadata={"unit": "count"}),
        pa.field("reason", pa.string()),
    ],
    metadata={"table": "scores", "version": "1"},
)


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return `table` in the columns, order and types of `schema`; never drop or lose a value.

    Raises SchemaMismatch: a column too many or too few, a value that does not fit, null where none may be.
    """
    have, want = set(table.column_names), set(schema.names)
    if have != want:
        raise SchemaMismatch(
            f"missing columns {sorted(want - have)}, unexpected columns {sorted(have - want)}",
            f"the table needs exactly {', '.join(schema.names)}",
        )
    try:
        return table.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, ValueError) as error:
        raise SchemaMismatch(f"a value does not fit: {error}", f"the schema is {schema.to_string()}") from None

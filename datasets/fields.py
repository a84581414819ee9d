"""Arrow fields with what a release says of each: a field id that never changes, and the unit."""

from typing import TypeAlias

import pyarrow as pa

FIELD_ID = b"PARQUET:field_id"  # the name under which Arrow passes field ids to Parquet
TEXT, REAL, COUNT = pa.string(), pa.float64(), pa.int32()

Member: TypeAlias = tuple[str, pa.DataType, str | None, bool]  # name, type, unit, may be null


def field(number: int, name: str, kind: pa.DataType, *, unit: str | None = None, nullable: bool = False) -> pa.Field:
    """Return the field of that id."""
    metadata = {FIELD_ID: str(number)} | ({b"unit": unit} if unit else {})
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


def listed(number: int, kind: pa.DataType) -> pa.DataType:
    """Return the type of a list; `number` is the id of its element."""
    return pa.list_(field(number, "element", kind))


def structs(block: int, *members: Member) -> pa.DataType:
    """Return the type of a list of structs: its element has the id `block`, the members in order those that follow."""
    fields = [field(block + place, *member[:2], unit=member[2], nullable=member[3]) for place, member in enumerate(members, 1)]
    return listed(block, pa.struct(fields))


def empty_lists(count: int, kind: pa.DataType) -> pa.Array:
    """Return so many empty lists of that type."""
    return pa.ListArray.from_arrays(pa.array([0] * (count + 1), pa.int32()), pa.array([], kind.value_type), type=kind)


def says_nothing(column: pa.ChunkedArray) -> bool:
    """Return whether a column is of lists, and all of them are empty."""
    return pa.types.is_list(column.type) and not column.null_count and not len(column.combine_chunks().flatten())

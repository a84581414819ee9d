"""Rows of releases that were written before a table had all its columns, with what such a row says in the others: nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from yuelu.datasets.release import Release
from yuelu.datasets.schemas import schema_digest, schema_of
from yuelu.datasets.tables import Row


def rows_as_now(release: Release, table: str) -> Iterator[Row]:
    """Yield the rows of a table with the columns that it has today; a newer reader's columns stay."""
    schema = schema_of(table)
    now = release.manifest.layers(table)[0].schema_hash == schema_digest(schema)
    for row in release.rows(table):
        yield row if now else filled(row, schema)


def filled(row: Mapping[str, Any], schema: pa.Schema) -> Row:
    """Return the row with every column of `schema`: what is missing is an empty list, or null."""
    return dict(row) | {column.name: _filled(row.get(column.name), column.type) for column in schema}


def _filled(value: Any, kind: pa.DataType) -> Any:
    if not pa.types.is_list(kind):
        return value
    inner = kind.value_type
    if value is None or not pa.types.is_struct(inner):
        return value or []
    members = [inner.field(place) for place in range(inner.num_fields)]
    return [dict(each) | {one.name: each.get(one.name) for one in members} for each in value]

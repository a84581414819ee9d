"""Rows that one statement is told, as a table to join: one statement for a page instead of one for each row."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import JSON, FromClause, Text, cast, column, func, literal, select
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine


def told(session: Session, rows: Sequence[Sequence[str | int]], columns: Mapping[str, TypeEngine[Any]]) -> FromClause:
    """Return the rows as the table `told` with those columns, in their order."""
    if session.get_bind().dialect.name == "postgresql":
        named = [dict(zip(columns, row, strict=True)) for row in rows]
        given = func.json_to_recordset(cast(literal(json.dumps(named), Text), JSON))
        return given.table_valued(*(column(name, kind) for name, kind in columns.items())).render_derived("told", with_types=True)
    each = func.json_each(literal(json.dumps([list(row) for row in rows]), Text)).table_valued("value", name="each")
    values = [
        func.json_extract(each.c.value, f"$[{place}]", type_=columns[name]).label(name) for place, name in enumerate(columns)
    ]
    # Without the word SQLite reads the rows anew for each row that it joins them to.
    return select(*values).cte("told").prefix_with("MATERIALIZED")

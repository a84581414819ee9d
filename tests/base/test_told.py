"""Rows told to one statement: they change what they name and nothing else, on SQLite and on PostgreSQL."""

from pathlib import Path

import pytest
from sqlalchemy import BigInteger, Text, select, update

from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.told import told
from yuelu.base.ledger.work import SiteRow

SITES = ("north", "so'uth", "östlich \N{SNOWMAN}", "west")
TOLD = [("so'uth", 7, 'a "quoted" address'), ("östlich \N{SNOWMAN}", 2**40, "ü"), ("nobody", 1, "x")]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def test_told_rows_change_what_they_name(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite3" if kind == "sqlite" else request.getfixturevalue("postgres_ledger")
    ledger = Ledger(url)
    ledger.migrate()
    with ledger.transaction("test") as t:
        t.add_new(SiteRow, [{"name": name, "url": "u", "version": "v", "weight": 1} for name in SITES])
    with ledger.transaction("test") as t:
        now = told(t.session, TOLD, {"name": Text(), "weight": BigInteger(), "url": Text()})
        changed = update(SiteRow.__table__).where(SiteRow.name == now.c.name)  # type: ignore[arg-type]  # a table
        t.session.connection().execute(changed.values(weight=now.c.weight, url=now.c.url))
    with ledger.reading() as session:
        rows = {row.name: (row.weight, row.url) for row in session.scalars(select(SiteRow))}
    ledger.close()
    assert rows == {**dict.fromkeys(SITES, (1, "u")), **{name: (weight, url) for name, weight, url in TOLD[:2]}}

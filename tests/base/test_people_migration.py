"""Leases of earlier versions become packets, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.packets import PacketRow, PacketTaskRow
from yuelu.base.ledger.upgrade import migrations
from yuelu.base.ledger.work import AnnotatorRow

BEFORE = """
INSERT INTO collections (name, owner, legal_basis, grade, terms, created_at) VALUES
 ('c', 'o', 'b', 'g', 't', '2026-01-02 00:00:00');
INSERT INTO companies VALUES ('ash'), ('oak');
INSERT INTO annotators (id, company, scripted) VALUES ('a', 'ash', '1'), ('b', 'oak', '0');
INSERT INTO projects VALUES ('p', 'c', 'image', 't', '1', 'd', '1', 'd', 2, 'x', 'd', '2026-01-02 00:00:00');
INSERT INTO batches (id, project) VALUES ('p-1', 'p');
INSERT INTO tasks (item_key, batch, subject, items, "group", round, state) VALUES
 ('one', 'p-1', '1', '[]', 'g', 1, 'accepted'), ('two', 'p-1', '2', '[]', 'g', 1, 'rework'),
 ('three', 'p-1', '2', '[]', 'g', 2, 'dispatched');
INSERT INTO packets (item_key, annotator) VALUES ('one', 'a'), ('one', 'b'), ('two', 'a'), ('two', 'b'), ('three', 'a')
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a ledger of the version before packets had a time limit, with work in it."""
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/ledger.sqlite3" if sqlite else str(request.getfixturevalue("postgres_ledger"))
    command.upgrade(migrations(url), "0006")
    engine = create_engine(make_url(url).set(drivername="sqlite" if sqlite else "postgresql+psycopg"))
    with engine.begin() as connection:
        for statement in BEFORE.strip().split(";\n"):
            connection.execute(text(statement))
    yield url
    engine.dispose()


def test_leases_become_packets_and_go_back(url: str) -> None:
    ledger = Ledger(url)
    command.upgrade(migrations(url), "0008")
    with ledger.reading() as session:
        packets = {(row.annotator, row.round): row for row in session.query(PacketRow)}
        assert {key: row.state for key, row in packets.items()} == {("a", 1): "closed", ("b", 1): "closed", ("a", 2): "open"}
        again = packets["a", 2]
        assert (again.project, again.batch, again.company) == ("p", "p-1", "ash")
        assert again.opened_at == datetime(2026, 1, 2, tzinfo=UTC)
        assert abs(again.due_at - datetime.now(UTC) - timedelta(days=7)) < timedelta(hours=1)
        places = {(row.packet, row.item_key, row.annotator, row.state) for row in session.query(PacketTaskRow)}
        assert places == {
            *((packets[who, 1].id, key, who, "held") for who in "ab" for key in ("one", "two")),
            (again.id, "three", "a", "held"),
        }
        assert {(row.id, row.state, row.password) for row in session.query(AnnotatorRow)} == {
            ("a", "active", None), ("b", "active", None),
        }  # fmt: skip
    ledger.close()
    command.downgrade(migrations(url), "0007")
    with ledger.reading() as session:
        assert len(session.execute(text("SELECT item_key, annotator FROM packets")).all()) == 5
    ledger.close()

"""The ledger does the same on SQLite and on PostgreSQL."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from yuelu.base import merkle
from yuelu.base.errors import Misconfigured, ServiceUnavailable
from yuelu.base.ledger import log
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.media import CollectionRow, ListingRow
from yuelu.base.ledger.types import Table

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROW = {"name": "c", "owner": "o", "legal_basis": "l", "grade": "g", "terms": "t", "created_at": NOON}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'ledger.sqlite3'}" if sqlite else request.getfixturevalue("postgres_ledger")
    ledger = Ledger(url, now=lambda: NOON)
    ledger.migrate()
    yield ledger
    ledger.close()


def test_the_migrations_make_the_tables_of_the_code(ledger: Ledger) -> None:
    ledger.migrate()  # again, on a database that is up to date
    with ledger.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_rows_and_their_events_are_written_together(ledger: Ledger) -> None:
    with ledger.transaction("wang", "curator") as transaction:
        assert transaction.add_new(CollectionRow, [ROW]) == 1
        transaction.event("collection.create", "c", after="d1", reason="first delivery")
    with ledger.reading() as session:
        assert session.scalars(select(CollectionRow.created_at)).one() == NOON
        event = session.scalars(select(log.EventRow)).one()
        assert (event.sequence, event.actor, event.role, event.action) == (0, "wang", "curator", "collection.create")
        assert (event.at, event.after, event.reason) == (NOON, "d1", "first delivery")


def test_a_block_that_fails_leaves_no_trace(ledger: Ledger) -> None:
    def fail_half_way() -> None:
        with ledger.transaction("wang") as transaction:
            transaction.add_new(CollectionRow, [ROW])
            transaction.event("collection.create", "c")
            raise ZeroDivisionError("the disk is full")

    with pytest.raises(ZeroDivisionError, match="the disk is full"):
        fail_half_way()
    with ledger.reading() as session:
        assert session.scalar(select(func.count()).select_from(CollectionRow)) == 0
        assert log.leaves(session) == []


def test_a_row_that_is_there_stays_as_it_is(ledger: Ledger) -> None:
    with ledger.transaction("wang") as transaction:
        transaction.add_new(CollectionRow, [ROW])
    with ledger.transaction("wang") as transaction:
        assert transaction.add_new(CollectionRow, [{**ROW, "owner": "thief"}, {**ROW, "name": "d"}]) == 1
        assert transaction.add_new(CollectionRow, []) == 0
    with ledger.reading() as session:
        assert {row.name: row.owner for row in session.scalars(select(CollectionRow))} == {"c": "o", "d": "o"}


def test_many_rows_and_large_numbers_fit(ledger: Ledger) -> None:
    row = {"collection": "c", "source": "s", "outcome": "accepted", "sha256": None, "reason": None, "listed_at": NOON}
    rows = [{**row, "path": str(number), "bytes": 2**40, "modified_ns": 2**62} for number in range(1201)]
    with ledger.transaction("wang") as transaction:
        transaction.add_new(CollectionRow, [ROW])
        assert transaction.add_new(ListingRow, rows) == 1201
        assert transaction.add_new(ListingRow, rows) == 0
    with ledger.reading() as session:
        assert session.scalar(select(func.max(ListingRow.modified_ns))) == 2**62


def test_a_row_that_refers_to_nothing_is_refused(ledger: Ledger) -> None:
    listing = ListingRow(
        collection="ghost",
        source="s",
        path="p",
        bytes=1,
        modified_ns=1,
        outcome="accepted",
        sha256=None,
        reason=None,
        listed_at=NOON,
    )
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"), ledger.transaction("wang") as transaction:
        transaction.session.add(listing)


def test_moments_are_kept_in_utc_and_need_a_zone(ledger: Ledger) -> None:
    changsha = NOON.astimezone(timezone(timedelta(hours=8)))
    with ledger.transaction("wang") as transaction:
        transaction.add_new(CollectionRow, [{**ROW, "created_at": changsha}])
    with ledger.reading() as session:
        stored = session.scalars(select(CollectionRow.created_at)).one()
        assert (stored, stored.utcoffset()) == (NOON, timedelta(0))
    with pytest.raises(StatementError, match="has no time zone"), ledger.transaction("wang") as transaction:
        transaction.add_new(CollectionRow, [{**ROW, "name": "e", "created_at": datetime(2026, 1, 1)}])


def test_concurrent_writers_leave_one_log_without_gaps(ledger: Ledger) -> None:
    def work(writer: int) -> None:
        for number in range(10):
            with ledger.transaction(f"writer-{writer}") as transaction:
                transaction.event("test", str(number))

    threads = [threading.Thread(target=work, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.reading() as session:
        rows = session.scalars(select(log.EventRow).order_by(log.EventRow.sequence)).all()
        assert [row.sequence for row in rows] == list(range(40))
        for writer in range(4):  # each one's events are in the order it wrote them
            assert [row.subject for row in rows if row.actor == f"writer-{writer}"] == [str(n) for n in range(10)]
        assert list(log.broken(session)) == []
        assert len(set(log.leaves(session))) == 40


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE events SET reason = 'because' WHERE sequence = 1", "event 1 (act 1) was altered"),
        ("DELETE FROM events WHERE sequence = 1", "event 1 is missing; the next is 2"),
        ("DELETE FROM events WHERE sequence = 2", "event 2 is missing; the log ends there and should have 3 events"),
    ],
)
def test_a_log_that_was_changed_says_where(ledger: Ledger, tampering: str, found: str) -> None:
    with ledger.transaction("wang") as transaction:
        for number in range(3):
            transaction.event("act", str(number))
    with ledger.reading() as session:
        before = merkle.root(log.leaves(session))
    with ledger.engine.begin() as connection:
        connection.execute(text(tampering))
    with ledger.reading() as session:
        problems = list(log.broken(session))
        assert problems == [found]
        assert (merkle.root(log.leaves(session)) == before) == found.endswith("altered")  # the old leaf is kept as evidence


def test_addresses_of_no_ledger_are_refused() -> None:
    with pytest.raises(Misconfigured, match="no ledger at 'nonsense'"):
        Ledger("nonsense")
    with pytest.raises(Misconfigured, match="no ledger on mysql"):
        Ledger("mysql://x/y")


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(ServiceUnavailable, match="cannot open the ledger"):
        Ledger("postgresql://yuelu@127.0.0.1:9/x").migrate()


def test_waiting_too_long_for_a_connection_is_explained(ledger: Ledger) -> None:
    with pytest.raises(ServiceUnavailable, match="all connections to the ledger were in use"), ledger.reading():
        raise PoolTimeout("QueuePool limit of size 5 overflow 10 reached")

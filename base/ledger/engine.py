"""Opening the ledger, and the one way to change it: a transaction that writes rows and their events together."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from yuelu.base.errors import Misconfigured, ServiceUnavailable
from yuelu.base.ledger import (  # noqa: F401  the base must know every table
    deliveries,
    judgement,
    log,
    lots,
    media,
    near,
    packets,
    people,
    places,
    reading,
    releases,
    settling,
    withdrawals,
    work,
)
from yuelu.base.ledger.log import Event
from yuelu.base.ledger.types import Table

_BUSY_S = 60
MIGRATIONS = Path(__file__).with_name("migrations")


class Transaction:
    """Rows and events that are committed together or not at all. `session` reads and writes; `event` says why."""

    def __init__(self, session: Session, actor: str, role: str) -> None:
        self.session, self.actor, self.role = session, actor, role
        self.events: list[Event] = []

    def event(
        self, action: str, subject: str, *, after: str | None = None, before: str | None = None, reason: str | None = None
    ) -> None:
        """Remember that `actor` did `action` to `subject`; written when the transaction commits."""
        self.events.append(Event(self.actor, self.role, action, subject, before, after, reason))

    def add_new(self, table: type[Table], rows: list[dict[str, Any]]) -> int:
        """Insert the rows whose keys are not there yet; return how many were. Existing rows stay as they are."""
        if not rows:
            return 0
        postgres = self.session.get_bind().dialect.name == "postgresql"
        make: Callable[..., Any] = postgresql.insert if postgres else sqlite.insert
        statement = make(table.__table__).on_conflict_do_nothing().returning(*table.__table__.primary_key)
        return len(
            self.session.execute(statement, rows).all()
        )  # rows apart from the statement: it is compiled once, not each time


class Ledger:
    """The database at `url`, migrated to what this code expects."""

    def __init__(self, url: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.url, self.now = url, now
        self.engine = _engine(url)

    def migrate(self) -> None:
        """Bring the schema up to date; safe to run again. Raises ServiceUnavailable."""
        try:
            if _current_version(self.engine) != _newest_version():
                _upgrade(self.url)
        except DatabaseError as error:
            hint = "check the address, that the server runs, and that the file is whole"
            raise ServiceUnavailable(f"cannot open the ledger: {error.orig}", hint) from error

    @contextmanager
    def transaction(self, actor: str, role: str = "operator") -> Iterator[Transaction]:
        """Yield a transaction that commits with its events when the block ends well, and leaves no trace otherwise."""
        with _explained(), Session(self.engine) as session, session.begin():
            if self.engine.dialect.name == "sqlite":
                # Take the write lock first: a read that later wants to write would fail instead of waiting.
                session.connection().exec_driver_sql("BEGIN IMMEDIATE")
            transaction = Transaction(session, actor, role)
            yield transaction
            session.flush()
            log.append(session, self.now(), transaction.events)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session that reads one consistent state and writes nothing."""
        with _explained(), Session(self.engine) as session:
            if self.engine.dialect.name == "sqlite":
                session.connection().exec_driver_sql("BEGIN")
            else:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session
            session.rollback()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock that writers of the ledger wait in line for, and write nothing. Never within a transaction."""
        with _explained(), Session(self.engine) as session, session.begin():
            if self.engine.dialect.name == "sqlite":
                session.connection().exec_driver_sql("BEGIN IMMEDIATE")
            else:
                session.execute(select(log.LogSizeRow.size).with_for_update())
            yield

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


@contextmanager
def _explained() -> Iterator[None]:
    """Turn trouble of the database itself (a full disk, a lost connection) into ServiceUnavailable."""
    try:
        yield
    except OperationalError as error:
        hint = "make room, or see to the server; what was committed stays, and the same command goes on from there"
        raise ServiceUnavailable(f"the ledger fails: {error.orig}", hint) from error
    except PoolTimeout as error:
        problem = "all connections to the ledger were in use for too long"
        raise ServiceUnavailable(problem, "try again; a machine that does this often has too much to do") from error


def _newest_version() -> str:
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _current_version(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(url: str) -> None:
    from yuelu.base.ledger.upgrade import upgrade  # noqa: PLC0415  Alembic takes a second to import, and most starts need it not

    upgrade(url)


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Misconfigured(f"no ledger at {url!r}", "use sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME") from None
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": _BUSY_S})
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    raise Misconfigured(f"no ledger on {parsed.get_backend_name()}", "use SQLite or PostgreSQL")


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves, so that BEGIN IMMEDIATE is possible
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_S * 1000}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()

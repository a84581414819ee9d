"""The log: every change appends an event; the hashes of the events are the leaves of a Merkle tree (RFC 6962)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from yuelu.base import merkle
from yuelu.base.canonical import canonical
from yuelu.base.ledger.types import Table


class EventRow(Table):
    """One thing that happened. Order is by `sequence`, never by the clock."""

    __tablename__ = "events"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 0, without gaps
    at: Mapped[datetime]
    actor: Mapped[str]
    role: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    before: Mapped[str | None]  # digests
    after: Mapped[str | None]
    reason: Mapped[str | None]
    leaf: Mapped[str]  # hex leaf hash of this event


class LogSizeRow(Table):
    """One row: how many events there are. Its lock puts writers in line."""

    __tablename__ = "log_size"

    id: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[int]


@dataclass(frozen=True, slots=True)
class Event:
    """What is written to the log: who, as what, did what, to what, from which state to which, and why."""

    actor: str
    role: str
    action: str
    subject: str
    before: str | None = None
    after: str | None = None
    reason: str | None = None


def leaf_of(sequence: int, at: datetime, event: Event) -> bytes:
    """Return the leaf hash of an event: RFC 6962 over its canonical JSON."""
    fields: dict[str, Any] = {name: getattr(event, name) for name in Event.__slots__}
    return merkle.leaf_hash(canonical({"sequence": sequence, "at": at.isoformat(), **fields}))


def append(session: Session, at: datetime, events: list[Event]) -> None:
    """Append `events` in order, in the caller's transaction. Concurrent writers wait for each other here."""
    if not events:
        return
    raised = update(LogSizeRow).where(LogSizeRow.id == 1).values(size=LogSizeRow.size + len(events))
    first = session.execute(raised.returning(LogSizeRow.size)).scalar_one() - len(events)
    session.execute(insert(EventRow), [_row(first + offset, at, event) for offset, event in enumerate(events)])


def _row(sequence: int, at: datetime, event: Event) -> dict[str, Any]:
    fields = {name: getattr(event, name) for name in Event.__slots__}
    return {"sequence": sequence, "at": at, "leaf": leaf_of(sequence, at, event).hex(), **fields}


def leaves(session: Session) -> list[bytes]:
    """Return the leaf hashes of the whole log, in order."""
    return [bytes.fromhex(leaf) for leaf in session.scalars(select(EventRow.leaf).order_by(EventRow.sequence))]


def broken(session: Session) -> Iterator[str]:
    """Yield what is wrong with the log: gaps, a lost end, and events whose content is no longer what was hashed."""
    found = 0
    for expected, row in enumerate(session.scalars(select(EventRow).order_by(EventRow.sequence))):
        found = expected + 1
        if row.sequence != expected:
            yield f"event {expected} is missing; the next is {row.sequence}"
            return
        event = Event(**{name: getattr(row, name) for name in Event.__slots__})
        if leaf_of(row.sequence, row.at, event).hex() != row.leaf:
            yield f"event {row.sequence} ({row.action} {row.subject}) was altered"
    size = session.scalar(select(LogSizeRow.size)) or 0
    if size != found:
        yield f"event {found} is missing; the log ends there and should have {size} events"

"""Tables of what people decide above the gate: adjudications, gold, waivers. Written by `quality`."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from yuelu.base.ledger.types import Table

_OPEN = text("state = 'open'")


class AdjudicationRow(Table):
    """One reviewer's look at one disputed task. A task is with one reviewer at a time."""

    __tablename__ = "adjudications"
    __table_args__ = (
        Index("uq_adjudications_open", "item_key", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_adjudications_reviewer", "reviewer"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    item_key: Mapped[str] = mapped_column(ForeignKey("tasks.item_key"))
    reviewer: Mapped[str]
    mode: Mapped[str]  # blind: without the answers; open
    state: Mapped[str]  # open, settled, returned
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    code: Mapped[str | None]  # why the task was disputed
    correction: Mapped[str | None]  # the answer that settled it


class GoldRow(Table):
    """A task whose right answer is known, or may be: the outcome of an adjudication is a candidate until somebody approves."""

    __tablename__ = "gold"

    item_key: Mapped[str] = mapped_column(ForeignKey("tasks.item_key"), primary_key=True)
    correction: Mapped[str] = mapped_column(ForeignKey("corrections.id"))
    state: Mapped[str]  # candidate, gold, dismissed
    proposed_by: Mapped[str]
    proposed_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    reason: Mapped[str | None]
    decided_at: Mapped[datetime | None]


class WaiverRow(Table):
    """A named person lets out what one decision of a gate holds back, until a day. It ends with that decision, too."""

    __tablename__ = "waivers"

    id: Mapped[str] = mapped_column(primary_key=True)  # digest of what it says
    batch: Mapped[str] = mapped_column(ForeignKey("batches.id"), index=True)
    decision: Mapped[str] = mapped_column(ForeignKey("decisions.id"))
    rule: Mapped[str]
    owner: Mapped[str]
    reason: Mapped[str]
    granted_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]

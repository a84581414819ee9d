"""Tables of the inspection of lots: what was frozen, drawn, found and decided. Written by `quality`."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from yuelu.base.ledger.types import Table


class LotRow(Table):
    """One offer of a company's work on one batch for inspection. A lot that is not accepted and comes back is a new row."""

    __tablename__ = "lots"
    __table_args__ = (UniqueConstraint("batch", "company", "number"),)

    id: Mapped[str] = mapped_column(primary_key=True)  # digest of batch, company and number
    batch: Mapped[str] = mapped_column(ForeignKey("batches.id"))
    company: Mapped[str] = mapped_column(ForeignKey("companies.name"))
    number: Mapped[int]  # from 1, of this batch and company
    work: Mapped[str]  # kind of work: medium and label configuration; switching rules have a history for each
    state: Mapped[str]  # see `base.states.LOT_MOVES`
    list_digest: Mapped[str]  # of the frozen list, which lies in the store under it
    size: Mapped[int]
    level: Mapped[str]
    counting: Mapped[str]
    classes: Mapped[list[Any]]  # of nonconformity, and the plan of each
    resubmitted: Mapped[bool]
    seed: Mapped[str | None]
    frozen_at: Mapped[datetime]
    drawn_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    accepted: Mapped[bool | None]


class LotItemRow(Table):
    """One drawn item, and how it was found. `reviewer` is None until somebody looked; nothing in `found`: it conforms."""

    __tablename__ = "lot_items"

    lot: Mapped[str] = mapped_column(ForeignKey("lots.id"), primary_key=True)
    item_key: Mapped[str] = mapped_column(ForeignKey("tasks.item_key"), primary_key=True)
    rank: Mapped[int]  # from 0; a class whose plan asks for n looks at the ranks below n
    content: Mapped[str]  # digest of the answers that are inspected
    reviewer: Mapped[str | None]
    found: Mapped[dict[str, Any]]  # class -> how many nonconformities
    codes: Mapped[list[Any]]  # reason codes
    comment: Mapped[str | None]
    inspected_at: Mapped[datetime | None]


class LotResultRow(Table):
    """What one class of nonconformity made of a lot, and where the switching rules stand after it. Added, never changed.

    A row without a lot is a resumption of discontinued inspection, with the corrective action.
    """

    __tablename__ = "lot_results"
    __table_args__ = (Index("ix_lot_results_company_work", "company", "work"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)  # the order of inspection
    company: Mapped[str] = mapped_column(ForeignKey("companies.name"))
    work: Mapped[str]
    defect: Mapped[str]  # class of nonconformity
    lot: Mapped[str | None] = mapped_column(ForeignKey("lots.id"))
    plan: Mapped[dict[str, Any]]
    found: Mapped[int]
    accepted: Mapped[bool]
    steady: Mapped[bool]
    approved: Mapped[bool]
    resubmitted: Mapped[bool]
    action: Mapped[str | None]
    standing: Mapped[dict[str, Any]]
    decided_at: Mapped[datetime]

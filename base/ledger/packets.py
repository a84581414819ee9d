"""Tables of packets and of what people send from them. Written by `annotate`."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from yuelu.base.ledger.types import Table


class PacketRow(Table):
    """Tasks of one batch and round that are leased to one annotator for a time."""

    __tablename__ = "packets"
    __table_args__ = (
        Index("ix_packets_batch_annotator", "batch", "annotator"),
        Index("ix_packets_annotator_state", "annotator", "state"),
        Index("ix_packets_state_due_at", "state", "due_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    project: Mapped[str] = mapped_column(ForeignKey("projects.name"))
    batch: Mapped[str] = mapped_column(ForeignKey("batches.id"))
    annotator: Mapped[str] = mapped_column(ForeignKey("annotators.id"))
    company: Mapped[str] = mapped_column(ForeignKey("companies.name"))  # whom the annotator worked for then
    round: Mapped[int]
    state: Mapped[str]
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


_LIVE = text("state <> 'released'")


class PacketTaskRow(Table):
    """One annotator's place at one task: held, skipped, or released when the packet ended without an answer.

    Of one task and annotator only one place is live; those that were released stay as history.
    """

    __tablename__ = "packet_tasks"
    __table_args__ = (
        Index("uq_packet_tasks_live", "item_key", "annotator", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
    )

    packet: Mapped[str] = mapped_column(ForeignKey("packets.id"), primary_key=True)
    item_key: Mapped[str] = mapped_column(ForeignKey("tasks.item_key"), primary_key=True)
    annotator: Mapped[str] = mapped_column(ForeignKey("annotators.id"))
    state: Mapped[str] = mapped_column(default="held")


_PENDING = text("state = 'pending'")


class SubmissionRow(Table):
    """One version of what one annotator sent for one task, written down before it was acknowledged."""

    __tablename__ = "submissions"
    __table_args__ = (
        Index("ix_submissions_item_key_annotator", "item_key", "annotator"),
        Index("ix_submissions_pending", "received_at", "uid", sqlite_where=_PENDING, postgresql_where=_PENDING),
    )

    uid: Mapped[str] = mapped_column(primary_key=True)  # the answer's `unique_id` on the server
    version: Mapped[int] = mapped_column(primary_key=True)  # from 1
    packet: Mapped[str] = mapped_column(ForeignKey("packets.id"))
    item_key: Mapped[str] = mapped_column(ForeignKey("tasks.item_key"))
    annotator: Mapped[str] = mapped_column(ForeignKey("annotators.id"))
    kind: Mapped[str]  # submit, update or skip
    received_at: Mapped[datetime]  # the ledger's clock
    address: Mapped[str]
    agent: Mapped[str]  # the browser, as it calls itself
    lead_time_s: Mapped[float | None]  # what the browser reported
    digest: Mapped[str]  # of what was answered
    result: Mapped[list[Any]]  # the editor's, as it was sent
    state: Mapped[str]
    reason: Mapped[str | None]  # why the site refused it, or why it is sent again
    server_annotation: Mapped[int | None]
    delivered_at: Mapped[datetime | None]  # the ledger's clock


class DraftRow(Table):
    """What an annotator has drawn and not sent yet. Only they ever see it."""

    __tablename__ = "drafts"

    packet: Mapped[str] = mapped_column(ForeignKey("packets.id"), primary_key=True)
    item_key: Mapped[str] = mapped_column(ForeignKey("tasks.item_key"), primary_key=True)
    annotator: Mapped[str] = mapped_column(ForeignKey("annotators.id"))
    saved_at: Mapped[datetime]
    result: Mapped[list[Any]]

"""Tables of the labelling work. Written by `annotate`."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from yuelu.base.ledger.types import Table


class SiteRow(Table):
    """One Label Studio server."""

    __tablename__ = "sites"

    name: Mapped[str] = mapped_column(primary_key=True)
    url: Mapped[str]
    version: Mapped[str]


class CompanyRow(Table):
    """An annotation company."""

    __tablename__ = "companies"

    name: Mapped[str] = mapped_column(primary_key=True)


class AnnotatorRow(Table):
    """A person (or a script that says so) who answers tasks. Outside the ledger only a pseudonym appears."""

    __tablename__ = "annotators"

    id: Mapped[str] = mapped_column(primary_key=True)  # chosen by us; the same on every site
    company: Mapped[str] = mapped_column(ForeignKey("companies.name"))
    scripted: Mapped[bool]
    state: Mapped[str] = mapped_column(default="active")
    password: Mapped[str | None] = mapped_column(default=None)  # what `people.hashed` made of it; None: cannot sign in
    created_at: Mapped[datetime | None] = mapped_column(default=None)  # None: before this was written down


class AccountRow(Table):
    """An annotator's account on one site."""

    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("site", "user_id"),)

    annotator: Mapped[str] = mapped_column(ForeignKey("annotators.id"), primary_key=True)
    site: Mapped[str] = mapped_column(ForeignKey("sites.name"), primary_key=True)
    user_id: Mapped[int]  # the server's
    email: Mapped[str]


class ProjectRow(Table):
    """One labelling effort: collection + task description + label configuration + overlap + gate policy."""

    __tablename__ = "projects"

    name: Mapped[str] = mapped_column(primary_key=True)
    collection: Mapped[str] = mapped_column(ForeignKey("collections.name"))
    medium: Mapped[str]
    template: Mapped[str]  # name of the label configuration
    template_version: Mapped[str]
    template_digest: Mapped[str]
    description_version: Mapped[str]  # of the task description that annotators read
    description_digest: Mapped[str]
    overlap: Mapped[int]  # answers wanted for each task
    policy: Mapped[str]  # name of the gate policy
    policy_digest: Mapped[str]
    created_at: Mapped[datetime]


class BatchRow(Table):
    """The lot: the unit that is inspected and accepted as a whole. A server project holds one batch."""

    __tablename__ = "batches"
    __table_args__ = (UniqueConstraint("site", "server_project"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    project: Mapped[str] = mapped_column(ForeignKey("projects.name"), index=True)
    site: Mapped[str | None] = mapped_column(ForeignKey("sites.name"))
    server_project: Mapped[int | None]
    synced_at: Mapped[datetime | None]  # the server's clock at the last complete sync


class TaskRow(Table):
    """One asset (or series) to label, in one round. Rework is a new task with the next round."""

    __tablename__ = "tasks"
    __table_args__ = (UniqueConstraint("batch", "subject", "round"), Index("ix_tasks_batch_state", "batch", "state"))

    item_key: Mapped[str] = mapped_column(primary_key=True)  # unique, travels in the server's task data
    batch: Mapped[str] = mapped_column(ForeignKey("batches.id"))
    subject: Mapped[str] = mapped_column(index=True)  # stable id of what is labelled: an asset's hash, or a series' hash
    items: Mapped[list[Any]]  # source asset hashes in order; a region's `item` points into it
    group: Mapped[str]
    round: Mapped[int]
    state: Mapped[str]
    server_task: Mapped[int | None]


class AnnotationRow(Table):
    """One version of one annotator's answer to one task. Versions are added, never overwritten."""

    __tablename__ = "annotations"
    __table_args__ = (Index("ix_annotations_item_key", "item_key"),)

    uid: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)  # from 1
    item_key: Mapped[str] = mapped_column(ForeignKey("tasks.item_key"))
    annotator: Mapped[str] = mapped_column(ForeignKey("annotators.id"))
    site: Mapped[str] = mapped_column(ForeignKey("sites.name"))
    server_annotation: Mapped[int]
    created_at: Mapped[datetime]  # the server's clock
    updated_at: Mapped[datetime]  # the server's clock
    lead_time_s: Mapped[float | None]  # what the client reported
    cancelled: Mapped[bool]
    vanished: Mapped[bool]  # a tombstone: the server no longer shows it
    content: Mapped[str]  # digest of what was answered
    regions: Mapped[list[Any]]  # `records.region_to_json`
    raw: Mapped[list[Any]]  # the server's result, kept as evidence


class RejectionRow(Table):
    """An answer of a server that could not become an annotation, kept as evidence. `content` tells its versions apart."""

    __tablename__ = "rejections"

    site: Mapped[str] = mapped_column(ForeignKey("sites.name"), primary_key=True)
    server_annotation: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[str] = mapped_column(primary_key=True)  # digest of the answer and of the reason
    item_key: Mapped[str] = mapped_column(ForeignKey("tasks.item_key"), index=True)
    uid: Mapped[str | None]
    reason: Mapped[str]
    raw: Mapped[dict[str, Any]]  # the whole annotation as the server gave it
    seen_at: Mapped[datetime]  # the server's clock

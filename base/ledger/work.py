"""Tables of the labelling work. Written by `annotate`."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text, true
from sqlalchemy.orm import Mapped, mapped_column

from yuelu.base.ledger.types import Table


class SiteRow(Table):
    """One Label Studio server. Secrets are never in here: `token_from` says where the token is read."""

    __tablename__ = "sites"

    name: Mapped[str] = mapped_column(primary_key=True)
    url: Mapped[str]
    version: Mapped[str]
    kind: Mapped[str] = mapped_column(default="embedded", server_default="embedded")  # embedded or external
    token_from: Mapped[str | None]  # of an external site: file:PATH or env:NAME
    user_id: Mapped[int | None]  # the server's id of the user that we work as
    weight: Mapped[int] = mapped_column(default=1, server_default="1")  # its share of new tasks, against other sites
    state: Mapped[str] = mapped_column(
        default="unknown", server_default="unknown"
    )  # up, down, refused, idle; unknown: never asked
    problems: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")  # why it is down or refused, what is insecure
    seen_at: Mapped[datetime | None]  # when it last answered us


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
    open_to_all: Mapped[bool] = mapped_column(default=True, server_default=true())  # else to those of `project_companies`


class ProjectCompanyRow(Table):
    """A company that may work on a project that is not open to all."""

    __tablename__ = "project_companies"

    project: Mapped[str] = mapped_column(ForeignKey("projects.name"), primary_key=True)
    company: Mapped[str] = mapped_column(ForeignKey("companies.name"), primary_key=True, index=True)
    opened_at: Mapped[datetime]


class BatchRow(Table):
    """The lot: the unit that is inspected and accepted as a whole, asked under one label configuration.

    `places` holds its server projects. `configuration` is None in projects of earlier versions: the project's template.
    """

    __tablename__ = "batches"
    __table_args__ = (UniqueConstraint("project", "number"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    project: Mapped[str] = mapped_column(ForeignKey("projects.name"), index=True)
    number: Mapped[int] = mapped_column(default=1, server_default="1")  # from 1; new tasks go to the last
    configuration: Mapped[str | None] = mapped_column(ForeignKey("configurations.digest"))


# What a query says word for word to be answered from the index of that name.
ROOM = "room AND state IN ('new', 'dispatched')"


class TaskRow(Table):
    """One asset (or series) to label, in one round. Rework is a new task with the next round."""

    __tablename__ = "tasks"
    __table_args__ = (
        UniqueConstraint("batch", "subject", "round"),
        Index("ix_tasks_batch_state", "batch", "state"),
        Index("ix_tasks_room", "batch", "round", "item_key", sqlite_where=text(ROOM), postgresql_where=text(ROOM)),
    )

    item_key: Mapped[str] = mapped_column(primary_key=True)  # unique, travels in the server's task data
    batch: Mapped[str] = mapped_column(ForeignKey("batches.id"))
    subject: Mapped[str] = mapped_column(index=True)  # stable id of what is labelled: an asset's hash, or a series' hash
    items: Mapped[list[Any]]  # source asset hashes in order; a region's `item` points into it
    group: Mapped[str]
    round: Mapped[int]
    state: Mapped[str]
    site: Mapped[str | None] = mapped_column(ForeignKey("sites.name"))  # the one it was dispatched to
    server_task: Mapped[int | None]  # there
    room: Mapped[bool] = mapped_column(default=True, server_default=true())  # False: it was seen to have all its annotators
    more: Mapped[int] = mapped_column(default=0, server_default="0")  # answers it wants beyond the project's overlap


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

"""Tables of where work lies: server projects, outbox, configurations, predictions. Written by `annotate` and `pipelines`."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from yuelu.base.ledger.types import Table


class ConfigurationRow(Table):
    """One version of a label configuration with its task description, whole: what a batch was asked under stays readable."""

    __tablename__ = "configurations"

    digest: Mapped[str] = mapped_column(primary_key=True)  # of the two digests below
    name: Mapped[str]
    version: Mapped[str]
    medium: Mapped[str]
    config: Mapped[str]
    config_digest: Mapped[str]
    descriptions: Mapped[dict[str, Any]]  # language -> text
    description_digest: Mapped[str]
    created_at: Mapped[datetime]


class PlaceRow(Table):
    """A batch's project on one site. A batch has at most one on each site, and never changes its label configuration."""

    __tablename__ = "places"
    __table_args__ = (UniqueConstraint("site", "server_project"),)

    batch: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    site: Mapped[str] = mapped_column(ForeignKey("sites.name"), primary_key=True)
    server_project: Mapped[int]
    config_digest: Mapped[str]  # of the configuration that the server was given
    synced_at: Mapped[datetime | None]  # the server's clock at the last complete sync


class OutboxRow(Table):
    """What became of sending a task of a batch to the one site that it goes to.

    `state`: planned; sending (a POST was begun and its outcome is not known yet); sent; withdrawn (the task moved to another
    batch: the server's copy goes, unless it was answered meanwhile).
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_place", "batch", "site", "state", "item_key"),
        Index("ix_outbox_server_task", "batch", "site", "server_task"),
    )

    item_key: Mapped[str] = mapped_column(ForeignKey("tasks.item_key"), primary_key=True)
    batch: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    site: Mapped[str] = mapped_column(ForeignKey("sites.name"))
    state: Mapped[str]
    server_task: Mapped[int | None]
    data_digest: Mapped[str | None]  # of the task data that were sent


class PredictionRow(Table):
    """What a model says of a task. `shown`: shown, hidden, or blind (withheld to measure what seeing predictions does)."""

    __tablename__ = "predictions"

    item_key: Mapped[str] = mapped_column(ForeignKey("tasks.item_key"), primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    score: Mapped[float | None]  # the model's own confidence
    regions: Mapped[list[Any]]  # `records.region_to_json`
    digest: Mapped[str]  # of the regions and the score
    policy: Mapped[str]  # show, hide or blind:N%
    shown: Mapped[str]
    sent: Mapped[bool]  # whether the server has it too
    imported_at: Mapped[datetime]

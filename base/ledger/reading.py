"""What sync remembers of each server project: how far it was read, and how each task stood then. Written by `pipelines.sync`."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from yuelu.base.ledger.types import Table


class ReadPlaceRow(Table):
    """A server project whose answers are read.

    Each reading takes the next number, writes it here as `number`, then on the server, and then here as `confirmed`: a server
    that shows an older one was restored from a backup, and a reading whose number is no longer the last has been overtaken.
    """

    __tablename__ = "read_places"

    site: Mapped[str] = mapped_column(ForeignKey("sites.name"), primary_key=True)
    server_project: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    confirmed: Mapped[int]
    read_at: Mapped[datetime | None]  # the server's clock when the last complete reading began


class ReadTaskRow(Table):
    """How a server task stood when its answers were last read."""

    __tablename__ = "read_tasks"

    site: Mapped[str] = mapped_column(ForeignKey("sites.name"), primary_key=True)
    server_project: Mapped[int] = mapped_column(primary_key=True)
    server_task: Mapped[int] = mapped_column(primary_key=True)
    updated_at: Mapped[datetime | None]  # the server's stamp; None: read it again, something in it was refused
    present: Mapped[int]  # annotations that the server showed
    taken: Mapped[int]  # of them, those that are answers in the ledger

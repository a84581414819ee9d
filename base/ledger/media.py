"""Tables of the media. Written by `pipelines.ingest`."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from yuelu.base.ledger.types import Table


class CollectionRow(Table):
    """A named set of assets that arrived together."""

    __tablename__ = "collections"

    name: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    legal_basis: Mapped[str]
    grade: Mapped[str]
    category: Mapped[str | None]  # GB/T 43697; None: nobody said
    terms: Mapped[str]
    deid: Mapped[str] = mapped_column(server_default="113100,113107")  # codes of CID 7050 (PS3.16), sorted, between commas
    detect: Mapped[str] = mapped_column(server_default="")  # what is looked for in photographs and blurred, between commas
    created_at: Mapped[datetime]


class AssetRow(Table):
    """One media object; see `base.records.Asset`."""

    __tablename__ = "assets"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    medium: Mapped[str]
    media_type: Mapped[str]
    bytes: Mapped[int]
    role: Mapped[str]
    group: Mapped[str] = mapped_column(index=True)
    derived_from: Mapped[str | None] = mapped_column(index=True)
    store_key: Mapped[str | None]
    facts: Mapped[dict[str, Any]]


class ListingRow(Table):
    """One object of a source, as listed, and how it ended. `sha256` is None when its bytes could not be read."""

    __tablename__ = "listings"
    __table_args__ = (UniqueConstraint("collection", "source", "path"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    collection: Mapped[str] = mapped_column(ForeignKey("collections.name"))
    source: Mapped[str]  # the address of the source
    path: Mapped[str]  # below the source
    bytes: Mapped[int]
    modified_ns: Mapped[int]  # what the source says; with `bytes` it tells whether a file must be read again
    outcome: Mapped[str] = mapped_column(index=True)
    sha256: Mapped[str | None] = mapped_column(index=True)
    reason: Mapped[str | None]  # why it is in quarantine, or what it duplicates
    hint: Mapped[str | None]  # of a reason of quarantine: what to do about it
    listed_at: Mapped[datetime]


class RunRow(Table):
    """One run of an ingest. While `finished_at` is None it is still at work, or was interrupted.

    The counts are those of `IngestReport`, as of the last batch that was recorded: all that the run has listed and settled.
    """

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    collection: Mapped[str] = mapped_column(ForeignKey("collections.name"), index=True)
    sources: Mapped[list[Any]]  # their addresses
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    accepted: Mapped[int]
    duplicate: Mapped[int]
    quarantined: Mapped[int]
    already: Mapped[int]  # of these three, recorded by an earlier run and not read again
    bytes_read: Mapped[int]
    seconds: Mapped[float]

"""Tables of the releases. Written by `datasets`. The manifest in the store is the truth; a row only mirrors it."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from yuelu.base.ledger.types import Table


class ReleaseRow(Table):
    """One immutable version of a dataset."""

    __tablename__ = "releases"

    dataset: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)  # of the manifest file, from 1 without gaps
    version: Mapped[str]
    digest: Mapped[str]
    previous: Mapped[str | None]
    rows: Mapped[int]
    published_at: Mapped[datetime]

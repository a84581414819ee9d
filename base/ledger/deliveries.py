"""Tables of what came with the media: delivery sheets, row by row, and which row speaks for which object."""

from sqlalchemy import ForeignKey, ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from yuelu.base.ledger.types import Table


class SheetRow(Table):
    """One row of a delivery sheet. A value that the row leaves out is None: the collection's holds."""

    __tablename__ = "sheet_rows"

    sheet: Mapped[str] = mapped_column(primary_key=True)  # SHA-256 of the file
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # of a CSV file; of a JSON file, the row
    path: Mapped[str]  # of a file or folder below the source; "" is all of it
    owner: Mapped[str | None]
    legal_basis: Mapped[str | None]
    grade: Mapped[str | None]
    category: Mapped[str | None]
    terms: Mapped[str | None]
    group: Mapped[str | None]  # a keyed hash; what the sheet says itself is written nowhere


class DeliveryRow(Table):
    """An object of a source, listed or about to be, and the row of a sheet that speaks for it."""

    __tablename__ = "deliveries"
    __table_args__ = (ForeignKeyConstraint(["sheet", "line"], ["sheet_rows.sheet", "sheet_rows.line"]),)

    collection: Mapped[str] = mapped_column(ForeignKey("collections.name"), primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    sheet: Mapped[str]
    line: Mapped[int]

"""Table of what was withdrawn. Written by `pipelines.withdraw`."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from yuelu.base.ledger.types import Table


class WithdrawalRow(Table):
    """A tombstone: nothing that hangs on this patient, asset, annotator or collection goes out ever again."""

    __tablename__ = "withdrawals"

    kind: Mapped[str] = mapped_column(primary_key=True)  # group, asset, annotator, collection, owner
    value: Mapped[str] = mapped_column(primary_key=True)  # as the ledger names it; a patient by its keyed group alone
    reason: Mapped[str]
    owner: Mapped[str]  # who answers for it
    withdrawn_at: Mapped[datetime]

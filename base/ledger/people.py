"""Tables of who is signed in. Written by `annotate`."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from yuelu.base.ledger.types import Table


class SessionRow(Table):
    """One sign-in of an annotator. The token itself is nowhere: a stolen database opens no door."""

    __tablename__ = "sessions"

    token: Mapped[str] = mapped_column(primary_key=True)  # SHA-256 of the token
    annotator: Mapped[str] = mapped_column(ForeignKey("annotators.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    address: Mapped[str]


class SignInTriesRow(Table):
    """How often a sign-in was tried since a moment, for a name (known or not) and an address ("" for all of them)."""

    __tablename__ = "sign_in_tries"

    name: Mapped[str] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(index=True)
    tries: Mapped[int]

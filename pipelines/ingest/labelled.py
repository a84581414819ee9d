"""The facts of what is labelled: of the accepted objects, the de-identified copies where there are some."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.ledger.media import AssetRow, ListingRow
from yuelu.base.records import Outcome, Role


def labelled_facts(session: Session, collection: str | None, media_type: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (sha256, facts) of the labelled assets of that type, each once; of one collection, or of all."""
    accepted = select(ListingRow.sha256).where(ListingRow.outcome == Outcome.ACCEPTED)
    if collection is not None:
        accepted = accepted.where(ListingRow.collection == collection)
    copies = (
        select(AssetRow.sha256, AssetRow.facts)
        .where(AssetRow.role == Role.DEIDENTIFIED, AssetRow.media_type == media_type, AssetRow.derived_from.in_(accepted))
        .order_by(AssetRow.sha256)
    )
    for row in session.execute(copies).yield_per(1000):
        yield row.sha256, row.facts

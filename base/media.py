"""What rooms ask of the media in the ledger: which assets are labelled, and what is shown of each.

`facts` of an asset name its `deidentified` copy, its `proxy` and its `thumbnail` by hash: two sources may become the same
copy or look the same, and `derived_from` of the shared asset can name only one of them.
"""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from yuelu.base.errors import NotFound
from yuelu.base.ledger.media import AssetRow, ListingRow
from yuelu.base.records import Outcome, Role


def labelled_assets(session: Session, collection: str) -> list[AssetRow]:
    """Return the assets of the collection that are labelled, by hash: the de-identified copy where there is one.

    Where two sources become the same copy, it appears once.
    """
    in_collection = select(ListingRow.sha256).where(
        ListingRow.collection == collection, ListingRow.outcome.in_((Outcome.ACCEPTED, Outcome.DUPLICATE))
    )
    labelled = select(func.coalesce(AssetRow.facts[Role.DEIDENTIFIED.value].as_string(), AssetRow.sha256)).where(
        AssetRow.sha256.in_(in_collection), AssetRow.role == Role.SOURCE
    )
    return list(session.scalars(select(AssetRow).where(AssetRow.sha256.in_(labelled)).order_by(AssetRow.sha256)))


def labelled_copy(session: Session, source: str) -> str:
    """Return the hash of what is labelled of a source: its de-identified copy if there is one, else itself."""
    row = session.get(AssetRow, source)
    return source if row is None else str(row.facts.get(Role.DEIDENTIFIED.value, source))


def proxy_of(session: Session, sha256: str) -> AssetRow:
    """Return the proxy that an annotator sees of a labelled asset. Raises NotFound."""
    return _linked(session, sha256, Role.PROXY)


def thumbnail_of(session: Session, sha256: str) -> AssetRow:
    """Return the thumbnail of a labelled asset. Raises NotFound."""
    return _linked(session, sha256, Role.THUMBNAIL)


def _linked(session: Session, sha256: str, role: Role) -> AssetRow:
    asset = session.get(AssetRow, sha256)
    link = None if asset is None else asset.facts.get(role.value)
    linked = None if link is None else session.get(AssetRow, link)
    if linked is None:
        raise NotFound(f"no {role} of asset {sha256}", "ingest its source again; it makes what is missing")
    return linked

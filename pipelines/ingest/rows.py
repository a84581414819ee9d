"""The rows of ingest in the ledger: what an earlier run recorded, and one transaction for each batch."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from yuelu.base.canonical import digest, keyed
from yuelu.base.errors import Conflict
from yuelu.base.ledger.engine import Ledger, Transaction
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.records import Asset, Outcome, Role
from yuelu.pipelines.ingest.records import Collection, Found, IngestReport
from yuelu.pipelines.ingest.settle import Settled, settle
from yuelu.pipelines.sources.port import Listed

_TERMS = ("owner", "legal_basis", "grade", "category", "terms")


def register(ledger: Ledger, collection: Collection, actor: str) -> None:
    """Write the collection, unless it is there. Raises Conflict: it is there on other terms."""
    values = {name: getattr(collection, name) for name in ("name", *_TERMS)}
    with ledger.transaction(actor) as t:
        if t.add_new(CollectionRow, [{**values, "created_at": ledger.now()}]):
            t.event("create collection", collection.name, after=digest(values))
            return
        row = t.session.get_one(CollectionRow, collection.name)
        other = [name for name in _TERMS if values[name] is not None and getattr(row, name) != values[name]]
        if other:
            raise Conflict(
                f"collection {collection.name!r} exists with another {', '.join(other)}",
                "use the same terms, or another name for the collection",
            )


def recorded(
    session: Session, collection: str, sources: Iterable[str], *, retry: bool = False
) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (bytes, modified_ns) of every object that earlier runs settled; with `retry`, without those in quarantine."""
    columns = (ListingRow.source, ListingRow.path, ListingRow.bytes, ListingRow.modified_ns)
    asked = select(*columns).where(ListingRow.collection == collection, ListingRow.source.in_(sources))
    if retry:
        asked = asked.where(ListingRow.outcome != Outcome.QUARANTINED)
    return {(source, path): (size, modified) for source, path, size, modified in session.execute(asked)}


def record(ledger: Ledger, collection: str, findings: Sequence[Found], secret: bytes, actor: str) -> list[Settled]:
    """Write one batch, whole or not at all, with the event that tells of it; return how each object ended."""
    with ledger.transaction(actor) as t:
        hashes = {found.sha256 for found in findings if found.sha256 is not None}
        settled = settle(findings, _accepted(t.session, collection, hashes), _roles(t.session, findings, hashes), secret)
        known = _known_sources(t.session, hashes)
        fresh = [asset for one in settled if one.sha256 not in known for asset in one.assets]
        t.add_new(AssetRow, [_asset_row(asset) for asset in fresh])
        rows = [_listing_row(collection, one, ledger.now()) for one in settled]
        _replace_changed(t, rows, secret)
        t.add_new(ListingRow, rows)
        told = [[one.listed.source, one.listed.path, one.outcome.value, one.sha256, one.reason] for one in settled]
        t.event("ingest batch", collection, after=digest(told))
    return settled


def _accepted(session: Session, collection: str, hashes: set[str]) -> dict[str, tuple[str, str]]:
    asked = select(ListingRow.sha256, ListingRow.source, ListingRow.path).where(
        ListingRow.collection == collection, ListingRow.outcome == Outcome.ACCEPTED, ListingRow.sha256.in_(hashes)
    )
    return {str(sha256): (source, path) for sha256, source, path in session.execute(asked)}


def _roles(session: Session, findings: Sequence[Found], hashes: set[str]) -> dict[str, Role]:
    made = {part.sha256 for found in findings for part in found.parts}
    asked = select(AssetRow.sha256, AssetRow.role).where(AssetRow.sha256.in_(hashes | made))
    return {sha256: Role(role) for sha256, role in session.execute(asked)}


def _known_sources(session: Session, hashes: set[str]) -> set[str | None]:
    """Sources that have their assets already: what an older version derived from them stays as it is."""
    return set(session.scalars(select(AssetRow.sha256).where(AssetRow.sha256.in_(hashes), AssetRow.role == Role.SOURCE)))


def _asset_row(asset: Asset) -> dict[str, Any]:
    fields = {name: getattr(asset, name) for name in Asset.__slots__}
    return {**fields, "medium": asset.medium.value, "role": asset.role.value, "facts": dict(asset.facts)}


def _listing_row(collection: str, settled: Settled, now: datetime) -> dict[str, Any]:
    listed = settled.listed
    return {
        "collection": collection, "source": listed.source, "path": listed.path, "bytes": listed.bytes,
        "modified_ns": listed.modified_ns, "outcome": settled.outcome.value, "sha256": settled.sha256,
        "reason": settled.reason, "listed_at": now,
    }  # fmt: skip


def _replace_changed(t: Transaction, rows: list[dict[str, Any]], secret: bytes) -> None:
    """Bring rows of objects that changed at their source, or were read again, up to date; the log keeps what they said.

    The log can never be changed and file names may name patients, so it names the object by a keyed hash.
    """
    for row in rows:
        place = {name: row[name] for name in ("collection", "source", "path")}
        old = t.session.scalar(select(ListingRow).filter_by(**place))
        changed = [] if old is None else [name for name in row if name != "listed_at" and getattr(old, name) != row[name]]
        if old is None or not changed:
            continue  # new, or another ingest of the same folder was faster
        moved = not {"bytes", "modified_ns"}.isdisjoint(changed)
        subject = keyed(secret, "listing", f"{row['source']}/{row['path']}")
        reason = "changed at its source" if moved else "read again"
        t.event("relist", subject, before=old.sha256, after=row["sha256"], reason=reason)
        for name, value in row.items():
            setattr(old, name, value)
    t.session.flush()


def report(session: Session, collection: str, objects: Sequence[Listed], already: int, seconds: float) -> IngestReport:
    """Return what the ledger says about the objects that are listed now."""
    source, copy = aliased(AssetRow), aliased(AssetRow)
    asked = (
        select(ListingRow.source, ListingRow.path, ListingRow.outcome, ListingRow.reason, source.medium, copy.facts)
        .outerjoin(source, source.sha256 == ListingRow.sha256)
        .outerjoin(copy, copy.sha256 == source.facts["deidentified"].as_string())
        .where(ListingRow.collection == collection, ListingRow.source.in_({listed.source for listed in objects}))
    )
    wanted = {listed.key for listed in objects}
    outcomes, media, modalities, reasons = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for place, path, outcome, reason, medium, facts in session.execute(asked):
        if (place, path) not in wanted:
            continue  # it was listed once, and is no longer there
        outcomes[outcome] += 1
        if outcome == Outcome.QUARANTINED:
            reasons[str(reason)] += 1
        elif outcome == Outcome.ACCEPTED:
            media[medium] += 1
            modalities.update([facts["modality"]] if facts and facts.get("modality") else [])
    return IngestReport(
        collection=collection,
        listed=len(objects),
        accepted=outcomes[Outcome.ACCEPTED],
        duplicate=outcomes[Outcome.DUPLICATE],
        quarantined=outcomes[Outcome.QUARANTINED],
        already=already,
        bytes=sum(listed.bytes for listed in objects),
        media=dict(sorted(media.items())),
        modalities=dict(sorted(modalities.items())),
        reasons=dict(sorted(reasons.items())),
        seconds=seconds,
    )

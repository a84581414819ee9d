"""The rows of ingest in the ledger: what an earlier run recorded, and one transaction for each batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, false, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from yuelu.base.canonical import digest, keyed
from yuelu.base.errors import Conflict
from yuelu.base.ledger.deliveries import DeliveryRow, SheetRow
from yuelu.base.ledger.engine import Ledger, Transaction
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow, RunRow
from yuelu.base.records import Asset, Outcome, Role
from yuelu.pipelines.deid.options import Options
from yuelu.pipelines.ingest.records import TERMS, Collection, Found, Known, checked_name
from yuelu.pipelines.ingest.settle import Settled, settle
from yuelu.pipelines.ingest.tally import Tally
from yuelu.pipelines.ingest.treatment import with_other_treatment_refused
from yuelu.pipelines.sources.port import Listed

_VALUES = 10_000  # in one statement: SQLite takes 32,766
_OF_NEW = {"deid": Options().text, "detect": ""}


def register(ledger: Ledger, collection: Collection, actor: str) -> None:
    """Write the collection, unless it is there. Raises Conflict: it is there on other terms. Raises Misconfigured: a bad name."""
    if not registered(ledger, collection.name):
        checked_name(collection.name)
    values = {name: getattr(collection, name) for name in ("name", *TERMS)}
    with ledger.transaction(actor) as t:
        new = {**values, **{name: value for name, value in _OF_NEW.items() if values[name] is None}}
        if t.add_new(CollectionRow, [{**new, "created_at": ledger.now()}]):
            t.event("create collection", collection.name, after=digest(new))
            return
        row = t.session.get_one(CollectionRow, collection.name)
        other = [name for name in TERMS if values[name] is not None and getattr(row, name) != values[name]]
        if other:
            raise Conflict(
                f"collection {collection.name!r} exists with another {', '.join(other)}",
                "use the same terms, or another name for the collection",
            )


def registered(ledger: Ledger, name: str) -> bool:
    """Return whether there is a collection of that name."""
    with ledger.reading() as session:
        return session.get(CollectionRow, name) is not None


def recorded(
    session: Session, collection: str, objects: Sequence[Listed], *, retry: bool = False
) -> dict[tuple[str, str], Known]:
    """Return what earlier runs settled of these objects, by their keys; with `retry`, without what is in quarantine."""
    row, source, copy = ListingRow, aliased(AssetRow), aliased(AssetRow)
    link = source.facts[Role.DEIDENTIFIED.value].as_string()
    modality = func.coalesce(copy.facts["modality"].as_string(), source.facts["modality"].as_string())
    asked = (
        select(row.source, row.path, row.bytes, row.modified_ns, row.outcome, row.reason, source.medium, modality)
        .outerjoin(source, (source.sha256 == row.sha256) & (row.outcome == Outcome.ACCEPTED))
        .outerjoin(copy, copy.sha256 == link)
        .where(_among(collection, [listed.key for listed in objects]))
    )
    if retry:
        asked = asked.where(row.outcome != Outcome.QUARANTINED)
    return {(place, path): Known(*rest) for place, path, *rest in session.execute(asked)}


def _among(collection: str, keys: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    by_source: dict[str, list[str]] = {}
    for source, path in keys:
        by_source.setdefault(source, []).append(path)
    places = [(ListingRow.source == source) & ListingRow.path.in_(paths) for source, paths in by_source.items()]
    return (ListingRow.collection == collection) & or_(false(), *places)


@dataclass(frozen=True, slots=True)
class Run:
    """One ingest, as far as the ledger is concerned: where it writes, what it fills, and as whom."""

    ledger: Ledger
    collection: str
    number: int
    secret: bytes
    actor: str
    deid: str = ""  # of the collection, as recorded
    detect: str = ""


def begin(ledger: Ledger, collection: Collection, sources: Sequence[str], secret: bytes, actor: str) -> Run:
    """Write the collection, unless it is there, and that a run has begun. Raises Conflict: it is there on other terms."""
    register(ledger, collection, actor)
    with ledger.transaction(actor) as t:
        start = {"sources": list(sources), "started_at": ledger.now(), "finished_at": None}
        row = RunRow(collection=collection.name, **start, **_counts(Tally(), 0))
        t.session.add(row)
        t.session.flush()
        kept = t.session.get_one(CollectionRow, collection.name)
        return Run(ledger, collection.name, row.id, secret, actor, kept.deid, kept.detect)


def finish(run: Run, tally: Tally, seconds: float) -> None:
    """Write that the run has come to its end."""
    with run.ledger.transaction(run.actor) as t:
        values = {**_counts(tally, seconds), "finished_at": run.ledger.now()}
        t.session.execute(update(RunRow).where(RunRow.id == run.number).values(**values))


def record(run: Run, findings: Sequence[Sequence[Found]], tally: Tally, seconds: float) -> None:
    """Write some batches, whole or not at all, each with the event that tells of it, and how far the run has come."""
    with run.ledger.transaction(run.actor) as t:
        for batch in findings:
            settled = _record_batch(t, run, batch)
            for found, one in zip(batch, settled, strict=True):
                tally.settled(found, one)
        t.session.execute(update(RunRow).where(RunRow.id == run.number).values(**_counts(tally, seconds)))


def _counts(tally: Tally, seconds: float) -> dict[str, Any]:
    counts = {outcome.value: tally.outcomes[outcome] for outcome in Outcome}
    return {**counts, "already": tally.already, "bytes_read": tally.bytes_read, "seconds": seconds}


def _record_batch(t: Transaction, run: Run, findings: Sequence[Found]) -> list[Settled]:
    findings = _grouped(t.session, run.collection, with_other_treatment_refused(t.session, findings))
    hashes = {found.sha256 for found in findings if found.sha256 is not None}
    settled = settle(findings, _accepted(t.session, run.collection, hashes), _roles(t.session, findings, hashes), run.secret)
    known = _known_sources(t.session, hashes)
    fresh = [asset for one in settled if one.sha256 not in known for asset in one.assets]
    t.add_new(AssetRow, [_asset_row(asset) for asset in fresh])
    rows = [_listing_row(run.collection, one, run.ledger.now()) for one in settled]
    _replace_changed(t, run, rows)
    t.add_new(ListingRow, rows)
    told = [[one.listed.source, one.listed.path, one.outcome.value, one.sha256, one.reason] for one in settled]
    t.event("ingest batch", run.collection, after=digest(told))
    return settled


def _grouped(session: Session, collection: str, findings: Sequence[Found]) -> list[Found]:
    """Return the findings with the groups that a delivery sheet gave their objects, in this run or an earlier one."""
    asked = (
        select(DeliveryRow.source, DeliveryRow.path, SheetRow.group)
        .join(SheetRow, (DeliveryRow.sheet == SheetRow.sheet) & (DeliveryRow.line == SheetRow.line))
        .where(
            DeliveryRow.collection == collection,
            DeliveryRow.path.in_([found.listed.path for found in findings]),
            SheetRow.group.is_not(None),
        )
    )
    groups = {(source, path): group for source, path, group in session.execute(asked)}
    return [
        replace(found, listed=replace(found.listed, group=groups[found.listed.key])) if found.listed.key in groups else found
        for found in findings
    ]


def _accepted(session: Session, collection: str, hashes: set[str]) -> dict[str, tuple[str, str]]:
    asked = select(ListingRow.sha256, ListingRow.source, ListingRow.path).where(
        ListingRow.collection == collection, ListingRow.outcome == Outcome.ACCEPTED, ListingRow.sha256.in_(hashes)
    )
    return {str(sha256): (source, path) for sha256, source, path in session.execute(asked)}


def _roles(session: Session, findings: Sequence[Found], hashes: set[str]) -> dict[str, Role]:
    wanted = sorted(hashes | {part.sha256 for found in findings for part in found.parts})
    asked = select(AssetRow.sha256, AssetRow.role)
    some = (wanted[at : at + _VALUES] for at in range(0, len(wanted), _VALUES))  # a volume has thousands of pictures
    return {sha256: Role(role) for part in some for sha256, role in session.execute(asked.where(AssetRow.sha256.in_(part)))}


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
        "reason": settled.reason, "hint": settled.hint, "listed_at": now,
    }  # fmt: skip


def _replace_changed(t: Transaction, run: Run, rows: list[dict[str, Any]]) -> None:
    """Bring rows of objects that changed at their source, or were read again, up to date; the log keeps what they said.

    The log can never be changed and file names may name patients, so it names the object by a keyed hash.
    """
    asked = select(ListingRow).where(_among(run.collection, [(row["source"], row["path"]) for row in rows]))
    there = {(old.source, old.path): old for old in t.session.scalars(asked)}
    for row in rows:
        old = there.get((row["source"], row["path"]))
        changed = [] if old is None else [name for name in row if name != "listed_at" and getattr(old, name) != row[name]]
        if old is None or not changed:
            continue  # new, or another ingest of the same folder was faster
        moved = not {"bytes", "modified_ns"}.isdisjoint(changed)
        subject = keyed(run.secret, "listing", f"{row['source']}/{row['path']}")
        reason = "changed at its source" if moved else "read again"
        t.event("relist", subject, before=old.sha256, after=row["sha256"], reason=reason)
        for name, value in row.items():
            setattr(old, name, value)
    t.session.flush()

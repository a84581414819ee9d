"""Files and assets as people ask for them: rows of the ledger as plain values."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from yuelu.base.errors import NotFound
from yuelu.base.ledger.media import AssetRow, ListingRow
from yuelu.base.ledger.near import ClusterRow
from yuelu.base.records import Outcome, Role
from yuelu.pipelines.ingest.steps import next_step

Row = dict[str, Any]
_LISTED = ("collection", "source", "path", "outcome", "bytes", "sha256", "reason", "hint", "listed_at")


def listings(
    session: Session,
    *,
    collection: str | None = None,
    outcome: str | None = None,
    medium: str | None = None,
    modality: str | None = None,
    path: str | None = None,
    limit: int | None = None,
) -> list[Row]:
    """Return files that were listed, by collection and path, with medium and modality (None: not accepted, or not known)."""
    source, labelled = aliased(AssetRow), aliased(AssetRow)
    copy = func.coalesce(source.facts[Role.DEIDENTIFIED.value].as_string(), source.sha256)
    kind = labelled.facts["modality"].as_string()
    asked = (
        select(ListingRow, source.medium, kind)
        .outerjoin(source, (source.sha256 == ListingRow.sha256) & (ListingRow.outcome != Outcome.QUARANTINED))
        .outerjoin(labelled, labelled.sha256 == copy)
        .order_by(ListingRow.collection, ListingRow.path, ListingRow.source)
    )
    given = {ListingRow.collection: collection, ListingRow.outcome: outcome, ListingRow.path: path, source.medium: medium}
    for column, value in {**given, kind: modality}.items():
        asked = asked if value is None else asked.where(column == value)
    return [_listed(*row) for row in session.execute(asked.limit(limit))]


def _listed(row: ListingRow, medium: str | None, modality: str | None) -> Row:
    found = {name: getattr(row, name) for name in _LISTED} | {"medium": medium, "modality": modality}
    found["listed_at"] = row.listed_at.isoformat(timespec="seconds")
    if row.outcome == Outcome.QUARANTINED:
        found["next_step"] = next_step(row.reason, row.hint)
    return found


def asset(session: Session, digits: str) -> Row:
    """Return what is known of the asset whose hash begins so: itself, where it was listed, what derives from it, what is near.

    Raises NotFound: no asset, or several.
    """
    rows = session.scalars(select(AssetRow).where(AssetRow.sha256.startswith(digits, autoescape=True)).limit(2)).all()
    if len(rows) != 1:
        raise NotFound(f"{len(rows) or 'no'} assets begin with {digits!r}", "see 'yuelu assets list'")
    row = rows[0]
    found: Row = {column.key: getattr(row, column.key) for column in AssetRow.__table__.columns}
    listed = select(ListingRow).where(ListingRow.sha256 == row.sha256).order_by(ListingRow.collection, ListingRow.path)
    derived = select(AssetRow).where(AssetRow.derived_from == row.sha256).order_by(AssetRow.role, AssetRow.sha256)
    labelled = str(row.facts.get(Role.DEIDENTIFIED.value, row.sha256))
    mine = {row.sha256, labelled}
    cluster = session.scalar(select(ClusterRow.cluster).where(ClusterRow.asset.in_(mine)).limit(1))
    found["listed_as"] = [{name: getattr(one, name) for name in ("collection", "source", "path", "outcome")}
                          for one in session.scalars(listed)]  # fmt: skip
    found["derived_from_it"] = [{"role": one.role, "media_type": one.media_type, "bytes": one.bytes, "sha256": one.sha256}
                                for one in session.scalars(derived)]  # fmt: skip
    copy = session.get(AssetRow, labelled) if labelled != row.sha256 else None
    found["facts_of_its_deidentified_copy"] = copy.facts if copy else {}  # where all that decoding told of it stands
    found["near"] = [] if cluster is None else members(session, cluster)
    return found


def members(session: Session, cluster: str) -> list[Row]:
    """Return the members of a cluster, by path: each file that has them, and its nearest other member."""
    return [row for _, row in _members(session, cluster)]


def _members(session: Session, cluster: str | None) -> Iterator[tuple[str, Row]]:
    labelled, source = aliased(AssetRow), aliased(AssetRow)
    asked = (
        select(ClusterRow, ListingRow.collection, ListingRow.path, source.group, source.medium)
        .join(labelled, labelled.sha256 == ClusterRow.asset)
        .join(source, source.sha256 == func.coalesce(labelled.derived_from, labelled.sha256))
        .join(ListingRow, ListingRow.sha256 == source.sha256)
        .where(ListingRow.outcome == Outcome.ACCEPTED)
        .order_by(ListingRow.collection, ListingRow.path)
    )
    asked = asked if cluster is None else asked.where(ClusterRow.cluster == cluster)
    names = ("asset", "kind", "nearest", "distance_bits", "shared")
    for row, collection, path, group, medium in session.execute(asked):
        near = {name: getattr(row, name) for name in names}
        yield row.cluster, {"collection": collection, "path": path, "medium": medium, "group": group, **near}


def clusters(session: Session, collection: str | None = None) -> list[Row]:
    """Return the clusters with their members, those that join most groups first; of one collection, or of all."""
    found: dict[str, list[Row]] = {}
    for name, member in _members(session, None):
        found.setdefault(name, []).append(member)
    wanted = (
        {"cluster": name, "groups": len({row["group"] for row in rows}), "members": rows}
        for name, rows in found.items()
        if collection is None or any(row["collection"] == collection for row in rows)
    )
    return sorted(wanted, key=lambda one: (-one["groups"], -len(one["members"]), one["cluster"]))

"""The report of a collection: all that the ledger says about what came in, with what somebody should look at."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased

from yuelu.base.errors import NotFound
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.ledger.near import ClusterRow
from yuelu.base.records import Outcome, Role
from yuelu.pipelines.ingest.alarms import LIMITS, alarms
from yuelu.pipelines.ingest.reasons import why
from yuelu.pipelines.ingest.records import TERMS
from yuelu.pipelines.ingest.steps import next_step
from yuelu.pipelines.near.rows import last_search

EXAMPLES = 5
LARGEST = 5


@dataclass(frozen=True, slots=True)
class Reason:
    """Files in quarantine for one class of reasons: how many, what to do next, some of them, and some of what was said.

    `details` are different ones, in order of path; `kinds` is how many different ones there are.
    """

    reason: str
    next_step: str
    files: int
    bytes: int
    examples: tuple[str, ...]
    details: tuple[str, ...] = ()
    kinds: int = 0


@dataclass(frozen=True, slots=True)
class Alarm:
    """Accepted media whose probe is beyond a limit; `limit` says which, such as `mean_share < 0.02`."""

    name: str
    medium: str
    limit: str
    files: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Near:
    """Near-duplicates: clusters with a member in the collection, how many of its assets are in them, and how many clusters
    join groups that would else be apart. `searched_at` (ISO 8601) is None when nothing was searched yet."""

    clusters: int
    assets: int
    joining_groups: int
    searched_at: str | None
    distance_bits: int | None
    by_chance: float | None
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Large:
    """One of the largest files."""

    path: str
    bytes: int
    medium: str | None


@dataclass(frozen=True, slots=True)
class Summary:
    """One collection as the ledger has it now; every number is over all that was ever listed in it."""

    collection: str
    terms: Mapping[str, str | None]
    created_at: str
    sources: tuple[str, ...]
    listed: int
    bytes: int
    outcomes: Mapping[str, int]
    media: Mapping[str, int]
    modalities: Mapping[str, int]
    quarantine: tuple[Reason, ...]
    alarms: tuple[Alarm, ...]
    near: Near
    largest: tuple[Large, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return asdict(self)


def summary(session: Session, collection: str) -> Summary:
    """Return the report of a collection. Raises NotFound."""
    row = session.get(CollectionRow, collection)
    if row is None:
        raise NotFound(f"no collection {collection!r}", "see 'yuelu status' for those that are there")
    mine = ListingRow.collection == collection
    counts = select(ListingRow.outcome, func.count(), func.sum(ListingRow.bytes)).where(mine).group_by(ListingRow.outcome)
    ended = {outcome: (count, int(size or 0)) for outcome, count, size in session.execute(counts)}
    media, modalities, alarmed = _accepted(session, collection)
    sources = select(ListingRow.source).where(mine).distinct().order_by(ListingRow.source)
    return Summary(
        collection=collection,
        terms={name: getattr(row, name) for name in TERMS},
        created_at=row.created_at.isoformat(timespec="seconds"),
        sources=tuple(session.scalars(sources)),
        listed=sum(count for count, _ in ended.values()),
        bytes=sum(size for _, size in ended.values()),
        outcomes={outcome.value: ended.get(outcome.value, (0, 0))[0] for outcome in Outcome},
        media=dict(sorted(media.items())),
        modalities=dict(sorted(modalities.items())),
        quarantine=quarantine(session, collection),
        alarms=alarmed,
        near=_near(session, collection),
        largest=_largest(session, collection),
    )


def accepted_media(collection: str, *columns: Any, medium: str | None = None) -> Select[Any]:
    """Return a query over the accepted files of a collection, in order of path: path, medium (or only that one), `columns`.

    The columns are functions of the table of the labelled assets.
    """
    source, labelled = aliased(AssetRow), aliased(AssetRow)
    copy = func.coalesce(source.facts[Role.DEIDENTIFIED.value].as_string(), source.sha256)
    asked = (
        select(ListingRow.path, source.medium, *(column(labelled) for column in columns))
        .join(source, source.sha256 == ListingRow.sha256)
        .join(labelled, labelled.sha256 == copy)
        .where(ListingRow.collection == collection, ListingRow.outcome == Outcome.ACCEPTED)
        .order_by(ListingRow.path)
    )
    return asked if medium is None else asked.where(source.medium == medium)


def _accepted(session: Session, collection: str) -> tuple[Counter[str], Counter[str], tuple[Alarm, ...]]:
    media, modalities, counts = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    examples: dict[tuple[str, str], list[str]] = {}
    asked = accepted_media(
        collection, lambda t: t.facts["modality"].as_string(), lambda t: t.facts["probes"], lambda t: t.facts["face_risk"]
    )
    for path, medium, modality, probes, face in session.execute(asked.execution_options(yield_per=2000)):
        media[medium] += 1
        modalities.update([modality] if modality else [])
        for name in alarms(medium, {**(probes or {}), "face_risk": face}):
            counts[medium, name] += 1
            if len(some := examples.setdefault((medium, name), [])) < EXAMPLES:
                some.append(path)
    found = (
        Alarm(name, medium, limit.text, counts[medium, name], tuple(examples[medium, name]))
        for medium, limits in LIMITS.items()
        for name, limit in limits.items()
        if counts[medium, name]
    )
    return media, modalities, tuple(found)


def quarantine(session: Session, collection: str | None = None) -> tuple[Reason, ...]:
    """Return why files are in quarantine, the most frequent class of reasons first; of one collection, or of all."""
    columns = (ListingRow.reason, ListingRow.hint, ListingRow.bytes, ListingRow.path)
    asked = select(*columns).where(ListingRow.outcome == Outcome.QUARANTINED).order_by(ListingRow.path)
    if collection is not None:
        asked = asked.where(ListingRow.collection == collection)
    sizes: dict[tuple[str, str], list[int]] = {}
    examples: dict[tuple[str, str], list[str]] = {}
    details: dict[tuple[str, str], dict[str, None]] = {}
    for reason, hint, size, path in session.execute(asked.execution_options(yield_per=2000)):
        kind, detail = why(reason or "")
        key = kind, next_step(reason, hint)
        sizes.setdefault(key, []).append(size)
        details.setdefault(key, {}).update({detail: None} if detail else {})
        if len(some := examples.setdefault(key, [])) < EXAMPLES:
            some.append(path)
    reasons = (
        Reason(*key, len(all_), sum(all_), tuple(examples[key]), tuple(details[key])[:EXAMPLES], len(details[key]))
        for key, all_ in sizes.items()
    )
    return tuple(sorted(reasons, key=lambda one: (-one.files, one.reason, one.next_step)))


def _near(session: Session, collection: str) -> Near:
    mine = accepted_media(collection, lambda t: t.sha256).subquery()
    names = select(ClusterRow.cluster).where(ClusterRow.asset.in_(select(mine.c.sha256))).distinct()
    groups = (
        select(ClusterRow.cluster, func.count(func.distinct(AssetRow.group)))
        .join(AssetRow, AssetRow.sha256 == ClusterRow.asset)
        .where(ClusterRow.cluster.in_(names))
        .group_by(ClusterRow.cluster)
    )
    sizes = [count for _, count in session.execute(groups)]
    assets = session.scalar(select(func.count()).select_from(ClusterRow).where(ClusterRow.asset.in_(select(mine.c.sha256))))
    last = last_search(session)
    joining = sum(size > 1 for size in sizes)
    if last is None:
        return Near(len(sizes), assets or 0, joining, None, None, None, {})
    at = last.searched_at.isoformat(timespec="seconds")
    return Near(len(sizes), assets or 0, joining, at, last.distance_bits, last.by_chance, last.left_out)


def _largest(session: Session, collection: str) -> tuple[Large, ...]:
    asked = (
        select(ListingRow.path, ListingRow.bytes, AssetRow.medium)
        .outerjoin(AssetRow, AssetRow.sha256 == ListingRow.sha256)
        .where(ListingRow.collection == collection)
        .order_by(ListingRow.bytes.desc(), ListingRow.path)
    )
    return tuple(Large(path, size, medium) for path, size, medium in session.execute(asked.limit(LARGEST)))

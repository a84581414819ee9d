"""What a workspace holds, read from its ledger: what went in, who worked, how well they agree, what came out."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from yuelu.base import merkle
from yuelu.base.ledger import log
from yuelu.base.ledger.judgement import DecisionRow, ScoreRow
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.ledger.releases import ReleaseRow
from yuelu.base.ledger.settling import GoldRow
from yuelu.base.ledger.work import AnnotationRow, BatchRow, ProjectRow, TaskRow
from yuelu.base.records import Role
from yuelu.console.lots import lots, standings
from yuelu.console.settled import waivers
from yuelu.console.unfinished import UnfinishedRun, unfinished


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file that was not taken, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class CollectionView:
    """One collection: how its listed files ended, and what kinds of media were accepted."""

    name: str
    owner: str
    grade: str
    listed: int
    bytes: int
    outcomes: dict[str, int]
    media: dict[str, int]
    quarantine: tuple[Quarantined, ...]


@dataclass(frozen=True, slots=True)
class ScoreView:
    """One score of a project; see `base.ledger.judgement.ScoreRow`."""

    round: int
    control: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    tasks: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class ProjectView:
    """One project: where its tasks are, and how well the answers agree."""

    name: str
    medium: str
    template: str
    overlap: int
    tasks: int
    states: dict[str, int]
    answers: int
    annotators: int
    outcomes: dict[str, int]
    scores: tuple[ScoreView, ...]


@dataclass(frozen=True, slots=True)
class ReleaseView:
    """One release."""

    name: str
    digest: str
    rows: int
    published_at: str


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What was inspected, where the switching rules stand, who waived what, and how many tasks wait for a reviewer."""

    lots: tuple[dict[str, Any], ...] = ()
    standings: tuple[dict[str, Any], ...] = ()
    waivers: tuple[dict[str, Any], ...] = ()
    in_review: int = 0
    gold: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole workspace at one moment. `log_root` is the hex Merkle root over all events."""

    collections: tuple[CollectionView, ...]
    projects: tuple[ProjectView, ...]
    releases: tuple[ReleaseView, ...]
    log_size: int
    log_root: str
    unfinished: tuple[UnfinishedRun, ...] = ()
    acceptance: Acceptance = field(default_factory=Acceptance)

    def to_json(self) -> dict[str, Any]:
        """Return the overview as JSON."""
        return asdict(self)


def overview(session: Session, now: datetime) -> Overview:
    """Return what the ledger says; `now` tells which waivers still stand."""
    leaves = log.leaves(session)
    return Overview(
        collections=tuple(
            _collection(session, row) for row in session.scalars(select(CollectionRow).order_by(CollectionRow.name))
        ),
        projects=tuple(_project(session, row) for row in session.scalars(select(ProjectRow).order_by(ProjectRow.name))),
        releases=tuple(
            ReleaseView(f"{row.dataset}@{row.version}", row.digest, row.rows, row.published_at.isoformat(timespec="seconds"))
            for row in session.scalars(select(ReleaseRow).order_by(ReleaseRow.dataset, ReleaseRow.number))
        ),
        log_size=len(leaves),
        log_root=merkle.root(leaves).hex(),
        unfinished=unfinished(session),
        acceptance=_acceptance(session, now),
    )


def _acceptance(session: Session, now: datetime) -> Acceptance:
    gold = session.execute(select(GoldRow.state, func.count()).group_by(GoldRow.state).order_by(GoldRow.state))
    return Acceptance(
        tuple(lots(session)),
        tuple(standings(session)),
        tuple(waivers(session, now)),
        session.scalar(select(func.count()).select_from(TaskRow).where(TaskRow.state == "review")) or 0,
        {state: count for state, count in gold},  # noqa: C416  its rows are no tuples to mypy
    )


def _collection(session: Session, row: CollectionRow) -> CollectionView:
    mine = ListingRow.collection == row.name
    outcomes = session.execute(select(ListingRow.outcome, func.count()).where(mine).group_by(ListingRow.outcome)).all()
    # A DICOM object's modality is a fact of its de-identified copy: nothing is told of the object itself.
    copy = aliased(AssetRow)
    labelled = func.coalesce(AssetRow.facts[Role.DEIDENTIFIED.value].as_string(), AssetRow.sha256)
    kind = func.coalesce(copy.facts["modality"].as_string(), AssetRow.medium)
    media = session.scalars(
        select(kind)
        .select_from(ListingRow)
        .join(AssetRow, ListingRow.sha256 == AssetRow.sha256)
        .join(copy, copy.sha256 == labelled)
        .where(mine, ListingRow.outcome == "accepted")
    )
    bad = session.scalars(select(ListingRow).where(mine, ListingRow.outcome == "quarantined").order_by(ListingRow.path))
    return CollectionView(
        name=row.name,
        owner=row.owner,
        grade=row.grade,
        listed=sum(count for _, count in outcomes),
        bytes=int(session.scalar(select(func.sum(ListingRow.bytes)).where(mine)) or 0),  # PostgreSQL's sum is a Decimal
        outcomes=dict(sorted((outcome, count) for outcome, count in outcomes)),
        media=dict(sorted(Counter(media).items())),
        quarantine=tuple(Quarantined(listing.path, listing.reason or "") for listing in bad),
    )


def _project(session: Session, row: ProjectRow) -> ProjectView:
    batches = select(BatchRow.id).where(BatchRow.project == row.name)
    tasks = session.execute(select(TaskRow.subject, TaskRow.state).where(TaskRow.batch.in_(batches))).all()
    keys = select(TaskRow.item_key).where(TaskRow.batch.in_(batches))  # not a list: a statement takes 32,766 values at most
    answers = select(AnnotationRow).where(AnnotationRow.item_key.in_(keys)).subquery()
    decisions = session.scalars(select(DecisionRow.outcome).where(DecisionRow.subject.in_(keys)))
    scores = session.scalars(
        select(ScoreRow).where(ScoreRow.batch.in_(batches)).order_by(ScoreRow.round, ScoreRow.control, ScoreRow.metric)
    )
    return ProjectView(
        name=row.name,
        medium=row.medium,
        template=f"{row.template}@{row.template_version}",
        overlap=row.overlap,
        tasks=len({task.subject for task in tasks}),
        states=dict(sorted(Counter(task.state for task in tasks).items())),
        answers=session.scalar(select(func.count(func.distinct(answers.c.uid)))) or 0,
        annotators=session.scalar(select(func.count(func.distinct(answers.c.annotator)))) or 0,
        outcomes=dict(sorted(Counter(decisions).items())),
        scores=tuple(ScoreView(s.round, s.control, s.metric, s.value, s.low, s.high, s.tasks, s.reason) for s in scores),
    )

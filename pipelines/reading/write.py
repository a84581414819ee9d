"""Writing what was read to the ledger: some tasks in one transaction, each version of each answer exactly once."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import and_, delete, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from yuelu.annotate.answers import tell_apart
from yuelu.annotate.label_studio.reading import Read
from yuelu.annotate.label_studio.sites import EXTERNAL, Place
from yuelu.annotate.results import Item
from yuelu.annotate.tasks import move
from yuelu.annotate.templates import Template
from yuelu.base.ledger.engine import Ledger, Transaction
from yuelu.base.ledger.packets import PacketRow, PacketTaskRow, SubmissionRow
from yuelu.base.ledger.reading import ReadTaskRow
from yuelu.base.ledger.work import (
    AccountRow,
    AnnotationRow,
    AnnotatorRow,
    BatchRow,
    ProjectRow,
    RejectionRow,
    SiteRow,
    TaskRow,
)
from yuelu.base.media import shown_by_each
from yuelu.pipelines.reading.judge import Answer, Context, Known, Refused, Sent, judge, mismatch, older, plain
from yuelu.pipelines.reading.place import ACTOR, Reading, sent_as, still_ours, went_back

CHUNK = 500  # tasks in one transaction
_KEYS = 500  # in one query
_AS_ANSWERED = (
    "uid", "item_key", "annotator", "server_annotation", "created_at", "updated_at", "lead_time_s", "cancelled", "content",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Answers by what this run did with them. `submitted` counts tasks that now have all the answers they need.

    `lost` are answers from the gateway that the site took and shows no more; they are going to be sent again. `reasons` are
    those of the rejected ones, with how many had each.
    """

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    vanished: int = 0
    rejected: int = 0
    submitted: int = 0
    lost: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict, compare=False)

    def __add__(self, other: "SyncReport") -> "SyncReport":
        names = ("new", "updated", "unchanged", "vanished", "rejected", "submitted", "lost")
        numbers = {name: getattr(self, name) + getattr(other, name) for name in names}
        reasons = dict(self.reasons)
        for reason, number in other.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + number
        return SyncReport(**numbers, reasons=reasons)


@dataclass(slots=True)
class _Change:
    """What one transaction is going to write."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    buried: list[Known] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    stamps: list[dict[str, Any]] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)  # keys of tasks whose answers are others now
    counts: Counter[str] = field(default_factory=Counter)  # by the names of a report


@dataclass(frozen=True, slots=True)
class Moment:
    """When a reading takes place, by the server's clock; `trusted` is False when that clock was seen to go back.

    `first` tells that the server project was never read before: what it lacks of our answers was lost, and not deleted.
    """

    began: datetime
    trusted: bool = True
    first: bool = False


@dataclass(frozen=True, slots=True)
class _Against:
    """What tasks are decided against; `known` grows as answers are taken, and so does `of_task`, their ids by task."""

    place: Place
    moment: Moment
    context: Context
    known: dict[str, Known]
    of_task: dict[str, list[str]]


def write(ledger: Ledger, reading: Reading, template: Template, tasks: Sequence[Read], moment: Moment) -> SyncReport:
    """Write these tasks as they were read, all or nothing.

    Raises Conflict: another reading has begun. Raises WentBack: an answer that we have is from after the task's last change.
    """
    place = reading.place
    with ledger.transaction(ACTOR) as t:
        still_ours(t, reading)
        keys = sent_as(t.session, place, [task.task for task in tasks])
        ours = _keys_of(t.session, place, [task for task in tasks if task.task not in keys])
        answered = sorted(set(keys.values()))
        uids = [raw["unique_id"] for task in tasks for raw in task.annotations if raw.get("unique_id")]
        context = context_of(t.session, place, template, answered, uids)
        known = _known(t.session, answered, uids)
        against = _Against(place, moment, context, known, _by_task(known))
        change = _Change()
        for task in tasks:
            _decide(change, task, keys.get(task.task), ours.get(task.task), against)
        return _apply(t, change, known, place, moment.began)


def bury_missing(ledger: Ledger, reading: Reading, missing: Sequence[int]) -> SyncReport:
    """Write down that those server tasks are gone, and the answers to them with them. Raises Conflict."""
    place = reading.place
    with ledger.transaction(ACTOR) as t:
        still_ours(t, reading)
        keys = sent_as(t.session, place, missing)
        change, known = _Change(), _known(t.session, sorted(keys.values()), [])
        for each in [each for each in known.values() if not each.vanished]:
            _bury(change, each, known)
        for start in range(0, len(missing), _KEYS):
            here = and_(ReadTaskRow.site == place.site, ReadTaskRow.server_project == place.server_project)
            t.session.execute(delete(ReadTaskRow).where(here, ReadTaskRow.server_task.in_(missing[start : start + _KEYS])))
        return _apply(t, change, known, place, ledger.now())


def _keys_of(session: Session, place: Place, strangers: Sequence[Read]) -> dict[int, str]:
    """Return which keys of this batch tasks name that were never dispatched; other strangers are none of our business."""
    named = {task.task: task.item_key for task in strangers if isinstance(task.item_key, str)}
    keys = sorted(set(named.values()))
    real: set[str] = set()
    for start in range(0, len(keys), _KEYS):
        some = keys[start : start + _KEYS]
        real |= set(session.scalars(select(TaskRow.item_key).where(TaskRow.batch == place.batch, TaskRow.item_key.in_(some))))
    return {task: key for task, key in named.items() if key in real}


def context_of(session: Session, place: Place, template: Template, keys: Sequence[str], uids: Sequence[str]) -> Context:
    """Return what answers to those tasks, under those ids, are read against."""
    items: dict[str, Sequence[str]] = {}
    for start in range(0, len(keys), _KEYS):
        some = select(TaskRow.item_key, TaskRow.items).where(TaskRow.item_key.in_(keys[start : start + _KEYS]))
        items |= {key: tuple(shown) for key, shown in session.execute(some)}
    measures = {key: tuple(Item.from_shown(one) for one in shown) for key, shown in shown_by_each(session, items).items()}
    accounts = session.scalars(select(AccountRow).where(AccountRow.site == place.site))
    site = session.get_one(SiteRow, place.site)
    return Context(
        template,
        measures,
        {row.user_id: row.annotator for row in accounts},
        scripted=frozenset(session.scalars(select(AnnotatorRow.id).where(AnnotatorRow.scripted))),
        service=site.user_id if site.kind == EXTERNAL else None,
        sent=_sent(session, place, uids),
    )


def _sent(session: Session, place: Place, uids: Sequence[str]) -> dict[str, Sent] | None:
    project = select(BatchRow.project).where(BatchRow.id == place.batch).scalar_subquery()
    any_sent = select(SubmissionRow.uid).join(PacketRow, PacketRow.id == SubmissionRow.packet)
    if session.scalars(any_sent.where(PacketRow.project == project).limit(1)).first() is None:
        return None
    found: dict[str, Sent] = {}
    names = (SubmissionRow.uid, SubmissionRow.item_key, SubmissionRow.annotator, SubmissionRow.digest)
    for start in range(0, len(uids), _KEYS):
        for uid, key, annotator, digest in session.execute(
            select(*names).where(SubmissionRow.uid.in_(uids[start : start + _KEYS]))
        ):
            earlier = found[uid].digests if uid in found else frozenset()
            found[uid] = Sent(key, annotator, earlier | {digest})
    return found


def _known(session: Session, keys: Sequence[str], uids: Sequence[str]) -> dict[str, Known]:
    """Return the last version of every answer to those tasks or under those ids."""
    names = ("uid", "version", "item_key", "annotator", "site", "content", "updated_at", "vanished", "cancelled")
    asked = select(*(getattr(AnnotationRow, name) for name in names)).order_by(AnnotationRow.uid, AnnotationRow.version)
    found: dict[str, Known] = {}
    for start in range(0, max(len(keys), len(uids)), _KEYS):
        end = start + _KEYS
        some = or_(AnnotationRow.item_key.in_(keys[start:end]), AnnotationRow.uid.in_(uids[start:end]))
        for row in session.execute(asked.where(some)):
            known = Known(*row)
            if known.uid not in found or found[known.uid].version < known.version:
                found[known.uid] = known
    return found


def _by_task(known: Mapping[str, Known]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in known.values():
        found.setdefault(each.item_key, []).append(each.uid)
    return found


def _decide(change: _Change, task: Read, key: str | None, stranger: str | None, against: _Against) -> None:
    """Add to `change` what a task that was read means: `key` is what it was dispatched as, `stranger` what it only says it is."""
    taken = 0
    if key is not None or stranger is not None:
        wrong = mismatch(task.task, task.item_key, key)
        for raw in task.annotations:
            read = Refused(str(key or stranger), wrong, plain(raw)) if wrong else judge(raw, str(key), against.context)
            read = read if isinstance(read, Refused) else _take(change, read, task, against)
            if isinstance(read, Refused):
                change.refused.append(read)
            else:
                taken += 1
    if key is not None:
        _miss(change, task, key, against)
    clean = taken == len(task.annotations)
    stamp = {"server_task": task.task, "updated_at": task.updated_at if clean else None}
    change.stamps.append({**stamp, "present": len(task.annotations), "taken": taken})


def _miss(change: _Change, task: Read, key: str, against: _Against) -> None:
    """Bury the answers that the task no longer shows. Raises WentBack: nobody can have deleted them."""
    moment, place = against.moment, against.place
    present = {raw.get("unique_id") for raw in task.annotations}
    ours = [against.known[uid] for uid in against.of_task.get(key, ()) if uid not in present]
    for each in [each for each in ours if each.site == place.site and not each.vanished]:
        if moment.first:
            raise went_back(place, f"it is new, and lacks answer {each.uid}")
        if moment.trusted and older(each, task.updated_at, moment.began):
            raise went_back(place, f"answer {each.uid} is missing from a task that has not changed since it was given")
        _bury(change, each, against.known)


def _take(change: _Change, answer: Answer, task: Read, against: _Against) -> Answer | Refused:
    last, place, moment = against.known.get(answer.uid), against.place, against.moment
    if last is not None and (last.item_key, last.annotator, last.site) != (answer.item_key, answer.annotator, place.site):
        reason = f"its unique_id was {last.annotator}'s answer to task {last.item_key}"
        raw = {"id": answer.server_annotation, "unique_id": answer.uid, "result": list(answer.raw)}
        return Refused(answer.item_key, reason, raw)
    if last is not None and not last.vanished and last.content == answer.content:
        change.counts["unchanged"] += 1
        return answer
    if last is not None and moment.trusted and older(last, task.updated_at, moment.began):
        raise went_back(place, f"answer {answer.uid} is an earlier one than we have")
    version = last.version + 1 if last else 1
    row = {name: getattr(answer, name) for name in _AS_ANSWERED}
    more = {"version": version, "site": place.site, "vanished": False, "regions": list(answer.regions), "raw": list(answer.raw)}
    change.answers.append({**row, **more, "before": last.content if last else None})
    if last is None:
        against.of_task.setdefault(answer.item_key, []).append(answer.uid)
    change.changed.add(answer.item_key)
    against.known[answer.uid] = Known(
        uid=answer.uid,
        version=version,
        item_key=answer.item_key,
        annotator=answer.annotator,
        site=place.site,
        content=answer.content,
        updated_at=answer.updated_at,
        vanished=False,
        cancelled=answer.cancelled,
    )
    change.counts["new" if last is None else "updated"] += 1
    return answer


def _bury(change: _Change, last: Known, known: dict[str, Known]) -> None:
    change.buried.append(last)
    known[last.uid] = replace(last, version=last.version + 1, vanished=True)
    change.changed.add(last.item_key)
    change.counts["vanished"] += 1


def _apply(t: Transaction, change: _Change, known: Mapping[str, Known], place: Place, seen_at: datetime) -> SyncReport:
    _insert_answers(t, change.answers)
    for last in change.buried:
        _insert_tombstone(t, last)
    refused = _insert_refused(t, change.refused, place.site, seen_at)
    _stamp(t.session, place, change.stamps)
    t.session.flush()
    made, counts = _advance(t, sorted(change.changed), known), change.counts
    seen = SyncReport(counts["new"], counts["updated"], counts["unchanged"], counts["vanished"])
    return seen + refused + made


def _insert_answers(t: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    for row in rows:
        t.event("annotation.synced", f"{row['uid']}/{row['version']}", before=row.pop("before"), after=row["content"])
    if rows:
        t.session.execute(insert(AnnotationRow.__table__), list(rows))  # type: ignore[arg-type]  # a table


def _insert_tombstone(t: Transaction, known: Known) -> None:
    """Add a version that says the answer is no longer on the server; the earlier ones stay."""
    row = t.session.get_one(AnnotationRow, (known.uid, known.version))
    values = {column.key: getattr(row, column.key) for column in AnnotationRow.__table__.columns}
    t.session.add(AnnotationRow(**{**values, "version": row.version + 1, "vanished": True}))
    t.event("annotation.vanished", f"{row.uid}/{row.version + 1}", before=row.content, reason="the server no longer shows it")


def _insert_refused(t: Transaction, refused: Iterable[Refused], site: str, seen_at: datetime) -> SyncReport:
    """Keep each unusable answer once for each thing it said; an earlier usable version of it stays what it was."""
    report = SyncReport()
    for each in refused:
        row = {"site": site, "server_annotation": each.raw["id"], "content": each.content, "item_key": each.item_key}
        told = {"uid": each.raw.get("unique_id"), "reason": each.reason, "raw": dict(each.raw), "seen_at": seen_at}
        if t.add_new(RejectionRow, [{**row, **told}]):
            t.event("annotation.rejected", f"{site}/{each.raw['id']}", after=each.content, reason=each.reason)
            report += SyncReport(rejected=1, reasons={each.reason: 1})
    return report


def _stamp(session: Session, place: Place, stamps: Sequence[dict[str, Any]]) -> None:
    if not stamps:
        return
    postgres = session.get_bind().dialect.name == "postgresql"
    make: Any = postgresql.insert if postgres else sqlite.insert
    new = make(ReadTaskRow.__table__)
    values = {name: new.excluded[name] for name in ("updated_at", "present", "taken")}
    upsert = new.on_conflict_do_update(index_elements=["site", "server_project", "server_task"], set_=values)
    here = {"site": place.site, "server_project": place.server_project}
    session.execute(upsert, [{**here, **each} for each in stamps])


def _advance(t: Transaction, keys: Sequence[str], known: Mapping[str, Known]) -> SyncReport:
    """Move the tasks that have all their answers; `known` are the last versions of all answers to them."""
    waiting: dict[str, int] = {}
    places: dict[str, set[str]] = {}
    for start in range(0, len(keys), _KEYS):
        some = keys[start : start + _KEYS]
        open_ = select(TaskRow.item_key, ProjectRow.overlap + TaskRow.more).join(BatchRow, TaskRow.batch == BatchRow.id)
        open_ = open_.join(ProjectRow, BatchRow.project == ProjectRow.name).where(TaskRow.item_key.in_(some))
        found = t.session.execute(open_.where(TaskRow.state == "dispatched"))
        waiting |= {key: wanted for key, wanted in found}  # noqa: C416  its rows are no tuples to mypy
        live = select(PacketTaskRow.item_key, PacketTaskRow.annotator).where(PacketTaskRow.item_key.in_(some))
        for key, annotator in t.session.execute(live.where(PacketTaskRow.state != "released")):
            places.setdefault(key, set()).add(annotator)
    rows = cast(list[AnnotationRow], [each for each in known.values() if each.item_key in waiting])  # they have what it takes
    answers = Counter(each.row.item_key for each in tell_apart(rows, places, waiting) if each.standing == "counted")
    moved = [key for key in sorted(answers) if answers[key] >= waiting[key]]
    for key in moved:
        move(t, key, "submitted", f"{answers[key]} answers")
    return SyncReport(submitted=len(moved))

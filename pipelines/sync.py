"""Sync: answers come from a Label Studio server into the ledger, each version exactly once.

The server is asked, never trusted: it lets users answer as somebody else, change each other's answers and delete them.
So an answer counts only if its server task is the one that dispatch wrote down and still names that key, and if the account
that is named and the account that really sent it are the same annotator's; what vanished leaves a tombstone, and what cannot
be used is kept as a rejection with its reason.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.annotate.answers import counted, latest_versions
from yuelu.annotate.label_studio.client import Client, ServerTask
from yuelu.annotate.results import Item, from_result
from yuelu.annotate.tasks import batch_id, move, project_row
from yuelu.annotate.templates import Template
from yuelu.base.canonical import sha256
from yuelu.base.errors import NotFound
from yuelu.base.ledger.engine import Ledger, Transaction
from yuelu.base.ledger.work import AccountRow, AnnotationRow, BatchRow, RejectionRow, TaskRow
from yuelu.base.media import shown_by
from yuelu.base.progress import Progress, silent
from yuelu.base.records import Annotation, Region, region_to_json
from yuelu.base.workspace import Workspace
from yuelu.pipelines.dispatch import template_of

_ACTOR = "sync"
_WINDOW = timedelta(seconds=120)  # a change is stamped before it is committed, by the server's clock
_CHUNK = 100  # tasks in one export and one transaction


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Answers by what this run did with them. `submitted` counts tasks that now have all the answers they need."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    vanished: int = 0
    rejected: int = 0
    submitted: int = 0

    def __add__(self, other: "SyncReport") -> "SyncReport":
        return SyncReport(*(getattr(self, name) + getattr(other, name) for name in SyncReport.__slots__))


@dataclass(frozen=True, slots=True)
class _Answer:
    """A server's annotation that became one of ours."""

    annotation: Annotation
    server_annotation: int
    raw: Sequence[Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Refused:
    """A server's annotation that could not."""

    item_key: str
    reason: str
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where answers come from: the site, its label configuration, and what each server task was dispatched as."""

    site: str
    template: Template
    sent_as: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class _Context:
    """What an answer is read against: the label configuration, each task's measures, and whose account is whose."""

    site: str
    template: Template
    items: Mapping[str, Sequence[Item]]
    accounts: Mapping[int, str]


def sync(
    workspace: Workspace, project: str, client: Client, site: str, progress: Progress = silent, *, full: bool = False
) -> SyncReport:
    """Bring what changed on the server since the last sync into the ledger; run again, it adds nothing twice.

    With `full` every task is read again. Drafts are left where they are. `progress` counts tasks.
    """
    ledger = workspace.ledger
    with ledger.reading() as session:
        template = template_of(project_row(session, project), workspace.store)
        batch = session.get_one(BatchRow, batch_id(project))
        server_project, since, placed = batch.server_project, None if full else batch.synced_at, batch.site
    if server_project is None or placed != site:
        raise NotFound(f"project {project} is not on site {site!r}", "dispatch it there first")
    listed, began = client.tasks(server_project)
    by_key, sent_as = _by_key(ledger, project, listed)
    changed = _changed(ledger, by_key, since)
    report, total = SyncReport(), len(changed)
    for start in range(0, total, _CHUNK):
        keys = changed[start : start + _CHUNK]
        exported = list(client.export(server_project, [task.id for key in keys for task in by_key[key]]))
        report += _take(ledger, _Place(site, template, sent_as), keys, exported, began)
        progress(start + len(keys), total)
    with ledger.transaction(_ACTOR) as t:
        t.session.get_one(BatchRow, batch_id(project)).synced_at = began
    return report


def _by_key(ledger: Ledger, project: str, listed: Sequence[ServerTask]) -> tuple[dict[str, list[ServerTask]], dict[int, str]]:
    """Return the server's tasks for each of our dispatched tasks (none if it is gone), and what each was dispatched as.

    Users can change the key of a server task, so what dispatch wrote down comes first.
    """
    with ledger.reading() as session:
        query = select(TaskRow.item_key, TaskRow.server_task).where(TaskRow.batch == batch_id(project), TaskRow.state != "new")
        rows = session.execute(query).all()
    found: dict[str, list[ServerTask]] = {key: [] for key, _ in rows}
    sent_as: dict[int, str] = {task: key for key, task in rows if task is not None}
    for task in listed:
        key = sent_as.get(task.id, task.item_key)
        if key in found:
            found[key].append(task)
    return found, sent_as


def _changed(ledger: Ledger, by_key: Mapping[str, Sequence[ServerTask]], since: datetime | None) -> list[str]:
    """Return the keys of tasks to read again: touched since then, or gone while we still have answers to them."""
    gone = sorted(key for key, tasks in by_key.items() if not tasks)
    with ledger.reading() as session:
        orphaned = {row.item_key for row in latest_versions(session, gone) if not row.vanished}
    touched = {
        key for key, tasks in by_key.items() if tasks and (since is None or max(t.updated_at for t in tasks) >= since - _WINDOW)
    }
    return sorted(orphaned | touched)


def _take(
    ledger: Ledger, place: _Place, keys: Sequence[str], exported: Sequence[Mapping[str, Any]], seen_at: datetime
) -> SyncReport:
    """Write one chunk of tasks, in one transaction."""
    site, template = place.site, place.template
    with ledger.transaction(_ACTOR) as t:
        context = _Context(
            site,
            template,
            {key: _items(t.session, key) for key in keys},
            {row.user_id: row.annotator for row in t.session.scalars(select(AccountRow).where(AccountRow.site == site))},
        )
        known = {row.uid: row for row in latest_versions(t.session, keys)}
        report, present = SyncReport(), set()
        for task in exported:
            for raw in task["annotations"]:
                present.add(raw["unique_id"])
                named, sent = task["data"].get("item_key"), place.sent_as.get(task["id"])
                wrong = mismatch(task["id"], named, sent)
                read = _Refused(str(sent or named), wrong, raw) if wrong else _read(raw, str(sent), context)
                if isinstance(read, _Answer):
                    report += _store(t, read, known, site)
                else:
                    report += _refuse(t, read, site, seen_at)
        for row in known.values():
            if row.uid not in present and not row.vanished:
                report += _bury(t, row)
        t.session.flush()
        return report + _advance(t, keys)


def mismatch(server_task: int, named: object, sent_as: str | None) -> str | None:
    """Return why answers to a server task cannot count, given the key it names and what it was dispatched as; else None."""
    if sent_as is None:
        return f"server task {server_task} was never dispatched"
    return None if named == sent_as else f"server task {server_task} was dispatched as another task"


def _items(session: Session, key: str) -> tuple[Item, ...]:
    """Return the measures of what the task shows."""
    return tuple(Item.from_shown(shown) for shown in shown_by(session, session.get_one(TaskRow, key).items))


def _read(raw: Mapping[str, Any], key: str, context: _Context) -> _Answer | _Refused:
    named, sent = raw.get("completed_by"), raw.get("updated_by")
    annotator = context.accounts.get(named) if isinstance(named, int) else None
    if annotator is None:
        return _Refused(key, f"user {named} is no annotator of this site", raw)
    if sent != named:
        return _Refused(
            key, f"answered as {annotator}, but last changed by {context.accounts.get(sent or 0, f'user {sent}')}", raw
        )
    if not raw.get("unique_id"):
        return _Refused(key, "it has no unique_id", raw)
    regions: tuple[Region, ...] = ()
    if not raw["was_cancelled"]:
        parsed = from_result(raw["result"], context.template, context.items[key])
        if parsed.rejected:
            return _Refused(key, "; ".join(each.reason for each in parsed.rejected), raw)
        regions = parsed.regions
    annotation = Annotation(
        uid=raw["unique_id"],
        item_key=key,
        annotator=annotator,
        created_at=datetime.fromisoformat(raw["created_at"]),
        updated_at=datetime.fromisoformat(raw["updated_at"]),
        regions=regions,
        lead_time_s=raw["lead_time"],
        cancelled=raw["was_cancelled"],
    )
    return _Answer(annotation, raw["id"], raw["result"] if isinstance(raw["result"], list) else [])


def _store(t: Transaction, answer: _Answer, known: dict[str, AnnotationRow], site: str) -> SyncReport:
    annotation = answer.annotation
    last = known.get(annotation.uid) or _elsewhere(t.session, annotation.uid)
    if last is not None and (last.item_key, last.annotator, last.site) != (annotation.item_key, annotation.annotator, site):
        reason = f"its unique_id was {last.annotator}'s answer to task {last.item_key}"
        raw = {"id": answer.server_annotation, "unique_id": annotation.uid, "result": list(answer.raw)}
        return _refuse(t, _Refused(annotation.item_key, reason, raw), site, annotation.updated_at)
    content = annotation.content
    if last is not None and not last.vanished and (last.content, last.updated_at) == (content, annotation.updated_at):
        return SyncReport(unchanged=1)
    version = last.version + 1 if last else 1
    row = AnnotationRow(
        uid=annotation.uid,
        version=version,
        item_key=annotation.item_key,
        annotator=annotation.annotator,
        site=site,
        server_annotation=answer.server_annotation,
        created_at=annotation.created_at,
        updated_at=annotation.updated_at,
        lead_time_s=annotation.lead_time_s,
        cancelled=annotation.cancelled,
        vanished=False,
        content=content,
        regions=[region_to_json(region) for region in annotation.regions],
        raw=list(answer.raw),
    )
    t.session.add(row)
    known[annotation.uid] = row
    t.event("annotation.synced", f"{annotation.uid}/{version}", before=last.content if last else None, after=content)
    return SyncReport(new=1) if last is None else SyncReport(updated=1)


def _elsewhere(session: Session, uid: str) -> AnnotationRow | None:
    query = select(AnnotationRow).where(AnnotationRow.uid == uid).order_by(AnnotationRow.version.desc())
    return session.scalars(query).first()


def _refuse(t: Transaction, refused: _Refused, site: str, seen_at: datetime) -> SyncReport:
    """Keep an unusable answer once for each thing it said; an earlier usable version of it stays what it was."""
    evidence = {name: refused.raw.get(name) for name in ("unique_id", "result", "completed_by", "updated_by", "was_cancelled")}
    content = sha256(json.dumps([evidence, refused.reason], sort_keys=True).encode())
    row = {
        "site": site,
        "server_annotation": refused.raw["id"],
        "content": content,
        "item_key": refused.item_key,
        "uid": refused.raw.get("unique_id"),
        "reason": refused.reason,
        "raw": dict(refused.raw),
        "seen_at": seen_at,
    }
    added = t.add_new(RejectionRow, [row])
    if added:
        t.event("annotation.rejected", f"{site}/{refused.raw['id']}", after=content, reason=refused.reason)
    return SyncReport(rejected=added)


def _bury(t: Transaction, row: AnnotationRow) -> SyncReport:
    """Add a version that says the answer is no longer on the server; the earlier ones stay."""
    values = {column.key: getattr(row, column.key) for column in AnnotationRow.__table__.columns}
    t.session.add(AnnotationRow(**{**values, "version": row.version + 1, "vanished": True}))
    t.event("annotation.vanished", f"{row.uid}/{row.version + 1}", before=row.content, reason="the server no longer shows it")
    return SyncReport(vanished=1)


def _advance(t: Transaction, keys: Sequence[str]) -> SyncReport:
    """Move the tasks that have all their answers."""
    answers: dict[str, int] = {}
    for annotation in counted(t.session, keys):
        answers[annotation.item_key] = answers.get(annotation.item_key, 0) + 1
    moved = 0
    for key in keys:
        row = t.session.get_one(TaskRow, key)
        overlap = project_row(t.session, t.session.get_one(BatchRow, row.batch).project).overlap
        if row.state == "dispatched" and answers.get(key, 0) >= overlap:
            move(t, key, "submitted", f"{answers[key]} answers")
            moved += 1
    return SyncReport(submitted=moved)

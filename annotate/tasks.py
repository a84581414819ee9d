"""Tasks: what is labelled, in which round, and how far it is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.canonical import digest
from yuelu.base.errors import Conflict, InvalidRecord, NotFound
from yuelu.base.ledger.engine import Ledger, Transaction
from yuelu.base.ledger.media import AssetRow
from yuelu.base.ledger.work import BatchRow, ProjectRow, TaskRow
from yuelu.base.media import labelled_assets
from yuelu.base.records import Asset, Medium, Role
from yuelu.base.states import checked_move


@dataclass(frozen=True, slots=True)
class Task:
    """A task that is planned: the labelled assets in order, under a key that is the same in every workspace."""

    item_key: str
    subject: str
    items: tuple[str, ...]
    group: str
    round: int


def batch_id(project: str, number: int = 1) -> str:
    """Return the id of a project's batch: one for each version of its label configuration."""
    return digest({"project": project, "number": number})


def item_key(project: str, subject: str, round_: int) -> str:
    """Return the key of a task: of what is labelled for which project in which round, and nothing of where."""
    return digest({"project": project, "subject": subject, "round": round_})


def plan(project: str, assets: Iterable[Asset]) -> tuple[Task, ...]:
    """Return the first round's tasks, in order of their keys: one for each asset, or for each series of several images.

    The items of a series go by `slice_position_mm`, then by `instance_number`. Raises InvalidRecord: a series of two groups.
    """
    series: dict[str, list[Asset]] = {}
    for asset in assets:
        together = asset.facts.get("series") if asset.medium is Medium.IMAGE else None
        series.setdefault(f"series {together}" if together else f"asset {asset.sha256}", []).append(asset)
    tasks = (_task(project, sorted(members, key=_place)) for members in series.values())
    return tuple(sorted(tasks, key=lambda task: task.item_key))


def _place(asset: Asset) -> tuple[Any, ...]:
    position, number = asset.facts.get("slice_position_mm"), asset.facts.get("instance_number")
    return (position is None, position or 0, number is None, number or 0, asset.sha256)


def _task(project: str, members: Sequence[Asset]) -> Task:
    items = tuple(asset.sha256 for asset in members)
    groups = {asset.group for asset in members}
    if len(groups) > 1:
        raise InvalidRecord(
            f"one series belongs to {len(groups)} groups: {', '.join(items)}", "a series is of one patient or scene"
        )
    # A series is what its images are: with a slice more it is another one, and must be labelled again.
    subject = items[0] if len(items) == 1 else digest({"series": list(items)})
    return Task(item_key(project, subject, 1), subject, items, groups.pop(), 1)


def as_asset(row: AssetRow) -> Asset:
    """Return the record of an asset's row."""
    return Asset(
        sha256=row.sha256,
        medium=Medium(row.medium),
        media_type=row.media_type,
        bytes=row.bytes,
        role=Role(row.role),
        group=row.group,
        derived_from=row.derived_from,
        store_key=row.store_key,
        facts=row.facts,
    )


def create_tasks(ledger: Ledger, actor: str, project: str) -> int:
    """Record the project's tasks that are not there yet; return how many were added. Safe to repeat. Raises NotFound."""
    with ledger.transaction(actor) as t:
        row = project_row(t.session, project)
        assets = (as_asset(asset) for asset in labelled_assets(t.session, row.collection) if asset.medium == row.medium)
        tasks = plan(project, assets)
        current = select(BatchRow.id).where(BatchRow.project == project).order_by(BatchRow.number.desc()).limit(1)
        batch = t.session.scalars(current).one()  # the one with the newest label configuration
        added = t.add_new(TaskRow, [_row(batch, task) for task in tasks])
        if added:
            t.event("tasks.planned", project, after=digest([task.item_key for task in tasks]), reason=f"{added} new")
    return added


def _row(batch: str, task: Task) -> dict[str, Any]:
    return {
        "item_key": task.item_key,
        "batch": batch,
        "subject": task.subject,
        "items": list(task.items),
        "group": task.group,
        "round": task.round,
        "state": "new",
        "site": None,
        "server_task": None,
    }


def project_row(session: Session, project: str) -> ProjectRow:
    """Return the project. Raises NotFound."""
    row = session.get(ProjectRow, project)
    if row is None:
        raise NotFound(f"no project {project!r}", "create it first, or list the projects")
    return row


def move(t: Transaction, item_key: str, to: str, reason: str | None = None) -> None:
    """Bring a task to state `to`, with an event. Raises NotFound, IllegalMove."""
    row = _task_row(t.session, item_key)
    before = row.state
    row.state = checked_move(f"task {item_key}", before, to)
    t.event(f"task.{to}", item_key, before=before, after=to, reason=reason)


def open_rework(t: Transaction, item_key: str, reason: str) -> str:
    """Send a task back and open its next round as a new task; return the new key. A second call returns the same.

    Raises NotFound. Raises IllegalMove: the task is not at a point where it can go back.
    """
    row = _task_row(t.session, item_key)
    batch = t.session.get_one(BatchRow, row.batch)
    following = _next_key(batch.project, row)
    if row.state == "rework" and t.session.get(TaskRow, following) is not None:
        return following
    move(t, item_key, "rework", reason)
    again = Task(following, row.subject, tuple(row.items), row.group, row.round + 1)
    if not t.add_new(TaskRow, [_row(row.batch, again)]):
        raise Conflict(f"task {following} exists although {item_key} was not in rework", "see its events")
    t.event("task.opened", following, after="new", reason=f"round {again.round} of {item_key}")
    return following


def _next_key(project: str, row: TaskRow) -> str:
    return item_key(project, row.subject, row.round + 1)


def _task_row(session: Session, key: str) -> TaskRow:
    row = session.get(TaskRow, key)
    if row is None:
        raise NotFound(f"no task {key!r}", "list the project's tasks")
    return row

"""Which tasks a release is made of: of every subject, the latest round that was accepted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.canonical import keyed
from yuelu.base.errors import Conflict, NotFound
from yuelu.base.ledger.work import BatchRow, ProjectRow, TaskRow

CHUNK = 400  # keys in one statement

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ChosenTask:
    """A task whose labels go out. `id` is what the item is called outside."""

    id: str
    item_key: str
    project: str
    medium: str
    subject: str
    group: str
    round: int
    items: tuple[str, ...]
    accepted: bool  # and not published yet


def chunks(values: Sequence[_T], size: int = CHUNK) -> Iterator[Sequence[_T]]:
    """Yield `values` in pieces of `size`."""
    return (values[start : start + size] for start in range(0, len(values), size))


def chosen_tasks(session: Session, dataset: str, projects: Sequence[str], secret: bytes) -> list[ChosenTask]:
    """Return the tasks that a release of `projects` is made of, sorted by the id of their item.

    Raises NotFound: no such project, or nothing accepted. Raises Conflict: one subject in two projects.
    """
    latest: dict[str, tuple[TaskRow, ProjectRow]] = {}
    for name in projects:
        project = session.get(ProjectRow, name)
        if project is None:
            raise NotFound(f"no project {name}", "see 'yuelu project list'")
        query = select(TaskRow).join(BatchRow, BatchRow.id == TaskRow.batch).where(BatchRow.project == name)
        accepted = query.where(TaskRow.state.in_(("accepted", "published"))).order_by(TaskRow.round, TaskRow.item_key)
        for task in session.scalars(accepted):
            other = latest.get(task.subject)
            if other and other[1].name != name:
                raise Conflict(
                    f"{task.subject} is labelled in {other[1].name} and in {name}", "publish them as datasets of their own"
                )
            latest[task.subject] = task, project
    if not latest:
        raise NotFound(f"nothing is accepted in {', '.join(projects) or 'no project'}", "see 'yuelu status'")
    chosen = [_chosen(task, project, dataset, secret) for task, project in latest.values()]
    return sorted(chosen, key=lambda task: task.id)


def _chosen(task: TaskRow, project: ProjectRow, dataset: str, secret: bytes) -> ChosenTask:
    # A raw file's hash would let anybody who holds the file find its row; a series' hash is made of such hashes.
    return ChosenTask(
        id=keyed(secret, f"item:{dataset}", task.subject),
        item_key=task.item_key,
        project=project.name,
        medium=project.medium,
        subject=task.subject,
        group=task.group,
        round=task.round,
        items=tuple(task.items),
        accepted=task.state == "accepted",
    )

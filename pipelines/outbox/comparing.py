"""What the ledger wrote down against what a server really holds, task by task, in memory that stays flat."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import select

from yuelu.annotate.label_studio.tasks import Listed, pages
from yuelu.base.ledger.places import OutboxRow
from yuelu.pipelines.outbox.placing import Route
from yuelu.pipelines.outbox.task_data import data_digest

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Known:
    """A task as the ledger has it. `data_digest` is None where an earlier version sent it."""

    server_task: int
    item_key: str
    data_digest: str | None


@dataclass(frozen=True, slots=True)
class TaskDifference:
    """One task that is not as it was sent.

    `kind`: missing (recorded, not there); unrecorded (there, and waiting here); duplicate (there, while its key is
    recorded as another one); unknown (there, of no task of the batch); key, data (changed there).
    """

    kind: str
    item_key: str | None
    server_task: int
    answers: int = 0

    def __str__(self) -> str:
        return f"{self.kind}: task {self.item_key or 'without a key'}, server task {self.server_task}"


def compare(route: Route, after: int = 0) -> Iterator[TaskDifference]:
    """Yield how the server project differs from the outbox, among server tasks with ids above `after`.

    Both are read in order of the server's ids, a page at a time, and joined as they come.
    """
    there = (each for page in pages(route.client, route.server_project, after) for each in page)
    for pairs in _in_pages(join(_known(route, after), there)):
        unknown = {task.item_key for known, task in pairs if known is None and task is not None and task.item_key}
        states = _states(route, unknown)
        yield from filter(None, (difference(known, task, states) for known, task in pairs))


def join(known: Iterable[Known], there: Iterable[Listed]) -> Iterator[tuple[Known | None, Listed | None]]:
    """Yield the pairs of two lists that are in order of the server's ids; None where one has no partner."""
    left, right = iter(known), iter(there)
    ours, theirs = next(left, None), next(right, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and ours.server_task < theirs.id):
            yield ours, None
            ours = next(left, None)
        elif ours is None or theirs.id < ours.server_task:
            yield None, theirs
            theirs = next(right, None)
        else:
            yield ours, theirs
            ours, theirs = next(left, None), next(right, None)


def difference(known: Known | None, task: Listed | None, states: dict[str, str]) -> TaskDifference | None:
    """Return what is wrong with a pair; `states` are the outbox's states of keys that have no server task of that id."""
    if task is None:
        return None if known is None else TaskDifference("missing", known.item_key, known.server_task)
    if known is None:
        state = states.get(task.item_key or "")
        kind = {None: "unknown", "planned": "unrecorded", "sending": "unrecorded"}.get(state, "duplicate")
        return TaskDifference(kind, task.item_key, task.id, task.answers)
    if task.item_key != known.item_key:
        return TaskDifference("key", known.item_key, task.id, task.answers)
    if known.data_digest is not None and data_digest(task.data) != known.data_digest:
        return TaskDifference("data", known.item_key, task.id, task.answers)
    return None


def _known(route: Route, after: int) -> Iterator[Known]:
    while True:
        with route.ledger.reading() as session:
            query = select(OutboxRow.server_task, OutboxRow.item_key, OutboxRow.data_digest).where(
                OutboxRow.batch == route.batch, OutboxRow.site == route.site, OutboxRow.server_task > after
            )
            found = session.execute(query.order_by(OutboxRow.server_task).limit(_PAGE))
            rows = [Known(task, key, data) for task, key, data in found if task is not None]
        yield from rows
        if len(rows) < _PAGE:
            return
        after = rows[-1].server_task


def _states(route: Route, keys: set[str]) -> dict[str, str]:
    if not keys:
        return {}
    with route.ledger.reading() as session:
        query = select(OutboxRow.item_key, OutboxRow.state).where(OutboxRow.batch == route.batch, OutboxRow.site == route.site)
        found = session.execute(query.where(OutboxRow.item_key.in_(sorted(keys))))
        return {key: state for key, state in found}  # noqa: C416  its rows are no tuples to mypy


def _in_pages(
    pairs: Iterable[tuple[Known | None, Listed | None]],
) -> Iterator[list[tuple[Known | None, Listed | None]]]:
    for _, group in groupby(enumerate(pairs), lambda each: each[0] // _PAGE):
        yield [pair for _, pair in group]

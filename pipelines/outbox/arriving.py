"""What is written down when tasks are known to be on a server, or known not to be."""

from collections.abc import Sequence
from typing import cast

from sqlalchemy import BigInteger, ColumnElement, Text, case, func, select, update
from sqlalchemy import Table as SqlTable

from yuelu.base.canonical import digest
from yuelu.base.ledger.engine import Transaction
from yuelu.base.ledger.places import OutboxRow
from yuelu.base.ledger.told import told
from yuelu.base.ledger.work import TaskRow
from yuelu.base.states import checked_move
from yuelu.pipelines.outbox.placing import Route

ACTOR = "dispatch"


def record(t: Transaction, route: Route, there: Sequence[tuple[str, int]]) -> None:
    """Write that those tasks (item_key, server task) are on the server: each one's place, its state, one event for all."""
    if not there:
        return
    checked_move(f"{len(there)} tasks", "new", "dispatched")
    connection, tasks, outbox = t.session.connection(), cast(SqlTable, TaskRow.__table__), cast(SqlTable, OutboxRow.__table__)
    now = told(t.session, there, {"key": Text(), "there": BigInteger()})
    this = (outbox.c.item_key == now.c.key, outbox.c.batch == route.batch)
    connection.execute(outbox.update().where(*this).values(state="sent", server_task=now.c.there))
    state = case((tasks.c.state == "new", "dispatched"), else_=tasks.c.state)
    placed = tasks.update().where(tasks.c.item_key == now.c.key)
    connection.execute(placed.values(site=route.site, server_task=now.c.there, state=state))
    content = digest([list(each) for each in there])
    t.event("tasks.dispatched", route.batch, after=content, reason=f"{len(there)} to {route.site}/{route.server_project}")


def forget(t: Transaction, route: Route, keys: Sequence[str]) -> None:
    """Write that the server lost those tasks: who is still to answer them finds them sent again, the others are gone."""
    for key in keys:
        task = t.session.get_one(TaskRow, key)
        row = t.session.get_one(OutboxRow, (key, route.batch))
        again = task.state in ("new", "dispatched") and task.batch == route.batch and row.state != "withdrawn"
        row.state, row.server_task = "planned" if again else "gone", None
        if again:
            task.server_task = None
    if keys:
        reason = f"{len(keys)} are no longer on {route.site}/{route.server_project}"
        t.event("tasks.lost", route.batch, after=digest(sorted(keys)), reason=reason)


def release(route: Route) -> None:
    """Let what was on its way, and is not on the server, wait again."""
    with route.ledger.transaction(ACTOR) as t:
        t.session.execute(update(OutboxRow).where(*_on_its_way(route)).values(state="planned"))


def on_its_way(route: Route) -> int:
    """Return how many tasks were marked as on their way and have no known outcome."""
    with route.ledger.reading() as session:
        return session.scalar(select(func.count()).select_from(OutboxRow).where(*_on_its_way(route))) or 0


def known_there(route: Route) -> int:
    """Return how many tasks the ledger knows in the server project."""
    mine = (OutboxRow.batch == route.batch, OutboxRow.site == route.site, OutboxRow.server_task.is_not(None))
    with route.ledger.reading() as session:
        return session.scalar(select(func.count()).select_from(OutboxRow).where(*mine)) or 0


def _on_its_way(route: Route) -> tuple[ColumnElement[bool], ...]:
    return (OutboxRow.batch == route.batch, OutboxRow.site == route.site, OutboxRow.state == "sending")

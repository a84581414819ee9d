"""Sending: pages of the outbox become POSTs, one after the other; what is next is made while the server works on one.

A page is marked `sending` before its POST begins, so that after a kill or an unclear answer it is known what may be there.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table as SqlTable
from sqlalchemy import Text, select

from yuelu.annotate.label_studio.tasks import send
from yuelu.base.errors import OutcomeUnknown, YueluError
from yuelu.base.ledger.places import OutboxRow
from yuelu.base.ledger.told import told
from yuelu.base.ledger.work import TaskRow
from yuelu.pipelines.outbox.arriving import ACTOR, record, release
from yuelu.pipelines.outbox.placing import Route
from yuelu.pipelines.outbox.planning import OPEN
from yuelu.pipelines.outbox.predicted import predictions_with
from yuelu.pipelines.outbox.settling import Settled, wait
from yuelu.pipelines.outbox.task_data import Sent, task_data

TASKS = 5000  # in one POST: all or none of it
_BYTES = 100_000_000  # of one POST; the server refuses 250 MiB with an error that looks like an unclear one
_MISSES = 3  # POSTs after each other that the server never took


@dataclass(frozen=True, slots=True)
class _Page:
    """Tasks of one POST, marked as on their way."""

    tasks: tuple[tuple[str, str], ...]  # item_key, digest of the data
    body: bytes


def send_all(
    route: Route, done: Callable[[int], None], *, tasks: int = TASKS, sleep: Callable[[float], None] = time.sleep
) -> Settled:
    """Send every task that waits for the route's site; return how many were created there (`found`), and what was settled.

    `done` is told how many more are there after each POST. Raises OutcomeUnknown: the server never told clearly, and does
    not show them either; nothing is lost, the next run looks again.
    """
    total, misses = Settled(), 0
    pages = _pages(route, tasks)
    with ThreadPoolExecutor(1) as pool:
        sent = next(pages, None)
        asked = _post(pool, route, sent)
        while sent is not None and asked is not None:
            following = next(pages, None)  # made while the server works
            try:
                ids = asked.result()
            except OutcomeUnknown:
                settled = wait(route, sleep)  # `following` was not sent: it waits again
                misses = 0 if settled.found else misses + 1
                if misses == _MISSES:
                    raise
                pages = _pages(route, tasks)
                following = next(pages, None)
                asked = _post(pool, route, following)
            except YueluError:  # it was refused, or never left
                release(route)
                raise
            else:
                misses = 0
                asked = _post(pool, route, following)
                with route.ledger.transaction(ACTOR) as t:
                    record(t, route, [(key, there) for (key, _), there in zip(sent.tasks, ids, strict=True)])
                settled = Settled(found=len(ids))
            total += settled
            done(settled.found)
            sent = following
    return total


def _post(pool: ThreadPoolExecutor, route: Route, page: _Page | None) -> "Future[tuple[int, ...]] | None":
    if page is None:
        return None
    return pool.submit(send, route.client, route.server_project, page.body, len(page.tasks))


def _pages(route: Route, tasks: int) -> Iterator[_Page]:
    """Yield what waits, in order of the keys, marked as on its way. A page is one POST, bounded in tasks and in bytes."""
    after = ""
    while True:
        keys = _waiting(route, after, tasks)
        if not keys:
            return
        parts: list[bytes] = []
        size = 0
        some: list[tuple[str, str]] = []
        predicted = predictions_with(route, keys)
        for each in task_data(route.workspace, keys, route.medium, embedded=route.embedded):
            part = _body(each, predicted.get(each.item_key))
            if some and size + len(part) > _BYTES:
                break
            parts.append(part)
            size += len(part) + 1
            some.append((each.item_key, each.digest))
        _mark(route, some)
        yield _Page(tuple(some), b"[" + b",".join(parts) + b"]")
        after = some[-1][0]


def _body(task: Sent, predictions: Sequence[Mapping[str, Any]] | None) -> bytes:
    more = b',"predictions":' + json.dumps(predictions, separators=(",", ":")).encode() if predictions else b""
    return b'{"data":' + task.spelled + more + b"}"


def _waiting(route: Route, after: str, most: int) -> list[str]:
    with route.ledger.reading() as session:
        query = (
            select(OutboxRow.item_key)
            .join(TaskRow, TaskRow.item_key == OutboxRow.item_key)
            .where(OutboxRow.batch == route.batch, OutboxRow.site == route.site, OutboxRow.state == "planned")
            .where(OutboxRow.item_key > after, TaskRow.state.in_(OPEN), TaskRow.batch == route.batch)
        )
        return list(session.scalars(query.order_by(OutboxRow.item_key).limit(most)))


def _mark(route: Route, tasks: Sequence[tuple[str, str]]) -> None:
    outbox = cast(SqlTable, OutboxRow.__table__)
    with route.ledger.transaction(ACTOR) as t:
        now = told(t.session, tasks, {"key": Text(), "data": Text()})
        this = (outbox.c.item_key == now.c.key, outbox.c.batch == route.batch)
        t.session.connection().execute(outbox.update().where(*this).values(state="sending", data_digest=now.c.data))

"""After a kill, an unclear answer, or a backup that was put back: the ledger learns what the server really holds."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import func, select

from yuelu.annotate.label_studio.tasks import is_there, task_count
from yuelu.base.ledger.places import OutboxRow
from yuelu.pipelines.outbox.arriving import ACTOR, forget, known_there, on_its_way, record, release
from yuelu.pipelines.outbox.comparing import TaskDifference, compare
from yuelu.pipelines.outbox.placing import Route

_TRIES = 6  # listings after an unclear answer
_TASKS_PER_S = 5000  # the fastest import; the first pause is what it takes, each following twice as long
_SHORTEST_S = 0.2
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Settled:
    """Tasks that were found on the server, found lost there, and duplicates that were deleted there or kept as answered."""

    found: int = 0
    lost: int = 0
    deleted: int = 0
    kept: int = 0

    def __add__(self, other: "Settled") -> "Settled":
        return Settled(*(getattr(self, name) + getattr(other, name) for name in Settled.__slots__))


def wait(route: Route, sleep: Callable[[float], None]) -> Settled:
    """Learn what became of the tasks that are on their way; what did not arrive waits again.

    A server whose answer was lost may still be at work on them, so it is asked several times before that is said. What
    arrives later still is a duplicate that `balance` finds.
    """
    count, settled = on_its_way(route), Settled()
    pause = max(_SHORTEST_S, count / _TASKS_PER_S)
    for attempt in range(_TRIES if count else 0):
        if attempt:
            sleep(pause * 2 ** (attempt - 1))
        settled = repair(route, _high_water(route))
        if settled.found:
            break  # an import is all or nothing
    release(route)
    return settled


def balance(route: Route, kept: int = 0) -> Settled:
    """Compare everything if the server holds more or fewer tasks than the ledger knows there; put right what differs.

    `kept` are answered doubles that are known to be there too.
    """
    if task_count(route.client, route.server_project) == known_there(route) + kept:
        return Settled()
    return repair(route)


def repair(route: Route, after: int = 0) -> Settled:
    """Put right what differs among server tasks above `after`: adopt, forget, and delete duplicates that nobody answered."""
    total, chunk = Settled(), list[TaskDifference]()
    for each in compare(route, after):
        chunk.append(each)
        if len(chunk) == _CHUNK:
            total, chunk = total + _repaired(route, chunk), []
    return total + _repaired(route, chunk)


def _repaired(route: Route, differences: list[TaskDifference]) -> Settled:
    found: dict[str, TaskDifference] = {}
    doubled = [each for each in differences if each.kind == "duplicate"]
    for each in (each for each in differences if each.kind == "unrecorded" and each.item_key):
        first = found.setdefault(str(each.item_key), each)
        if first is not each:  # the same key twice: the one that was answered stays, or else the older
            keep, drop = (each, first) if each.answers and not first.answers else (first, each)
            found[str(each.item_key)] = keep
            doubled.append(drop)
    lost = [str(each.item_key) for each in differences if each.kind == "missing"]
    with route.ledger.transaction(ACTOR) as t:
        record(t, route, [(key, each.server_task) for key, each in sorted(found.items())])
        forget(t, route, lost)
        unanswered = [each for each in doubled if not each.answers]
        for each in unanswered:
            t.event("task.undoubled", str(each.item_key), before=f"{route.site}/{each.server_task}", reason="nobody answered it")
    # Only now: killed in between, the next run finds them again.
    for each in unanswered:
        route.client.delete_task(each.server_task)
    return Settled(len(found), len(lost), len(unanswered), len(doubled) - len(unanswered))


def _high_water(route: Route) -> int:
    """Return an id that all tasks which are on their way lie above: the newest known one, if it is still there.

    A database that gives the ids of deleted rows again (SQLite) could have put them below it otherwise.
    """
    mine = (OutboxRow.batch == route.batch, OutboxRow.site == route.site)
    with route.ledger.reading() as session:
        newest = session.scalar(select(func.max(OutboxRow.server_task)).where(*mine))
    return newest if newest is not None and is_there(route.client, route.server_project, newest) else 0

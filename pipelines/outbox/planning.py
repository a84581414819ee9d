"""Which site each task goes to: decided once, written to the outbox, and the same whoever asks."""

import hashlib
import math
from collections.abc import Mapping, Sequence

from sqlalchemy import select, update

from yuelu.base.errors import InvalidRecord
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.places import OutboxRow
from yuelu.base.ledger.work import TaskRow

OPEN = ("new", "dispatched")  # states of tasks that belong on a server
_PAGE = 5000
_ACTOR = "dispatch"


def site_for(item_key: str, weights: Mapping[str, int]) -> str:
    """Return the site of a task: by its key alone, each site with the share that its weight is of all weights.

    By rendezvous: a site more takes tasks from all others, and moves none between them. Source: Schindelhauer and
    Schomaker (2005), Weighted distributed hash tables.
    """
    if not weights or min(weights.values()) < 1:
        raise InvalidRecord(f"sites {dict(weights)}", "name at least one site, of weight 1 or more")
    return min(sorted(weights), key=lambda site: _distance(item_key, site) / weights[site])


def _distance(item_key: str, site: str) -> float:
    """Return an exponentially distributed number for the pair: the least of several is each one's with its rate's share."""
    drawn = int.from_bytes(hashlib.sha256(f"{item_key}\0{site}".encode()).digest()[:8], "big")
    return -math.log((drawn + 1) / 2**64)


def plan(ledger: Ledger, batch: str, weights: Mapping[str, int]) -> int:
    """Give every open task of the batch that has no site one of `weights`; return how many. Safe to repeat.

    A page is a transaction, so memory stays flat for millions of tasks.
    """
    planned, after = 0, ""
    while True:
        with ledger.transaction(_ACTOR) as t:
            has = select(OutboxRow.item_key).where(OutboxRow.item_key == TaskRow.item_key, OutboxRow.batch == batch).exists()
            free = select(TaskRow.item_key).where(TaskRow.batch == batch, TaskRow.state.in_(OPEN), TaskRow.item_key > after, ~has)
            keys = list(t.session.scalars(free.order_by(TaskRow.item_key).limit(_PAGE)))
            rows = [
                {"item_key": key, "batch": batch, "site": site_for(key, weights), "state": "planned"}
                | {"server_task": None, "data_digest": None}
                for key in keys
            ]
            planned += t.add_new(OutboxRow, rows)
        if len(keys) < _PAGE:
            return planned
        after = keys[-1]


def move_unsent(ledger: Ledger, batch: str, sites: Sequence[str], weights: Mapping[str, int]) -> int:
    """Give tasks that wait for other sites than `sites`, and were never on their way there, one of `sites`; return how many."""
    moved = 0
    with ledger.transaction(_ACTOR) as t:
        waiting = select(OutboxRow.item_key).where(
            OutboxRow.batch == batch, OutboxRow.state == "planned", OutboxRow.server_task.is_(None), OutboxRow.site.not_in(sites)
        )
        for key in list(t.session.scalars(waiting)):
            where = (OutboxRow.item_key == key, OutboxRow.batch == batch)
            t.session.execute(update(OutboxRow).where(*where).values(site=site_for(key, weights)))
            moved += 1
        if moved:
            t.event("tasks.replanned", batch, after=",".join(sorted(sites)), reason=f"{moved} not yet sent")
    return moved

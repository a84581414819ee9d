"""Which site each task goes to: decided once, written to the outbox, and the same whoever asks."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Text, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from yuelu.base.errors import InvalidRecord
from yuelu.base.ledger.engine import Ledger, Transaction
from yuelu.base.ledger.places import OutboxRow
from yuelu.base.ledger.told import told
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
    if len(weights) == 1:
        return next(iter(weights))
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
            planned += _plan(t, batch, [(key, site_for(key, weights)) for key in keys])
        if len(keys) < _PAGE:
            return planned
        after = keys[-1]


def _plan(t: Transaction, batch: str, goes: Sequence[tuple[str, str]]) -> int:
    """Write which site each task goes to, unless somebody else just did; return how many were written."""
    if not goes:
        return 0
    now = told(t.session, goes, {"key": Text(), "site": Text()})
    new = select(now.c.key, literal(batch), now.c.site, literal("planned")).where(now.c.key.is_not(None))  # SQLite needs a WHERE
    make: Any = postgresql.insert if t.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    written = make(OutboxRow.__table__).from_select(["item_key", "batch", "site", "state"], new).on_conflict_do_nothing()
    return int(t.session.connection().execute(written).rowcount)


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

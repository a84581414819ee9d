"""Withdrawing: tasks that moved to another batch leave the server project of the one before."""

from sqlalchemy import select

from yuelu.annotate.label_studio.tasks import is_answered
from yuelu.base.ledger.places import OutboxRow
from yuelu.pipelines.outbox.arriving import ACTOR
from yuelu.pipelines.outbox.placing import Route

_PAGE = 500


def withdraw(route: Route) -> int:
    """Delete the withdrawn tasks from the server, but for those that somebody answered meanwhile; return how many went.

    What was answered stays there as evidence: sync keeps it, with the reason why it does not count.
    """
    gone, after = 0, 0
    while True:
        with route.ledger.reading() as session:
            mine = (OutboxRow.batch == route.batch, OutboxRow.site == route.site, OutboxRow.state == "withdrawn")
            query = select(OutboxRow.server_task, OutboxRow.item_key).where(*mine, OutboxRow.server_task > after)
            found = session.execute(query.order_by(OutboxRow.server_task).limit(_PAGE))
            rows = [(task, key) for task, key in found if task is not None]
        deleted = []
        for server_task, key in rows:
            if not is_answered(route.client, server_task):
                route.client.delete_task(server_task)
                deleted.append(key)
        with route.ledger.transaction(ACTOR) as t:
            for key in deleted:
                t.session.get_one(OutboxRow, (key, route.batch)).server_task = None
        gone += len(deleted)
        if len(rows) < _PAGE:
            return gone
        after = rows[-1][0]

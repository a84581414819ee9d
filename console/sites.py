"""Sites, for commands: clients that start the embedded server when it is needed, and looks at their health."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.health import DOWN, IDLE, Health, check_site, look, refuse_unfit
from yuelu.annotate.label_studio.service import running_service
from yuelu.annotate.label_studio.sites import EMBEDDED, client_for, site_row
from yuelu.base.errors import YueluError
from yuelu.base.ledger.places import OutboxRow, PlaceRow
from yuelu.base.ledger.work import BatchRow, SiteRow
from yuelu.base.settings import Settings
from yuelu.base.workspace import Workspace
from yuelu.console.service import for_command

_LOOK_S = 15.0


def looked_at(workspace: Workspace, name: str) -> Health:
    """Return the health of a site as it is now, and write it down."""
    with workspace.ledger.reading() as session:
        embedded = site_row(session, name).kind == EMBEDDED
    if embedded and running_service(workspace.label_studio_data) is None:
        health = Health(IDLE, problem="it is not running: commands start it when they need it, 'yuelu up' keeps it up")
    else:
        try:
            with client_for(workspace, name, timeout_s=_LOOK_S) as client:
                health = look(client)
        except YueluError as error:  # its token cannot be read
            health = Health(DOWN, problem=str(error.problem))
    check_site(workspace.ledger, name, health)
    return health


@contextmanager
def connections(workspace: Workspace, settings: Settings, sites: Sequence[str]) -> Iterator[Callable[[str], Client]]:
    """Yield what makes a client of one of `sites`; the embedded server runs meanwhile if it is among them.

    An external site is looked at first, until it was once found fit: the function raises ServiceUnavailable when it is down,
    or not what we know.
    """
    with workspace.ledger.reading() as session:
        kinds = dict.fromkeys(sites, EMBEDDED)  # one that nobody recorded yet is made by starting it
        for row in session.scalars(select(SiteRow).where(SiteRow.name.in_(sites))):
            kinds[row.name] = row.kind
    with ExitStack() as stack:
        stack.enter_context(for_command(workspace, settings) if EMBEDDED in kinds.values() else nullcontext())

        fit = {name for name, kind in kinds.items() if kind == EMBEDDED}

        def connect(name: str) -> Client:
            if name not in fit:
                refuse_unfit(looked_at(workspace, name), name)
                fit.add(name)
            return client_for(workspace, name)

        yield connect


def work_on_site(session: Session, site: str) -> list[dict[str, Any]]:
    """Return for each batch on the site its project, its server project, and how many tasks are there or wait."""
    counts = select(OutboxRow.batch, OutboxRow.state, func.count()).where(OutboxRow.site == site)
    by_batch: dict[str, dict[str, int]] = {}
    for batch, state, count in session.execute(counts.group_by(OutboxRow.batch, OutboxRow.state)):
        by_batch.setdefault(batch, {})[state] = count
    rows = select(BatchRow, PlaceRow.server_project).outerjoin(
        PlaceRow, (PlaceRow.batch == BatchRow.id) & (PlaceRow.site == site)
    )
    return [
        {
            "project": batch.project,
            "batch": f"{batch.number} ({batch.id[:12]})",
            "server_project": server_project,
            "sent": by_batch[batch.id].get("sent", 0),
            "waiting": by_batch[batch.id].get("planned", 0) + by_batch[batch.id].get("sending", 0),
        }
        for batch, server_project in session.execute(rows.order_by(BatchRow.project, BatchRow.number))
        if batch.id in by_batch
    ]

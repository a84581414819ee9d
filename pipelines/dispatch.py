"""Dispatch: a project's tasks go to the Label Studio servers they belong to, each exactly once, however often this is run."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock

from sqlalchemy import func, select

from yuelu.annotate.configurations import batches
from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.sites import places, site_row
from yuelu.base.errors import NotFound, YueluError
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.places import OutboxRow
from yuelu.base.ledger.work import SiteRow, TaskRow
from yuelu.base.progress import Progress, silent
from yuelu.base.workspace import Workspace
from yuelu.pipelines.outbox.placing import known_place, place
from yuelu.pipelines.outbox.planning import OPEN, move_unsent, plan
from yuelu.pipelines.outbox.predicted import send_predictions
from yuelu.pipelines.outbox.sending import TASKS, send_all
from yuelu.pipelines.outbox.settling import balance, wait
from yuelu.pipelines.outbox.verifying import Verified, verify
from yuelu.pipelines.outbox.withdrawing import withdraw
from yuelu.pipelines.outbox.writer import only_writer

Connect = Callable[[str], Client]


@dataclass(frozen=True, slots=True)
class DispatchReport:
    """Tasks this run created on the server, those that were there before, and all that should be there.

    `deleted` are copies that nobody had answered; `doubled` those that stay because somebody did.
    """

    created: int
    already: int
    total: int
    deleted: int = 0
    doubled: int = 0

    def __add__(self, other: "DispatchReport") -> "DispatchReport":
        return DispatchReport(*(getattr(self, name) + getattr(other, name) for name in DispatchReport.__slots__))


@dataclass(frozen=True, slots=True)
class SiteReport:
    """What became of the work of one site; `problem` is None when all of it is there."""

    site: str
    report: DispatchReport
    problem: YueluError | None = None


def dispatch(
    workspace: Workspace,
    project: str,
    client: Client,
    site: str,
    progress: Progress = silent,
    *,
    tasks: int = TASKS,
    sleep: Callable[[float], None] = time.sleep,
) -> DispatchReport:
    """Bring the project's open tasks that belong to `site` there, and all that belong nowhere yet; `tasks` in one POST.

    Run again, it sends only what is missing. Raises Conflict: the server project has another label configuration. Raises
    OutcomeUnknown: the server never told clearly whether it took the tasks; run it again.
    """
    with workspace.ledger.reading() as session:
        weights = {site: site_row(session, site).weight}
        ids = [batch.id for batch in batches(session, project)]
    counter = _Shared(progress, sum(_open(workspace.ledger, batch, None) for batch in ids))
    run, report = _Run(workspace, counter.count, tasks, sleep), DispatchReport(0, 0, 0)
    with only_writer(workspace, site):
        for batch in ids:
            plan(workspace.ledger, batch, weights)
            report += _to_site(run, batch, client, site)
    return report


def dispatch_to_sites(
    workspace: Workspace,
    project: str,
    sites: Sequence[str],
    connect: Connect,
    progress: Progress = silent,
    *,
    tasks: int = TASKS,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[SiteReport, ...]:
    """Split the project's new tasks over `sites` by their weights, and bring every site its own, all sites at once.

    A site in trouble delays only its own work: the others end theirs, and its report names the problem. Work that waits for
    a site which is not among `sites`, and was never on its way there, goes to these.
    """
    ledger = workspace.ledger
    with ledger.reading() as session:
        weights = {name: site_row(session, name).weight for name in sorted(set(sites))}
        ids = [batch.id for batch in batches(session, project)]
    if not weights:
        raise NotFound("no site to dispatch to", "'yuelu site add' adds one")
    for batch in ids:
        move_unsent(ledger, batch, sorted(weights), weights)
        plan(ledger, batch, weights)
    shared = _Shared(progress, sum(_open(ledger, batch, site) for batch in ids for site in weights))
    run = _Run(workspace, shared.count, tasks, sleep)

    def work(site: str) -> SiteReport:
        report = DispatchReport(0, 0, 0)
        try:
            with only_writer(workspace, site), connect(site) as client:
                for batch in ids:
                    report += _to_site(run, batch, client, site)
        except YueluError as error:
            return SiteReport(site, replace(report, total=sum(_open(ledger, batch, site) for batch in ids)), error)
        return SiteReport(site, report)

    with ThreadPoolExecutor(len(weights)) as pool:
        return tuple(pool.map(work, weights))


def verify_project(
    workspace: Workspace, project: str, sites: Sequence[str], connect: Connect, progress: Progress = silent
) -> Verified:
    """Return how the project's server projects on `sites` differ from what they were given; nothing is changed.

    `progress` counts server projects. Raises NotFound: nothing was dispatched there.
    """
    with workspace.ledger.reading() as session:
        there = [each for each in places(session, project) if each.site in sites]
    if not there:
        raise NotFound(f"project {project} lies on none of {', '.join(sites)}", "dispatch it first")
    found = Verified(0, ())
    for number, each in enumerate(there):
        progress(number, len(there))
        with connect(each.site) as client:
            found += verify(known_place(workspace, each.batch, client, each.site))
    progress(len(there), len(there))
    return found


def chosen_sites(ledger: Ledger, project: str, asked: Sequence[str]) -> tuple[str, ...]:
    """Return the sites that new tasks go to: those asked for, else those where the project lies, else the only one there is.

    () when no site is known. Raises NotFound: an asked one is none, or there are several and nothing says which.
    """
    with ledger.reading() as session:
        if asked:
            return tuple(site_row(session, name).name for name in dict.fromkeys(asked))
        lies = sorted({each.site for each in places(session, project)})
        known = lies or list(session.scalars(select(SiteRow.name).order_by(SiteRow.name)))
    if not lies and len(known) > 1:
        raise NotFound(f"project {project} lies on no site yet, and there are {len(known)}", "say which: --site NAME")
    return tuple(known)


class _Shared:
    """Tells the progress of several sites that work at once."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._lock, self._progress, self._done, self._total = Lock(), progress, 0, total
        progress(0, total)

    def count(self, more: int) -> None:
        with self._lock:
            self._done += more
            self._progress(self._done, self._total)


@dataclass(frozen=True, slots=True)
class _Run:
    """How this run sends: `done` hears how many more tasks are there."""

    workspace: Workspace
    done: Callable[[int], None]
    tasks: int
    sleep: Callable[[float], None]


def _to_site(run: _Run, batch: str, client: Client, site: str) -> DispatchReport:
    """Bring one batch's tasks to one site; nothing is asked of the server if none belong there."""
    ledger = run.workspace.ledger
    if not _open(ledger, batch, site) and not _lies(ledger, batch, site):
        return DispatchReport(0, 0, 0)
    route = place(run.workspace, batch, client, site)
    before = wait(route, run.sleep) + balance(route)
    withdraw(route)
    total = _open(ledger, batch, site)
    there = _open(ledger, batch, site, sent=True)
    run.done(there)
    sent = send_all(route, run.done, tasks=run.tasks, sleep=run.sleep)
    after = balance(route, before.kept + sent.kept)
    send_predictions(route)
    created = _open(ledger, batch, site, sent=True) - there
    settled = before + sent + after
    return DispatchReport(created, total - created, total, settled.deleted, settled.kept)


def _open(ledger: Ledger, batch: str, site: str | None, *, sent: bool = False) -> int:
    """Return how many tasks of the batch belong on that site (any: None) and are open; only those known to be there if `sent`."""
    mine = select(func.count()).select_from(TaskRow).where(TaskRow.batch == batch, TaskRow.state.in_(OPEN))
    if site is not None:
        outbox = (OutboxRow.item_key == TaskRow.item_key) & (OutboxRow.batch == TaskRow.batch)
        mine = mine.join(OutboxRow, outbox).where(OutboxRow.site == site)
        if sent:
            mine = mine.where(OutboxRow.state == "sent")
    with ledger.reading() as session:
        return session.scalar(mine) or 0


def _lies(ledger: Ledger, batch: str, site: str) -> bool:
    with ledger.reading() as session:
        return (
            session.scalars(select(OutboxRow).where(OutboxRow.batch == batch, OutboxRow.site == site).limit(1)).first()
            is not None
        )

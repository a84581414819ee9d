"""Sync: answers come from Label Studio servers into the ledger, each version exactly once.

The server's clock, its paging and its honesty are never relied on alone. What changed is found by the stamps that the server
puts on tasks; when the numbers of tasks and answers then differ from what was read, all stamps are compared with those
that were read last. What vanished leaves a tombstone, and what cannot be used is kept as a rejection with its reason. A server
that was restored from a backup is found out and held: its losses are no deletions.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain, islice

from sqlalchemy import select

from yuelu.annotate.configurations import configuration_of
from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.http import Conversation
from yuelu.annotate.label_studio.reading import WINDOW, ApiReader, Read, Reader, Stamp, Wanted, clock
from yuelu.annotate.label_studio.sites import Place, places
from yuelu.annotate.losses import send_losses_again
from yuelu.annotate.tasks import project_row
from yuelu.annotate.templates import Template
from yuelu.base.errors import Conflict, NotFound, OutcomeUnknown, ServiceUnavailable, YueluError
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.places import PlaceRow
from yuelu.base.ledger.reading import ReadTaskRow
from yuelu.base.ledger.work import BatchRow
from yuelu.base.progress import Progress, silent
from yuelu.base.workspace import Workspace
from yuelu.pipelines.reading.ahead import ahead
from yuelu.pipelines.reading.place import ACTOR, Reading, begin, counted, finish, last_reading, went_back
from yuelu.pipelines.reading.write import CHUNK, Moment, SyncReport, bury_missing, write

__all__ = ["SiteReport", "SyncReport", "sync", "sync_sites"]
_FEW = 200  # changed tasks that are looked up one by one before anything is read
_ROUNDS = 3  # how often a sync looks again while people go on answering
_GAP = 3  # ids between two wanted ones that are asked for all the same, to keep the lists short
_SLACK = timedelta(seconds=5)
Connect = Callable[[str], Client]
ReaderFor = Callable[[str, Conversation], Reader]


@dataclass(frozen=True, slots=True)
class SiteReport:
    """How the sync of one site ended. `problem` is None when all of it was read."""

    site: str
    report: SyncReport
    problem: YueluError | None = None


@dataclass(frozen=True, slots=True)
class _Source:
    """One place to read: how, against which label configuration, and where the numbers go."""

    ledger: Ledger
    server: Conversation
    reader: Reader
    place: Place
    template: Template
    progress: Progress
    total: int = 0  # tasks on the server, for the bar


def sync(
    workspace: Workspace,
    project: str,
    client: Conversation,
    site: str,
    progress: Progress = silent,
    *,
    full: bool = False,
    reader: Reader | None = None,
) -> SyncReport:
    """Bring what changed on one site since the last sync into the ledger; run again, it adds nothing twice.

    With `full` the stamps of all tasks are compared with those that were read, and all that differ are read again; answers
    that were delivered there and are not found are marked to be sent again. Drafts are left where they are. `progress`
    counts tasks. Raises WentBack: the server was restored from a backup. Raises NotFound: the project is not there. Raises
    Conflict: another sync of it has begun.
    """
    found = [each for each in _placed(workspace.ledger, project) if each.site == site]
    if not found:
        raise NotFound(f"project {project} is not on site {site!r}", "dispatch it there first")
    report, began = SyncReport(), workspace.ledger.now()
    for place in found:
        with workspace.ledger.reading() as session:
            template = configuration_of(session, session.get_one(BatchRow, place.batch))
        source = _Source(workspace.ledger, client, reader or ApiReader(client), place, template, progress)
        report += _sync_place(source, full=full)
        if full:
            report += SyncReport(lost=send_losses_again(workspace.ledger, ACTOR, place.batch, site, began))
    return report


def sync_sites(
    workspace: Workspace,
    project: str,
    connect: Connect,
    progress: Progress = silent,
    *,
    full: bool = False,
    reader_for: ReaderFor | None = None,
) -> tuple[SiteReport, ...]:
    """Sync all sites that hold tasks of the project, at the same time; one that is down is reported and delays nothing.

    `connect` opens a site, `reader_for` chooses how it is read (None: over its API). Raises NotFound: it is on no site.
    """
    names = project_sites(workspace.ledger, project)
    if not names:
        raise NotFound(f"project {project} is on no site", "dispatch it first")

    def one(site: str) -> SiteReport:
        try:
            with connect(site) as client:
                reader = reader_for(site, client) if reader_for else None
                return SiteReport(site, sync(workspace, project, client, site, progress, full=full, reader=reader))
        except YueluError as error:
            return SiteReport(site, SyncReport(), error)

    with ThreadPoolExecutor(len(names)) as pool:
        return tuple(pool.map(one, names))


def project_sites(ledger: Ledger, project: str) -> tuple[str, ...]:
    """Return the sites that hold tasks of the project, by name: none before its first dispatch. Raises NotFound."""
    return tuple(sorted({place.site for place in _placed(ledger, project)}))


def _placed(ledger: Ledger, project: str) -> tuple[Place, ...]:
    with ledger.reading() as session:
        project_row(session, project)
        return places(session, project)


def _sync_place(source: _Source, *, full: bool) -> SyncReport:
    ledger, server, place = source.ledger, source.server, source.place
    began = clock(server)
    last = _last(source)
    behind = last.since is not None and began < last.since - _SLACK
    with ledger.reading() as session:
        row = session.get(PlaceRow, (place.batch, place.site))
        never = row is None or row.synced_at is None  # earlier versions of this code took no numbers
    moment = Moment(began, trusted=not behind, first=last.number == 0 and never)
    if full or behind or last.since is None:
        report, reading = _everything(source, moment, compare=full or behind)
    else:
        report, reading = _changed(source, last, last.since, moment)
    finish(ledger, reading, began)
    with ledger.transaction(ACTOR) as t:
        t.session.get_one(PlaceRow, (place.batch, place.site)).synced_at = began
    return report


def _last(source: _Source) -> Reading:
    try:
        last = last_reading(source.ledger, source.server, source.place)
        if last.number:
            source.reader.verify(source.place.server_project, last.number)
        return last
    except NotFound as error:
        raise went_back(source.place, f"it has no such project ({error.problem})") from error


def _everything(source: _Source, moment: Moment, *, compare: bool) -> tuple[SyncReport, Reading]:
    reading = begin(source.ledger, source.server, source.place)
    if compare or _has_read(source):
        return _compare(source, reading, moment), reading
    report = _read(source, reading, Wanted(), moment)
    more, reading = _settled(source, reading, moment.began, moment)
    return report + more, reading


def _changed(source: _Source, last: Reading, since: datetime, moment: Moment) -> tuple[SyncReport, Reading]:
    """Read what was stamped since then, and then whatever the numbers say is still missing."""
    pages = source.reader.stamps(source.place.server_project, since - WINDOW)
    stamps = tuple(islice(chain.from_iterable(pages), _FEW + 1))  # whatever the size of a page: these are all, or too many
    unread, unchanged = _unread(source, stamps) if len(stamps) <= _FEW else (list(stamps), 0)
    report, reading = SyncReport(unchanged=unchanged), last
    if unread:
        reading = begin(source.ledger, source.server, source.place)
        only = {stamp.task for stamp in unread} if len(stamps) <= _FEW else None
        report += _read(source, reading, Wanted(since - WINDOW), moment, only)
    more, reading = _settled(source, reading, since, moment)
    return report + more, reading


def _settled(source: _Source, reading: Reading, since: datetime, moment: Moment) -> tuple[SyncReport, Reading]:
    """Read on until the server holds as much as was read. What no stamp explains is found by comparing all stamps."""
    report = SyncReport()
    for _ in range(_ROUNDS):
        there = source.reader.counts(source.place.server_project)
        with source.ledger.reading() as session:
            if there == counted(session, source.place):
                return report, reading
        unread = [
            stamp
            for page in source.reader.stamps(source.place.server_project, since - WINDOW)
            for stamp in _unread(source, page)[0]
        ]
        if not unread:
            reading = begin(source.ledger, source.server, source.place)
            return report + replace(_compare(source, reading, moment), unchanged=0), reading  # they were counted before
        reading = begin(source.ledger, source.server, source.place)
        report += _read(source, reading, unread, moment)
    return report, reading


def _compare(source: _Source, reading: Reading, moment: Moment) -> SyncReport:
    """Compare all stamps with those read last, page by page; read what differs, and bury what is gone."""
    report, done = SyncReport(), 0
    after = 0
    gone: list[int] = []
    differing: list[Stamp] = []
    for page in source.reader.stamps(source.place.server_project):
        end = page[-1].task if len(page) else None
        last = _known(source, after, end)
        for stamp in page:
            known = last.pop(stamp.task, None)
            if known is not None and known[0] == stamp.updated_at:
                report += SyncReport(unchanged=known[1])
            else:
                differing.append(stamp)
        gone += sorted(last) if end is not None else []
        after = end if end is not None else after
        done += len(page)
        source.progress(done, max(done, source.total))
    gone += sorted(_known(source, after, None))
    if differing:
        report += _read(source, reading, differing, moment)
    if gone:
        report += bury_missing(source.ledger, reading, gone)
    return report


def _read(
    source: _Source, reading: Reading, wanted: Sequence[Stamp] | Wanted, moment: Moment, only: set[int] | None = None
) -> SyncReport:
    """Read and write the wanted tasks (those in `only`); the next ones are on their way while some are written."""
    report, done, project = SyncReport(), 0, source.place.server_project
    which = wanted if isinstance(wanted, Wanted) else Wanted(ranges=_ranges(wanted))
    only = only if isinstance(wanted, Wanted) else {stamp.task for stamp in wanted}
    try:
        source.reader.verify(project, reading.number)
        with closing(ahead(source.reader.answers(project, which), 2 * CHUNK)) as reads:
            for some in _chunks((read for read in reads if only is None or read.task in only), CHUNK):
                report += write(source.ledger, reading, source.template, some, moment)
                done += len(some)
                source.progress(done, max(done, source.total))
    except (NotFound, OutcomeUnknown, ServiceUnavailable) as error:
        raise _overtaken(source, reading) or error from error
    return report


def _overtaken(source: _Source, reading: Reading) -> Conflict | None:
    """Return the reason when a reading fails because a later one cleared away what it read from."""
    try:
        last = last_reading(source.ledger, source.server, source.place)
    except YueluError:
        return None
    problem = f"another sync of {source.place.site}/{source.place.server_project} has begun"
    return Conflict(problem, "it reads what this one would have read") if last.number > reading.number else None


def _unread(source: _Source, stamps: Sequence[Stamp]) -> tuple[list[Stamp], int]:
    """Return the tasks that do not stand as they were read last, and how many answers the others have."""
    if not stamps:
        return [], 0
    known = _known(source, stamps[0].task - 1, stamps[-1].task)
    unread = [stamp for stamp in stamps if known.get(stamp.task, (None, 0))[0] != stamp.updated_at]
    changed = {stamp.task for stamp in unread}
    return unread, sum(known[stamp.task][1] for stamp in stamps if stamp.task not in changed)


def _known(source: _Source, after: int, end: int | None) -> dict[int, tuple[datetime | None, int]]:
    """Return stamp and number of answers of the tasks in (after, end] as they were read last."""
    place = source.place
    asked = select(ReadTaskRow.server_task, ReadTaskRow.updated_at, ReadTaskRow.taken).where(
        ReadTaskRow.site == place.site, ReadTaskRow.server_project == place.server_project, ReadTaskRow.server_task > after
    )
    with source.ledger.reading() as session:
        rows = session.execute(asked if end is None else asked.where(ReadTaskRow.server_task <= end))
        return {task: (stamp, taken) for task, stamp, taken in rows}


def _has_read(source: _Source) -> bool:
    place = source.place
    asked = select(ReadTaskRow.server_task).where(
        ReadTaskRow.site == place.site, ReadTaskRow.server_project == place.server_project
    )
    with source.ledger.reading() as session:
        return session.execute(asked.limit(1)).first() is not None


def _ranges(stamps: Iterable[Stamp]) -> tuple[tuple[int, int], ...]:
    """Return ranges of ids that hold all of these tasks, and few others."""
    found: list[list[int]] = []
    for task in sorted(stamp.task for stamp in stamps):
        if found and task - found[-1][1] <= _GAP:
            found[-1][1] = task
        else:
            found.append([task, task])
    return tuple((low, high) for low, high in found)


def _chunks(reads: Iterable[Read], size: int) -> Iterator[list[Read]]:
    waiting = iter(reads)
    while some := list(islice(waiting, size)):
        yield some

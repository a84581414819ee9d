"""Ingest from end to end: list, examine through Dask, record in order. Nothing here holds the listing."""

import time
from collections import deque
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from itertools import chain, islice

from distributed import Future

from yuelu.base.canonical import keyed
from yuelu.base.errors import Conflict, Interrupted, NotFound
from yuelu.base.progress import Progress, silent
from yuelu.base.workspace import Workspace
from yuelu.pipelines.ingest.batches import Batch, Pace, batches
from yuelu.pipelines.ingest.cluster import Done, Task, connected
from yuelu.pipelines.ingest.records import Collection, IngestReport, Job
from yuelu.pipelines.ingest.rows import Run, begin, finish, record, recorded, registered
from yuelu.pipelines.ingest.tally import Tally
from yuelu.pipelines.media.limits import SEARCHING_S, Limits
from yuelu.pipelines.near.rows import find_near
from yuelu.pipelines.sources.port import Counted, Listed, Source

_IN_FLIGHT = 16  # tasks, at the least: enough to go on beside a slow one; more only holds more results in memory
_LOOKED_UP = 32  # batches at a time


def ingest(
    workspace: Workspace,
    sources: Sequence[Source],
    collection: Collection,
    *,
    scheduler: str | None = None,
    workers: int = 2,
    progress: Progress = silent,
    limits: Limits | None = None,
    actor: str = "ingest",
    retry: bool = False,
    only: Container[tuple[str, str]] | None = None,
) -> IngestReport:
    """Bring all objects of the sources into the collection; return how each ended.

    Safe to repeat and to kill: what is recorded with the same size and time of change is not read again; with
    `retry`, what is in quarantine is, since its cause may have passed. `only` names (source, path) of the objects to look
    at; None for all. `scheduler` is the address of a Dask cluster that sees the same sources and store; None starts
    `workers` threads here. Raises NotFound: there is no such source, or nothing in it to make a new collection of. Raises
    Conflict: the collection exists on other terms. Raises Misconfigured: the name of a new collection is none. Raises
    Interrupted: Ctrl-C.
    """
    started = time.monotonic()
    by_address = {source.address: source for source in sources}
    listing: Iterator[Listed] = chain.from_iterable([source.listed() for source in by_address.values()])
    if only is not None:
        listing = (listed for listed in listing if listed.key in only)
    first = tuple(islice(listing, 1))
    if not first and not registered(workspace.ledger, collection.name):
        places = ", ".join(by_address)
        raise NotFound(f"nothing lies in {places}", f"give what holds the media; {collection.name!r} was not made")
    total = sum(source.count() for source in by_address.values() if isinstance(source, Counted)) if only is None else 0
    run, tally = begin(workspace.ledger, collection, list(by_address), workspace.secret, actor), Tally()

    def tell() -> None:
        progress(tally.done + tally.ahead, max(total, tally.listed))

    tell()
    key = bytes.fromhex(keyed(workspace.secret, "deidentification", "1"))  # workers never hold the secret itself
    job = Job(by_address, workspace.store, key, run.deid, run.detect)
    todo = _unfinished(run, chain(first, listing), tally, tell, retry=retry)
    try:
        examined = _examined(todo, job, scheduler, workers, limits or _limits(job), tally=tally, tell=tell)
        with closing(examined) as results:
            for done in results:
                record(run, done.findings, tally, time.monotonic() - started)
                tell()
    except KeyboardInterrupt:
        stopped = f"stopped: {tally.done} of {max(total, tally.listed)} objects are recorded"
        raise Interrupted(stopped, "run the same command again; it goes on from there") from None
    finish(run, tally, time.monotonic() - started)
    with suppress(Conflict):  # more fingerprints than memory holds: the media are in, and 'yuelu assets near' says so
        find_near(workspace)
    progress(tally.done, tally.listed)
    return tally.report(collection.name, time.monotonic() - started)


def _limits(job: Job) -> Limits:
    usual = Limits()
    return replace(usual, wall_s=SEARCHING_S, cpu_s=SEARCHING_S) if job.detect else usual


def _unfinished(run: Run, listing: Iterable[Listed], tally: Tally, tell: Callable[[], None], *, retry: bool) -> Iterator[Batch]:
    """Yield the batches without what is recorded, which is counted instead.

    They are cut first: an interrupted run and its repetition agree on them.
    """
    cut = batches(listing)
    while some := tuple(islice(cut, _LOOKED_UP)):
        objects = tuple(chain.from_iterable(some))
        with run.ledger.reading() as session:
            done = recorded(session, run.collection, objects, retry=retry)
        done = {one.key: done[one.key] for one in objects if one.key in done and done[one.key].same(one)}
        tally.listed += len(objects)
        for known in done.values():
            tally.known(known)
        tell()
        left = (tuple(one for one in batch if one.key not in done) for batch in some)
        yield from (batch for batch in left if batch)


def _examined(
    todo: Iterator[Batch],
    job: Job,
    scheduler: str | None,
    threads: int,
    limits: Limits,
    *,
    tally: Tally,
    tell: Callable[[], None],
) -> Generator[Done, None, None]:
    """Yield what the batches turn out to be, in their order, whatever order they finish in.

    The first of several equal objects is thereby the same in every run. What is done while one before it takes long is told
    of as `tally.ahead`. Where nothing is to do, nobody is asked to do it.
    """
    first = next(todo, None)
    if first is None:
        return
    pace, todo = Pace(), chain([first], todo)
    running: deque[tuple[Task, Future[Done]]] = deque()
    with connected(scheduler, threads, job, limits) as workers:

        def waiting() -> None:
            tally.ahead = workers.ahead()
            tell()

        while True:
            workers.look()
            while len(running) < max(_IN_FLIGHT, 4 * workers.threads) and (task := tuple(islice(todo, pace.batches))):
                running.append((task, workers.submit(task)))
            if not running:
                return
            task, future = running.popleft()
            done = workers.result(future, task, waiting)
            tally.ahead = workers.ahead()
            pace.took(done.seconds, len(task))
            yield done

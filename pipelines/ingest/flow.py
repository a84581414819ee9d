"""Ingest from end to end: list, examine through Dask, record in order."""

import time
from collections import deque
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from heapq import nlargest
from pathlib import Path

from distributed import Client, Future

from yuelu.base.canonical import keyed
from yuelu.base.errors import Conflict, NotFound
from yuelu.base.progress import Progress, silent
from yuelu.base.store.port import Store
from yuelu.base.workspace import Workspace
from yuelu.pipelines.ingest.cluster import connected, run_batch
from yuelu.pipelines.ingest.listing import batches, list_folder
from yuelu.pipelines.ingest.records import Collection, Found, IngestReport, Listed
from yuelu.pipelines.ingest.rows import record, recorded, register, registered, report
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.near.rows import find_near

_SLOWEST = 5
_IN_FLIGHT = 8  # batches, at the least: more only holds more results in memory


def ingest(
    workspace: Workspace,
    sources: Sequence[Path],
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
    """Bring all objects of the source folders into the collection; return how each ended.

    Safe to repeat and to kill: what is recorded with the same size and time of change is not read again; with
    `retry`, what is in quarantine is, since its cause may have passed. `only` names (source, path) of the objects to look at;
    None for all. `scheduler` is
    the address of a Dask cluster that sees the same folders and store; None starts `workers` threads here. Raises
    NotFound: a source is no folder, or there is nothing in it to make a new collection of. Raises Conflict: the collection
    exists on other terms. Raises Misconfigured: the name of a new collection is none.
    """
    started = time.monotonic()
    objects = [listed for source in dict.fromkeys(source.resolve() for source in sources) for listed in list_folder(source)]
    objects = objects if only is None else [listed for listed in objects if listed.key in only]
    if not objects and not registered(workspace.ledger, collection.name):
        places = ", ".join(str(source) for source in sources)
        raise NotFound(f"nothing lies in {places}", f"give the folder that holds the media; {collection.name!r} was not made")
    register(workspace.ledger, collection, actor)
    with workspace.ledger.reading() as session:
        done = recorded(session, collection.name, {listed.source for listed in objects}, retry=retry)
    todo = _unfinished(objects, done)
    already = settled = len(objects) - sum(map(len, todo))
    slowest: list[tuple[float, str]] = []
    progress(settled, len(objects))
    if todo:
        with connected(scheduler, workers, limits or Limits()) as client:
            key = bytes.fromhex(keyed(workspace.secret, "deidentification", "1"))  # workers never hold the secret itself
            for findings in _in_order(client, todo, workspace.store, key, max(_IN_FLIGHT, 2 * workers)):
                record(workspace.ledger, collection.name, findings, workspace.secret, actor)
                settled += len(findings)
                slowest = nlargest(_SLOWEST, [*slowest, *((found.seconds, found.listed.path) for found in findings)])
                progress(settled, len(objects))
    with suppress(Conflict):  # more fingerprints than memory holds: the media are in, and 'yuelu assets near' says so
        find_near(workspace)
    with workspace.ledger.reading() as session:
        ended = report(session, collection.name, objects, already, time.monotonic() - started)
    read_bytes = sum(listed.bytes for batch in todo for listed in batch)
    return replace(ended, read_bytes=read_bytes, slowest=tuple((path, seconds) for seconds, path in slowest))


def _unfinished(objects: Sequence[Listed], done: dict[tuple[str, str], tuple[int, int]]) -> list[tuple[Listed, ...]]:
    """Return the batches without what is done. They are cut first: an interrupted run and its repetition agree on them."""
    left = (tuple(one for one in batch if done.get(one.key) != (one.bytes, one.modified_ns)) for batch in batches(objects))
    return [batch for batch in left if batch]


def _in_order(
    client: Client, todo: Sequence[tuple[Listed, ...]], store: Store, key: bytes, in_flight: int
) -> Iterator[tuple[Found, ...]]:
    """Yield the findings batch by batch in the order of the plan, whatever order they finish in.

    The first of several equal objects is thereby the same in every run.
    """
    waiting = deque(todo)
    running: deque[Future[tuple[Found, ...]]] = deque()
    while waiting or running:
        while waiting and len(running) < in_flight:
            running.append(client.submit(run_batch, waiting.popleft(), store, key, pure=False))
        yield running.popleft().result()

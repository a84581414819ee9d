"""The Dask cluster of an ingest: somebody's scheduler, or threads of our own process.

Threads are enough: decoding happens in processes of its own anyway, and a cluster of processes takes 7 s to start.
"""

import math
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeAlias, cast

import dask
from distributed import Client, Future, LocalCluster, Worker, WorkerPlugin, get_worker, wait
from distributed.comm.core import CommClosedError
from distributed.comm.inproc import global_manager
from distributed.scheduler import KilledWorker

from yuelu.base.errors import Misconfigured, ServiceUnavailable
from yuelu.pipelines.computing import remote
from yuelu.pipelines.ingest.batches import Batch
from yuelu.pipelines.ingest.examine import examine_all
from yuelu.pipelines.ingest.records import Found, Job
from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.limits import Limits

_HOST, _LOOPBACK = "127.0.0.1", "127.0.0.1:0"
_GONE = (CancelledError, CommClosedError, ConnectionError)  # how Dask tells that its scheduler is
_LOOK_S, _PATIENCE_S = 5, 60  # between two looks at who works; how long a cluster may be without any worker
_WAIT_S = 1  # for a result, until those who watch are told of others
_AGAIN = "see to it, then run the same command again: what is recorded stays"
# What the bytes and the facts of derived assets depend on: two workers must not make two assets of one object.
_DECIDING = ("yuelu", "av", "numpy", "opencv-python-headless", "pillow", "pydicom", "soundfile")


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a task: the findings of each of its batches, and how long they took."""

    findings: tuple[tuple[Found, ...], ...]
    seconds: float


Task: TypeAlias = tuple[Batch, ...]


class DecoderPlugin(WorkerPlugin):
    """Gives each worker the job and its decoding processes, and ends them with the run. Its name is that of the run."""

    def __init__(self, name: str, job: Job, limits: Limits) -> None:
        self.name, self.job, self.decoders, self.versions = name, job, Decoders(limits), versions()

    def setup(self, worker: Worker) -> None:
        """Start what decoders are forked from, so that this overlaps with the listing. Raises Misconfigured."""
        check_versions(self.versions, versions(), worker.address)
        self.decoders.warm()

    def teardown(self, worker: Worker) -> None:
        """End the processes."""
        self.decoders.close()


def versions() -> dict[str, str]:
    """Return what must be the same on the driver and on every worker."""
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}", **{name: _version(name) for name in _DECIDING}}


@cache  # it is read from a long text
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def check_versions(wanted: dict[str, str], found: dict[str, str], worker: str) -> None:
    """Raise Misconfigured: the worker would make other assets than the driver's own machine."""
    other = [f"{name} {found.get(name)} instead of {each}" for name, each in wanted.items() if found.get(name) != each]
    if other:
        raise Misconfigured(f"the Dask worker at {worker} has {', '.join(other)}", "give workers and driver the same environment")


def run_task(task: Task, run: str) -> Done:
    """Return what the objects of the task are. Runs on a worker that has the run's plugin."""
    plugin = cast(DecoderPlugin, get_worker().plugins[run])
    started = time.monotonic()
    findings = tuple(examine_all(batch, plugin.job, plugin.decoders) for batch in task)
    return Done(findings, time.monotonic() - started)


def _calm() -> None:
    """Nobody wants to know."""


class Workers:
    """The workers of one run, wherever they are."""

    def __init__(self, client: Client, run: str) -> None:
        self.client, self.run = client, run
        self.threads = 0  # as of the last look: workers come and go
        self._looked = self._seen = -math.inf
        self._running: dict[Future[Done], int] = {}  # and how many objects each task has
        self.look()

    def look(self) -> None:
        """See how many threads work now. Raises ServiceUnavailable: none for too long, or no scheduler."""
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return
        try:
            self.threads, self._looked = sum(self.client.nthreads().values()), now  # type: ignore[no-untyped-call]
        except _GONE:
            raise ServiceUnavailable("the Dask scheduler is gone", _AGAIN) from None
        self._seen = now if self.threads or self._seen < 0 else self._seen
        if now - self._seen > _PATIENCE_S:
            raise ServiceUnavailable(f"no Dask worker for {_PATIENCE_S} s", _AGAIN)

    def submit(self, task: Task) -> "Future[Done]":
        """Have the task done some time."""
        future = self.client.submit(run_task, task, self.run, pure=False)
        self._running[future] = sum(map(len, task))
        return future

    def ahead(self) -> int:
        """Return how many objects are examined, but not yet asked for."""
        return sum(objects for future, objects in self._running.items() if future.status != "pending")

    def result(self, future: "Future[Done]", task: Task, waiting: Callable[[], None] = _calm) -> Done:
        """Return what became of the task; `waiting` is called now and then until it is there.

        Where it took its worker with it each time, its objects are done one by one, alone, and the one to blame gets
        that as its reason. Raises ServiceUnavailable: the scheduler is gone, or all workers.
        """
        try:
            return self._awaited(future, waiting)
        except KilledWorker:
            wait(tuple(self._running))  # type: ignore[no-untyped-call]  # nobody else shall be near: a worker's death counts against all that it was doing
            return Done(tuple(tuple(self._alone((listed,)) for listed in batch) for batch in task), 0.0)

    def _alone(self, batch: Batch) -> Found:
        try:
            return self._awaited(self.submit((batch,)), _calm).findings[0][0]
        except KilledWorker as error:
            return Found(batch[0], None, f"{error.allowed_failures + 1} workers died while they read it")

    def _awaited(self, future: "Future[Done]", waiting: Callable[[], None]) -> Done:
        try:
            while True:
                with suppress(TimeoutError):
                    return future.result(timeout=_WAIT_S)
                self.look()
                waiting()
        except _GONE:
            raise ServiceUnavailable("the Dask scheduler is gone", _AGAIN) from None
        finally:
            self._running.pop(future, None)


@contextmanager
def connected(scheduler: str | None, workers: int, job: Job, limits: Limits) -> Iterator[Workers]:
    """Yield workers that know the job and can decode. Raises ServiceUnavailable: nobody answers at `scheduler`."""
    run = f"yuelu-{secrets.token_hex(8)}"
    # Without Dask's own back-pressure a task costs a third; the flow keeps few batches in flight itself. Its logs of the
    # last 1,000 events and messages would hold the objects of 250 tasks and more, which is 45 MB.
    lean: dict[str, Any] = {"distributed.scheduler.worker-saturation": "inf", "distributed.admin.low-level-log-length": 10}
    with dask.config.set(lean), _client(scheduler, workers) as client:
        _register(client, DecoderPlugin(run, job, limits))
        try:
            yield Workers(client, run)
        finally:
            if client.status == "running":
                with suppress(*_GONE):  # what ended the run shall be told, not that there was nobody to take leave of
                    client.unregister_worker_plugin(run)  # type: ignore[no-untyped-call]


def _register(client: Client, plugin: DecoderPlugin) -> None:
    try:
        client.register_plugin(plugin)
    except Exception as error:  # Dask tells of what happened on a worker in more than one form
        if "ModuleNotFoundError" not in repr(error):
            raise
        hint = "install yuelu[platform] where they run"
        raise Misconfigured(f"the Dask workers cannot import what they need: {error}", hint) from None


@contextmanager
def _client(scheduler: str | None, workers: int) -> Iterator[Client]:
    if scheduler is not None:
        with remote(scheduler, _PATIENCE_S) as client:
            yield client
        return
    # Scheduler and worker talk within the process. Each still opens an HTTP port, whatever it is told: on loopback then,
    # and with no pages behind it. Memory is watched where it is used, in the decoders.
    quiet: dict[str, Any] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
    quiet |= {"distributed.worker.profile.enabled": False, "distributed.admin.tick.interval": "1s"}  # nobody looks at them
    threads: dict[str, Any] = {"n_workers": 1, "threads_per_worker": workers, "processes": False, "memory_limit": 0}
    global_manager._ip = _HOST  # it only names the process, and would be asked of a host on the internet
    with (
        dask.config.set(quiet),
        LocalCluster(  # type: ignore[no-untyped-call]
            dashboard_address=_LOOPBACK, worker_dashboard_address=_LOOPBACK, scheduler_kwargs={"dashboard": False}, **threads
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        yield client

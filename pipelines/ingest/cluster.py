"""The Dask cluster of an ingest: somebody's scheduler, or threads of our own process.

Threads are enough: decoding happens in processes of its own anyway, and a cluster of processes takes 7 s to start.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import dask
from distributed import Client, LocalCluster, Worker, WorkerPlugin, get_worker

from yuelu.base.errors import ServiceUnavailable
from yuelu.pipelines.ingest.examine import examine_all
from yuelu.pipelines.ingest.records import Found, Job
from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.sources.port import Listed

_PLUGIN = "yuelu-decoders"
_LOOPBACK = "127.0.0.1:0"


class DecoderPlugin(WorkerPlugin):
    """Gives each worker its decoding processes, and ends them with it."""

    name = _PLUGIN

    def __init__(self, limits: Limits) -> None:
        self.limits, self.decoders = limits, Decoders(limits)

    def setup(self, worker: Worker) -> None:
        """Start a process for each thread, so that their start-up overlaps with the listing."""
        self.decoders.warm(worker.state.nthreads)

    def teardown(self, worker: Worker) -> None:
        """End the processes."""
        self.decoders.close()


def run_batch(batch: tuple[Listed, ...], job: Job) -> tuple[Found, ...]:
    """Return what the objects of the batch are. Runs on a worker that has the plugin."""
    return examine_all(batch, job, cast(DecoderPlugin, get_worker().plugins[_PLUGIN]).decoders)


@contextmanager
def connected(scheduler: str | None, workers: int, limits: Limits) -> Iterator[Client]:
    """Yield a client whose workers can decode. Raises ServiceUnavailable: nobody answers at `scheduler`."""
    # Without Dask's own back-pressure a task costs a third; the flow keeps few batches in flight itself.
    with dask.config.set({"distributed.scheduler.worker-saturation": "inf"}), _client(scheduler, workers) as client:
        client.register_plugin(DecoderPlugin(limits))
        try:
            yield client
        finally:
            client.unregister_worker_plugin(_PLUGIN)  # type: ignore[no-untyped-call]


@contextmanager
def _client(scheduler: str | None, workers: int) -> Iterator[Client]:
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=10)  # type: ignore[no-untyped-call]
        except (OSError, TimeoutError) as error:
            raise ServiceUnavailable(f"no Dask scheduler at {scheduler}: {error}", "start it, or leave the address out") from None
        with client:
            yield client
        return
    # Scheduler and worker talk within the process. Each still opens an HTTP port, whatever it is told: on loopback then,
    # and with no pages behind it. Memory is watched where it is used, in the decoders.
    threads = {"n_workers": 1, "threads_per_worker": workers, "processes": False, "memory_limit": 0}
    with (
        dask.config.set({"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}),
        LocalCluster(  # type: ignore[no-untyped-call]
            dashboard_address=_LOOPBACK, worker_dashboard_address=_LOOPBACK, scheduler_kwargs={"dashboard": False}, **threads
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        yield client

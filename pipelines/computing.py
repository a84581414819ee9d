"""Where the parts of a score are computed: in this process, in threads or processes here, or on somebody's Dask cluster."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import TypeVar

import dask
from dask.base import compute
from dask.delayed import delayed
from distributed import Client
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker

from yuelu.base.errors import Misconfigured, ServiceUnavailable

_PATIENCE_S = 60  # how long a cluster may be without any worker
_AGAIN = "see to it, then run the same command again: nothing was decided"

Part = TypeVar("Part")
Result = TypeVar("Result")


@contextmanager
def computing(scheduler: str | None, workers: int, *, processes: bool = False) -> Iterator[None]:
    """Have Dask compute on the cluster at `scheduler`, else with `workers` threads (or `processes`) of this machine.

    Threads do for columns of numbers, which leave Python alone; shapes that are compared one by one need processes. Raises
    ServiceUnavailable: nobody answers there, or its workers end; Misconfigured: no such address.
    """
    if scheduler is None:
        kind = "synchronous" if workers == 1 else "processes" if processes else "threads"
        with dask.config.set(scheduler=kind, num_workers=workers):
            yield
        return
    with remote(scheduler, _PATIENCE_S):
        yield


@contextmanager
def remote(scheduler: str, patience_s: float) -> Iterator[Client]:
    """Yield a client of the cluster at `scheduler` once it has a worker. Raises ServiceUnavailable, Misconfigured."""
    try:
        client = Client(scheduler, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError) as error:
        raise ServiceUnavailable(f"no Dask scheduler at {scheduler}: {error}", "start it, or leave the address out") from None
    except (ValueError, ImportError) as error:
        raise Misconfigured(f"no Dask scheduler at {scheduler!r}: {error}", "give tcp://HOST:PORT or tls://HOST:PORT") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=patience_s)
        except TimeoutError:
            raise ServiceUnavailable(f"no Dask worker at {scheduler} within {patience_s:g} s", "start workers") from None
        yield client


def each_part(function: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """Return what the function makes of each part, in order. Raises ServiceUnavailable: the cluster went away meanwhile."""
    if len(parts) < 2 or dask.config.get("scheduler", None) == "synchronous":
        return [function(part) for part in parts]
    return computed([delayed(function)(part) for part in parts])


def computed(wanted: Sequence[object]) -> list[Result]:
    """Return the results of Dask's `wanted`. Raises ServiceUnavailable: the cluster went away, or its workers died of it."""
    try:
        return list(compute(*wanted))  # type: ignore[no-untyped-call]
    except (CancelledError, CommClosedError, ConnectionError):
        raise ServiceUnavailable("the Dask scheduler is gone", _AGAIN) from None
    except KilledWorker as error:
        raise ServiceUnavailable(f"Dask workers died: {error}", "give them more memory, or the table more parts") from None

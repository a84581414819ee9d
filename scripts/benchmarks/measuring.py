"""What a benchmark is given and gives back, and how processor time is taken.

A benchmark is a module with one function, `rows(settings) -> list[Row]`, named in `main.AREAS`.
"""

import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

OURS, PEER, PARTS = "ours", "peer", "unavoidable parts"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a benchmark may write, how often it repeats, and the Python of the peers' environment (None: leave them out)."""

    folder: Path
    rounds: int
    quick: bool = False  # less of each job: the ratios are coarser
    seed: int = 7
    peers: Path | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One way of doing one job. Rows of the same `job` are compared with each other; `items` of it took `cpu_s`."""

    job: str
    way: str
    kind: str  # OURS, PEER or PARTS
    items: int
    cpu_s: float
    wall_s: float
    bytes: int = 0
    memory_mb: float | None = None
    note: str = ""

    @property
    def per_cpu_s(self) -> float:
        """Items in a second of one processor."""
        return self.items / self.cpu_s if self.cpu_s else 0.0


def cpu_s() -> float:
    """Return the processor time of this process and all that it started, dead or alive."""
    spent = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        spent += used.ru_utime + used.ru_stime
    for child in psutil.Process().children(recursive=True):
        times = child.cpu_times()
        spent += times.user + times.system + times.children_user + times.children_system
    return spent


def memory_mb() -> float:
    """Return the resident memory of this process and all that it started."""
    mine = psutil.Process()
    return sum(one.memory_info().rss for one in (mine, *mine.children(recursive=True))) / 1e6


@contextmanager
def peak_mb() -> Iterator[Callable[[], float]]:
    """Yield a function that tells the largest resident memory, of this process and all that it started, so far in the block."""
    seen, over = [memory_mb()], threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            with suppress(psutil.Error):  # a decoder ended meanwhile
                seen[0] = max(seen[0], memory_mb())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield lambda: seen[0]
    finally:
        over.set()
        thread.join()


def row(job: str, way: str, kind: str, do: Callable[[], object], rounds: int, items: int = 1, size: int = 0) -> Row:
    """Return what `rounds` calls of `do` cost; one call before them is not counted. Each call handles `items` of `size` bytes."""
    do()

    def repeat() -> None:
        for _ in range(rounds):
            do()

    cpu, wall = timed(repeat)
    return Row(job, way, kind, rounds * items, cpu, wall, rounds * size, memory_mb() if kind == OURS else None)


def timed(do: Callable[[], object]) -> tuple[float, float]:
    """Return (processor seconds, wall seconds) of calling `do`."""
    cpu, wall = cpu_s(), time.perf_counter()
    do()
    return cpu_s() - cpu, time.perf_counter() - wall

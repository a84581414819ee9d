"""What a benchmark is given and gives back, and how processor time is taken.

A benchmark is a module with one function, `rows(settings) -> list[Row]`, named in `main.AREAS`.
"""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

OURS, PEER, PARTS = "ours", "peer", "unavoidable parts"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a benchmark may write, how long it goes on, and the Python of the peers' environment (None: leave them out)."""

    folder: Path
    rounds: int
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
        spent += times.user + times.system
    return spent


def memory_mb() -> float:
    """Return the resident memory of this process and all that it started."""
    mine = psutil.Process()
    return sum(one.memory_info().rss for one in (mine, *mine.children(recursive=True))) / 1e6


def timed(do: Callable[[], object]) -> tuple[float, float]:
    """Return (processor seconds, wall seconds) of calling `do`."""
    cpu, wall = cpu_s(), time.perf_counter()
    do()
    return cpu_s() - cpu, time.perf_counter() - wall

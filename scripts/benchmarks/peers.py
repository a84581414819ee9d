"""Peers that live in an environment of their own: given arrays, they tell what a job cost them and what came out."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any

import numpy as np
from measuring import PEER, Row, Settings
from numpy.typing import NDArray

# `timed(way, do)` calls it once without counting, then `rounds` times; with `once` just once. It returns what `do` found, and
# writes down the seconds of one call.
_START = """
import json, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
given, rounds = np.load(sys.argv[1], allow_pickle=False), int(sys.argv[2])
told = {}
def timed(way, do, once=False):
    found = None if once else do()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(1 if once else rounds):
        found = do()
    count = 1 if once else rounds
    told[way] = [(time.process_time() - cpu) / count, (time.perf_counter() - wall) / count, None]
    return found
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What a peer's way cost in seconds of one call, and what it found (None: nothing to compare)."""

    cpu_s: float
    wall_s: float
    found: Any


def ask(settings: Settings, program: str, **arrays: NDArray[Any]) -> dict[str, Told]:
    """Run `program` in the peers' environment; it calls `timed` and sets `told[way][2]`. Without the environment: nothing."""
    if settings.peers is None:
        return {}
    path = settings.folder / "given.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for its own options
    command = [str(settings.peers), "-c", f"{_START}\n{program}\nprint(json.dumps(told))", str(path), str(settings.rounds)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=settings.folder)
    if done.returncode:
        raise RuntimeError(f"a peer failed: {done.stderr[-2000:]}")
    return {way: Told(*spent) for way, spent in json.loads(done.stdout.splitlines()[-1]).items()}


def peer_rows(job: str, items: int, told: dict[str, Told], note: str = "") -> list[Row]:
    """Return one row for each way."""
    return [Row(job, way, PEER, items, each.cpu_s, each.wall_s, note=note) for way, each in told.items()]

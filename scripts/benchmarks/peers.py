"""Peers that live in an environment of their own: given arrays, they tell what a job cost them and what came out."""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from measuring import OURS, PEER, Row, Settings, memory_mb
from numpy.typing import NDArray

# `timed(way, do)` calls it turn by turn, until `rounds` turns and a second are over, or nine turns; with `once` just once. It
# returns what `do` found, and writes down the seconds of the best turn. Before each turn it waits for ours to have had one.
_START = """
import json, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
given, rounds = np.load(sys.argv[1], allow_pickle=False), int(sys.argv[2])
told = {}
def timed(way, do, once=False):
    best, spent, turns = [float("inf")] * 2, 0.0, 0
    while turns == 0 or not (once or turns >= 9 or turns >= rounds and spent >= 1):
        print("turn", file=sys.__stdout__, flush=True)
        sys.stdin.readline()
        cpu, wall = time.process_time(), time.perf_counter()
        found = do()
        took = time.process_time() - cpu, time.perf_counter() - wall
        best, spent, turns = min(best, list(took)), spent + took[0], turns + 1
    told[way] = [*best, None]
    return found
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What a way cost in seconds of its best turn, and what it found (None: nothing to compare)."""

    cpu_s: float
    wall_s: float
    found: Any


def ask(settings: Settings, program: str, ours: Callable[[], object] | None = None, **arrays: NDArray[Any]) -> dict[str, Told]:
    """Run `program` in the peers' environment; it calls `timed` and sets `told[way][2]`. Without the environment: nothing.

    `ours` is called before each turn of the peer, and told of as `OURS`: what else the machine does meets both alike.
    """
    turns = list[tuple[float, float]]()
    told = {} if settings.peers is None else _asked(settings, program, lambda: ours and turns.append(_turn(ours)), arrays)
    while ours is not None and len(turns) < settings.rounds:
        turns.append(_turn(ours))
    return {**({OURS: Told(*min(turns), None)} if turns else {}), **told}


def _turn(do: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    do()
    return time.process_time() - cpu, time.perf_counter() - wall


def _asked(settings: Settings, program: str, turn: Callable[[], object], arrays: dict[str, NDArray[Any]]) -> dict[str, Told]:
    path = settings.folder / "given.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for its own options
    whole = f"{_START}\n{program}\nprint('told', json.dumps(told))"
    command = [str(settings.peers), "-c", whole, str(path), str(settings.rounds)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": settings.folder}
    problems, said = settings.folder / "stderr", ""
    with problems.open("w") as stderr, subprocess.Popen(command, stderr=stderr, **pipes) as peer:
        assert peer.stdin
        assert peer.stdout
        for line in peer.stdout:
            if line == "turn\n":
                turn()
                peer.stdin.write("\n")
                peer.stdin.flush()
            said = line if line.startswith("told ") else said
    if peer.returncode or not said:
        raise RuntimeError(f"a peer failed: {problems.read_text()[-2000:]}")
    return {way: Told(*spent) for way, spent in json.loads(said.removeprefix("told ")).items()}


def peer_rows(job: str, items: int, told: dict[str, Told], note: str = "") -> list[Row]:
    """Return one row for each way of the peers."""
    return [Row(job, way, PEER, items, each.cpu_s, each.wall_s, note=note) for way, each in told.items() if way != OURS]


def turns_rows(job: str, way: str, items: int, told: dict[str, Told], note: str = "") -> list[Row]:
    """Return the best turn of ours, called `way`, and those of the peers."""
    ours = Row(job, way, OURS, items, told[OURS].cpu_s, told[OURS].wall_s, memory_mb=memory_mb())
    return [ours, *peer_rows(job, items, told, note)]


def found_by_peers(told: dict[str, Told]) -> list[Any]:
    """Return what each peer found."""
    return [each.found for way, each in told.items() if way != OURS]

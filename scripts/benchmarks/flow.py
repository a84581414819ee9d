"""Ingest at scale: memory of the driver however long the listing, and what scheduling adds to the work.

Each figure is taken in a process of its own.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import skimage
from measuring import OURS, Row, Settings
from sqlalchemy import insert

from yuelu.base.ledger.media import ListingRow
from yuelu.base.settings import Settings as Place
from yuelu.base.workspace import init
from yuelu.pipelines.ingest import cluster, flow
from yuelu.pipelines.ingest.records import Collection
from yuelu.pipelines.ingest.rows import register
from yuelu.pipelines.sources.folder import folder as at
from yuelu.pipelines.sources.port import Listed

SIZES, LARGE = (10_000, 100_000), 1_000_000
PICTURES = 600  # of the run that measures scheduling
Told = Mapping[str, Any]


def rows(settings: Settings) -> list[Row]:
    """Return what each object of a long listing costs the driver, first and again, and what scheduling costs."""
    sizes = SIZES[:1] if settings.quick else SIZES
    asked = [(what, size) for what in ("listed", "listed again") for size in sizes]
    asked += [] if settings.quick else [("listed again", LARGE)]
    made = [_listing(_measured(what, size, settings.folder)) for what, size in asked]
    return [*made, _scheduled(_measured("scheduling", PICTURES // 3 if settings.quick else PICTURES, settings.folder))]


def _listing(told: Told) -> Row:
    count, cpu = told["objects"], told["cpu_us_per_object"] * told["objects"] / 1e6
    note = f"memory grew by {told['rss_grown_mb']} MB"
    memory = told["rss_mb"] + told["rss_grown_mb"]
    return Row(
        f"{told['what']}: {count} objects", "yuelu: driver alone", OURS, count, cpu, told["seconds"], memory_mb=memory, note=note
    )


def _scheduled(told: Told) -> Row:
    note = f"scheduling {told['scheduling_ratio']:.1%} and ledger {told['ledger_ratio']:.1%} of the work"
    return Row("scheduling", "yuelu: 2 threads, JPEG of 0.3 MP", OURS, told["objects"], told["work_cpu_s"], 0, note=note)


def _measured(what: str, size: int, folder: Path) -> Told:
    """Return what a fresh process tells: memory that an earlier measurement grew is not given back."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        asked = [sys.executable, __file__, "--one", what, str(size), place]
        told = subprocess.run(asked, check=True, capture_output=True, text=True, cwd=place).stdout
    return dict(json.loads(told.splitlines()[-1]))


def _listed(size: int, folder: Path, *, again: bool = False) -> Told:
    """Ingest a listing of objects that nobody needs to open, so that only the flow itself costs anything."""

    workspace = init(Place(folder / "workspace"))
    collection = Collection("bench", "base", "consent", "internal", "research only")
    if again:
        _fill(workspace, collection, size)
    flow.ingest(workspace, [MadeUp("/first", 500)], collection)  # what is imported and started once
    before, started, cpu = _rss(), time.monotonic(), time.process_time()
    with _peak() as peak:
        report = flow.ingest(workspace, [MadeUp("/bench", size)], collection)
    if (report.listed, report.already) != (size, size if again else 0):
        raise SystemExit(f"not what was to be measured: {report}")
    seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    grown = (peak() - before) / (1 << 20)
    return {"what": "listed again" if again else "listed", "objects": size, "rss_mb": round(before / (1 << 20), 1)} | {
        "rss_grown_mb": round(grown, 1), "seconds": round(seconds, 2), "cpu_us_per_object": round(1e6 * cpu / size, 1)
    }  # fmt: skip


def _fill(workspace: Any, collection: Any, size: int) -> None:
    """Write what an earlier run of the same listing would have written."""

    register(workspace.ledger, collection, "bench")
    told = {"collection": collection.name, "outcome": "quarantined", "sha256": None, "reason": "made up"}
    told |= {"listed_at": workspace.ledger.now()}
    with workspace.ledger.transaction("bench") as t:
        for start in range(0, size, 10_000):
            some = MadeUp("/bench", size).between(start, min(start + 10_000, size))
            seen = [{"source": o.source, "path": o.path, "bytes": o.bytes, "modified_ns": o.modified_ns} for o in some]
            t.session.execute(insert(ListingRow), [{**told, **one} for one in seen])


@dataclass(frozen=True, slots=True)
class MadeUp:
    """A source of objects that only exist in its listing."""

    address: str
    size: int

    def listed(self) -> Iterator[Any]:
        """Yield the objects."""
        return self.between(0, self.size)

    def between(self, start: int, end: int) -> Iterator[Any]:
        """Yield some of them."""

        paths = (f"study-{number // 500:05}/series-{number // 100:07}/image-{number:09}.dcm" for number in range(start, end))
        return (Listed(self.address, path, path.encode(), 1000, 1, "made up") for path in paths)

    def opened(self, listed: Any) -> Any:
        """Never asked."""
        raise NotImplementedError

    def uri(self, listed: Any) -> str:
        """Never asked."""
        raise NotImplementedError


def _scheduling(count: int, folder: Path) -> Told:
    """Ingest real pictures and set the processor time of all that is not work on them against that of the work."""

    picture = (Path(skimage.__file__).parent / "data/rocket.jpg").read_bytes()
    (folder / "source").mkdir()
    for number in range(count):  # bytes behind the end of a JPEG file belong to nothing
        (folder / "source" / f"{number:06}.jpg").write_bytes(picture + b"%d" % number)
    spent = {"work": 0.0, "record": 0.0}
    cluster.examine_all = _timed(cluster.examine_all, spent, "work")
    flow.record = _timed(flow.record, spent, "record")
    workspace = init(Place(folder / "workspace"))
    collection = Collection("bench", "base", "consent", "internal", "research only")

    flow.ingest(workspace, [MadeUp("/first", 500)], collection)
    spent.update(work=0.0, record=0.0)
    cpu, children = time.process_time(), _children_s()
    report = flow.ingest(workspace, [at(folder / "source")], collection, workers=2)
    if report.accepted != count:
        raise SystemExit(f"not what was to be measured: {report}")
    own, decoding = time.process_time() - cpu, _children_s() - children
    work = spent["work"] + decoding
    scheduling = own - spent["work"] - spent["record"]
    return {"what": "scheduling", "objects": count, "work_cpu_s": round(work, 2)} | {
        "ledger_cpu_s": round(spent["record"], 2), "scheduling_cpu_s": round(scheduling, 2),
        "ledger_ratio": round(spent["record"] / work, 4), "scheduling_ratio": round(scheduling / work, 4),
    }  # fmt: skip


def _timed(function: Callable[..., Any], spent: dict[str, float], name: str) -> Callable[..., Any]:
    lock = threading.Lock()

    def run(*arguments: Any) -> Any:
        started = time.thread_time()
        try:
            return function(*arguments)
        finally:
            with lock:
                spent[name] += time.thread_time() - started

    return run


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of decoders that have ended, as all have after a run
    return used.ru_utime + used.ru_stime


def _rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def _peak() -> Iterator[Callable[[], int]]:
    """Yield a function that tells the largest resident size while the block ran."""
    seen, over = [_rss()], threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            seen[0] = max(seen[0], _rss())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield lambda: seen[0]
    over.set()
    thread.join()


def _one(what: str, size: int, folder: Path) -> Told:
    if what == "scheduling":
        return _scheduling(size, folder)
    return _listed(size, folder, again=what == "listed again")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", nargs=3, required=True)
    given = parser.parse_args().one
    print(json.dumps(_one(given[0], int(given[1]), Path(given[2]))))

"""Ingest on a Dask cluster of several processes, and what is left when any of them is killed."""

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import skimage
from distributed import Client
from sqlalchemy import select

from yuelu.base.canonical import sha256
from yuelu.base.errors import Misconfigured, ServiceUnavailable, YueluError
from yuelu.base.ledger.log import broken
from yuelu.base.ledger.media import AssetRow, ListingRow, RunRow
from yuelu.base.settings import Settings
from yuelu.base.store.port import Store
from yuelu.base.workspace import Workspace, init
from yuelu.pipelines.ingest import cluster
from yuelu.pipelines.ingest.flow import ingest
from yuelu.pipelines.ingest.records import Collection, IngestReport
from yuelu.pipelines.sources.folder import folder as at

psutil = pytest.importorskip("psutil")  # comes with distributed
COLLECTION = Collection("trial", "base", "consent", "internal", "research only")
PATIENCE_S = 240  # with a machine that has much else to do
ROUNDS = int(os.environ.get("YUELU_KILLS", "3"))
SEED = int(os.environ.get("YUELU_SEED", "1"))
PICTURES = Path(skimage.__file__).parent / "data"
# Stands in for a source of another machine, and takes its worker with it when it is asked to open what is named so.
LETHAL = """
import os, signal
from contextlib import contextmanager
from yuelu.pipelines.sources.folder import FolderSource

class Lethal(FolderSource):
    __slots__ = ()

    @contextmanager
    def opened(self, listed):
        if "lethal" in listed.path:
            os.kill(os.getpid(), signal.SIGKILL)
        with FolderSource.opened(self, listed) as opened:
            yield opened
"""

pytestmark = pytest.mark.integration


class Cluster:
    """A scheduler and workers, each a process of its own on loopback; whoever dies is replaced on demand."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.address, self.port = folder, f"tcp://127.0.0.1:{port}", port
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        env = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONWARNINGS": "ignore"}
        env["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = "1"  # three is the default, and takes longer
        with (self.folder / "cluster.log").open("ab") as output:
            command = [sys.executable, "-m", "dask", *arguments]
            self.processes.append(subprocess.Popen(command, cwd=self.folder, env=env, stdout=output, stderr=output))
        return self.processes[-1]

    def up(self, workers: int) -> None:
        """Start a scheduler and workers, which their nannies start again when they die; wait until they are there."""
        self.start("scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")
        own = ("--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard", "--local-directory", str(self.folder))
        for _ in range(workers):
            self.start("worker", self.address, *own)
        with Client(self.address, timeout=PATIENCE_S) as client:  # type: ignore[no-untyped-call]
            client.wait_for_workers(workers, timeout=PATIENCE_S)

    def kill_workers(self, chance: random.Random) -> int:
        """Kill one or all of what the nannies watch over; return how many that were."""
        there = []
        for process in self.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                there += [child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline())]
        victims = chance.sample(there, chance.choice((min(1, len(there)), len(there))))
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
        return len(victims)

    def stop(self) -> None:
        for process in self.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children(recursive=True):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        child.kill()
            process.kill()
            process.wait()
        self.processes.clear()


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Cluster]:
    """Two workers that all tests share; the last ones end it."""
    folder = tmp_path_factory.mktemp("dask")
    (folder / "lethal_source.py").write_text(LETHAL)
    made = Cluster(folder, free_port())
    made.up(2)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty small pictures and some that are none: seconds of work in batches of sixteen."""
    folder = tmp_path_factory.mktemp("cluster") / "source"
    folder.mkdir()
    picture = (PICTURES / "rocket.jpg").read_bytes()
    for number in range(60):
        (folder / f"{number:03}.jpg").write_bytes(picture + b"%d" % (number % 50))
    for number in range(4):
        (folder / f"{number:03}.txt").write_text("no picture")
    return folder


def open_(root: Path, **places: Any) -> Workspace:
    return init(Settings(root, **places), secret=b"s" * 32, signing_seed=b"g" * 32)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Iterator[dict[str, Any]]:
    """What the same ingest leaves without a cluster."""
    workspace = open_(tmp_path_factory.mktemp("alone") / "workspace")
    ingest(workspace, [at(source)], COLLECTION)
    yield held(workspace)
    workspace.ledger.close()


def held(workspace: Workspace) -> dict[str, Any]:
    """All that must be the same whoever did the work, however often it was killed."""
    with workspace.ledger.reading() as session:
        rows = session.scalars(select(ListingRow))
        listings = sorted((row.path, row.outcome, row.sha256 or "", row.reason or "") for row in rows)
        assets = {
            row.sha256: (row.role, row.bytes, row.group, row.derived_from, row.facts) for row in session.scalars(select(AssetRow))
        }
        assert not list(broken(session))
    return {"listings": listings, "assets": assets, "stored": whole(workspace.store)}


def whole(store: Store) -> list[str]:
    """Return the keys of the derived assets, each of which holds what its name says."""
    keys = [entry.key for entry in store.list("assets/")]
    assert [key for key in keys if sha256(store.read(key)) != key.rpartition("/")[2]] == []
    return keys


@pytest.fixture
def far(tmp_path: Path, postgres_ledger: str, bucket: str) -> Iterator[Workspace]:
    workspace = open_(tmp_path / "far", ledger=postgres_ledger, store=bucket)
    yield workspace
    workspace.ledger.close()


def test_a_cluster_leaves_the_same_in_postgresql_and_s3(
    dask: Cluster, source: Path, far: Workspace, alone: dict[str, Any]
) -> None:
    report = ingest(far, [at(source)], COLLECTION, scheduler=dask.address)
    assert (report.listed, report.duplicate, report.quarantined) == (64, 10, 4)
    assert held(far) == alone


_COMMAND = """
import sys
from pathlib import Path
from yuelu.base.settings import Settings
from yuelu.base.workspace import init
from yuelu.pipelines.ingest.flow import ingest
from yuelu.pipelines.ingest.records import Collection
from yuelu.pipelines.sources.folder import folder

workspace = init(Settings(Path(sys.argv[1])), secret=b"s" * 32, signing_seed=b"g" * 32)
collection = Collection("trial", "base", "consent", "internal", "research only")
ingest(workspace, [folder(Path(sys.argv[2]))], collection, scheduler=sys.argv[3] or None)
"""


def driver(workspace: Path, source: Path, scheduler: str = "") -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", _COMMAND, str(workspace), str(source), scheduler]
    return subprocess.Popen(command, cwd=workspace.parent, stderr=subprocess.DEVNULL)


def recorded(workspace: Path) -> int:
    """Return how many objects are in the ledger at this moment."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{workspace}/ledger.sqlite3?mode=ro", uri=True)) as ledger:
            return int(ledger.execute("SELECT count(*) FROM listings").fetchone()[0])
    except sqlite3.OperationalError:  # it is only being made
        return 0


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"it took more than {PATIENCE_S} s"
        time.sleep(0.05)


def test_workers_and_driver_may_be_killed_at_any_moment(
    dask: Cluster, source: Path, tmp_path: Path, alone: dict[str, Any]
) -> None:
    place, killed, seen, chance = tmp_path / "killed", 0, [0], random.Random(SEED)
    for number in range(ROUNDS):
        process, moment = driver(place, source, dask.address), number and chance.randrange(17)
        until(lambda: recorded(place) >= seen[-1] + moment or process.poll() is not None)  # noqa: B023
        if number == 0 or chance.random() < 0.5:
            killed += dask.kill_workers(chance)
            until(lambda: recorded(place) > seen[-1] or process.poll() is not None)  # noqa: B023
        time.sleep(chance.random() / 20 if number else 0)  # any moment, not only the one after a commit
        process.kill()
        process.wait()
        seen.append(recorded(place))
    assert killed > 0
    assert seen == sorted(seen)  # nothing that was recorded is ever lost
    workspace = open_(place)
    report = ingest(workspace, [at(source)], COLLECTION, scheduler=dask.address)
    assert report.already == seen[-1] > 0
    assert held(workspace) == alone
    with workspace.ledger.reading() as session:
        ended = [run.finished_at is not None for run in session.scalars(select(RunRow).order_by(RunRow.id))]
    assert ended[-1]
    assert False in ended  # an interrupted run stays visible
    workspace.ledger.close()


def test_what_takes_its_worker_with_it_is_found_and_set_aside(
    dask: Cluster, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(dask.folder))
    from lethal_source import Lethal  # type: ignore[import-not-found]  # noqa: PLC0415

    shutil.copytree(source, tmp_path / "media")
    (tmp_path / "media/010-lethal.jpg").write_text("x")
    workspace = open_(tmp_path / "one")
    report: IngestReport = ingest(workspace, [Lethal(at(tmp_path / "media").root)], COLLECTION, scheduler=dask.address)
    assert dict(report.reasons) == {"2 workers died while they read it": 1, "no reader for text": 4}
    assert (report.listed, report.accepted) == (65, 50)
    workspace.ledger.close()


def test_a_scheduler_may_be_killed(dask: Cluster, source: Path, tmp_path: Path, alone: dict[str, Any]) -> None:
    workspace = open_(tmp_path / "one")

    def kill(done: int, total: int) -> None:
        if done:
            dask.processes[0].kill()

    with pytest.raises(ServiceUnavailable, match=r"the Dask scheduler is gone\n.*run the same command again"):
        ingest(workspace, [at(source)], COLLECTION, scheduler=dask.address, progress=kill)
    dask.stop()
    dask.up(1)
    assert 0 < ingest(workspace, [at(source)], COLLECTION, scheduler=dask.address).already < 64
    assert held(workspace) == alone
    workspace.ledger.close()


def test_another_environment_is_refused() -> None:
    own = cluster.versions()
    cluster.check_versions(own, own, "tcp://1.2.3.4:5")
    with pytest.raises(Misconfigured, match=r"worker at tcp://1.2.3.4:5 has yuelu 0 instead of .*\n.*same environment"):
        cluster.check_versions(own, {**own, "yuelu": "0"}, "tcp://1.2.3.4:5")


def test_workers_without_yuelu_are_told_apart(dask: Cluster, source: Path, tmp_path: Path) -> None:
    dask.stop()
    blocking = "import sys\nsys.modules['yuelu.pipelines'] = None\n"
    (dask.folder / "sitecustomize.py").write_text(blocking)
    dask.up(1)
    workspace = open_(tmp_path / "one")
    with pytest.raises(Misconfigured, match=r"the Dask workers cannot import.*yuelu.*\n.*install yuelu"):
        ingest(workspace, [at(source)], COLLECTION, scheduler=dask.address)
    workspace.ledger.close()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://here"])
def test_nobody_there(source: Path, tmp_path: Path, address: str) -> None:
    workspace = open_(tmp_path / "one")
    with pytest.raises(YueluError, match="no Dask scheduler at"):
        ingest(workspace, [at(source)], COLLECTION, scheduler=address)
    workspace.ledger.close()

"""Real servers on loopback, started once when the first test asks for them and stopped by their process ids."""

import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import boto3
import psycopg
import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = Path(os.environ.get("YUELU_FIXTURES", ROOT.parent / "shared" / "fixtures"))


settings.register_profile("yuelu", deadline=None)  # a busy machine is no failure
settings.load_profile("yuelu")

# Files whose tests start programs, decode media or publish releases: left out of `./scripts/test unit`, which takes a minute.
SLOW = frozenset(
    {
        "annotate/test_results_round_trip.py",
        "console/test_annotation_commands.py",
        "console/test_annotators.py",
        "console/test_commands.py",
        "console/test_gateway.py",
        "console/test_governing_commands.py",
        "console/test_ingested.py",
        "console/test_judging_commands.py",
        "console/test_main.py",
        "console/test_people.py",
        "console/test_release_commands.py",
        "console/test_series.py",
        "console/test_unfinished.py",
        "datasets/test_commit.py",
        "datasets/test_exports.py",
        "datasets/test_loading.py",
        "datasets/test_older_schema.py",
        "datasets/test_pieces.py",
        "datasets/test_pull_verify.py",
        "datasets/test_mutations.py",
        "datasets/test_passport.py",
        "datasets/test_races.py",
        "datasets/test_recomputed.py",
        "datasets/test_signed.py",
        "datasets/test_upkeep.py",
        "datasets/test_selected_pull.py",
        "pipelines/test_burned.py",
        "pipelines/test_audio.py",
        "pipelines/test_broken_media.py",
        "pipelines/test_correct.py",
        "pipelines/test_deid.py",
        "pipelines/test_dicom_export.py",
        "pipelines/test_fingerprints.py",
        "pipelines/test_images.py",
        "pipelines/test_flow.py",
        "pipelines/test_fork_server.py",
        "pipelines/test_forward.py",
        "pipelines/test_hostile.py",
        "pipelines/test_long_film.py",
        "pipelines/test_lots.py",
        "pipelines/test_score_parts.py",
        "pipelines/test_dicom_cine.py",
        "pipelines/test_dispatch.py",
        "pipelines/test_dicom_copy.py",
        "pipelines/test_dicom_files.py",
        "pipelines/test_dicom_parse.py",
        "pipelines/test_geometry.py",
        "pipelines/test_archives.py",
        "pipelines/test_delivery.py",
        "pipelines/test_dicomdir.py",
        "pipelines/test_ingest.py",
        "pipelines/test_ingest_cluster.py",
        "pipelines/test_isolation.py",
        "pipelines/test_jpeg.py",
        "pipelines/test_large_parts.py",
        "pipelines/test_near_homes.py",
        "pipelines/test_planted.py",
        "pipelines/test_publish.py",
        "pipelines/test_publish_content.py",
        "pipelines/test_publish_kinds.py",
        "pipelines/test_score.py",
        "pipelines/test_sync_faults.py",
        "pipelines/test_sync_series.py",
        "pipelines/test_tiff.py",
        "pipelines/test_tiles.py",
        "pipelines/test_timeseries_hostile.py",
        "pipelines/test_video.py",
        "pipelines/test_video_hdr.py",
        "pipelines/test_deid_peers.py",
        "pipelines/test_walker.py",
        "pipelines/test_withdraw.py",
        "pipelines/test_people.py",
        "pipelines/test_planted_ingest.py",
        "pipelines/test_acceptance.py",
        "console/test_acceptance_commands.py",
        "quality/test_signals.py",
        "test_benchmarks.py",
        "test_docs.py",
    }
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(ROOT / "tests").as_posix() in SLOW:
            item.add_marker("slow")
    items.sort(key=lambda item: _turn(item.nodeid))  # what takes longest begins first, so that both processes end together


class _ByServer(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Two processes share the tests. Files that use one server go to one of them, and no file is divided.

    (xdist's `loadgroup` should do that, and divides nothing since pytest 9.2: pytest-xdist, issue 1386.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid.partition("::")[0])


@cache
def _scope(file: str) -> str:
    if file.startswith("tests/integration/") and file != "tests/integration/test_demo.py":
        return "label studio"
    if file.startswith("tests/console/"):
        return "console"  # its files share workspaces that take long to make
    text = (ROOT / file).read_text(encoding="utf-8")
    return "stores" if re.search(r"\b(postgres|bucket|s3_endpoint)\b", text) else file


def _turn(nodeid: str) -> tuple[int, str]:
    file = nodeid.partition("::")[0]
    scope = _scope(file)
    first = ("label studio", "tests/integration/test_demo.py", "stores", "console")
    if scope in first:
        return first.index(scope), file
    return len(first) + (file.removeprefix("tests/") not in SLOW), file


@pytest.hookimpl(optionalhook=True)  # there without xdist, too
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    return _ByServer(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of real data with known answers; it is not part of the project."""
    if not FIXTURES.is_dir():
        pytest.skip(f"no real test data at {FIXTURES}; set YUELU_FIXTURES to have these tests run")
    return FIXTURES


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


def _stop(pid: int) -> None:
    """End the process and wait until it is gone."""
    with contextlib.suppress(ProcessLookupError):
        for kind in (signal.SIGTERM, signal.SIGKILL):
            os.kill(pid, kind)
            for _ in range(100):
                os.kill(pid, 0)
                time.sleep(0.05)


# Ends the servers of a folder when the pipe to it closes, which it does however the tests end. A process is one of them when
# a file of the folder holds its id and its command line names the folder.
_WATCHER = """
import glob, os, signal, sys, time
sys.stdin.buffer.read()
for kind in (signal.SIGTERM, signal.SIGKILL):
    for name in (name for pattern in sys.argv[2:] for name in glob.glob(pattern)):
        try:
            pid = int(open(name).readline())
            if sys.argv[1].encode() in open(f"/proc/{pid}/cmdline", "rb").read():
                os.kill(pid, kind)
        except (OSError, ValueError):
            pass
    time.sleep(3)
"""


@contextlib.contextmanager
def ended_with_us(folder: Path, pid_files: str) -> Iterator[None]:
    """See that the servers whose ids stand in these files below the folder end, also when the tests are killed."""
    command = [sys.executable, "-I", "-c", _WATCHER, str(folder), str(folder / pid_files)]
    watcher = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, cwd="/")
    try:
        yield
    finally:
        watcher.kill()
        watcher.communicate()


@pytest.fixture(scope="session")
def ended() -> Callable[[Path, str], "contextlib.AbstractContextManager[None]"]:
    """`ended_with_us`, for test files: they cannot import this one."""
    return ended_with_us


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[str]:
    """The address of a PostgreSQL server of our own; give it a database name."""
    folder, port = tmp_path_factory.mktemp("postgres"), free_port()
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not programs:
        pytest.fail("PostgreSQL is not installed; run ./scripts/test, which installs it")
    run_as: dict[str, object] = {}
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        user = pwd.getpwnam("postgres")
        run_as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        for part in [folder, *folder.parents]:
            if part == Path("/tmp"):  # noqa: S108  where pytest's folders begin
                break
            part.chmod(0o755)
        os.chown(folder, user.pw_uid, user.pw_gid)
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    base = [programs[-1] / "initdb", "-D", folder / "data", "-U", "yuelu", "-A", "trust", "--no-sync"]
    subprocess.run(base, check=True, capture_output=True, env=env, cwd="/", **run_as)  # type: ignore[call-overload]
    settings = [f"-cport={port}", "-clisten_addresses=127.0.0.1", f"-cunix_socket_directories={folder}", "-cfsync=off"]
    command = [programs[-1] / "postgres", "-D", folder / "data", *settings]
    with (folder.parent / "postgres.log").open("wb") as output:
        server = subprocess.Popen(command, env=env, cwd="/", stderr=output, **run_as)  # type: ignore[call-overload]
    address = f"postgresql://yuelu@127.0.0.1:{port}"
    for _ in range(200):
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(f"{address}/postgres"):
            break
        time.sleep(0.1)
    with ended_with_us(folder, "data/postmaster.pid"):
        yield address
        server.send_signal(signal.SIGINT)
        server.wait(30)


@pytest.fixture
def postgres_ledger(postgres: str, request: pytest.FixtureRequest) -> str:
    """The address of an empty database for one test's ledger."""
    name = f"t{abs(hash(request.node.nodeid))}"
    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return f"{postgres}/{name}"


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[str]:
    """The address of a real S3 server (Ceph's gateway); its keys are in the environment while it runs."""
    if not shutil.which("radosgw"):
        pytest.fail("Ceph's S3 gateway is not installed; run ./scripts/test, which installs it")
    folder, port = tmp_path_factory.mktemp("s3") / "server", free_port()
    keys = {"AWS_ACCESS_KEY_ID": "AKTEST", "AWS_SECRET_ACCESS_KEY": "SKTEST", "AWS_DEFAULT_REGION": "us-east-1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in keys.items():
            patch.setenv(name, value)
        try:
            with ended_with_us(folder, "run/*.pid"):
                subprocess.run([ROOT / "scripts/s3-server", folder, str(port), str(free_port())], check=True, timeout=300)
                yield f"http://127.0.0.1:{port}"
        finally:
            for file in (folder / "run").glob("*.pid"):
                _stop(int(file.read_text()))


@pytest.fixture
def bucket(s3_endpoint: str, request: pytest.FixtureRequest) -> str:
    """The address of a store in an empty bucket of the real S3 server."""
    name = f"b{abs(hash(request.node.nodeid))}"
    boto3.client("s3", endpoint_url=s3_endpoint).create_bucket(Bucket=name)
    return f"s3://{name}/some/prefix?endpoint={s3_endpoint}"


@dataclass(frozen=True, slots=True)
class Orthanc:
    """A real PACS. `stop` kills it, `start` brings it back with what it holds."""

    root: str  # of its DICOMweb interface
    start: Callable[[], None]
    stop: Callable[[], None]


ORTHANC_USER, ORTHANC_PASSWORD = "reader", "only-for-tests"


@pytest.fixture
def orthanc(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Orthanc]:
    """An empty PACS of our own (Debian's Orthanc with its DICOMweb plug-in); it lets only ORTHANC_USER in."""
    plugin = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
    if not shutil.which("Orthanc") or not plugin.exists():
        pytest.fail("Orthanc is not installed; run ./scripts/test, which installs it")
    port, running = free_port(), list[subprocess.Popen[bytes]]()
    settings = {
        "StorageDirectory": str(tmp_path / "pacs"), "HttpPort": port, "RemoteAccessAllowed": False, "DicomServerEnabled": False,
        "AuthenticationEnabled": True, "RegisteredUsers": {ORTHANC_USER: ORTHANC_PASSWORD}, "Plugins": [str(plugin)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }  # fmt: skip
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))

    def start() -> None:
        with (tmp_path / "orthanc.log").open("ab") as output:
            command = ["Orthanc", str(tmp_path / "orthanc.json")]
            running.append(subprocess.Popen(command, cwd=tmp_path, stdout=output, stderr=subprocess.STDOUT))
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.05)
        pytest.fail((tmp_path / "orthanc.log").read_text())

    def stop() -> None:
        while running:
            process = running.pop()
            process.kill()
            process.wait(30)

    start()
    yield Orthanc(f"http://127.0.0.1:{port}/dicom-web", start, stop)
    stop()

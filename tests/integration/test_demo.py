"""The main job with a real Label Studio: what it ends with, that it may be killed anywhere, that it runs again."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]  # comes with Dask
import pytest

pytestmark = pytest.mark.integration

YUELU = str(Path(sys.prefix) / "bin" / "yuelu")
STEPS = 9
# Everything that must come out the same; what else the ledger holds is the server's ids and clocks.
SAME = {
    "listings": "SELECT path, bytes, outcome, sha256, reason FROM listings",
    "assets": 'SELECT sha256, role, bytes, derived_from, "group" FROM assets',
    "tasks": "SELECT item_key, subject, items, round, state FROM tasks",
    "packets": "SELECT item_key, annotator, state FROM packet_tasks",
    "annotations": "SELECT uid, version, item_key, annotator, content, lead_time_s, cancelled, vanished FROM annotations",
    "rejections": "SELECT item_key, reason FROM rejections",
    "scores": "SELECT batch, round, control, metric, value, low, high, tasks, reason FROM scores",
    "consensus": "SELECT item_key, regions, probability, answers_digest FROM consensus",
    "decisions": "SELECT id, subject, outcome, rule FROM decisions",
    "corrections": "SELECT id, item_key FROM corrections",
    "releases": "SELECT dataset, number, version, digest, previous FROM releases",
}


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run: its folder, its report, and how long each step took."""

    folder: Path
    report: dict[str, Any]
    seconds: dict[int, float]

    @property
    def ledger(self) -> dict[str, list[tuple[Any, ...]]]:
        with sqlite3.connect(self.folder / "workspace" / "ledger.sqlite3") as connection:
            tables = {name: sorted(connection.execute(query).fetchall(), key=repr) for name, query in SAME.items()}
        connection.close()
        return tables


def start(folder: Path, *more: str) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONUNBUFFERED": "1", "YUELU_LANGUAGE": "en"}
    command = [YUELU, "demo", "--folder", str(folder), "--json", *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def finish(folder: Path, *more: str) -> Run:
    with start(folder, *more) as process:
        out, told = process.communicate(timeout=600)
    assert process.returncode == 0, told
    seconds = {int(step): float(taken) for step, taken in re.findall(r"^\[(\d)/9\].*\((\d+\.\d) s\)$", told, re.MULTILINE)}
    return Run(folder, json.loads(out), seconds)


def down(folder: Path) -> None:
    subprocess.run([YUELU, "-w", folder / "workspace", "down"], check=True, capture_output=True)


def left_running(folder: Path) -> list[str]:
    """Processes that have the folder in their command line or work in it."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in part for part in process.info["cmdline"] or ()):
            found.append(" ".join(process.info["cmdline"])[:200])
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("demo") / "uninterrupted"
    yield finish(folder)
    down(folder)


def test_the_main_job_ends_with_a_verified_release(demo: Run) -> None:
    view = demo.report["overview"]
    (collection,) = view["collections"]
    outcomes = collection["outcomes"]
    assert outcomes["accepted"] + outcomes["duplicate"] + outcomes["quarantined"] == collection["listed"]
    assert outcomes["duplicate"] == 1
    assert outcomes["quarantined"] >= 2
    assert all(entry["reason"] for entry in collection["quarantine"])
    assert {"CT", "image", "audio", "video"} <= set(collection["media"])
    for project in view["projects"]:
        assert project["overlap"] == 3
        answered = project["tasks"] + project["states"].get("rework", 0)
        assert project["answers"] == 3 * answered
        assert set(project["states"]) <= {"published", "rework", "accepted"}
    outcomes_of_tasks = [project["outcomes"] for project in view["projects"]]
    assert sum(each.get("rework", 0) for each in outcomes_of_tasks) >= 1
    assert [release["name"] for release in view["releases"]] == ["yuelu-sample@1.0.0", "yuelu-sample@1.1.0"]
    assert demo.report["release"]["version"] == "1.1.0"
    assert demo.report["pulled"]["rows"] == sum(project["tasks"] for project in view["projects"])
    loaded = demo.report["pulled"]["loaded"]
    assert loaded["pyarrow"] == loaded["datasets"] == demo.report["pulled"]["rows"]
    assert loaded["same"]
    assert len(demo.report["pulled"]["differences"]["added"]) == 1
    assert len(demo.report["pulled"]["differences"]["moved"]) >= 1


def test_scores_are_measured_with_intervals_per_project(demo: Run) -> None:
    metrics = {
        (project["medium"], score["control"], score["metric"]): score
        for project in demo.report["overview"]["projects"]
        for score in project["scores"]
    }
    for medium, choice, shape in (("image", "scene", "object"), ("audio", "quality", "sound"), ("video", "camera", "event")):
        for score in (
            metrics[medium, choice, "krippendorff_alpha"],
            metrics[medium, shape, "f1@0.50"],
            metrics[medium, shape, "mean_iou"],
        ):
            assert score["low"] <= score["value"] <= score["high"]


def test_one_flipped_bit_is_found_and_the_file_named(demo: Run) -> None:
    assert [problem["path"] for problem in demo.report["damaged"]["problems"]] == ["annotations.parquet"]
    damaged = demo.folder / "pulled" / "damaged-on-purpose"
    done = subprocess.run([YUELU, "verify", damaged, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert [problem["path"] for problem in json.loads(done.stdout)["problems"]] == ["annotations.parquet"]


def test_everything_started_is_stopped(demo: Run) -> None:
    assert demo.report["url"] is None
    assert left_running(demo.folder) == []


def test_nothing_of_the_patients_or_the_annotators_is_in_the_release(demo: Run) -> None:
    pulled = demo.folder / "pulled" / "yuelu-sample-1.1.0"
    secrets = [
        b"CompressedSamples",
        b"Doe^Peter",
        b"98890234",
        b"JXD19",
        b"CQ500",
        b"Sssssss",
        b"li-na",
        b"wang-wei",
        b"Orange Isle",
    ]
    files = [path for path in pulled.rglob("*") if path.is_file()]
    assert len(files) > 30
    found = {(path.name, secret) for path in files for secret in secrets if secret in path.read_bytes()}
    assert found == set()
    tables = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            "import sys, pyarrow.parquet as pq\nfor p in sys.argv[1:]: print(pq.read_table(p).to_pylist())",
        ]
        + [str(path) for path in pulled.glob("*.parquet")],
        capture_output=True,
        check=True,
    ).stdout
    assert [secret for secret in [*secrets, str(demo.folder).encode(), b".dcm"] if secret in tables] == []


def test_a_second_run_changes_nothing(demo: Run) -> None:
    before, log = demo.ledger, demo.report["overview"]["log_size"]
    stored = {path: path.stat().st_mtime_ns for path in (demo.folder / "workspace" / "store").rglob("*") if path.is_file()}
    again = finish(demo.folder)
    assert again.ledger == before
    assert again.report["overview"]["log_size"] == log
    assert again.report["release"]["new"] is False
    assert again.report["release"]["digest"] == demo.report["release"]["digest"]
    now = {path: path.stat().st_mtime_ns for path in (demo.folder / "workspace" / "store").rglob("*") if path.is_file()}
    assert now == stored


def test_killed_at_every_step_it_ends_the_same(demo: Run, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    try:
        for step in range(1, STEPS + 1):
            assert kill_in(folder, step, demo.seconds[step] / 2), f"step {step} was over before it could be killed"
        ended = finish(folder)
        assert ended.ledger == demo.ledger
        assert ended.report["release"]["digest"] == demo.report["release"]["digest"]
        for version in ("1.0.0", "1.1.0"):
            one, other = (run.folder / "pulled" / f"yuelu-sample-{version}" for run in (demo, ended))
            differing = subprocess.run(
                ["diff", "-rq", one, other], capture_output=True, text=True, check=False
            ).stdout.splitlines()
            assert [line for line in differing if "manifest.json" not in line] == []  # when and where it was signed
        assert left_running(folder) == []
    finally:
        if folder.exists():
            down(folder)


def kill_in(folder: Path, step: int, after_s: float) -> bool:
    """Start the demonstration and kill it that long after `step` began; return whether it was still at work then."""
    with start(folder) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(f"[{step}/{STEPS}]"):
                break
        time.sleep(after_s)
        killed = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.stdout and process.stdout.close()
    return killed


def test_left_up_on_request_and_stopped_by_down(demo: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    shutil.copytree(demo.folder, folder, symlinks=True)
    kept = finish(folder, "--keep-running")
    try:
        assert httpx.get(f"{kept.report['url']}/health", trust_env=False).status_code == 200
    finally:
        down(folder)
    with pytest.raises(httpx.ConnectError, match="Connection refused"):
        httpx.get(f"{kept.report['url']}/health", trust_env=False)

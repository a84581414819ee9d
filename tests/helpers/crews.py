"""The people of one project on a real Label Studio, and what can happen to that server: a kill, a restart, a backup put back."""

import os
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

from yuelu.annotate.answers import answer_uid
from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.environment import DATABASE
from yuelu.annotate.label_studio.service import running_service, start, stop
from yuelu.annotate.label_studio.site import Site
from yuelu.annotate.results import Item, to_result
from yuelu.annotate.templates import load_template
from yuelu.base.ledger.work import AnnotationRow
from yuelu.base.records import Choice, Segment
from yuelu.pipelines.dispatch import dispatch
from yuelu.pipelines.sync import SyncReport, sync

TEMPLATE = "audio-segments"


def result(end_s: float = 3.0) -> list[Any]:
    item = Item(width_px=200, height_px=100, duration_s=4.0, frames=100)
    return to_result(
        (Choice("quality", ("clean",)), Segment("s", "sound", "speech", 0.125, end_s)), load_template(TEMPLATE), [item]
    )


class Crew:
    """The people of one project on one bench, and their sync."""

    def __init__(self, bench: Any, site: str, assets: int, template: str = TEMPLATE, **more: Any) -> None:
        self.bench, self.site = bench, site
        self.project = bench.project(template, assets=assets, **more)
        with bench.admin() as admin:
            dispatch(bench.workspace, self.project, admin, site)
        self.tasks = bench.tasks(self.project)

    def answer(self, number: int, *, first: bool = True, second: bool = True) -> list[int]:
        """Let the two people of a task answer it; return the server's ids of their answers."""
        task, made = self.tasks[number], []
        for name, wanted in zip(self.bench.leased(task.item_key), (first, second), strict=True):
            if wanted:
                with self.bench.annotator(name) as client:
                    uid = answer_uid(task.item_key, name)
                    made.append(client.submit(task.server_task, result(), lead_time_s=1.0, uid=uid).annotation)
        return made

    def sync(self, url: str | None = None, **how: Any) -> SyncReport:
        account = self.bench.site.accounts.admin
        with Client(url or self.bench.site.service.url, account.token, sleep=lambda _: None) as client:
            return sync(self.bench.workspace, self.project, client, self.site, **how)

    def live(self) -> dict[str, Any]:
        """Return the result of every answer in the ledger that is no tombstone."""
        rows = self.bench.rows(AnnotationRow, AnnotationRow.uid, AnnotationRow.version)
        last = {row.uid: row for row in rows}
        return {uid: row.raw for uid, row in last.items() if not row.vanished}


def until(done: Any, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.1)


def kill(site: Site) -> None:
    """End the server as a power cut does."""
    running = running_service(site.service.data)
    assert running is not None
    os.killpg(running.pid, signal.SIGKILL)
    until(lambda: running_service(site.service.data) is None)


def start_again(env: Path, site: Site) -> None:
    """Start the server where it was."""
    assert start(env, site.service.data, site.service.media_root).url == site.service.url


def stop_as_it_is(site: Site) -> None:
    running = running_service(site.service.data)
    assert running is not None
    stop(running)


def back_up(site: Site) -> Path:
    """Copy the server's database as it is now; return the copy."""
    backup = site.service.data / f"backup-{time.monotonic_ns()}.sqlite3"
    live, copy = sqlite3.connect(site.service.data / DATABASE), sqlite3.connect(backup)
    with live, copy:
        live.backup(copy)
    live.close()
    copy.close()
    return backup


def put_back(env: Path, site: Site, backup: Path) -> None:
    """Stop the server, give it the database of that backup, and start it again."""
    stop_as_it_is(site)
    backup.replace(site.service.data / DATABASE)
    start_again(env, site)

"""Answers from a real Label Studio into a ledger: everything, and what changed; over the API and by SQL, against the SDK."""

import json
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from drawing_table_site import PROJECT, SITE, Bench, change, server, workspace
from measuring import OURS, PARTS, PEER, Row, Settings, cpu_s, peak_mb

from yuelu.annotate.label_studio.environment import DATABASE
from yuelu.annotate.label_studio.reading import ApiReader, Wanted, write_view
from yuelu.annotate.label_studio.sql import SqlReader
from yuelu.base.workspace import Workspace
from yuelu.pipelines.sync import SyncReport, sync

_ANSWERS = 2  # for each task


def rows(settings: Settings) -> list[Row]:
    """Return ours and the peers, on one server (SQLite); processor time is that of both sides."""
    tasks = 1_000 if settings.quick else 50_000
    changed = 50 if settings.quick else 1_000
    made: list[Row] = []
    with server(settings.folder, tasks, _ANSWERS) as bench:
        _sdk(bench)  # importing it takes seconds, which are no part of any job
        spaces = {way: workspace(settings.folder / f"ledger {way}", bench, tasks) for way in ("API", "SQL")}
        made += _everything(bench, spaces, tasks)
        made += _changed(bench, spaces["SQL"], tasks, changed)
    return made


def _everything(bench: Bench, spaces: dict[str, Workspace], tasks: int) -> list[Row]:
    number = tasks * _ANSWERS
    measure = _Measure(bench, f"all {number} answers of {tasks} tasks", number)
    new = SyncReport(new=number, submitted=0)
    ours = [
        measure("yuelu sync, API, into the ledger", OURS, lambda: _same(_synced(bench, spaces["API"], "API"), new)),
        measure("yuelu sync, SQL, into the ledger", OURS, lambda: _same(_synced(bench, spaces["SQL"], "SQL"), new)),
        measure("reading alone, API", OURS, lambda: _counted(_read(bench, "API"), number)),
        measure("reading alone, SQL", OURS, lambda: _counted(_read(bench, "SQL"), number)),
    ]
    peers = [
        measure("SDK exports.create and download, parsed", PEER, lambda: _counted(_snapshot(bench, None), number)),
        measure("bare SQL, results parsed", PARTS, lambda: _counted(_bare(bench), number)),
        measure("SDK exports.download_sync", PEER, lambda: _counted(_download_sync(bench), number)),
        measure("SDK tasks.list, pages of 1000", PEER, lambda: _counted(_listed(bench, None), number)),
    ]
    return [*ours, *peers]


def _changed(bench: Bench, space: Workspace, tasks: int, changed: int) -> list[Row]:
    """Measure with one ledger, which read last: two would each take the other's reading for a restored server."""
    measure = _Measure(bench, f"{changed} changed answers of {tasks} tasks", changed)

    def updated(way: str) -> None:
        report = _synced(bench, space, way)
        assert report.updated == changed, report

    made = list[Row]()
    for x, way in ((40, "API"), (41, "SQL")):
        change(bench, tasks, changed, x)
        made.append(measure(f"yuelu sync, {way}, into the ledger", OURS, partial(updated, way)))
    since = _since(bench)
    return [
        *made,
        measure("SDK view and snapshot", PEER, lambda: _counted(_snapshot(bench, since), changed * _ANSWERS)),
        measure("SDK tasks.list with a filter", PEER, lambda: _counted(_listed(bench, since), changed * _ANSWERS)),
    ]


class _Measure:
    """Takes the processor time of both sides, the clock, and the largest memory of each side."""

    def __init__(self, bench: Bench, job: str, items: int) -> None:
        self._bench, self._job, self._items = bench, job, items

    def __call__(self, way: str, kind: str, do: Callable[[], None]) -> Row:
        import time

        mine = psutil.Process()
        server_side = _Peak(self._bench)
        cpu, wall, before = cpu_s(), time.perf_counter(), mine.memory_info().rss / 1e6
        with peak_mb() as largest, server_side:
            do()
            both = largest()
        spent, took = cpu_s() - cpu, time.perf_counter() - wall
        ours = max(both - server_side.largest, before)
        note = f"{took:.1f} s by the clock; server {server_side.largest:.0f} MB (before: {server_side.before:.0f})"
        return Row(self._job, way, kind, self._items, spent, took, memory_mb=ours, note=note)


class _Peak:
    """The server's largest memory in the block."""

    def __init__(self, bench: Bench) -> None:
        import threading

        self._bench, self._over = bench, threading.Event()
        self.before = self.largest = bench.memory_mb()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            self.largest = max(self.largest, self._bench.memory_mb())

    def __enter__(self) -> "_Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def _synced(bench: Bench, space: Workspace, way: str) -> SyncReport:
    with bench.admin() as client:
        reader = SqlReader(bench.database) if way == "SQL" else None
        report = sync(space, PROJECT, client, SITE, reader=reader)
    if reader:
        reader.close()
    return report


def _read(bench: Bench, way: str) -> int:
    with bench.admin() as client:
        write_view(client, bench.server_project, 10**6)
        reader = SqlReader(bench.database) if way == "SQL" else ApiReader(client)
        return sum(len(task.annotations) for task in reader.answers(bench.server_project, Wanted()))


def _same(report: SyncReport, wanted: SyncReport) -> None:
    assert (report.new, report.rejected) == (wanted.new, 0), report


def _counted(number: int, wanted: int) -> None:
    assert number == wanted, f"{number} answers of {wanted}"


def _sdk(bench: Bench) -> Any:
    from label_studio_sdk import LabelStudio

    return LabelStudio(base_url=bench.service.url, api_key=bench.accounts.admin.token, timeout=7200)


def _filters(since: str) -> dict[str, Any]:
    item = {"filter": "filter:tasks:updated_at", "operator": "greater_or_equal", "type": "Datetime", "value": since}
    return {"conjunction": "and", "items": [item]}


def _snapshot(bench: Bench, since: str | None) -> int:
    sdk, project = _sdk(bench), bench.server_project
    options = {}
    if since:
        view = sdk.views.create(project=project, data={"title": "peer", "filters": _filters(since)})
        options = {"task_filter_options": {"view": view.id}}
    made = sdk.projects.exports.create(
        id=project, title="peer", request_options={"max_retries": 0, "timeout_in_seconds": 7200}, **options
    )
    content = b"".join(sdk.projects.exports.download(id=project, export_pk=made.id, export_type="JSON"))
    found = sum(len(task["annotations"]) for task in json.loads(content))
    sdk.projects.exports.delete(id=project, export_pk=made.id)
    if since:
        sdk.views.delete(id=view.id)
    return found


def _download_sync(bench: Bench) -> int:
    content = b"".join(
        _sdk(bench).projects.exports.download_sync(bench.server_project, export_type="JSON", download_all_tasks=True)
    )
    return sum(len(task["annotations"]) for task in json.loads(content))


def _listed(bench: Bench, since: str | None) -> int:
    query = {"query": json.dumps({"filters": _filters(since)})} if since else {}
    found = _sdk(bench).tasks.list(project=bench.server_project, page_size=1000, fields="all", **query)
    return sum(len(task.annotations or ()) for task in found)


def _bare(bench: Bench) -> int:
    connection = sqlite3.connect(f"file:{Path(bench.service.data) / DATABASE}?mode=ro", uri=True)
    asked = "SELECT t.id, t.data, a.* FROM task t JOIN task_completion a ON a.task_id = t.id WHERE t.project_id = ?"
    cursor = connection.execute(asked, (bench.server_project,))
    place = [each[0] for each in cursor.description].index("result")
    found = sum(bool(json.loads(row[place])) for row in cursor)
    connection.close()
    return found


def _since(bench: Bench) -> str:
    connection = sqlite3.connect(f"file:{Path(bench.service.data) / DATABASE}?mode=ro", uri=True)
    (stamp,) = connection.execute("SELECT max(updated_at) FROM task").fetchone()
    connection.close()
    return str(stamp).replace(" ", "T") + "Z"

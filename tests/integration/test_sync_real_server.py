"""Sync against a real Label Studio that is killed, restored from a backup, and stands behind a proxy that makes faults."""

import shutil
import sqlite3
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from crews import Crew, back_up, kill, put_back, result, start_again, until
from faults import KINDS, Fault, FaultProxy

from yuelu.annotate.label_studio.environment import DATABASE
from yuelu.annotate.label_studio.hooks import HEADER, PATH, ensure_hook, remove_hooks
from yuelu.annotate.label_studio.sites import Sender
from yuelu.annotate.label_studio.sql import SqlReader
from yuelu.annotate.label_studio.subnets import RECEIVER
from yuelu.base.errors import Misconfigured, WentBack, YueluError
from yuelu.base.ledger.work import AnnotationRow
from yuelu.base.records import Segment
from yuelu.pipelines.follow import Pace, Signals, follow
from yuelu.pipelines.policies import keep_policy
from yuelu.pipelines.publish import publish
from yuelu.pipelines.reading.wake import Receiver
from yuelu.pipelines.released_gate import Waiver
from yuelu.pipelines.released_items import judged_answers
from yuelu.pipelines.replay import ReplayReport, replay
from yuelu.pipelines.score import score
from yuelu.pipelines.sync import SiteReport, SyncReport
from yuelu.quality.policy import default_policy

pytestmark = pytest.mark.integration


@pytest.fixture
def crew(bench: Any) -> Crew:
    return Crew(bench, bench.site.name, assets=2)


def test_every_kind_of_fault_in_every_request(crew: Crew) -> None:
    """The proxy lets a real server do its work, or not, and then cuts, delays, doubles or halves what it says."""
    with FaultProxy(crew.bench.site.service.url) as proxy:
        for turn, kind in enumerate(KINDS):
            crew.answer(turn % 2, first=turn < 4, second=turn >= 4)
            paths = ("/api/dm/views", "/exports/$", "/download", "/api/tasks/", "/api/dm/project", "/exports/[0-9]+$")
            for path in paths:
                proxy.inject(Fault(kind, path=path, times=1, status=502, seconds=0.2))
            try:
                crew.sync(proxy.url)
            except YueluError:
                crew.sync()
            proxy.clear()
    assert {kind for kind in KINDS if proxy.happened[kind] == 0} == set()
    report = crew.sync(full=True)
    assert (report.new, report.updated, report.vanished, report.unchanged) == (0, 0, 0, 4)
    assert len(crew.live()) == 4
    rows = crew.bench.rows(AnnotationRow)
    assert {row.version for row in rows} == {1}
    with crew.bench.admin() as admin:
        project = crew.bench.server_project(crew.project)
        assert admin.read(f"/api/projects/{project}/exports/").json() == []  # nothing is left behind
    assert not list((crew.bench.site.service.data / "media/export" / str(project)).glob("*.json"))


def test_the_database_says_the_same_as_the_api(crew: Crew, tmp_path: Path) -> None:
    crew.answer(0)
    made = crew.answer(1)
    with crew.bench.annotator(crew.bench.leased(crew.tasks[1].item_key)[0]) as client:
        client.write("PATCH", f"/api/annotations/{made[0]}/", {"was_cancelled": True})
    assert crew.sync().new == 4
    over_api = {row.uid: row for row in crew.bench.rows(AnnotationRow)}
    reader = SqlReader(f"sqlite:///{crew.bench.site.service.data / DATABASE}")
    counts = reader.counts(crew.bench.server_project(crew.project))
    assert (counts.tasks, counts.annotations) == (2, 4)
    assert crew.sync(full=True, reader=reader) == SyncReport(unchanged=4)
    for task in crew.tasks[:2]:
        who = crew.bench.leased(task.item_key)[1]  # the first one of the second task was cancelled
        (changed,) = [row for row in over_api.values() if (row.item_key, row.annotator) == (task.item_key, who)]
        with crew.bench.annotator(who) as client:
            client.write("PATCH", f"/api/annotations/{changed.server_annotation}/", {"result": result(2.5)})
    stamps = list(reader.stamps(crew.bench.server_project(crew.project)))
    assert [len(page) for page in stamps] == [2]  # a page is not a row
    assert crew.sync(reader=reader).updated == 2
    assert crew.sync() == SyncReport(unchanged=4)
    reader.close()
    empty = tmp_path / "empty.sqlite3"
    sqlite3.connect(empty).execute("CREATE TABLE task (id integer)").connection.close()
    with pytest.raises(Misconfigured, match=r"no database of Label Studio 1\.23\.2"):
        SqlReader(f"sqlite:///{empty}")


def test_a_copy_of_the_database_that_is_behind_is_refused(crew: Crew, tmp_path: Path) -> None:
    crew.answer(0)
    crew.sync()
    shutil.copy(crew.bench.site.service.data / DATABASE, tmp_path / "copy.sqlite3")
    crew.answer(1)
    crew.sync()
    reader = SqlReader(f"sqlite:///{tmp_path / 'copy.sqlite3'}", sleep=lambda _: None)
    with pytest.raises(Misconfigured, match="the database shows reading"):
        crew.sync(reader=reader)
    reader.close()
    assert len(crew.live()) == 4


def call(url: str, secret: str, length: int = 2) -> int:
    where = urlsplit(url)
    connection = HTTPConnection(where.hostname or "", where.port, timeout=10)
    connection.putrequest("POST", PATH)
    connection.putheader(HEADER, secret)
    connection.putheader("Content-Length", str(length))
    connection.endheaders(b"{}")
    status = connection.getresponse().status
    connection.close()
    return status


def test_webhooks_hasten_a_poll_and_can_do_nothing_else(crew: Crew) -> None:
    """F4: lost, ten times, out of order, forged, replayed, 50 MB: the ledger is what polling alone would make it."""
    signals, reports = Signals(), list[SyncReport]()
    project = crew.bench.server_project(crew.project)

    def once(full: bool) -> list[SiteReport]:
        reports.append(crew.sync(full=full))
        return [SiteReport("s", reports[-1])]

    with Receiver(RECEIVER, 0, "right", signals.wake) as receiver:
        with crew.bench.admin() as admin:
            ensure_hook(admin, project, receiver.url, "right")
            ensure_hook(admin, project, receiver.url, "right")  # one after a crash is the only one
            assert len(admin.read("/api/webhooks/", {"project": project}).json()) == 1
        thread = threading.Thread(target=lambda: follow(once, lambda _: None, lambda _: None, signals, Pace(600.0, 3600.0)))
        thread.start()
        until(lambda: bool(reports))
        crew.answer(0)
        until(lambda: sum(report.new for report in reports) == 2)  # in seconds, though a poll is due in ten minutes
        assert receiver.seen["woken"] >= 1
        assert [call(receiver.url, "right") for _ in range(10)] == [204] * 10  # doubled, late, replayed
        assert call(receiver.url, "wrong") == 403
        assert call(receiver.url, "") == 403
        assert call(receiver.url, "right", length=50 << 20) == 413  # not one byte of it is read
        with crew.bench.admin() as admin:
            remove_hooks(admin, project)
            assert admin.read("/api/webhooks/", {"project": project}).json() == []
        crew.answer(1)  # its call is lost
        signals.stop()
        thread.join()
    assert receiver.seen["forged"] == 2
    crew.sync()
    assert len(crew.live()) == 4
    assert {row.version for row in crew.bench.rows(AnnotationRow)} == {1}


def test_a_server_killed_in_the_middle_of_a_request(crew: Crew, label_studio_env: Path) -> None:
    site = crew.bench.site
    crew.answer(0)
    crew.sync()
    crew.answer(1)
    failed: list[YueluError] = []

    def run(url: str) -> None:
        try:
            crew.sync(url)
        except YueluError as error:
            failed.append(error)

    with FaultProxy(site.service.url) as proxy:
        proxy.inject(Fault("late", "POST", "/exports/$", seconds=2.0))  # the snapshot is made, and not yet answered
        thread = threading.Thread(target=run, args=(proxy.url,))
        thread.start()
        until(lambda: proxy.happened["late"] == 1)
        time.sleep(1.0)
        kill(site)
        thread.join()
    assert failed
    start_again(label_studio_env, site)
    assert crew.sync().new == 2
    assert crew.sync(full=True) == SyncReport(unchanged=4)
    with crew.bench.admin() as admin:
        assert admin.read(f"/api/projects/{crew.bench.server_project(crew.project)}/exports/").json() == []


def test_a_server_restored_from_yesterdays_backup_is_held_and_given_back_what_it_lost(bench: Any, label_studio_env: Path) -> None:
    crew = Crew(bench, bench.site.name, assets=4)
    site = crew.bench.site
    changed, deleted = crew.answer(0)
    crew.sync()
    backup = back_up(site)
    for number in (1, 2, 3):
        crew.answer(number)
    with crew.bench.annotator(crew.bench.leased(crew.tasks[0].item_key)[0]) as client:
        client.change(changed, result(2.0), lead_time_s=2.0)
    with crew.bench.admin() as admin:
        admin.delete_annotation(deleted)
        admin.delete_task(crew.tasks[3].server_task)
    crew.sync()
    wanted = crew.live()
    assert len(wanted) == 5
    put_back(label_studio_env, site, backup)
    for full in (False, True):
        with pytest.raises(WentBack, match="went back in time"):
            crew.sync(full=full)
    assert crew.live() == wanted

    senders = {name: Sender(bench.annotator(name), None) for name in "abcd"}
    with bench.admin() as admin:
        done = replay(bench.workspace, crew.project, admin, crew.site, senders.__getitem__)
    for sender in senders.values():
        sender.client.close()
    assert (done.answers, done.changed, done.deleted) == (4, 1, 1)
    assert crew.sync() == SyncReport(unchanged=5)
    assert crew.sync(full=True) == SyncReport(unchanged=5)
    assert crew.live() == wanted
    with bench.admin() as admin:
        assert replay(bench.workspace, crew.project, admin, crew.site, senders.__getitem__) == ReplayReport()


def test_what_was_judged_and_published_stays_what_it_was(bench: Any) -> None:
    """F12: on the server an answer is edited, and another deleted, after the task was accepted on them, and after the release."""
    policy = default_policy()
    crew = Crew(bench, bench.site.name, assets=1, policy=policy)
    keep_policy(bench.workspace, policy)
    edited, deleted = crew.answer(0)
    assert crew.sync().submitted == 1
    assert score(bench.workspace, crew.project, policy).outcomes == {"accept": 1}
    waiver = Waiver("curator", "one task tells little")
    first = publish(bench.workspace, "sounds", [crew.project], waiver=waiver)
    with bench.annotator(bench.leased(crew.tasks[0].item_key)[0]) as client:
        client.change(edited, result(1.5), lead_time_s=2.0)
    with bench.admin() as admin:
        admin.delete_annotation(deleted)
    report = crew.sync()
    assert (report.updated, report.vanished, report.submitted) == (1, 1, 0)
    rows = bench.rows(AnnotationRow, AnnotationRow.version)
    assert sorted((row.version, row.vanished) for row in rows) == [(1, False), (1, False), (2, False), (2, True)]
    with bench.workspace.ledger.reading() as session:
        judged = judged_answers(session, [crew.tasks[0].item_key])
    assert {(each.version, each.cancelled) for each in judged} == {(1, False)}
    assert [len(each.regions) for each in judged] == [2, 2]
    assert {region.end_s for each in judged for region in each.regions if isinstance(region, Segment)} == {3.0}
    again = publish(bench.workspace, "sounds", [crew.project], waiver=waiver)
    assert (again.version, again.digest, again.new) == (first.version, first.digest, False)
    assert score(bench.workspace, crew.project, policy).outcomes == {}  # nothing is decided anew behind anybody's back

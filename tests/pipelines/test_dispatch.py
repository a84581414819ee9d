"""Dispatch: every task is on its site exactly once, whatever happens to requests, to the process or to the server's data."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from pretended import Pretended, at_random

from yuelu.annotate.configurations import configure, move_unanswered
from yuelu.annotate.label_studio.sites import places
from yuelu.annotate.projects import create_project
from yuelu.annotate.tasks import batch_id, create_tasks
from yuelu.annotate.templates import load_template, parse_template
from yuelu.base.canonical import sha256
from yuelu.base.errors import Conflict, InvalidRecord, OutcomeUnknown, ServiceUnavailable
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.ledger.places import OutboxRow
from yuelu.base.ledger.work import AnnotationRow, AnnotatorRow, CompanyRow, SiteRow, TaskRow
from yuelu.base.records import asset_key
from yuelu.base.settings import Settings
from yuelu.base.workspace import Workspace, init
from yuelu.pipelines.dispatch import DispatchReport, dispatch, dispatch_to_sites, verify_project
from yuelu.pipelines.outbox import sending
from yuelu.pipelines.outbox.planning import plan, site_for


class Lab:
    """A workspace with a project of so many pictures, and sites that are pretended."""

    def __init__(self, root: Path, tasks: int, sites: dict[str, int], ledger: str | None = None) -> None:
        self.workspace: Workspace = init(Settings(workspace=root, ledger=ledger))
        self.ledger = self.workspace.ledger
        self.servers = {name: Pretended() for name in sites}
        with self.ledger.transaction("test") as t:
            made = self.ledger.now()
            row = {"owner": "o", "legal_basis": "b", "grade": "g", "terms": "t", "created_at": made}
            t.add_new(CollectionRow, [{"name": "c", **row}])
            t.add_new(CompanyRow, [{"name": "ash"}])
            t.add_new(AnnotatorRow, [{"id": "a", "company": "ash", "scripted": True}])
            for name, weight in sites.items():
                t.session.add(SiteRow(name=name, url="http://x", version="1.23.2", kind="external", weight=weight))
            for number in range(tasks):
                proxy = self.asset(t, f"proxy {number}", "proxy", {"width_px": 200, "height_px": 100})
                source = self.asset(t, f"source {number}", "source", {"proxy": proxy, "width_px": 200, "height_px": 100})
                listing = {"collection": "c", "source": "s", "path": str(number), "bytes": 1, "modified_ns": 1}
                t.add_new(ListingRow, [{**listing, "outcome": "accepted", "sha256": source, "reason": None, "listed_at": made}])
        create_project(
            self.ledger, "test", name="p", collection="c", template=load_template("image-boxes"), overlap=2,
            policy="y", policy_digest="d" * 64,
        )  # fmt: skip
        create_tasks(self.ledger, "test", "p")

    @staticmethod
    def asset(t: Any, name: str, role: str, facts: dict[str, Any]) -> str:
        digest = sha256(name.encode())
        row = {"sha256": digest, "medium": "image", "media_type": "image/png", "bytes": 1, "role": role, "group": digest}
        t.add_new(AssetRow, [{**row, "derived_from": None, "store_key": asset_key(digest), "facts": facts}])
        return digest

    def run(self, site: str = "north", **how: Any) -> DispatchReport:
        with self.servers[site].client() as client:
            return dispatch(self.workspace, "p", client, site, sleep=lambda _: None, **how)

    def spread(self, *sites: str, **how: Any) -> dict[str, Any]:
        names = sites or tuple(self.servers)
        reports = dispatch_to_sites(
            self.workspace, "p", names, lambda name: self.servers[name].client(), sleep=lambda _: None, **how
        )
        return {each.site: each for each in reports}

    def rows(self, table: type[Any]) -> list[Any]:
        with self.ledger.reading() as session:
            rows = list(session.query(table))
            session.expunge_all()
        return rows

    def check(self, keys: list[str] | None = None) -> None:
        """All tasks are on the servers exactly once, and where the ledger says."""
        there = {
            (name, task["id"]): task["data"]["item_key"]
            for name, server in self.servers.items()
            for task in server.tasks.values()
        }
        assert sorted(there.values()) == sorted(keys or [row.item_key for row in self.rows(TaskRow)])
        assert {(row.site, row.server_task): row.item_key for row in self.rows(OutboxRow) if row.state == "sent"} == there
        assert {(row.site, row.server_task): row.item_key for row in self.rows(TaskRow) if row.server_task} == there
        for name in {site for site, _ in there}:
            assert verify_project(self.workspace, "p", [name], lambda site: self.servers[site].client()).differences == ()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Any]:
    made: list[Lab] = []

    def make(tasks: int = 40, **sites: int) -> Lab:
        made.append(Lab(tmp_path / str(len(made)), tasks, sites or {"north": 1}))
        return made[-1]

    yield make
    for each in made:
        each.ledger.close()


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_to_requests_each_task_is_there_once(lab: Any, seed: int) -> None:
    draw, here = random.Random(seed), lab(40)
    server = here.servers["north"]
    server.trouble = at_random(draw, 0.5)
    for _ in range(40):
        with suppress(OutcomeUnknown):
            here.run(tasks=draw.choice([3, 7, 20]))
        if draw.random() < 0.5:
            server.settle()  # what was late arrives between two runs
        if all(row.state == "sent" for row in here.rows(OutboxRow)) and here.rows(OutboxRow):
            break
    assert server.happened, "no fault happened"
    server.settle()
    server.trouble = lambda _: None
    here.run()
    here.check()


@pytest.mark.parametrize("where", ["_mark", "send", "record"])
def test_killed_anywhere_it_goes_on(lab: Any, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    here, calls = lab(30), Counter[str]()
    true = getattr(sending, where)

    def killed_the_third_time(*args: Any, **more: Any) -> Any:
        calls[where] += 1
        if calls[where] == 3:
            raise KeyboardInterrupt
        return true(*args, **more)

    monkeypatch.setattr(sending, where, killed_the_third_time)
    with pytest.raises(KeyboardInterrupt):
        here.run(tasks=5)
    assert 0 < len([row for row in here.rows(TaskRow) if row.state == "dispatched"]) < 30
    report = here.run(tasks=5)
    assert (report.total, report.deleted) == (30, 0)
    assert sum(here.servers["north"].imports) == 30  # nothing was sent twice
    here.check()


def test_pages_are_bounded_in_tasks_and_bytes(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = lab(23)
    assert here.run(tasks=10) == DispatchReport(23, 0, 23)
    assert here.servers["north"].imports == [10, 10, 3]
    other = lab(23)
    monkeypatch.setattr(sending, "_BYTES", 1000)
    other.run()
    assert 500 < max(other.servers["north"].bodies) < 1010  # with brackets and commas
    assert len(other.servers["north"].imports) > 3
    other.check()


def test_an_import_that_arrives_after_it_was_sent_again_is_taken_out(lab: Any) -> None:
    here, late = lab(10), iter(["late"])
    server = here.servers["north"]
    server.trouble = lambda request: next(late, None) if request.url.path.endswith("/import") else None
    here.run()
    assert server.happened == ["late"]
    server.settle()
    assert len(server.tasks) == 20
    report = here.run()
    assert (report.created, report.deleted, report.doubled) == (0, 10, 0)
    here.check()


def test_a_double_that_was_answered_stays_and_is_told(lab: Any) -> None:
    here = lab(3)
    here.run()
    server = here.servers["north"]
    first = min(server.tasks)
    (double,) = server._add(server.tasks[first]["project"], [{"data": server.tasks[first]["data"]}])
    server.tasks[double]["total_annotations"] = 1
    report = here.run()
    assert (report.deleted, report.doubled) == (0, 1)
    found = verify_project(here.workspace, "p", ["north"], lambda _: server.client()).differences
    assert [(each.subject, each.problem) for each in found] == [
        (f"task {server.tasks[double]['data']['item_key']}", f"the server has it a second time (server task {double}, 1 answers)")
    ]


def test_a_backup_of_the_server_that_lost_tasks_gets_them_again(lab: Any) -> None:
    here = lab(12)
    here.run(tasks=4)
    server = here.servers["north"]
    for task in sorted(server.tasks)[5:]:
        del server.tasks[task]
    assert len(verify_project(here.workspace, "p", ["north"], lambda _: server.client()).differences) == 7
    assert here.run().created == 7
    here.check()


def test_a_backup_of_the_ledger_that_lost_tasks_finds_them(lab: Any) -> None:
    here = lab(12)
    here.run()
    with here.ledger.transaction("test") as t:
        for row in t.session.query(OutboxRow).limit(5):
            row.state, row.server_task = "planned", None
    assert here.run() == DispatchReport(0, 12, 12)
    here.check()


def test_what_was_changed_on_the_server_is_named(lab: Any) -> None:
    here = lab(4)
    here.run()
    server = here.servers["north"]
    one, two, three, _ = sorted(server.tasks)
    server.tasks[one]["data"]["images"] = ["/elsewhere.png"]
    server.tasks[two]["data"]["item_key"] = "?"
    keys = {row.server_task: row.item_key for row in here.rows(TaskRow)}
    del server.tasks[three]
    (project,) = server.projects.values()
    project["maximum_annotations"] = 9
    project["label_config"] += " "
    found = verify_project(here.workspace, "p", ["north"], lambda _: server.client())
    assert found.tasks == 4
    assert {(each.subject, each.problem.partition(" (")[0]) for each in found.differences if each.subject.startswith("task")} == {
        (f"task {keys[one]}", "its data were changed on the server"),
        (f"task {keys[two]}", "the server's task names another key"),
        (f"task {keys[three]}", "it is not on the server"),
    }
    rest = [each.subject for each in found.differences if not each.subject.startswith("task")]
    assert rest == ["label configuration", "setting maximum_annotations"]


def test_sites_share_by_weight_and_a_task_never_moves() -> None:
    keys = [sha256(b"%d" % number) for number in range(20_000)]
    shares = Counter(site_for(key, {"a": 1, "b": 3}) for key in keys)
    assert shares["b"] / len(keys) == pytest.approx(0.75, abs=0.012)  # four standard deviations of a binomial share
    more = {key: site_for(key, {"a": 1, "b": 3, "c": 1}) for key in keys}
    assert all(more[key] in ("c", site_for(key, {"a": 1, "b": 3})) for key in keys)
    with pytest.raises(InvalidRecord, match="weight 1 or more"):
        site_for("k", {"a": 0})


def test_a_site_that_is_down_delays_only_its_own_work(lab: Any) -> None:
    here = lab(60, north=1, south=2)

    def down(request: httpx.Request) -> str | int | None:
        raise httpx.ConnectError("no route")

    here.servers["south"].trouble = down
    reports = here.spread(tasks=10)
    assert reports["north"].problem is None
    assert isinstance(reports["south"].problem, ServiceUnavailable)
    assert reports["north"].report.created == len(here.servers["north"].tasks) > 0
    waiting = reports["south"].report.total
    assert reports["north"].report.created + waiting == 60
    here.servers["south"].trouble = lambda _: None
    assert here.spread()["south"].report.created == waiting
    here.check()


def test_what_waits_for_a_site_that_stays_down_can_go_elsewhere(lab: Any) -> None:
    here = lab(40, north=1, south=1)
    with here.ledger.reading() as session:
        assert places(session, "p") == ()
    plan(here.ledger, batch_id("p"), {"south": 1})
    assert here.spread("north")["north"].report.created == 40
    assert here.servers["south"].tasks == {}
    here.check()


def other_template(text: str = "other") -> Any:
    made = load_template("image-boxes")
    return parse_template("mine", "1", made.config.replace("</View>", f"<!-- {text} --></View>"), made.descriptions)


def test_another_configuration_takes_the_unanswered_along_and_never_mixes(lab: Any) -> None:
    here = lab(6)
    here.run()
    server = here.servers["north"]
    answered, seen, *_ = sorted(here.rows(TaskRow), key=lambda row: row.item_key)
    with here.ledger.transaction("test") as t:
        values = {
            "uid": "u",
            "version": 1,
            "item_key": answered.item_key,
            "annotator": "a",
            "site": "north",
            "server_annotation": 1,
        }
        more = {"created_at": here.ledger.now(), "updated_at": here.ledger.now(), "cancelled": False, "vanished": False}
        t.add_new(AnnotationRow, [{**values, **more, "lead_time_s": None, "content": "c", "regions": [], "raw": []}])
    done = configure(here.ledger, "test", "p", other_template())
    assert (done.number, done.new) == (2, True)
    assert configure(here.ledger, "test", "p", other_template()).new is False
    moved = move_unanswered(here.ledger, "test", "p", {seen.item_key})
    assert (moved.moved, moved.answered, moved.on_their_way) == (4, 2, 0)
    assert move_unanswered(here.ledger, "test", "p", {seen.item_key}).moved == 0
    here.run()
    first, second = server.projects.values()
    assert "other" in second["label_config"] and "other" not in first["label_config"]  # noqa: PT018
    by_project = {
        number: {t["data"]["item_key"] for t in server.tasks.values() if t["project"] == number} for number in server.projects
    }
    assert by_project[first["id"]] == {answered.item_key, seen.item_key}
    assert len(by_project[second["id"]]) == 4
    assert not by_project[first["id"]] & by_project[second["id"]]
    here.check()
    assert here.run() == DispatchReport(0, 6, 6)
    with pytest.raises(Conflict, match="batch 1 of p asked that already"):
        configure(here.ledger, "test", "p", load_template("image-boxes"))
    with pytest.raises(InvalidRecord, match="labels image, configuration audio-segments audio"):
        configure(here.ledger, "test", "p", load_template("audio-segments"))


def test_a_moved_task_that_was_answered_meanwhile_stays_on_the_server(lab: Any) -> None:
    here = lab(2)
    here.run()
    server = here.servers["north"]
    first = min(server.tasks)
    configure(here.ledger, "test", "p", other_template())
    move_unanswered(here.ledger, "test", "p")
    server.tasks[first]["total_annotations"] = 1  # after we asked
    here.run()
    assert first in server.tasks
    assert len(server.tasks) == 3


@pytest.mark.integration
def test_on_postgresql_two_sites_at_once_and_a_new_configuration(tmp_path: Path, postgres_ledger: str) -> None:
    here = Lab(tmp_path / "w", 60, {"north": 1, "south": 1}, postgres_ledger)
    lost = iter(["lost", "unheard"])
    here.servers["north"].trouble = lambda request: next(lost, None) if request.url.path.endswith("/import") else None
    reports = here.spread(tasks=7)
    assert here.servers["north"].happened == ["lost", "unheard"]
    assert [each.problem for each in reports.values()] == [None, None]
    assert sum(each.report.created for each in reports.values()) == 60
    here.check()
    configure(here.ledger, "test", "p", other_template())
    assert move_unanswered(here.ledger, "test", "p").moved == 60
    assert sum(each.report.created for each in here.spread().values()) == 60
    here.check()
    here.ledger.close()


def test_one_event_tells_of_each_post(lab: Any) -> None:
    here = lab(23)
    here.run(tasks=10)
    told = [row.reason for row in here.rows(EventRow) if row.action == "tasks.dispatched"]
    assert [reason.split(" to ")[0] for reason in told] == ["10", "10", "3"]

"""Sync against a server that fails, lies about the time and is restored: nothing missing, twice, or wrongly buried."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from desk import PEOPLE, YEAR_S, Desk, regions, result
from drawing_table import KINDS, DrawingTable
from sqlalchemy import delete, update

from yuelu.annotate.packets import lease
from yuelu.base.errors import Conflict, WentBack, YueluError
from yuelu.base.ledger.places import PlaceRow
from yuelu.base.ledger.reading import ReadPlaceRow, ReadTaskRow
from yuelu.base.ledger.work import RejectionRow
from yuelu.pipelines.released_items import judged_answers
from yuelu.pipelines.score import score
from yuelu.pipelines.sync import SyncReport, sync_sites
from yuelu.quality.policy import default_policy


@pytest.fixture
def desk(lab: Any) -> Desk:
    lease(lab.ledger, "test", "p", list(PEOPLE))
    return Desk(lab)


def test_answers_arrive_once_and_an_idle_poll_writes_nothing_to_the_server(desk: Desk) -> None:
    for task in desk.tasks:
        for user in PEOPLE.values():
            desk.table.answer(task, user, result())
    assert desk.sync() == SyncReport(new=9, submitted=3)
    desk.table.requests.clear()
    assert desk.sync() == SyncReport(unchanged=9)
    assert {each.split()[0] for each in desk.table.requests} == {"GET"}
    assert len(desk.table.requests) <= 5
    assert desk.table.state.exports == {}
    desk.check_ledger()


def test_what_is_read_costs_by_what_changed(desk: Desk) -> None:
    uids = [desk.table.answer(task, 11, result()) for task in desk.tasks]
    desk.sync()
    desk.table.tick(3600)
    desk.sync()
    desk.table.change(uids[0], result(5))
    seen: list[str] = []
    desk.table.hook = lambda request: seen.extend(
        each["content"] for each in desk.table.state.exports.values() if request.method == "POST"
    )
    assert desk.sync() == SyncReport(updated=1)
    assert uids[0] in seen[0]
    assert uids[1] not in seen[0]


def test_the_same_content_is_not_a_new_version(desk: Desk) -> None:
    uid = desk.table.answer(desk.tasks[0], 11, result())
    desk.sync()
    desk.table.change(uid, result())
    assert desk.sync() == SyncReport(unchanged=1)
    assert desk.answers()[uid][0] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_request_may_fail_in_every_way(desk: Desk, kind: str) -> None:
    """For each request of a sync in turn: it meets the fault, and what was lost of the work is made up for by the next."""
    for number in range(14):
        uid = desk.table.answer(desk.tasks[number % 3], 11 + number % 3, result(number))
        asked = iter(range(10_000))
        desk.table.fault = lambda _, asked=asked, number=number: kind if next(asked) == number else None  # type: ignore[misc]
        try:
            desk.sync()
        except YueluError:
            desk.table.fault = lambda _: None
            desk.sync()
        assert desk.answers()[uid][:2] == (1, False)
    assert desk.table.happened[kind] >= 8  # a sync makes at least so many requests
    assert len(desk.answers()) == 14
    desk.check_ledger()


def test_pages_that_shift_hide_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yuelu.annotate.label_studio.reading._PAGE", 2)
    uids = [desk.table.answer(task, 11, result()) for task in desk.tasks]
    desk.sync()
    shifted: list[int] = []

    def shift(request: httpx.Request) -> None:
        if request.url.path == "/api/tasks/" and request.url.params["page_size"] == "2" and not shifted:
            shifted.append(desk.tasks[0])
            desk.table.delete_task(desk.tasks[0])  # by number, the third task would now be on the first page
            desk.table.add_task("a stranger")

    desk.table.hook = shift
    assert desk.sync(full=True).vanished in (0, 1)
    assert shifted
    desk.sync(full=True)
    assert {uid: gone for uid, (_, gone, _) in desk.answers().items()} == {uids[0]: True, uids[1]: False, uids[2]: False}


def test_a_task_that_goes_and_one_that_comes_are_noticed_by_the_full_comparison(desk: Desk) -> None:
    uid = desk.table.answer(desk.tasks[0], 11, result())
    desk.sync()
    desk.table.tick(3600)
    desk.table.delete_task(desk.tasks[0])
    task = desk.table.add_task("a stranger")  # as many as before
    desk.table.answer(task, 12, result())
    desk.sync()
    desk.sync(full=True)
    assert desk.answers()[uid][1]
    assert len(desk.answers()) == 1


@pytest.mark.parametrize("jump", [-YEAR_S, YEAR_S])
def test_a_server_whose_clock_is_wrong(desk: Desk, jump: float) -> None:
    uids = [desk.table.answer(task, 11, result()) for task in desk.tasks]
    desk.sync()
    desk.table.tick(jump)
    desk.table.change(uids[0], result(7))
    desk.table.delete(uids[1])
    more = desk.table.answer(desk.tasks[1], 12, result())
    report = desk.sync()
    assert (report.new, report.updated, report.vanished) == (1, 1, 1)
    desk.table.tick(-jump)
    desk.table.change(uids[0], result(8))
    desk.table.delete(more)
    report = desk.sync()
    assert (report.new, report.updated, report.vanished) == (0, 1, 1)
    assert desk.answers()[uids[0]] == (3, False, result(8))
    desk.table.delete(uids[0])
    assert desk.sync().vanished == 1
    assert desk.sync(full=True) == SyncReport(unchanged=1)


def test_a_restored_server_is_held_and_buries_nothing(desk: Desk) -> None:
    first = desk.table.answer(desk.tasks[0], 11, result())
    desk.sync()
    backup = desk.table.backup()
    late = [desk.table.answer(task, 12, result()) for task in desk.tasks]
    desk.table.change(first, result(9))
    desk.sync()
    before = desk.answers()
    desk.table.restore(backup)
    desk.table.answer(desk.tasks[2], 13, result())  # people go on, and ids are given out again
    for full in (False, True, False):
        with pytest.raises(WentBack, match="went back in time: it shows reading 1, the last was 2"):
            desk.sync(full=full)
    assert desk.answers() == before
    assert set(before) == {first, *late}


def test_a_backup_made_while_we_read_is_known_by_the_stamps(desk: Desk) -> None:
    """The server shows the number of the last reading, and yet lacks an answer that was read after it was written."""
    desk.sync()
    backups: list[Any] = []

    def meddle(request: httpx.Request) -> None:
        if request.method == "PATCH":  # the first writes the number of the reading, the second says what it is to read
            backups.append(desk.table.backup())
        if len(backups) == 2:
            desk.table.hook = lambda _: None
            desk.table.answer(desk.tasks[0], 12, result())

    uid = desk.table.answer(desk.tasks[0], 11, result())
    desk.table.hook = meddle
    desk.sync()
    assert len(desk.answers()) == 2
    desk.table.restore(backups[1])
    with pytest.raises(WentBack, match="missing from a task that has not changed since"):
        desk.sync()
    assert not any(gone for _, gone, _ in desk.answers().values())
    assert uid in desk.answers()


def test_a_server_project_that_is_gone_or_new_is_no_deletion_of_answers(desk: Desk) -> None:
    uid = desk.table.answer(desk.tasks[0], 11, result())
    desk.sync()
    table = desk.table
    desk.table = DrawingTable()
    desk.table.state.tasks = {task: {**table.state.tasks[task], "annotations": {}} for task in desk.tasks}
    desk.table.now = table.now
    with pytest.raises(WentBack, match="it shows reading none, the last was 1"):
        desk.sync()
    with desk.lab.ledger.transaction("test") as t:
        t.session.delete(t.session.get_one(ReadPlaceRow, ("site", table.project)))  # as if it were placed anew
        t.session.execute(delete(ReadTaskRow))
        t.session.execute(update(PlaceRow).values(synced_at=None))
    with pytest.raises(WentBack, match="it is new, and lacks answer"):
        desk.sync()
    assert desk.answers()[uid][:2] == (1, False)


def test_a_ledger_from_a_backup_reads_everything_again(desk: Desk) -> None:
    uids = [desk.table.answer(task, 11, result()) for task in desk.tasks]
    desk.sync()
    desk.table.tick(3600)
    desk.table.delete(uids[0])
    view = next(iter(desk.table.state.views.values()))
    view["data"]["title"] = "yuelu reading 40"  # what later readings, which this ledger has lost, wrote
    desk.table.change(uids[1], result(3))
    report = desk.sync()
    assert (report.new, report.updated, report.vanished) == (0, 1, 1)


def test_an_overtaken_reading_stops(desk: Desk) -> None:
    desk.table.answer(desk.tasks[0], 11, result())
    rival: list[SyncReport] = []

    def overtake(request: httpx.Request) -> None:
        if request.url.path.endswith("/download") and not rival:
            desk.table.hook = lambda _: None
            rival.append(desk.sync())

    desk.table.hook = overtake
    with pytest.raises(Conflict, match="another sync of site/7 has begun"):
        desk.sync()
    assert rival == [SyncReport(new=1)]
    desk.check_ledger()


def test_sites_are_read_at_once_and_one_that_is_down_delays_nothing(make_lab: Callable[..., Any]) -> None:
    lab = make_lab("one", "two")
    lease(lab.ledger, "test", "p", list(PEOPLE))
    east, west = Desk(lab, "east", ("one",)), Desk(lab, "west", ("two",))
    for desk in (east, west):
        desk.table.answer(desk.tasks[0], 11, result())
    east.table.up = False
    desks = {"east": east, "west": west}
    down, up = sync_sites(lab.workspace, "p", lambda site: desks[site].client())
    assert (down.site, up.site, up.report, up.problem) == ("east", "west", SyncReport(new=1), None)
    assert down.problem is not None
    assert "http://ls/api/version gave no answer" in down.problem.problem
    east.table.up = True
    assert [each.report.new for each in sync_sites(lab.workspace, "p", lambda site: desks[site].client())] == [1, 0]


STRANGE: dict[str, tuple[list[Any], str]] = {
    "a number that JSON has not": ([{"x": float("inf")}], "no"),
    "a NUL": ([{"x": "\0"}], "it holds numbers or text that JSON has not"),
    "half a character": ([{"x": "\ud800"}], "it holds numbers or text that JSON has not"),
    "no list": ({"x": 1}, "the result is dict, not a list"),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("kind", STRANGE)
def test_an_answer_that_no_database_takes_stops_nobody(desk: Desk, kind: str) -> None:
    strange, reason = STRANGE[kind]
    desk.table.answer(desk.tasks[0], 11, strange)
    good = desk.table.answer(desk.tasks[1], 11, result())
    report = desk.sync()
    assert (report.new, report.rejected) == (1, 1)
    assert reason in next(iter(report.reasons))
    assert [row["server_annotation"] for row in desk.lab.all(RejectionRow)]
    assert desk.sync() == SyncReport(unchanged=1)
    assert list(desk.answers()) == [good]


def test_what_was_judged_stays_what_it_was(desk: Desk) -> None:
    """F12: an answer is edited, and another deleted, after the task was accepted on them."""
    uids = [desk.table.answer(desk.tasks[0], user, result()) for user in PEOPLE.values()]
    desk.sync()
    assert score(desk.lab.workspace, "p", default_policy()).outcomes == {"accept": 1}
    desk.table.change(uids[0], result(50))
    desk.table.delete(uids[1])
    report = desk.sync()
    assert (report.updated, report.vanished) == (1, 1)
    with desk.lab.ledger.reading() as session:
        judged = judged_answers(session, [desk.keys[0]])
    assert sorted((each.uid, each.version) for each in judged) == sorted((uid, 1) for uid in uids)
    assert {each.regions for each in judged} == {regions(1)}
    assert desk.lab.states()["cat"] == ["accepted"]

"""Forwarding against a site that is made up: what it has, what it lost, and what it says."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from gateways import fill
from sqlalchemy import select

from yuelu.annotate.incoming import Incoming
from yuelu.annotate.label_studio.client import Client, Submitted
from yuelu.annotate.packets import take_packet, tasks_of
from yuelu.annotate.people import Annotator, add_people
from yuelu.annotate.submissions import record
from yuelu.annotate.tasks import batch_id
from yuelu.base.errors import Conflict, InvalidRecord, NotFound, OutcomeUnknown, ServiceUnavailable, YueluError
from yuelu.base.ledger.packets import SubmissionRow
from yuelu.base.ledger.places import PlaceRow
from yuelu.base.ledger.work import SiteRow, TaskRow
from yuelu.base.settings import Settings
from yuelu.base.workspace import Workspace, init
from yuelu.pipelines.forward import Forwarder, ForwardReport, Senders, forward, sites

SITE = "changsha"
REGION = {"id": "s", "from_name": "scene", "to_name": "image", "type": "choices", "value": {"choices": ["medical"]}}


@dataclass
class MadeUp:
    """A site that keeps answers by uid, and meets `trouble` before or after it takes the next one."""

    answers: dict[str, tuple[int, list[Any], bool]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    before: list[YueluError] = field(default_factory=list)
    after: list[YueluError] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)

    def senders(self, annotator: str) -> tuple[Client, int | None]:
        return cast(Client, _Client(self, annotator)), None


class _Client:
    def __init__(self, site: MadeUp, annotator: str) -> None:
        self.site, self.annotator = site, annotator

    def __enter__(self) -> "_Client":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, server_task: int, result: Any, *, lead_time_s: float, uid: str, cancelled: bool, completed_by: Any) -> Any:
        with self.site.lock:
            self.site.calls.append(("submit", self.annotator))
            if self.site.before:
                raise self.site.before.pop()
            added = uid not in self.site.answers
            if added:
                self.site.answers[uid] = (100 + len(self.site.answers), list(result), cancelled)
            if self.site.after:
                raise self.site.after.pop()
            return Submitted(self.site.answers[uid][0], added)

    def holds(self, annotation: int, server_task: int, completed_by: Any) -> bool:
        with self.site.lock:
            if self.site.before:
                raise self.site.before.pop()
            return annotation in [known for known, _, _ in self.site.answers.values()]

    def change(self, annotation: int, result: Any, *, lead_time_s: float, cancelled: bool) -> None:
        with self.site.lock:
            self.site.calls.append(("change", self.annotator))
            if self.site.before:
                raise self.site.before.pop()
            for uid, (known, _, _) in self.site.answers.items():
                if known == annotation:
                    self.site.answers[uid] = (known, list(result), cancelled)
                    return
            raise NotFound(f"no annotation {annotation}", "")


@dataclass(frozen=True)
class Work:
    """A workspace with a project of three tasks wanted twice, placed on the site, and two people who hold them."""

    workspace: Workspace
    keys: list[str]

    def answer(self, key: str, who: str = "li-na", result: Any = (REGION,), skipped: bool = False) -> str:
        return record(self.workspace.ledger, Incoming(who, key, list(result), skipped)).uid

    def states(self) -> list[tuple[str, int, str, int | None]]:
        with self.workspace.ledger.reading() as session:
            rows = session.scalars(
                select(SubmissionRow).order_by(SubmissionRow.annotator, SubmissionRow.uid, SubmissionRow.version)
            )
            return [(row.annotator, row.version, row.state, row.server_annotation) for row in rows]


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    workspace = init(Settings(workspace=tmp_path))
    fill(workspace, "p", tasks=3, overlap=2)
    add_people(workspace.ledger, "test", [Annotator(name, "Orange Isle") for name in ("li-na", "wang-wei")])
    with workspace.ledger.transaction("test") as t:
        t.session.add(SiteRow(name=SITE, url="http://site.example", version="1.23.2"))
        t.session.flush()
        t.session.add(PlaceRow(batch=batch_id("p"), site=SITE, server_project=1, config_digest="0"))
        for number, row in enumerate(t.session.scalars(select(TaskRow).order_by(TaskRow.item_key)), 1):
            row.site, row.server_task = SITE, number
    packets = [take_packet(workspace.ledger, "p", name) for name in ("li-na", "wang-wei")]
    assert packets[0] is not None
    with workspace.ledger.reading() as session:
        yield Work(workspace, list(tasks_of(session, packets[0].id)))
    workspace.ledger.close()


def test_each_version_arrives_once_in_order_and_a_second_run_sends_nothing(work: Work) -> None:
    site, key = MadeUp(), work.keys[0]
    uid = work.answer(key)
    work.answer(key, result=())
    work.answer(key, who="wang-wei")
    assert forward(work.workspace, SITE, site.senders) == ForwardReport(delivered=3)
    assert work.states() == [
        ("li-na", 1, "delivered", site.answers[uid][0]), ("li-na", 2, "delivered", site.answers[uid][0]),
        ("wang-wei", 1, "delivered", next(known for each, (known, _, _) in site.answers.items() if each != uid)),
    ]  # fmt: skip
    assert site.answers[uid][1:] == ([], False)
    assert sorted(site.calls) == [("change", "li-na"), ("submit", "li-na"), ("submit", "wang-wei")]
    assert forward(work.workspace, SITE, site.senders) == ForwardReport()
    assert len(site.calls) == 3


def test_a_skip_and_a_change_of_mind(work: Work) -> None:
    site, key = MadeUp(), work.keys[0]
    uid = work.answer(key, result=(), skipped=True)
    forward(work.workspace, SITE, site.senders)
    assert site.answers[uid][1:] == ([], True)
    work.answer(key)
    forward(work.workspace, SITE, site.senders)
    assert site.answers[uid][1:] == ([REGION], False)


@pytest.mark.parametrize("trouble", [OutcomeUnknown("cut off", ""), ServiceUnavailable("down", "")])
def test_what_got_there_without_a_clear_reply_is_found_there_and_not_sent_twice(work: Work, trouble: YueluError) -> None:
    site = MadeUp(after=[trouble])
    uid = work.answer(work.keys[0])
    with pytest.raises(ServiceUnavailable, match="took none of 1 answers"):
        forward(work.workspace, SITE, site.senders)
    assert [state for _, _, state, _ in work.states()] == ["pending"]
    work.answer(work.keys[0], result=())  # changed meanwhile
    assert forward(work.workspace, SITE, site.senders) == ForwardReport(delivered=2)
    assert site.answers == {uid: (100, [], False)}


def test_after_trouble_the_rest_of_a_persons_answers_waits_and_others_go_on(work: Work) -> None:
    for key in work.keys:
        work.answer(key)
    site = MadeUp(before=[OutcomeUnknown("cut off", "")])
    work.answer(work.keys[0], who="wang-wei")
    report = forward(work.workspace, SITE, site.senders)
    assert report.delivered + report.waiting == 4
    assert report.waiting in (1, 3)  # whose turn it was
    assert forward(work.workspace, SITE, site.senders).delivered == report.waiting


def test_an_answer_that_the_site_lost_is_posted_anew(work: Work) -> None:
    site, key = MadeUp(), work.keys[0]
    uid = work.answer(key)
    forward(work.workspace, SITE, site.senders)
    site.answers.clear()  # restored from yesterday's copy
    work.answer(key, result=())
    assert forward(work.workspace, SITE, site.senders) == ForwardReport(delivered=1)
    assert site.answers[uid][1:] == ([], False)


@pytest.mark.parametrize("trouble", [InvalidRecord("HTTP 400", ""), Conflict("taken by another", "")])
def test_what_a_site_will_never_take_is_refused_with_its_reason_and_the_rest_goes_on(work: Work, trouble: YueluError) -> None:
    site = MadeUp(before=[trouble])
    work.answer(work.keys[0])
    work.answer(work.keys[1])
    assert forward(work.workspace, SITE, site.senders) == ForwardReport(delivered=1, refused=1)
    with work.workspace.ledger.reading() as session:
        reasons = set(session.scalars(select(SubmissionRow.reason).where(SubmissionRow.state == "refused")))
    assert reasons == {trouble.problem}


def test_answers_to_tasks_that_are_not_on_the_site_yet_wait(work: Work) -> None:
    with work.workspace.ledger.transaction("test") as t:
        t.session.get_one(TaskRow, work.keys[0]).server_task = None
    work.answer(work.keys[0])
    site = MadeUp()
    assert forward(work.workspace, SITE, site.senders) == ForwardReport(waiting=1)
    assert site.calls == []


def test_somebody_without_an_account_yet_waits(work: Work) -> None:
    def nobody(annotator: str) -> tuple[Client, int | None]:
        raise NotFound(f"{annotator} has no account", "")

    work.answer(work.keys[0])
    with pytest.raises(ServiceUnavailable):
        forward(work.workspace, SITE, nobody)


def test_the_forwarder_goes_on_until_a_site_is_back(work: Work) -> None:
    site, tried, arrived = MadeUp(before=[ServiceUnavailable("down", "")]), threading.Event(), threading.Event()

    def senders(_: str) -> Senders:
        tried.set()
        if not site.before:
            arrived.set()
        return site.senders

    assert sites(work.workspace.ledger) == [SITE]
    uid = work.answer(work.keys[0])
    with Forwarder(work.workspace, senders, poll_s=0.01):
        assert tried.wait(20)
        assert arrived.wait(20)
        while uid not in site.answers or work.states()[0][2] != "delivered":
            threading.Event().wait(0.05)
    assert [state for _, _, state, _ in work.states()] == ["delivered"]

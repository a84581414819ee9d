"""Submissions and drafts, on SQLite and on PostgreSQL."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from yuelu.annotate import people
from yuelu.annotate.answers import answer_uid
from yuelu.annotate.drafts import draft_of, drop_draft, save_draft
from yuelu.annotate.incoming import Incoming
from yuelu.annotate.packets import close_packet, return_packet, take_packet
from yuelu.annotate.submissions import (
    Recorder,
    Submission,
    delivered,
    pending,
    record,
    record_all,
    refused,
    sealed,
    send_again,
)
from yuelu.base.errors import Conflict, IllegalMove, NotAllowed, NotFound, YueluError
from yuelu.base.ledger import log
from yuelu.base.ledger.packets import PacketRow, PacketTaskRow, SubmissionRow
from yuelu.base.ledger.work import AnnotatorRow, TaskRow

BOX = [{"id": "r1", "type": "rectanglelabels", "value": {"x": 1.5, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["a"]}}]
OTHER = [{**BOX[0], "id": "r2"}]


@pytest.fixture
def open_task(job: Any) -> Incoming:
    """An answer of `a` to the only task of their packet."""
    project = job.project(tasks=1, overlap=1)
    assert take_packet(job.ledger, project, "a") is not None
    return Incoming("a", job.keys(project)[0], BOX, lead_time_s=1.5, address="10.0.0.7", agent="Firefox")


def rows(job: Any) -> list[SubmissionRow]:
    with job.ledger.reading() as session:
        found = list(session.scalars(select(SubmissionRow).order_by(SubmissionRow.uid, SubmissionRow.version)))
        session.expunge_all()
    return found


def test_what_is_sent_is_in_the_ledger_with_who_when_and_from_where(job: Any, open_task: Incoming) -> None:
    given = record(job.ledger, open_task)
    (row,) = rows(job)
    assert (row.uid, row.version, row.kind, row.state) == (answer_uid(open_task.item_key, "a"), 1, "submit", "pending")
    assert (row.annotator, row.received_at, row.address, row.agent) == ("a", job.now(), "10.0.0.7", "Firefox")
    assert (row.lead_time_s, row.result, row.digest) == (1.5, BOX, given.digest)
    with job.ledger.reading() as session:
        last = session.scalars(select(log.EventRow).order_by(log.EventRow.sequence.desc())).first()
        assert last is not None
        names = ("uid", "version", "packet", "item_key", "annotator", "kind", "received_at", "address", "agent", "digest")
        assert (last.action, last.after) == ("submission.submit", sealed({name: getattr(row, name) for name in names}))


def test_the_same_sent_twice_is_one(job: Any, open_task: Incoming) -> None:
    first = record(job.ledger, open_task)
    again = record(job.ledger, replace(open_task, lead_time_s=9.0, address="10.0.0.8"))
    assert again == replace(first, repeated=True)
    assert len(rows(job)) == 1


def test_a_changed_answer_is_the_next_version(job: Any, open_task: Incoming) -> None:
    record(job.ledger, replace(open_task, based_on=0))
    second = record(job.ledger, replace(open_task, result=OTHER, based_on=1))
    assert (second.version, second.kind) == (2, "update")
    late = record(job.ledger, replace(open_task, based_on=0))  # the first one's second copy comes late, and changes nothing
    assert (late.version, late.repeated) == (1, True)
    with pytest.raises(Conflict, match="version 1 of your answer was changed to version 2 elsewhere"):
        record(job.ledger, replace(open_task, based_on=1))
    third = record(job.ledger, open_task)  # who cannot tell what it is based on has the last word
    assert (third.version, [row.version for row in rows(job)]) == (3, [1, 2, 3])


def test_after_the_end_nothing_is_taken_but_what_was_is_known(job: Any, open_task: Incoming) -> None:
    first = record(job.ledger, open_task)
    job.later(timedelta(days=7))
    with pytest.raises(NotAllowed, match=r"not recorded: packet .* was closed"):
        record(job.ledger, replace(open_task, result=OTHER))
    assert record(job.ledger, open_task) == replace(first, repeated=True)  # its acknowledgement was lost
    job.later(timedelta(days=-7))  # a clock that is set back opens nothing
    with pytest.raises(NotAllowed, match="was closed"):
        record(job.ledger, replace(open_task, result=OTHER))


@pytest.mark.parametrize(
    ("do", "why"),
    [
        (lambda job, packet: people.suspend(job.ledger, "test", "a", "breach"), "a is suspended"),
        (lambda job, packet: return_packet(job.ledger, "a", packet), "is in no packet of a"),
        (lambda job, packet: job.later(timedelta(days=8)), "was expired at"),
    ],
)
def test_a_door_that_is_closed_says_why(job: Any, open_task: Incoming, do: Any, why: str) -> None:
    with job.ledger.reading() as session:
        packet = session.scalars(select(PacketRow.id)).one()
    do(job, packet)
    with pytest.raises(NotAllowed, match=why):
        record(job.ledger, open_task)
    assert rows(job) == []


def test_answers_in_a_closed_packet_or_to_a_settled_task_stay(job: Any, open_task: Incoming) -> None:
    given = record(job.ledger, open_task)
    with job.ledger.transaction("test") as t:
        t.session.get_one(TaskRow, open_task.item_key).state = "accepted"
    with pytest.raises(Conflict, match="is accepted"):
        record(job.ledger, replace(open_task, result=OTHER))
    close_packet(job.ledger, "a", given.packet)
    with pytest.raises(NotAllowed, match="was closed"):
        record(job.ledger, replace(open_task, result=OTHER))


def test_nobody_answers_for_another(job: Any, open_task: Incoming) -> None:
    with pytest.raises(NotAllowed, match="is in no packet of b"):
        record(job.ledger, replace(open_task, annotator="b"))
    with pytest.raises(NotAllowed, match="task nothing is in no packet of a"):
        record(job.ledger, replace(open_task, item_key="nothing"))


def test_a_skip_can_be_taken_back_while_nobody_else_has_the_task(job: Any) -> None:
    project = job.project(tasks=2, overlap=1)
    assert take_packet(job.ledger, project, "a") is not None
    first, second = (Incoming("a", key, BOX) for key in sorted(job.keys(project)))
    assert record(job.ledger, replace(first, skipped=True)).kind == "skip"
    assert record(job.ledger, first).kind == "update"
    record(job.ledger, replace(second, skipped=True))
    assert take_packet(job.ledger, project, "b") is not None
    with pytest.raises(Conflict, match="it was given to somebody else"):
        record(job.ledger, second)
    with job.ledger.reading() as session:
        query = select(PacketTaskRow.annotator, PacketTaskRow.state).where(PacketTaskRow.item_key == second.item_key)
        assert sorted(map(tuple, session.execute(query))) == [("a", "skipped"), ("b", "held")]


def test_a_group_is_written_at_once_and_each_hears_its_own(job: Any, open_task: Incoming) -> None:
    project = job.project(tasks=2, overlap=1)
    assert take_packet(job.ledger, project, "b") is not None
    keys = job.keys(project)
    group = [
        open_task,
        Incoming("b", keys[0], BOX),
        Incoming("b", keys[0], OTHER),
        Incoming("c", keys[0], BOX),
        Incoming("b", keys[1], [{"value": float("nan")}]),
        Incoming("b", keys[1], [], skipped=True),
        Incoming("b", keys[0], OTHER),
    ]
    outcomes = record_all(job.ledger, group)
    told = [each.problem[:13] if isinstance(each, YueluError) else (each.version, each.kind, each.repeated) for each in outcomes]
    assert told == [
        (1, "submit", False), (1, "submit", False), (2, "update", False), f"task {keys[0][:8]}", "the answer is",
        (1, "skip", False), (2, "update", True),
    ]  # fmt: skip
    assert len(rows(job)) == 4


def test_many_threads_share_transactions_and_nothing_is_lost(job: Any) -> None:
    project = job.project(tasks=40, overlap=2)
    for name in "ab":
        assert take_packet(job.ledger, project, name) is not None
    recorder, keys = Recorder(job.ledger, largest=16), job.keys(project)
    heard: list[Submission] = []

    def send(name: str, mine: list[str]) -> None:
        heard.extend(recorder.record(Incoming(name, key, BOX)) for key in mine)
        with pytest.raises(NotAllowed, match="in no packet"):
            recorder.record(Incoming("c", mine[0], BOX))

    threads = [threading.Thread(target=send, args=(name, keys[start::5])) for name in "ab" for start in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(each.item_key, each.annotator) for each in heard} == {(key, name) for key in keys for name in "ab"}
    assert len(rows(job)) == 80
    with job.ledger.reading() as session:
        assert list(log.broken(session)) == []
        sent = select(func.count()).where(log.EventRow.action == "submission.submit")
        assert session.scalar(sent) == 80


def test_the_way_to_the_site(job: Any, open_task: Incoming) -> None:
    first = record(job.ledger, open_task)
    record(job.ledger, replace(open_task, result=OTHER))
    with job.ledger.reading() as session:
        assert [(row.version, row.result) for row in pending(session, "site", 10)] == [(1, BOX), (2, OTHER)]
        assert [row.version for row in pending(session, "site", 1)] == [1]
        assert pending(session, "elsewhere", 10) == ()
    with job.ledger.transaction("forwarder") as t:
        delivered(t, first.uid, 1, 77, job.now())
        refused(t, first.uid, 2, "400: no such label")
    assert [(row.state, row.server_annotation, row.reason) for row in rows(job)] == [
        ("delivered", 77, None), ("refused", None, "400: no such label"),
    ]  # fmt: skip
    with pytest.raises(IllegalMove, match="cannot go from delivered to delivered"), job.ledger.transaction("x") as t:
        delivered(t, first.uid, 1, 78, job.now())
    with pytest.raises(IllegalMove, match="cannot go from refused to refused"), job.ledger.transaction("x") as t:
        refused(t, first.uid, 2, "x")
    with job.ledger.transaction("forwarder") as t:
        send_again(t, first.uid, 1, "the site lost it")
    with job.ledger.reading() as session:
        assert [(row.version, row.server_annotation) for row in pending(session, "site", 10)] == [(1, None)]
    with pytest.raises(NotFound, match="no submission"), job.ledger.transaction("x") as t:
        refused(t, "nothing", 1, "x")


def test_a_draft_is_its_annotators_alone_and_ends_with_the_answer(job: Any, open_task: Incoming) -> None:
    key = open_task.item_key
    save_draft(job.ledger, "a", key, BOX)
    save_draft(job.ledger, "a", key, OTHER)
    with job.ledger.reading() as session:
        packet = session.scalars(select(PacketRow.id)).one()
        assert draft_of(session, packet, key, "a") == OTHER
        assert draft_of(session, packet, key, "b") is None
    with pytest.raises(NotAllowed, match="is in no packet of b"):
        save_draft(job.ledger, "b", key, BOX)
    drop_draft(job.ledger, "b", key)
    record(job.ledger, open_task)
    with job.ledger.reading() as session:
        assert draft_of(session, packet, key, "a") is None
    save_draft(job.ledger, "a", key, BOX)
    drop_draft(job.ledger, "a", key)
    job.later(timedelta(days=7))
    with pytest.raises(NotAllowed, match="was due at"):
        save_draft(job.ledger, "a", key, BOX)


def test_submissions_and_suspensions_that_race_agree(job: Any, open_task: Incoming) -> None:
    """Whatever the order, what was acknowledged is there, and what was refused is not."""
    heard: list[Submission | YueluError] = []
    threads = [
        threading.Thread(target=lambda: heard.extend(record_all(job.ledger, [open_task]))),
        threading.Thread(target=lambda: people.suspend(job.ledger, "test", "a", "breach")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows(job)) == sum(isinstance(each, Submission) for each in heard)
    with job.ledger.reading() as session:
        assert session.get_one(AnnotatorRow, "a").state == "suspended"

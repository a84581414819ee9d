"""Packets, on SQLite and on PostgreSQL."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from yuelu.annotate import people
from yuelu.annotate.incoming import Incoming
from yuelu.annotate.packets import (
    Terms,
    assign,
    close_packet,
    expire_due,
    extend,
    lease,
    open_packet_of,
    return_packet,
    take_packet,
    tasks_of,
    unanswered,
)
from yuelu.annotate.places import Gap, holders
from yuelu.annotate.submissions import record
from yuelu.base.errors import Conflict, IllegalMove, InvalidRecord, NotAllowed, NotFound
from yuelu.base.ledger import log
from yuelu.base.ledger.packets import PacketRow, PacketTaskRow

WEEK = timedelta(days=7)
SMALL = Terms(size=3)


def events(job: Any) -> list[str]:
    with job.ledger.reading() as session:
        return list(session.scalars(select(log.EventRow.action).order_by(log.EventRow.sequence)))


def answer(job: Any, packet: Any, number: int | None = None, skipped: bool = False) -> list[str]:
    """Answer the first tasks of a packet, or all; return their keys."""
    with job.ledger.reading() as session:
        keys = list(unanswered(session, packet.id))[:number]
    for key in keys:
        record(job.ledger, Incoming(packet.annotator, key, [], skipped=skipped))
    return keys


def test_a_packet_is_bounded_and_given_once(job: Any) -> None:
    project = job.project(tasks=5, overlap=2)
    first = take_packet(job.ledger, project, "a", SMALL)
    assert first is not None
    assert (first.state, first.company, first.round, first.due_at - first.opened_at) == ("open", "ash", 1, WEEK)
    with job.ledger.reading() as session:
        assert list(tasks_of(session, first.id).values()) == ["held"] * 3
    assert take_packet(job.ledger, project, "a", SMALL) == first  # unfinished: the same again
    answer(job, first)
    second = take_packet(job.ledger, project, "a", SMALL)
    assert second is not None
    with job.ledger.reading() as session:
        assert session.get_one(PacketRow, first.id).state == "closed"
        assert len(tasks_of(session, second.id)) == 2
        assert not set(tasks_of(session, first.id)) & set(tasks_of(session, second.id))
    answer(job, second)
    assert take_packet(job.ledger, project, "a", SMALL) is None
    assert events(job).count("packet.opened") == 2


def test_what_is_not_answered_when_a_packet_ends_is_free_for_others(job: Any) -> None:
    project = job.project(tasks=4, overlap=1)
    packet = take_packet(job.ledger, project, "a")
    assert packet is not None
    assert take_packet(job.ledger, project, "b") is None
    (kept,) = answer(job, packet, 1)
    job.later(WEEK - timedelta(seconds=1))
    assert expire_due(job.ledger, "test") == 0
    job.later(timedelta(seconds=1))
    assert expire_due(job.ledger, "test") == 1
    assert expire_due(job.ledger, "test") == 0
    other = take_packet(job.ledger, project, "b")
    assert other is not None
    with job.ledger.reading() as session:
        assert Counter(tasks_of(session, packet.id).values()) == {"held": 1, "released": 3}
        assert kept not in tasks_of(session, other.id)
        assert holders(session, [kept]) == {kept: {"a"}}
        assert len(tasks_of(session, other.id)) == 3
    return_packet(job.ledger, "b", other.id, "no time")
    again = take_packet(job.ledger, project, "a")  # what somebody let go they may take again
    assert again is not None
    with job.ledger.reading() as session:
        assert len(tasks_of(session, again.id)) == 3


def test_states_are_final_and_refused_by_name(job: Any) -> None:
    project = job.project(tasks=2, overlap=1)
    packet = take_packet(job.ledger, project, "a")
    assert packet is not None
    with pytest.raises(Conflict, match="has 2 tasks without an answer"):
        close_packet(job.ledger, "a", packet.id)
    answer(job, packet)
    assert close_packet(job.ledger, "a", packet.id).state == "closed"
    for verb in (close_packet, return_packet):
        with pytest.raises(IllegalMove, match=f"packet {packet.id} cannot go from closed to"):
            verb(job.ledger, "a", packet.id)
    with pytest.raises(Conflict, match=f"packet {packet.id} was closed at"):
        extend(job.ledger, "test", packet.id, job.now() + WEEK)
    with pytest.raises(NotFound, match="no packet 'nothing'"):
        return_packet(job.ledger, "a", "nothing")


def test_more_time_is_given_only_while_there_is_some(job: Any) -> None:
    project = job.project(tasks=1, overlap=1)
    packet = take_packet(job.ledger, project, "a", Terms(due=timedelta(hours=1)))
    assert packet is not None
    with pytest.raises(Conflict, match="that is past"):
        extend(job.ledger, "test", packet.id, job.now())
    assert extend(job.ledger, "test", packet.id, job.now() + timedelta(hours=2)).due_at == job.now() + timedelta(hours=2)
    job.later(timedelta(hours=2))
    with pytest.raises(Conflict, match="was due at"):
        extend(job.ledger, "test", packet.id, job.now() + WEEK)


def test_the_door_is_open_only_to_who_holds_the_task_in_time(job: Any) -> None:
    project = job.project(tasks=1, overlap=1)
    packet = take_packet(job.ledger, project, "a")
    assert packet is not None
    with job.ledger.reading() as session:
        (key,) = tasks_of(session, packet.id)
        assert open_packet_of(session, "a", key, job.now()) == packet
        with pytest.raises(NotAllowed, match="is in no packet of b"):
            open_packet_of(session, "b", key, job.now())
        with pytest.raises(NotAllowed, match="was due at"):
            open_packet_of(session, "a", key, job.now() + WEEK)
    people.suspend(job.ledger, "test", "a", "breach")
    with job.ledger.reading() as session, pytest.raises(NotAllowed, match="a is suspended"):
        open_packet_of(session, "a", key, job.now())
    with pytest.raises(NotAllowed, match="a is not at work here"):
        take_packet(job.ledger, project, "a")


def test_a_skipped_task_goes_to_somebody_else(job: Any) -> None:
    project = job.project(tasks=1, overlap=1)
    packet = take_packet(job.ledger, project, "a")
    assert packet is not None
    answer(job, packet, skipped=True)
    assert take_packet(job.ledger, project, "a") is None  # finished, and what they skipped does not come back to them
    assert take_packet(job.ledger, project, "b") is not None
    assert take_packet(job.ledger, project, "c") is None


def test_leases_fill_what_was_let_go(job: Any) -> None:
    project = job.project(tasks=4, overlap=2)
    assert lease(job.ledger, "test", project, list("abc"), Terms(size=2)) == 4
    with job.ledger.reading() as session:
        packets = list(session.scalars(select(PacketRow.id).where(PacketRow.annotator == "a").order_by(PacketRow.id)))
        sizes = [len(tasks_of(session, row)) for row in session.scalars(select(PacketRow.id))]
    assert max(sizes) == 2
    assert sum(sizes) == 8
    return_packet(job.ledger, "test", packets[0])
    let_go = len(places(job, "released"))
    assert lease(job.ledger, "test", project, list("bcd")) == let_go
    assert lease(job.ledger, "test", project, list("abcd")) == 0
    assert set(Counter(row.item_key for row in places(job, "held")).values()) == {2}


def places(job: Any, state: str) -> list[PacketTaskRow]:
    with job.ledger.reading() as session:
        rows = list(session.scalars(select(PacketTaskRow).where(PacketTaskRow.state == state)))
        session.expunge_all()
    return rows


def test_a_task_that_lacks_one_gets_one_who_may() -> None:
    gaps = {"k": Gap(1, frozenset("ab"))}
    assert assign(["k"], list("abc"), 2, gaps=gaps) == (("k", "c"),)
    assert assign(["k"], list("ab"), 2, gaps=gaps) == ()


def test_terms_are_checked() -> None:
    with pytest.raises(InvalidRecord, match="a packet of 201 tasks"):
        Terms(size=201)
    with pytest.raises(InvalidRecord, match="due 0:00:00 after"):
        Terms(due=timedelta(0))


def together(workers: list[Callable[[], None]]) -> None:
    failed: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=st.integers(1, 12), overlap=st.integers(1, 3), size=st.integers(1, 6), seed=st.integers(0, 99))
def test_people_who_race_never_exceed_the_overlap(job: Any, tasks: int, overlap: int, size: int, seed: int) -> None:
    project = job.project(tasks=tasks, overlap=overlap)

    def work(name: str) -> None:
        draw = random.Random(f"{seed} {name}")
        for _ in range(40):
            packet = take_packet(job.ledger, project, name, Terms(size=size))
            if packet is None:
                return
            if draw.random() < 0.2:
                answer(job, packet, 1)
                return_packet(job.ledger, name, packet.id)
            else:
                answer(job, packet)

    together([lambda name=name: work(name) for name in "abcdef"])  # type: ignore[misc]
    with job.ledger.reading() as session:
        keys = job.keys(project)
        assert {key: len(who) for key, who in holders(session, keys).items()} == dict.fromkeys(keys, overlap)
        live = [(row.item_key, row.annotator) for row in session.scalars(select(PacketTaskRow)) if row.state != "released"]
        assert len(live) == len(set(live))
        assert list(log.broken(session)) == []

"""What the next packet costs, and who gets it when all ask at once; on SQLite and on PostgreSQL."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from yuelu.annotate.incoming import Incoming
from yuelu.annotate.packets import Terms, return_packet, take_packet, tasks_of
from yuelu.annotate.places import next_tasks
from yuelu.annotate.submissions import record
from yuelu.annotate.tasks import batch_id
from yuelu.base.ledger import log
from yuelu.base.ledger.packets import PacketRow, PacketTaskRow
from yuelu.base.ledger.work import AnnotatorRow, TaskRow

_CONNECTIONS = 15  # of one ledger at a time; more threads would only wait for one
_STEPS = 100  # of SQLite's machine, the grain of what is counted


def taken(job: Any, packet: Any) -> list[str]:
    with job.ledger.reading() as session:
        return list(tasks_of(session, packet.id))


def test_a_place_that_is_let_go_is_found_again_after_the_task_was_seen_full(job: Any) -> None:
    project = job.project(tasks=4, overlap=1)
    mine = take_packet(job.ledger, project, "a", Terms(size=4))
    assert mine is not None
    assert take_packet(job.ledger, project, "b", Terms(size=4)) is None
    with job.ledger.reading() as session:
        assert session.scalar(select(func.count()).select_from(TaskRow).where(TaskRow.room)) == 0
    keys = taken(job, mine)
    record(job.ledger, Incoming("a", keys[0], [], skipped=True))
    record(job.ledger, Incoming("a", keys[1], []))
    skipped = take_packet(job.ledger, project, "b", Terms(size=4))
    assert skipped is not None
    assert taken(job, skipped) == [keys[0]]
    return_packet(job.ledger, "a", mine.id)
    given_back = take_packet(job.ledger, project, "c", Terms(size=4))
    assert given_back is not None
    assert taken(job, given_back) == keys[2:]


def test_rework_comes_first_and_what_one_may_not_have_hides_no_earlier_round(job: Any) -> None:
    project = job.project(tasks=3, overlap=1)
    keys = sorted(job.keys(project))
    with job.ledger.transaction("test") as t:
        t.session.get_one(TaskRow, keys[2]).round = 2
    first = take_packet(job.ledger, project, "a", Terms(size=3))
    second = take_packet(job.ledger, project, "b", Terms(size=3))
    assert first is not None
    assert second is not None
    assert [(first.round, taken(job, first)), (second.round, taken(job, second))] == [(2, keys[2:]), (1, keys[:2])]


@pytest.mark.parametrize("job", [pytest.param("postgresql", marks=pytest.mark.integration)], indirect=True)
def test_two_hundred_who_ask_at_once_get_disjoint_packets(job: Any) -> None:
    people, size = [f"n{number:03}" for number in range(200)], 4
    with job.ledger.transaction("test") as t:
        t.add_new(AnnotatorRow, [{"id": name, "company": "oak", "scripted": False} for name in people])
    project = job.project(tasks=len(people) * size + 1, overlap=1)

    def ask(name: str) -> list[str]:
        packet = take_packet(job.ledger, project, name, Terms(size=size))
        return [] if packet is None else taken(job, packet)

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        got = list(pool.map(ask, people))
    assert Counter(len(each) for each in got) == {size: len(people)}
    assert len({key for each in got for key in each}) == len(people) * size
    with job.ledger.reading() as session:
        live = session.execute(select(PacketTaskRow.item_key, PacketTaskRow.annotator)).all()
        assert {(row.item_key, row.annotator) for row in live} == {
            (key, name) for name, each in zip(people, got, strict=True) for key in each
        }
        assert list(log.broken(session)) == []


def cost(job: Any, project: str, annotator: str) -> int:
    """Return how many steps SQLite takes to find the next tasks."""
    steps = Counter[str]()

    def step() -> None:
        steps["taken"] += _STEPS

    with job.ledger.transaction("test") as t:
        connection: Any = t.session.connection().connection.driver_connection
        connection.set_progress_handler(step, _STEPS)
        round_, keys = next_tasks(t.session, batch_id(project), annotator, 1, 10)
        connection.set_progress_handler(None, 0)
    assert (round_, len(keys)) == (1, 10)
    return steps["taken"]


def hold(job: Any, project: str, keys: list[str]) -> None:
    """Give those tasks to annotator `a`."""
    packet = {"id": f"{project} packet", "project": project, "batch": batch_id(project), "annotator": "a", "company": "ash"}
    more = {"round": 1, "state": "open", "opened_at": job.now(), "due_at": job.now(), "closed_at": None}
    with job.ledger.transaction("test") as t:
        t.add_new(PacketRow, [{**packet, **more}])
        place = {"packet": packet["id"], "annotator": "a", "state": "held"}
        t.add_new(PacketTaskRow, [{**place, "item_key": key} for key in keys])


@pytest.mark.parametrize("job", ["sqlite"], indirect=True)
def test_what_is_full_costs_once_and_then_a_batch_ten_times_as_large_costs_the_same(job: Any) -> None:
    costs = {}
    for tasks in (600, 6000):
        project = job.project(tasks=tasks, overlap=1)
        hold(job, project, sorted(job.keys(project))[: tasks // 2])
        costs[tasks] = cost(job, project, "c"), cost(job, project, "c")
    assert costs[6000][0] > 3 * costs[6000][1]  # the first passes over all that is full; the steps do count
    assert costs[6000][1] < 1.3 * costs[600][1]

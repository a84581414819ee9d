"""Projects, tasks and packets in the ledger."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from yuelu.annotate.packets import assign, lease
from yuelu.annotate.projects import create_project
from yuelu.annotate.tasks import batch_id, create_tasks, item_key, move, open_rework, plan
from yuelu.annotate.templates import load_template
from yuelu.base.errors import Conflict, IllegalMove, InvalidRecord, NotFound
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.packets import PacketTaskRow
from yuelu.base.ledger.work import BatchRow, ProjectRow, TaskRow
from yuelu.base.media import labelled_assets
from yuelu.base.records import Asset, Medium, Role


def project(books: Any, **changed: Any) -> bool:
    terms = {"name": "p", "collection": "c", "template": load_template("image-boxes"), "overlap": 2}
    return create_project(books.ledger, "test", **{**terms, "policy": "demo", "policy_digest": "d", **changed})


def rows(books: Any, table: type[Any]) -> list[Any]:
    with books.ledger.reading() as session:
        found = list(session.scalars(select(table)))
        session.expunge_all()
    return found


def test_a_project_is_made_once_and_never_changes(books: Any) -> None:
    assert project(books)
    assert not project(books)
    assert [row.name for row in rows(books, ProjectRow)] == ["p"]
    assert [row.id for row in rows(books, BatchRow)] == [batch_id("p")]
    with pytest.raises(Conflict, match="overlap 2 -> 3"):
        project(books, overlap=3)
    with pytest.raises(Conflict, match="policy_digest 'd' -> 'e'"):
        project(books, policy_digest="e")
    with pytest.raises(NotFound, match="no collection"):
        project(books, name="q", collection="nothing")
    with pytest.raises(InvalidRecord, match="overlap 0"):
        project(books, name="q", overlap=0)
    assert [row.action for row in rows(books, EventRow)] == ["project.created"]


def test_of_each_object_the_deidentified_copy_is_labelled(books: Any) -> None:
    photo = books.asset("photo")
    dicom = books.asset("dicom")
    copy = books.asset("copy", role="deidentified", source=dicom)
    books.asset("proxy", role="proxy", source=copy)
    books.asset("sound", medium="audio")
    with books.ledger.reading() as session:
        labelled = [asset.sha256 for asset in labelled_assets(session, "c") if asset.medium == "image"]
    assert labelled == sorted([photo, copy])


def asset(name: str, group: str = "g", **facts: Any) -> Asset:
    return Asset(name.ljust(64, "0"), Medium.IMAGE, "x/y", 1, Role.SOURCE, group, facts=facts)


def test_a_series_is_one_task_in_the_order_of_its_slices() -> None:
    slices = [
        asset("a", series="s", slice_position_mm=7.5, instance_number=1),
        asset("b", series="s", slice_position_mm=-2.5, instance_number=2),
        asset("c", series="s", instance_number=9),
        asset("d", series="s", instance_number=3),
    ]
    single = [asset("e", series="t"), asset("f")]
    tasks = {task.items: task for task in plan("p", [*slices, *single])}
    assert sorted(len(items) for items in tasks) == [1, 1, 4]
    assert "".join(item[0] for items in tasks if len(items) == 4 for item in items) == "badc"
    assert plan("p", reversed([*slices, *single])) == plan("p", [*slices, *single])
    with pytest.raises(InvalidRecord, match="2 groups"):
        plan("p", [asset("a", series="s"), asset("b", series="s", group="h")])


def test_keys_depend_on_project_subject_and_round_alone() -> None:
    # The digest is that of the canonical JSON {"project":"p","round":1,"subject":"s"}, as sha256sum gives it.
    assert item_key("p", "s", 1) == "15d4b194cd189f085a56b693f4e82fb802320588dc9458215d5398680d929ed5"
    assert len({item_key("p", "s", 1), item_key("p", "s", 2), item_key("q", "s", 1), item_key("p", "t", 1)}) == 4


def test_tasks_are_recorded_once(books: Any) -> None:
    project(books)
    books.asset("one")
    assert create_tasks(books.ledger, "test", "p") == 1
    books.asset("two")
    assert create_tasks(books.ledger, "test", "p") == 1
    assert create_tasks(books.ledger, "test", "p") == 0
    assert [(row.state, row.round, row.server_task) for row in rows(books, TaskRow)] == [("new", 1, None)] * 2
    with pytest.raises(NotFound, match="no project 'q'"):
        create_tasks(books.ledger, "test", "q")


def test_moves_are_checked_and_leave_events(books: Any) -> None:
    project(books)
    books.asset("one")
    create_tasks(books.ledger, "test", "p")
    key = rows(books, TaskRow)[0].item_key
    with books.ledger.transaction("test") as t:
        move(t, key, "dispatched")
    with pytest.raises(IllegalMove, match="from dispatched to accepted"), books.ledger.transaction("test") as t:
        move(t, key, "accepted")
    with pytest.raises(NotFound, match="no task"), books.ledger.transaction("test") as t:
        move(t, "nothing", "dispatched")
    last = rows(books, EventRow)[-1]
    assert (last.action, last.subject, last.before, last.after) == ("task.dispatched", key, "new", "dispatched")


def test_rework_opens_the_next_round_once(books: Any) -> None:
    project(books)
    books.asset("one")
    create_tasks(books.ledger, "test", "p")
    old = rows(books, TaskRow)[0]
    with books.ledger.transaction("test") as t:
        for state in ("dispatched", "submitted"):
            move(t, old.item_key, state)
        new = open_rework(t, old.item_key, "they disagree")
        assert open_rework(t, old.item_key, "they disagree") == new
    assert new == item_key("p", old.subject, 2)
    assert {(row.round, row.state) for row in rows(books, TaskRow)} == {(1, "rework"), (2, "new")}
    assert lease(books.ledger, "test", "p", list("abc")) == 1  # what is in rework is leased no more


KEYS = st.lists(st.integers().map(str), unique=True, max_size=30)


@given(KEYS, st.integers(1, 6), st.integers(1, 6), st.randoms())
def test_packets_are_balanced_and_do_not_depend_on_order(keys: list[str], people: int, overlap: int, shuffled: Any) -> None:
    names = [f"n{number}" for number in range(max(people, overlap))]
    pairs = assign(keys, names, overlap)
    assert len(set(pairs)) == len(pairs) == len(keys) * overlap
    load = [sum(name == held for _, held in pairs) for name in names]
    assert max(load) - min(load) <= 1
    shuffled.shuffle(keys)
    shuffled.shuffle(names)
    assert assign(keys, names, overlap) == pairs


def test_packets_count_what_people_have_already() -> None:
    assert {name for _, name in assign(["k"], ["a", "b", "c"], 2, {"a": 5, "b": 1, "c": 0})} == {"b", "c"}
    with pytest.raises(InvalidRecord, match="3 answers wanted from 2 annotators"):
        assign(["k"], ["a", "b", "b"], 3)


def test_leases_are_made_once(books: Any) -> None:
    project(books)
    for name in ("one", "two", "three"):
        books.asset(name)
    create_tasks(books.ledger, "test", "p")
    assert lease(books.ledger, "test", "p", list("abc")) == 3
    before = sorted((row.item_key, row.annotator) for row in rows(books, PacketTaskRow))
    assert lease(books.ledger, "test", "p", list("def")) == 0
    assert sorted((row.item_key, row.annotator) for row in rows(books, PacketTaskRow)) == before
    with books.ledger.reading() as session:
        assert session.scalar(select(func.count()).select_from(PacketTaskRow)) == 6

"""Which answers count."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from yuelu.annotate.answers import answer_uid, counted, told_apart
from yuelu.annotate.packets import lease
from yuelu.annotate.projects import create_project
from yuelu.annotate.tasks import batch_id, create_tasks
from yuelu.annotate.templates import load_template
from yuelu.base.ledger.packets import PacketRow, PacketTaskRow
from yuelu.base.ledger.work import AnnotationRow, TaskRow

MADE = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def key(books: Any) -> str:
    """A task with overlap 2, leased to a, b and c."""
    books.asset("one")
    made = load_template("image-boxes")
    create_project(books.ledger, "test", name="p", collection="c", template=made, overlap=2, policy="x", policy_digest="d")
    create_tasks(books.ledger, "test", "p")
    with books.ledger.transaction("test") as t:
        found = str(t.session.scalars(select(TaskRow.item_key)).one())
        for name in "abc":
            at = {"opened_at": MADE, "due_at": MADE, "closed_at": None}
            who = {"project": "p", "batch": batch_id("p"), "annotator": name, "company": "ash", "round": 1, "state": "closed"}
            t.add_new(PacketRow, [{"id": name, **who, **at}])
            t.add_new(PacketTaskRow, [{"packet": name, "item_key": found, "annotator": name}])
    assert lease(books.ledger, "test", "p", list("def")) == 0
    return found


def answer(books: Any, key: str, name: str, *, uid: str | None = None, version: int = 1, at: int = 0, **changed: Any) -> None:
    row = {
        "uid": uid or name,
        "version": version,
        "item_key": key,
        "annotator": name,
        "site": "site",
        "server_annotation": 1,
        "created_at": MADE,
        "updated_at": MADE + timedelta(seconds=at),
        "lead_time_s": None,
        "cancelled": False,
        "vanished": False,
        "content": "c",
        "regions": [{"kind": "choice", "control": "scene", "labels": ["medical"], "region_id": None}],
        "raw": [],
    }
    with books.ledger.transaction("test") as t:
        t.add_new(AnnotationRow, [{**row, **changed}])


def who(books: Any, key: str) -> list[tuple[str, str]]:
    with books.ledger.reading() as session:
        return [(each.annotator, each.uid) for each in counted(session, [key])]


def test_never_more_than_the_overlap_and_first_by_name(books: Any, key: str) -> None:
    for name in "cba":
        answer(books, key, name)
    assert who(books, key) == [("a", "a"), ("b", "b")]


def test_only_annotators_of_the_packet(books: Any, key: str) -> None:
    answer(books, key, "d")
    answer(books, key, "c")
    assert who(books, key) == [("c", "c")]


def test_the_newest_version_speaks(books: Any, key: str) -> None:
    answer(books, key, "a")
    answer(books, key, "a", version=2, cancelled=True)
    answer(books, key, "b")
    answer(books, key, "b", version=2, vanished=True)
    assert who(books, key) == []


def test_of_repeated_answers_the_last_that_is_still_there(books: Any, key: str) -> None:
    answer(books, key, "a", uid="first", at=1)
    answer(books, key, "a", uid="second", at=2)
    answer(books, key, "a", uid="third", at=3, vanished=True)
    answer(books, key, "b", uid="kept", at=1)
    answer(books, key, "b", uid="skipped", at=2, cancelled=True)
    assert who(books, key) == [("a", "second")]


def test_answers_are_told_apart(books: Any, key: str) -> None:
    answer(books, key, "a", uid="early", at=1)
    answer(books, key, "a", uid="late", at=2)
    answer(books, key, "b", uid="gone", vanished=True)
    answer(books, key, "b", uid="skip", cancelled=True)
    answer(books, key, "c")
    answer(books, key, "d")
    with books.ledger.transaction("test") as t:  # when its packet ended without an answer the place was released
        t.session.get_one(PacketTaskRow, ("c", key)).state = "released"
    with books.ledger.reading() as session:
        told = {each.row.uid: each.standing for each in told_apart(session, [key])}
    assert told == {
        "early": "repeated", "late": "counted", "gone": "vanished", "skip": "skipped", "c": "surplus", "d": "surplus",
    }  # fmt: skip


def test_ids_of_scripted_answers_are_uuids_that_never_change() -> None:
    assert answer_uid("k", "a") == answer_uid("k", "a")
    assert UUID(answer_uid("k", "a")).version == 5
    assert len({answer_uid("k", "a"), answer_uid("k", "b"), answer_uid("ka", ""), answer_uid("k", "")}) == 4

"""company, annotator, packet, answers: through the command line, on a real workspace."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from yuelu.annotate.incoming import Incoming
from yuelu.annotate.people import sign_in
from yuelu.annotate.submissions import record, refused
from yuelu.base.ledger.packets import SubmissionRow
from yuelu.base.ledger.work import AnnotationRow, RejectionRow


def test_people_are_added_with_a_password_that_is_shown_once(door: Any) -> None:
    door("init")
    assert "Orange Isle: added" in door("company", "add", "Orange Isle").stdout
    assert door.json("company", "add", "Orange Isle") == {"name": "Orange Isle", "new": False}
    added = door.json("annotator", "add", "li-na", "--company", "Orange Isle")
    ledger = door.ledger()
    assert sign_in(ledger, "li-na", added["password"], ledger.now(), "x")
    ledger.close()
    new = door("annotator", "password", "li-na").stdout
    assert "li-na signs in with" in new
    assert added["password"] not in new
    assert door.json("annotator", "suspend", "li-na", "--reason", "breach") == {"id": "li-na", "state": "suspended"}
    assert door.json("annotator", "list") == [{"id": "li-na", "company": "Orange Isle", "scripted": False, "state": "suspended"}]
    assert door.json("annotator", "list", "--company", "elsewhere") == []
    assert "li-na is active" in door("annotator", "resume", "li-na", "--reason", "cleared").stdout
    door("company", "add", "River Bank")
    taken = door("annotator", "add", "li-na", "--company", "River Bank", code=5).output
    assert "li-na is a person of Orange Isle" in taken
    assert "was added before" in door("annotator", "add", "li-na", "--company", "Orange Isle", code=5).output
    assert door.json("company", "list") == [{"name": "Orange Isle", "annotators": 1}, {"name": "River Bank", "annotators": 0}]
    assert "Orange Isle" in door("company", "list").stdout


@pytest.mark.parametrize(
    ("command", "code", "why"),
    [
        (("annotator", "add", "li-na", "--company", "nobody"), 1, "no company 'nobody'"),
        (("annotator", "add", "Li Na", "--company", "ash"), 1, "is no annotator id"),
        (("annotator", "add", "ann", "--company", "ash"), 5, "ann is a program of ash"),
        (("annotator", "password", "ann"), 1, "ann is a program"),
        (("annotator", "resume", "ann", "--reason", "x"), 5, "ann cannot go from active to active"),
        (("packet", "take", "pictures", "--annotator", "nobody"), 1, "nobody is not at work here"),
        (("packet", "take", "pictures", "--annotator", "ann", "--due", "7x"), 2, "write 7d, 12h or 30m"),
        (("packet", "lease", "nothing"), 1, "no project 'nothing'"),
        (("packet", "return", "nothing"), 1, "no packet 'nothing'"),
        (("packet", "show", "nothing"), 1, "no packet 'nothing'"),
        (("answers", "list", "nothing"), 1, "no project 'nothing'"),
    ],
)
def test_what_cannot_be_is_said(answered: Any, command: tuple[str, ...], code: int, why: str) -> None:
    assert why in answered(*command, code=code).output


def test_a_project_is_opened_to_companies_and_closed_again(ingested: Any, copy_of: Any) -> None:
    door = copy_of(ingested)
    door("company", "add", "oak")
    create = ("project", "create", "pictures", "--collection", "trial", "--template", "image-boxes", "--overlap", "1")
    door(*create, "--company", "oak")
    assert [row["open_to"] for row in door.json("project", "list")] == [{"everybody": False, "companies": ["oak"]}]
    assert "oak" in door("project", "list").stdout
    assert "exists and is open to oak" in door(*create, "--company", "ash", code=5).output
    assert "ann is not at work here" in door("packet", "take", "pictures", "--annotator", "ann", code=1).output
    assert door("project", "open", "pictures", "--company", "ash").stdout == "pictures is open to ash, oak\n"
    door("packet", "take", "pictures", "--annotator", "ann")
    told = door("project", "close", "pictures", "--company", "ash", "--reason", "over").stdout
    assert told == "pictures is open to oak; 1 packets ended\n"
    assert door.json("project", "close", "pictures", "--all", "--reason", "over") == {
        "project": "pictures", "everybody": False, "companies": [], "packets_ended": 0,
    }  # fmt: skip
    assert door("project", "open", "pictures", "--all").stdout == "pictures is open to all companies\n"
    assert "say --company NAME, or --all" in door("project", "open", "pictures", code=2).output
    assert "no company 'elm'" in door("project", "open", "pictures", "--company", "elm", code=1).output


def test_packets_from_taking_to_the_end(ingested: Any, copy_of: Any) -> None:
    door = copy_of(ingested)
    door("project", "create", "pictures", "--collection", "trial", "--template", "image-boxes", "--overlap", "1")
    taken = door.json("packet", "take", "pictures", "--annotator", "ann", "--size", "1", "--due", "12h")
    assert door.json("packet", "take", "pictures", "--annotator", "ann") == taken
    shown = door.json("packet", "show", taken["id"])
    assert [task["state"] for task in shown["tasks"]] == ["held"]
    ledger = door.ledger()
    record(ledger, Incoming("ann", shown["tasks"][0]["task"], []))
    ledger.close()
    assert door.json("packet", "show", taken["id"])["tasks"][0]["state"] == "answered"
    assert "answered" in door("packet", "show", taken["id"]).stdout
    assert door.json("packet", "close", taken["id"])["state"] == "closed"
    assert "1 answers wanted from 0 annotators" in door("packet", "lease", "pictures", "--annotator", "nobody", code=1).output
    assert door.json("packet", "lease", "pictures", "--annotator", "bob") == {"project": "pictures", "leased": 1}
    assert door.json("packet", "take", "pictures", "--annotator", "cat") == {"packet": None}
    assert "no task of pictures is free for cat" in door("packet", "take", "pictures", "--annotator", "cat").stdout
    (open_,) = door.json("packet", "list", "--state", "open")
    assert (open_["annotator"], open_["tasks"], open_["unanswered"]) == ("bob", 1, 1)
    assert "bob" in door("packet", "extend", open_["id"], "--due", "30m").stdout
    assert door.json("packet", "expire") == {"ended": 0}
    assert door.json("packet", "return", open_["id"], "--reason", "ill")["state"] == "returned"
    assert [row["state"] for row in door.json("packet", "list", "--project", "pictures")] == ["returned", "closed"]
    assert "returned" in door("packet", "list").stdout
    assert "is open; due" in door("packet", "take", "pictures", "--annotator", "cat").stdout


def test_answers_are_told_apart_and_never_shown(answered: Any, copy_of: Any) -> None:
    door = copy_of(answered)
    ledger = door.ledger()
    with ledger.transaction("test") as t:
        key = min(t.session.scalars(select(AnnotationRow.item_key)))
        t.session.get_one(AnnotationRow, (f"{key} ann", 1)).cancelled = True
        row = {"site": "site", "server_annotation": 9, "content": "x", "uid": None, "reason": "it has no unique_id", "raw": {}}
        t.add_new(RejectionRow, [{**row, "item_key": key, "seen_at": ledger.now()}])
    given = record(ledger, Incoming("bob", key, [{"id": "secret drawing"}]))
    with ledger.transaction("test") as t:
        refused(t, given.uid, 1, "400: no such label")
        assert t.session.get_one(SubmissionRow, (given.uid, 1)).reason == "400: no such label"
    ledger.close()
    told = door.json("answers", "list", "pictures")
    assert sorted(row["standing"] for row in told) == ["counted"] * 5 + ["rejected"] * 2 + ["skipped"]
    assert {row["reason"] for row in door.json("answers", "list", "pictures", "--rejected")} == {
        "it has no unique_id", "400: no such label",
    }  # fmt: skip
    assert len(door.json("answers", "list", "pictures", "--skipped")) == 1
    assert door.json("answers", "list", "pictures", "--surplus") == []
    assert "secret drawing" not in json.dumps(told) + door("answers", "list", "pictures").stdout

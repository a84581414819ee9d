"""Companies, annotators and signing in, on SQLite and on PostgreSQL."""

import hashlib
import threading
from base64 import b64decode, b64encode
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from yuelu.annotate import people
from yuelu.annotate.people import Annotator
from yuelu.base.errors import Conflict, IllegalMove, InvalidRecord, NotAllowed, NotFound
from yuelu.base.ledger import log
from yuelu.base.ledger.people import SessionRow
from yuelu.base.ledger.types import Table
from yuelu.base.ledger.work import AnnotatorRow

RIGHT, WRONG = "correct horse", "battery staple"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes 70 ms on purpose takes none here."""
    monkeypatch.setattr(people, "_COST", 16)
    monkeypatch.setattr(people, "_NOBODY", people._encoded(16, 8, 1, bytes(16), bytes(32)))


@pytest.fixture
def wang(job: Any) -> str:
    people.add_annotator(job.ledger, "test", Annotator("wang", "ash"), RIGHT)
    return "wang"


def test_a_name_belongs_to_one_company_for_ever(job: Any, wang: str) -> None:
    assert not people.add_annotator(job.ledger, "test", Annotator(wang, "ash"), "another password")
    assert people.sign_in(job.ledger, wang, RIGHT, job.now(), "x")  # what is there stays as it is
    with pytest.raises(Conflict, match="wang is a person of ash"):
        people.add_annotator(job.ledger, "test", Annotator(wang, "oak"))
    with pytest.raises(Conflict, match="wang is a person of ash"):
        people.add_people(job.ledger, "test", [Annotator(wang, "ash", scripted=True)])
    with pytest.raises(NotFound, match="no company 'elm'"):
        people.add_annotator(job.ledger, "test", Annotator("li", "elm"))
    with pytest.raises(InvalidRecord, match="'admin' is no annotator id"):
        Annotator("admin", "ash")
    with pytest.raises(InvalidRecord, match="'Wang Li' is no annotator id"):
        Annotator("Wang Li", "ash")


def test_companies_are_added_once(job: Any) -> None:
    assert people.add_company(job.ledger, "test", "长沙数据 Co.")
    assert not people.add_company(job.ledger, "test", "长沙数据 Co.")
    for name in ("", " ", "a\nb", "x" * 81):
        with pytest.raises(InvalidRecord, match="is no name of a company"):
            people.add_company(job.ledger, "test", name)
    with job.ledger.reading() as session:
        assert people.count_people(session) == {"ash": 6, "oak": 0, "长沙数据 Co.": 0}


def test_a_session_lasts_until_it_is_over(job: Any, wang: str) -> None:
    token = people.sign_in(job.ledger, wang, RIGHT, job.now(), "10.0.0.7")
    with job.ledger.reading() as session:
        found = people.session_of(session, token, job.now())
        assert found is not None
        assert (found.annotator, found.company, found.address) == (wang, "ash", "10.0.0.7")
        assert people.session_of(session, token, found.expires_at - timedelta(seconds=1)) is not None
        assert people.session_of(session, token, found.expires_at) is None
        assert people.session_of(session, "nothing", job.now()) is None
    people.sign_out(job.ledger, token)
    people.sign_out(job.ledger, token)
    with job.ledger.reading() as session:
        assert people.session_of(session, token, job.now()) is None


def test_a_stolen_database_opens_no_door(job: Any, wang: str) -> None:
    token = people.sign_in(job.ledger, wang, RIGHT, job.now(), "x")
    with job.ledger.reading() as session:
        everything = [str(row) for table in Table.metadata.sorted_tables for row in session.execute(table.select())]
        stolen = session.scalars(select(SessionRow.token)).one()
        assert not [row for row in everything if token in row or RIGHT in row]
        assert people.session_of(session, stolen, job.now()) is None
    # RFC 7914, section 12, the second vector: what `fits` compares is scrypt and nothing else.
    key = bytes.fromhex(
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
        "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
    )
    assert hashlib.scrypt(b"password", salt=b"NaCl", n=1024, r=8, p=16, maxmem=2**26) == key
    kept = f"scrypt$1024$8$16${b64encode(b'NaCl').decode()}${b64encode(key[:32]).decode()}"
    assert people.fits("password", kept)  # of PBKDF2's output the first 32 bytes are the same for every length
    assert not people.fits("passwore", kept)


def test_passwords_are_salted_and_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    first, second = people.hashed(RIGHT), people.hashed(RIGHT)
    assert first != second
    name, cost, block, lanes, salt, key = first.split("$")
    assert (name, int(cost) >= 2**15, block, lanes) == ("scrypt", True, "8", "1")
    assert (len(b64decode(salt)), len(b64decode(key))) == (16, 32)
    assert people.fits(RIGHT, first)
    assert not people.fits(WRONG, first)
    with pytest.raises(InvalidRecord, match="a password of 9 characters"):
        people.hashed("x" * 9)


def test_a_name_that_is_tried_too_often_waits(job: Any, wang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (people.TRIES_HERE, people.TRIES_ANYWHERE) == (10, 100)  # what the docs say
    monkeypatch.setattr(people, "TRIES_ANYWHERE", 30)

    def tried(name: str, password: str = WRONG, address: str = "1.1.1.1") -> str:
        try:
            people.sign_in(job.ledger, name, password, job.now(), address)
        except NotAllowed as error:
            return error.problem
        return "in"

    wrong, many = "name or password is wrong", "too many tries"
    for name in (wang, "nobody"):  # both the same: signing in does not tell who works here
        assert [tried(name) for _ in range(11)] == [wrong] * 10 + [many]
    assert tried(wang, RIGHT) == many
    assert tried(wang, RIGHT, "2.2.2.2") == "in"  # who is tried by another is not locked out
    job.later(people.WINDOW)
    assert tried(wang, RIGHT) == "in"
    assert [tried(wang) for _ in range(10)] == [wrong] * 10  # a right one begins the count anew
    assert {tried(wang, WRONG, f"9.9.9.{number}") for number in range(32)} == {wrong, many}
    assert tried(wang, RIGHT, "3.3.3.3") == many


def test_tries_at_the_same_time_are_all_counted(job: Any, wang: str) -> None:
    heard: list[str] = []

    def attempt() -> None:
        with pytest.raises(NotAllowed) as refused:
            people.sign_in(job.ledger, wang, WRONG, job.now(), "x")
        heard.append(refused.value.problem)

    threads = [threading.Thread(target=attempt) for _ in range(14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard.count("name or password is wrong") == people.TRIES_HERE
    assert heard.count("too many tries") == 4


def test_unknown_names_take_as_long(job: Any, wang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    real = people.fits

    def fits(password: str, kept: str) -> bool:
        asked.append(tuple(kept.split("$")[:4]))
        return real(password, kept)

    monkeypatch.setattr(people, "fits", fits)
    people.add_annotator(job.ledger, "test", Annotator("silent", "ash"))  # has no password
    people.suspend(job.ledger, "test", "a", "breach")
    for name in (wang, "nobody", "silent", "a", "No Such Name", "x" * 500):
        with pytest.raises(NotAllowed, match="name or password is wrong"):
            people.sign_in(job.ledger, name, WRONG, job.now(), "x")
    assert asked == [("scrypt", "16", "8", "1")] * 6


def test_who_is_suspended_is_out_at_once(job: Any, wang: str) -> None:
    token = people.sign_in(job.ledger, wang, RIGHT, job.now(), "x")
    people.suspend(job.ledger, "boss", wang, "breach")
    with job.ledger.reading() as session:
        assert people.session_of(session, token, job.now()) is None
    with pytest.raises(NotAllowed, match="name or password is wrong"):
        people.sign_in(job.ledger, wang, RIGHT, job.now(), "x")
    with pytest.raises(IllegalMove, match="annotator wang cannot go from suspended to suspended"):
        people.suspend(job.ledger, "boss", wang, "again")
    people.resume(job.ledger, "boss", wang, "cleared")
    assert people.sign_in(job.ledger, wang, RIGHT, job.now(), "x")
    with pytest.raises(NotFound, match="no annotator 'nobody'"):
        people.suspend(job.ledger, "boss", "nobody", "x")


def test_a_new_password_signs_everybody_else_out(job: Any, wang: str) -> None:
    token = people.sign_in(job.ledger, wang, RIGHT, job.now(), "x")
    people.set_password(job.ledger, "boss", wang, WRONG)
    with job.ledger.reading() as session:
        assert people.session_of(session, token, job.now()) is None
    with pytest.raises(NotAllowed, match="wrong"):
        people.sign_in(job.ledger, wang, RIGHT, job.now(), "x")
    assert people.sign_in(job.ledger, wang, WRONG, job.now(), "x")
    people.add_people(job.ledger, "test", [Annotator("robot", "ash", scripted=True)])
    with pytest.raises(InvalidRecord, match="robot is a program"):
        people.set_password(job.ledger, "boss", "robot", RIGHT)


def test_the_log_names_what_happened_and_no_secret(job: Any, wang: str) -> None:
    people.sign_out(job.ledger, people.sign_in(job.ledger, wang, RIGHT, job.now(), "10.0.0.7"))
    people.sign_out(job.ledger, "over long ago")
    for name in [wang, "nobody"] * (people.TRIES_HERE + 3):
        with pytest.raises(NotAllowed, match=r"is wrong|too many tries"):
            people.sign_in(job.ledger, name, WRONG, job.now(), "10.0.0.7")
    people.suspend(job.ledger, "boss", wang, "breach")
    with job.ledger.reading() as session:
        rows = [(row.actor, row.action, row.reason) for row in session.scalars(select(log.EventRow).order_by("sequence"))]
        assert rows == [
            ("test", "annotator.added", None),
            (wang, "annotator.signed_in", None),
            ("gateway", "annotator.signed_out", None),
            ("gateway", "annotator.locked_out", "too many wrong tries"),  # once, and of nobody who is not here
            ("boss", "annotator.suspended", "breach"),
        ]
        assert "10.0.0.7" not in str(session.execute(text("SELECT * FROM events")).all())
        assert session.get_one(AnnotatorRow, wang).created_at == job.now()

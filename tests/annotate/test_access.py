"""Which companies a project is open to, on SQLite and on PostgreSQL."""

import threading
from typing import Any

import pytest
from sqlalchemy import select

from yuelu.annotate.access import Access, access_of
from yuelu.annotate.incoming import Incoming
from yuelu.annotate.opening import close_to, open_to, open_to_all
from yuelu.annotate.packets import Terms, lease, take_packet
from yuelu.annotate.people import Annotator, add_company, add_people
from yuelu.annotate.places import holders
from yuelu.annotate.projects import create_project
from yuelu.annotate.submissions import record
from yuelu.annotate.templates import load_template
from yuelu.base.errors import Conflict, InvalidRecord, NotAllowed, NotFound
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.packets import PacketRow, SubmissionRow

OAK = [Annotator(name, "oak") for name in ("o1", "o2")]  # a to f work for ash


@pytest.fixture
def two(job: Any) -> Any:
    add_people(job.ledger, "test", OAK)
    return job


def states(job: Any) -> dict[str, str]:
    with job.ledger.reading() as session:
        return {row.annotator: row.state for row in session.scalars(select(PacketRow))}


def test_a_project_is_open_to_all_until_a_company_is_named(two: Any) -> None:
    project = two.project(tasks=4, overlap=2)
    with two.ledger.reading() as session:
        assert access_of(session, project) == Access(everybody=True)
    assert open_to(two.ledger, "test", project, ["oak"]) == (Access(everybody=False, companies=("oak",)), 0)
    with pytest.raises(NotAllowed, match="a is not at work here"):
        take_packet(two.ledger, project, "a")
    assert take_packet(two.ledger, project, "o1") is not None
    assert open_to(two.ledger, "test", project, ["ash"])[0].companies == ("ash", "oak")
    assert take_packet(two.ledger, project, "a") is not None
    assert open_to_all(two.ledger, "test", project) == Access(everybody=True)
    add_people(two.ledger, "test", [Annotator("new", "elm")])
    assert states(two) == {"o1": "open", "a": "open"}


def test_tasks_are_leased_to_people_of_open_companies_only(two: Any) -> None:
    project = two.project(tasks=4, overlap=2)
    open_to(two.ledger, "test", project, ["oak"])
    assert lease(two.ledger, "test", project, ["a", "b", "o1", "o2"]) == 4
    with two.ledger.reading() as session:
        assert all(who == {"o1", "o2"} for who in holders(session, two.keys(project)).values())
        assert {row.company for row in session.scalars(select(PacketRow))} == {"oak"}
    close_to(two.ledger, "test", project, None, "done")
    with pytest.raises(InvalidRecord, match="2 answers wanted from 0 annotators"):
        lease(two.ledger, "test", project, ["a", "o1"])


def test_closing_ends_packets_at_once_and_keeps_what_was_sent(two: Any) -> None:
    project = two.project(tasks=4, overlap=1)
    taken = take_packet(two.ledger, project, "o1", Terms(size=2))
    assert taken is not None
    with two.ledger.reading() as session:
        mine = sorted(key for key, who in holders(session, two.keys(project)).items() if who == {"o1"})
    record(two.ledger, Incoming("o1", mine[0], []))
    assert take_packet(two.ledger, project, "a", Terms(size=1)) is not None
    access, ended = close_to(two.ledger, "test", project, ["oak"], "contract is over")
    assert (access, ended) == (Access(everybody=False, companies=("ash",)), 1)
    assert states(two) == {"o1": "returned", "a": "open"}
    with pytest.raises(NotAllowed, match=r"not recorded: packet .* was returned|is in no packet of o1"):
        record(two.ledger, Incoming("o1", mine[1], []))
    with two.ledger.reading() as session:
        assert [row.item_key for row in session.scalars(select(SubmissionRow))] == [mine[0]]
        assert holders(session, mine)[mine[0]] == {"o1"}  # it counts
        told = select(EventRow.reason).where(EventRow.action == "project.closed", EventRow.subject == project)
        assert list(session.scalars(told)) == ["contract is over"]
    add_company(two.ledger, "test", "elm")
    add_people(two.ledger, "test", [Annotator("e1", "elm")])
    with pytest.raises(NotAllowed, match="e1 is not at work here"):  # a company that came later is not among the others
        take_packet(two.ledger, project, "e1")


def test_naming_the_first_company_ends_the_packets_of_the_others(two: Any) -> None:
    project = two.project(tasks=4, overlap=1)
    for name in ("a", "o1"):
        assert take_packet(two.ledger, project, name, Terms(size=1)) is not None
    assert open_to(two.ledger, "test", project, ["oak"])[1] == 1
    assert states(two) == {"a": "returned", "o1": "open"}
    assert open_to(two.ledger, "test", project, ["oak"])[1] == 0
    assert states(two) == {"a": "returned", "o1": "open"}


def test_what_cannot_be_is_refused(two: Any) -> None:
    project = two.project(tasks=1, overlap=1)
    with pytest.raises(NotFound, match="no company 'elm'"):
        open_to(two.ledger, "test", project, ["oak", "elm"])
    with two.ledger.reading() as session:
        assert access_of(session, project).everybody  # all or nothing
    with pytest.raises(NotFound, match="no company 'elm'"):
        close_to(two.ledger, "test", project, ["elm"], "x")
    with pytest.raises(NotFound, match="no project 'nothing'"):
        open_to_all(two.ledger, "test", "nothing")
    with pytest.raises(InvalidRecord, match="opened to no company"):
        open_to(two.ledger, "test", project, [])


def test_a_project_may_be_made_for_some_companies(two: Any) -> None:
    made: dict[str, Any] = {
        "name": "chest", "collection": "c", "template": load_template("image-boxes"), "overlap": 1, "policy": "p",
        "policy_digest": "d" * 64,
    }  # fmt: skip
    with pytest.raises(NotFound, match="no company 'elm'"):
        create_project(two.ledger, "test", **made, companies=["elm"])
    assert create_project(two.ledger, "test", **made, companies=["oak"])
    assert not create_project(two.ledger, "test", **made)  # to plan tasks of new media
    assert not create_project(two.ledger, "test", **made, companies=["oak"])
    with two.ledger.reading() as session:
        assert access_of(session, "chest") == Access(everybody=False, companies=("oak",))
    with pytest.raises(Conflict, match="project chest exists and is open to oak"):
        create_project(two.ledger, "test", **made, companies=["ash"])


def test_a_company_that_is_shut_out_while_its_people_take_packets_keeps_none(two: Any) -> None:
    """Whoever comes first: after the closing no packet of theirs is open."""
    project = two.project(tasks=60, overlap=1)
    start, outcomes = threading.Barrier(3), []

    def take(name: str) -> None:
        start.wait()
        for _ in range(5):
            try:
                take_packet(two.ledger, project, name, Terms(size=1))
            except NotAllowed as error:
                outcomes.append(error)

    threads = [threading.Thread(target=take, args=(each.id,)) for each in OAK]
    for thread in threads:
        thread.start()
    start.wait()
    close_to(two.ledger, "test", project, ["oak"], "breach")
    for thread in threads:
        thread.join()
    assert "open" not in states(two).values()
    with pytest.raises(NotAllowed, match="o1 is not at work here"):
        take_packet(two.ledger, project, "o1")

"""Recording judgements when two do it at once, and when somebody returns to what was said before."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.judgement import ConsensusRow, CorrectionRow, DecisionRow, ScoreRow
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.media import CollectionRow
from yuelu.base.ledger.work import BatchRow, ProjectRow, TaskRow
from yuelu.quality.gate import decide_task
from yuelu.quality.policy import default_policy
from yuelu.quality.record import record_consensus, record_correction, record_decision, record_scores
from yuelu.quality.score import Score

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def ledger(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Ledger]:
    url = f"sqlite:///{tmp_path}/ledger.db" if request.param == "sqlite" else request.getfixturevalue("postgres_ledger")
    ledger = Ledger(url, lambda: NOW)
    ledger.migrate()
    fill(ledger)
    yield ledger
    ledger.close()


def fill(ledger: Ledger) -> None:
    names = ("collection", "medium", "template", "template_version", "template_digest")
    project = dict.fromkeys((*names, "description_version", "description_digest", "policy", "policy_digest"), "x")
    with ledger.transaction("setup") as t:
        t.add_new(CollectionRow, [{"name": "x", "owner": "o", "legal_basis": "l", "grade": "g", "terms": "t", "created_at": NOW}])
        t.add_new(ProjectRow, [{"name": "x", **project, "overlap": 3, "created_at": NOW}])
        t.add_new(BatchRow, [{"id": "b", "project": "x"}])
        task = {"item_key": "k", "batch": "b", "subject": "s", "items": [], "group": "g", "round": 1, "state": "submitted"}
        t.add_new(TaskRow, [task | {"server_task": None}])


def write(t: Any, value: float) -> None:
    score = Score("percent_agreement", None, value, None, None, 1, 2, 4, None)
    record_scores(t, "b", 1, {"scene": (score,)})
    record_consensus(
        t, "k", method="majority", regions=(), support={}, probability=value, entropy=None, answers=2, votes={},
        answers_digest="d", judged=[("u", 1)],
    )  # fmt: skip


def test_of_two_at_once_the_second_waits_and_measures_again(ledger: Ledger) -> None:
    written, failed = threading.Event(), []

    def second() -> None:
        written.wait(20)
        try:
            with ledger.transaction("second") as t:
                write(t, 0.75)
        except Exception as error:  # shown by the test
            failed.append(error)

    thread = threading.Thread(target=second)
    thread.start()
    with ledger.transaction("first") as t:
        write(t, 0.5)
        written.set()
        thread.join(1)
        assert thread.is_alive()  # it waits for what is not committed yet
    thread.join(30)
    assert failed == []
    with ledger.reading() as session:
        assert [row.value for row in session.scalars(select(ScoreRow))] == [0.75]
        assert [row.probability for row in session.scalars(select(ConsensusRow))] == [0.75]
        told = [(row.actor, row.action, row.reason) for row in session.scalars(select(EventRow).order_by(EventRow.sequence))]
    assert told == [
        ("first", "score", None), ("first", "consensus", None),
        ("second", "score", "measured again"), ("second", "consensus", "measured again"),
    ]  # fmt: skip


def correct(ledger: Ledger, label: str, at: datetime) -> bool:
    region = {"kind": "choice", "control": "scene", "labels": [label], "region_id": None}
    with ledger.transaction("curator") as t:
        return record_correction(t, "k", [region], owner="curator", reason="looked", created_at=at)


def decide(ledger: Ledger, value: float, at: datetime, round_: int = 1) -> bool:
    score = Score("percent_agreement", None, value, None, None, 1, 2, 4, None)
    policy = default_policy()
    verdict = decide_task(policy, 1, 3, {"scene": (score,)})
    with ledger.transaction("scorer") as t:
        return record_decision(t, "task", "k", verdict, policy, round=round_, decided_at=at)


# A clock that stands still, one that goes on, and one that somebody sets back.
@pytest.mark.parametrize("step", [0, 1, -1])
def test_who_returns_to_an_earlier_word_is_heard(ledger: Ledger, step: int) -> None:
    said = ["a", "a", "b", "b", "a", "a"]
    moments = [NOW + number * timedelta(hours=step) for number in range(6)]
    assert [correct(ledger, *each) for each in zip(said, moments, strict=True)] == [True, False, True, False, True, False]
    values = [0.5 if word == "a" else 1.0 for word in said]
    assert [decide(ledger, *each) for each in zip(values, moments, strict=True)] == [True, False, True, False, True, False]
    with ledger.reading() as session:
        corrections = list(session.scalars(select(CorrectionRow).order_by(CorrectionRow.created_at)))
        decisions = list(session.scalars(select(DecisionRow).order_by(DecisionRow.decided_at)))
        assert [row.regions[0]["labels"] for row in corrections] == [["a"], ["b"], ["a"]]
        assert [row.outcome for row in decisions] == ["rework", "accept", "rework"]
        assert (len({row.id for row in corrections}), len({row.id for row in decisions})) == (3, 3)


def test_ids_do_not_depend_on_the_clock(ledger: Ledger, tmp_path: Any) -> None:
    other = Ledger(f"sqlite:///{tmp_path}/other.db", lambda: NOW)
    other.migrate()
    fill(other)
    for each, step in ((ledger, 0), (other, 7)):
        for number, word in enumerate("aba"):
            correct(each, word, NOW + number * timedelta(days=step))
            decide(each, 0.5 if word == "a" else 1.0, NOW + number * timedelta(days=step))
    found = []
    for each in (ledger, other):
        with each.reading() as session:
            tables = (select(CorrectionRow.id).order_by(CorrectionRow.created_at), select(DecisionRow.id).order_by("decided_at"))
            found.append([list(session.scalars(table)) for table in tables])
    assert found[0] == found[1]
    other.close()


def test_each_round_has_decisions_of_its_own(ledger: Ledger) -> None:
    assert [decide(ledger, 1.0, NOW, round_) for round_ in (1, 2, 1, 2)] == [True, True, False, False]

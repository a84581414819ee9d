"""Recording judgements when two do it at once, and when somebody returns to what was said before."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.judgement import ConsensusRow, ScoreRow
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.media import CollectionRow
from yuelu.base.ledger.work import BatchRow, ProjectRow, TaskRow
from yuelu.quality.record import record_consensus, record_scores
from yuelu.quality.score import Score

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def ledger(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Ledger]:
    url = f"sqlite:///{tmp_path}/ledger.db" if request.param == "sqlite" else request.getfixturevalue("postgres_ledger")
    ledger = Ledger(url, lambda: NOW)
    ledger.migrate()
    names = ("collection", "medium", "template", "template_version", "template_digest")
    project = dict.fromkeys((*names, "description_version", "description_digest", "policy", "policy_digest"), "x")
    with ledger.transaction("setup") as t:
        t.add_new(CollectionRow, [{"name": "x", "owner": "o", "legal_basis": "l", "grade": "g", "terms": "t", "created_at": NOW}])
        t.add_new(ProjectRow, [{"name": "x", **project, "overlap": 3, "created_at": NOW}])
        t.add_new(BatchRow, [{"id": "b", "project": "x", "site": None, "server_project": None, "synced_at": None}])
        task = {"item_key": "k", "batch": "b", "subject": "s", "items": [], "group": "g", "round": 1, "state": "submitted"}
        t.add_new(TaskRow, [task | {"server_task": None}])
    yield ledger
    ledger.close()


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

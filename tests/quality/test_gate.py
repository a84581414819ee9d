"""Policies and gates: None never passes, every rule leaves evidence, and a decision is kept once."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import select

from yuelu.base.canonical import digest
from yuelu.base.errors import Misconfigured
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.judgement import ConsensusRow, DecisionRow, ScoreRow
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.media import CollectionRow
from yuelu.base.ledger.work import BatchRow, ProjectRow, TaskRow
from yuelu.base.records import Box
from yuelu.base.schemas import BOXES, LABELS, SEEN, SEGMENTS
from yuelu.quality.gate import ALL_RULES, NO_RULE, decide_batch, decide_task
from yuelu.quality.metrics import scoring_for
from yuelu.quality.policy import BATCH_METRICS, TASK_METRICS, default_policy, load_policy
from yuelu.quality.record import record_consensus, record_decision, record_scores
from yuelu.quality.resample import Sampling
from yuelu.quality.score import Score

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def policy(**changes: Any) -> Any:
    fields = {
        "name": "p", "version": '"1"', "minimum_answers": 2, "empty": "accept", "on_failure": "[rework, review]",
        "task": "[{metric: f1@0.50, at_least: 0.6}]", "batch": "[{metric: f1@0.50, at_least: 0.6}]",
    }  # fmt: skip
    return "\n".join(f"{key}: {value}" for key, value in (fields | changes).items() if value is not None).encode()


def load(**changes: Any) -> Any:
    return load_policy(policy(**changes), "mine.yaml")


def score(
    value: Any = None, low: Any = None, high: Any = None, *, metric: Any = "f1@0.50", annotations: Any = 4, annotators: Any = 2
) -> Any:
    return Score(metric, None, value, low, high, 1, annotators, annotations, None if value is not None else "undefined")


def test_the_default_policy_is_one() -> None:
    found = default_policy()
    assert (found.name, found.empty, found.on_failure) == ("default", "accept", ("rework", "review"))


def test_the_digest_is_of_the_content_not_the_layout() -> None:
    assert load().digest == load_policy(b"# a comment\n" + policy(), "x").digest
    assert load(minimum_answers=3).digest != load().digest
    content = {
        "name": "p", "version": "1", "minimum_answers": 2, "empty": "accept", "on_failure": ["rework", "review"],
        "task": [{"metric": "f1@0.50", "at_least": 0.6}], "batch": [{"metric": "f1@0.50", "at_least": 0.6}],
    }  # fmt: skip
    assert load().digest == digest(content)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"empty": "maybe"}, r"empty: 'maybe' is not one of .*\n.*allowed: accept, fail"),
        ({"on_failure": "[pardon]"}, r"on_failure.0: 'pardon'.*\n.*allowed: rework, review, reject"),
        ({"minimum_answers": 0}, r"minimum_answers: 0 is less than the minimum"),
        ({"task": "[{metric: f1, at_leat: 1}]"}, r"task.0: .*'at_leat' was unexpected.*\n.*keys: metric, control, at_least"),
        ({"task": "[{metric: f1, at_least: 1, at_most: 2}]"}, r"task.0: "),
        ({"batch": None}, r"the policy: 'batch' is a required property"),
        ({"batch": "[{metric: x, at_least: .nan}]"}, r"not canonical JSON"),
        ({"task": "[{metric: percent_agrement, at_least: 1}]"},
         r"task.0: no metric 'percent_agrement' .*\n.*known: percent_agreement, f1@0.50, .*boundary_s"),
        ({"batch": "[{metric: f1@0.75, at_least: 1}]"}, r"batch.0: no metric 'f1@0.75' is computed for a batch"),
        ({"batch": "[{metric: f1@.5, at_least: 1}]"}, r"no metric 'f1@.5'"),
        ({"task": "[{metric: krippendorff_alpha, at_least: 0}]"}, r"'krippendorff_alpha' is computed for a task"),
        ({"batch": "["}, r"mine.yaml is not YAML"),
        ({"version": '"1"\nversion: "2"'}, r"key 'version' is given twice"),
    ],
)  # fmt: skip
def test_a_policy_that_cannot_be_used_names_the_key_and_what_is_allowed(changes: Any, message: Any) -> None:
    with pytest.raises(Misconfigured, match=message):
        load(**changes)


def test_rounds_choose_what_happens_on_failure() -> None:
    low = {"box": (score(0.1),)}
    assert [decide_task(load(), round, 3, low).outcome for round in (1, 2, 3)] == ["rework", "review", "review"]
    assert decide_task(load(), 1, 3, {"box": (score(0.6),)}).outcome == "accept"


def test_evidence_holds_every_rule_that_was_read() -> None:
    found = decide_task(load(), 1, 3, {"a": (score(0.9),), "b": (score(0.2), score(0.1, metric="other"))})
    assert (found.outcome, found.rule, found.accepted) == ("rework", "f1@0.50 >= 0.6", False)
    assert [(e.control, e.value, e.threshold, e.passed) for e in found.evidence] == [
        ("", 3, 2, True), ("a", 0.9, 0.6, True), ("b", 0.2, 0.6, False),
    ]  # fmt: skip
    assert found.evidence_json()["rules"][2]["metric"] == "f1@0.50"


def test_too_few_answers_fail_whatever_they_say() -> None:
    found = decide_task(load(), 1, 1, {"box": (score(1.0),)})
    assert (found.outcome, found.rule) == ("rework", "answers >= 2")


def test_nobody_drew_is_told_apart_from_disagreement() -> None:
    empty, unmatched, alone = score(annotations=0), score(annotations=4), score(annotations=0, annotators=1)
    assert decide_task(load(), 1, 3, {"box": (empty,)}).outcome == "accept"
    assert decide_task(load(empty="fail"), 1, 3, {"box": (empty,)}).outcome == "rework"
    assert decide_task(load(), 1, 3, {"box": (unmatched,)}).outcome == "rework"
    assert decide_task(load(), 1, 3, {"box": (alone,)}).outcome == "rework"
    assert "the policy accepts that" in (decide_task(load(), 1, 3, {"box": (empty,)}).evidence[1].reason or "")


def test_a_batch_is_judged_by_the_bound_that_hurts() -> None:
    assert decide_batch(load(), {"box": (score(0.7, 0.61, 0.8),)}).rule == ALL_RULES
    assert decide_batch(load(), {"box": (score(0.9, 0.59, 1.0),)}).outcome == "review"
    without = decide_batch(load(), {"box": (score(0.9),)})
    assert (without.outcome, without.evidence[0].reason) == ("review", "the value has no interval")
    late = load(batch="[{metric: boundary_s, control: seg, at_most: 0.2}]")
    assert decide_batch(late, {"seg": (score(0.1, 0.05, 0.19, metric="boundary_s"),)}).accepted
    assert decide_batch(late, {"seg": (score(0.1, 0.05, 0.21, metric="boundary_s"),)}).rule == "seg: boundary_s <= 0.2"


def test_a_policy_that_reads_nothing_accepts_nothing() -> None:
    assert decide_task(load(), 1, 3, {"scene": (score(1.0, metric="percent_agreement"),)}).rule == NO_RULE
    assert (decide_batch(load(), {}).outcome, decide_batch(load(), {}).rule) == ("review", NO_RULE)
    named = load(task="[{metric: f1@0.50, control: box, at_least: 0.6}]")
    assert decide_task(named, 1, 3, {}).evidence[1].reason == "the control has no such score"


BOTH = "[{metric: percent_agreement, at_least: 0.6}, {metric: f1@0.50, at_least: 0.6}]"


def test_a_rule_for_what_the_project_does_not_ask_does_not_apply_and_says_so() -> None:
    agreed = {"scene": (score(0.9, 0.8, 1.0, metric="percent_agreement"),)}
    for found in (decide_task(load(task=BOTH), 1, 3, agreed), decide_batch(load(batch=BOTH), agreed)):
        assert found.accepted
        unread = found.evidence[-1]
        assert (unread.rule, unread.control, unread.bound, unread.passed) == ("f1@0.50 >= 0.6", "", None, True)
        assert unread.reason == "the rule does not apply: no control is of a kind that has this score"


@pytest.mark.parametrize("lacking", [(score(1.0, 1.0, 1.0, metric="mean_iou"),), (), (score(1.0, 1.0, 1.0, metric="who_knows"),)])
def test_a_rule_that_reads_nothing_where_it_could_fails(lacking: Any) -> None:
    scores = {"scene": (score(0.9, 0.8, 1.0, metric="percent_agreement"),), "box": lacking}
    for found in (decide_task(load(task=BOTH), 1, 3, scores), decide_batch(load(batch=BOTH), scores)):
        assert not found.accepted
        assert found.rule == "f1@0.50 >= 0.6"
        assert (found.evidence[-1].bound, found.evidence[-1].reason) == (None, "no control has this score")


def test_the_metrics_a_policy_may_name_are_those_that_are_computed() -> None:
    tables = {"choice": LABELS, "box": BOXES, "segment": SEGMENTS}
    answer: dict[str, dict[str, Any]] = {"choice": {}, "box": dict.fromkeys(("item", "x", "y", "width", "height", "rotation"), 1)}
    answer["segment"] = {"start": 0.0, "end": 1.0}
    seen = pa.Table.from_pylist([{"task": "t", "annotator": who, "group": "g"} for who in "ab"], SEEN)
    for kind, schema in tables.items():
        rows = [{"task": "t", "annotator": who, "label": "x", **answer[kind]} for who in "ab"]
        table = pa.Table.from_pylist(rows, schema)
        batch = scoring_for(kind).batch(table, seen, Sampling())
        assert {each.metric for each in batch} == set(BATCH_METRICS[kind])
        assert {each.metric for each in scoring_for(kind).task(table, seen)["t"]} == set(TASK_METRICS[kind])


@pytest.fixture
def ledger(tmp_path: Any) -> Any:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", lambda: NOW)
    ledger.migrate()
    names = ("collection", "medium", "template", "template_version", "template_digest")
    project = dict.fromkeys((*names, "description_version", "description_digest", "policy", "policy_digest"), "x")
    with ledger.transaction("setup") as t:
        t.add_new(CollectionRow, [{"name": "x", "owner": "o", "legal_basis": "l", "grade": "g", "terms": "t", "created_at": NOW}])
        t.add_new(ProjectRow, [{"name": "x", **project, "overlap": 3, "created_at": NOW}])
        t.add_new(BatchRow, [{"id": "b", "project": "x"}])
        task = {"item_key": "k", "batch": "b", "subject": "s", "items": [], "group": "g", "round": 1, "state": "submitted"}
        t.add_new(TaskRow, [task | {"server_task": None}])
    yield ledger
    ledger.close()


def write_all(ledger: Any, value: Any = 0.5) -> Any:
    consensus: dict[str, Any] = {"method": "majority", "probability": 0.5, "entropy": 1.0, "answers": 2, "answers_digest": "d"}
    region = Box("r", "box", "cat", 0, 1.0, 2.5, 3.0, 4.0)
    verdict = decide_task(load(), 1, 3, {"box": (score(value),)})
    with ledger.transaction("scorer") as t:
        scores = record_scores(t, "b", 1, {"box": (score(value, value, value), score(metric="mean_iou"))})
        agreed = record_consensus(t, "k", regions=(region,), support={"r": 1.0}, votes={"r": 2}, judged=[("u", 1)], **consensus)
        decided = record_decision(t, "task", "k", verdict, load(), round=1, decided_at=NOW)
    return scores, agreed, decided


def test_what_is_recorded_twice_is_kept_once(ledger: Any) -> None:
    assert write_all(ledger) == (2, True, True)
    assert write_all(ledger) == (0, False, False)
    with ledger.reading() as session:
        assert [row.metric for row in session.scalars(select(ScoreRow).order_by(ScoreRow.metric))] == ["f1@0.50", "mean_iou"]
        assert session.get(ConsensusRow, "k").regions[0]["support"] == 1.0
        (decision,) = session.scalars(select(DecisionRow))
        assert (decision.outcome, decision.evidence["rules"][1]["value"]) == ("rework", 0.5)
        assert [row.action for row in session.scalars(select(EventRow).order_by(EventRow.sequence))] == [
            "score", "score", "consensus", "decide",
        ]  # fmt: skip


def test_what_changed_is_recorded_with_an_event(ledger: Any) -> None:
    write_all(ledger)
    assert write_all(ledger, 0.9) == (1, False, True)
    with ledger.reading() as session:
        assert session.get(ScoreRow, ("b", 1, "box", "f1@0.50")).value == 0.9
        assert len(list(session.scalars(select(DecisionRow)))) == 2
        events = list(session.scalars(select(EventRow).order_by(EventRow.sequence)))
        assert [(event.action, event.reason) for event in events[4:]] == [
            ("score", "measured again"), ("decide", "accept: all rules passed"),
        ]  # fmt: skip
        assert events[4].before == events[0].after or events[4].before == events[1].after

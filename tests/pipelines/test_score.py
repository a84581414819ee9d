"""Scoring over a ledger: what is decided, that it is decided once, and that a killed run ends like an uninterrupted one."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from yuelu.annotate.answers import counted, latest_versions
from yuelu.annotate.configurations import configure, move_unanswered
from yuelu.annotate.packets import lease
from yuelu.annotate.places import gaps_of, holders
from yuelu.annotate.tasks import batch_id, move
from yuelu.annotate.templates import load_template, parse_template
from yuelu.base.canonical import sha256
from yuelu.base.errors import Conflict, NotFound
from yuelu.base.ledger import log
from yuelu.base.ledger.judgement import ConsensusRow, DecisionRow, ScoreRow
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.work import ProjectRow, TaskRow
from yuelu.base.records import Annotation, Box, Choice, FrameRange, Region, Segment
from yuelu.pipelines import score as flow
from yuelu.pipelines.passport import projects_of
from yuelu.pipelines.score import score
from yuelu.quality.policy import default_policy, load_policy
from yuelu.quality.record import record_decision

POLICY = default_policy()
PEOPLE, MADE = ("ann", "bob", "cat"), datetime(2026, 1, 2, tzinfo=UTC)
GOOD = (Choice("scene", ("everyday",)), Box("r0", "object", "animal", 0, 10.0, 10.0, 100.0, 100.0))
LOOSE = (Choice("scene", ("everyday",)), Box("r0", "object", "animal", 0, 300.0, 300.0, 100.0, 100.0))


def scenes(*labels: str) -> list[tuple[Region, ...]]:
    return [(Choice("scene", (label,)),) for label in labels]


def fill(lab: Any) -> None:
    """One task that passes, one whose boxes do not, one whose choices do not."""
    lab.answer("cat", GOOD, GOOD, GOOD)
    lab.answer("coins", GOOD, LOOSE, (LOOSE[0],))
    lab.answer("chair", *scenes("medical", "everyday", "material"))


def decisions(lab: Any) -> Counter[tuple[str, int, str]]:
    return Counter((row["subject_kind"], row["round"], row["outcome"]) for row in lab.all(DecisionRow))


def test_tasks_are_accepted_or_come_back_as_the_policy_says(lab: Any) -> None:
    fill(lab)
    seen: list[tuple[int, int]] = []
    report = score(lab.workspace, "p", POLICY, lambda *at: seen.append(at))
    assert (report.project, report.round, report.outcomes) == ("p", 1, {"accept": 1, "rework": 2})
    assert set(report.rework) == {lab.key("coins"), lab.key("chair")}
    assert report.review == ()
    assert seen == [(3, 3)]
    assert lab.states() == {"cat": ["accepted"], "coins": ["rework", "new"], "chair": ["rework", "new"]}
    rules = {row["subject"]: (row["outcome"], row["rule"]) for row in lab.all(DecisionRow)}
    assert rules[lab.key("cat")] == ("accept", "all rules passed")
    assert rules[lab.key("coins")] == ("rework", "f1@0.50 >= 0.6")
    assert rules[lab.key("chair")] == ("rework", "percent_agreement >= 0.66")
    assert rules[batch_id("p")] == (report.batch.outcome, report.batch.rule) == ("review", "percent_agreement >= 0.6")


def test_consensus_and_scores_are_kept(lab: Any) -> None:
    fill(lab)
    report = score(lab.workspace, "p", POLICY)
    consensus = {row["item_key"]: row for row in lab.all(ConsensusRow)}
    cat = consensus[lab.key("cat")]
    assert [(r["kind"], r.get("support", r.get("probability"))) for r in cat["regions"]] == [("choice", 1.0), ("box", 1.0)]
    assert (cat["method"], cat["probability"], cat["entropy"], cat["answers"]) == ("majority", 1.0, 0.0, 3)
    assert cat["votes"] == {"scene": {"everyday": 1.0}, "object-0": 3}
    chair = consensus[lab.key("chair")]
    assert (chair["probability"], chair["entropy"]) == (pytest.approx(1 / 3), pytest.approx(1.5849625))  # log2(3)
    kept = {(row["control"], row["metric"]): row["value"] for row in lab.all(ScoreRow)}
    assert kept == {(control, s.metric): s.value for control, found in report.scores.items() for s in found}
    assert kept["scene", "percent_agreement"] == pytest.approx(6 / 9)  # pairs that agree: 3 of 3, 3 of 3, 0 of 3
    # Matched boxes of pairs: 3 for the cat; coins have ann's and bob's box apart and none of cat's: 2*3 / (6 + 2 + 1 + 1).
    assert kept["object", "f1@0.50"] == pytest.approx(0.6)


def test_rework_is_decided_again_and_then_goes_to_review(lab: Any) -> None:
    fill(lab)
    score(lab.workspace, "p", POLICY)
    lab.answer("coins", GOOD, GOOD, GOOD, round_=2)
    lab.answer("chair", *scenes("medical", "everyday", "material"), round_=2)
    report = score(lab.workspace, "p", POLICY)
    assert (report.round, report.outcomes, report.review) == (2, {"accept": 1, "review": 1}, (lab.key("chair", 2),))
    assert lab.states() == {"cat": ["accepted"], "coins": ["rework", "accepted"], "chair": ["rework", "review"]}
    assert decisions(lab) == {
        ("task", 1, "accept"): 1, ("task", 1, "rework"): 2, ("task", 2, "accept"): 1, ("task", 2, "review"): 1,
        ("batch", 1, "review"): 1, ("batch", 2, "review"): 1,
    }  # fmt: skip
    values = {(row["round"], row["control"], row["metric"]): row["value"] for row in lab.all(ScoreRow)}
    assert values[1, "object", "f1@0.50"] == pytest.approx(0.6)
    assert values[2, "object", "f1@0.50"] == 1.0  # of each picture the last round that has its answers


def test_what_is_not_answered_waits(lab: Any) -> None:
    report = score(lab.workspace, "p", POLICY)
    assert (report.outcomes, report.batch.outcome) == ({}, "review")
    assert lab.all(ScoreRow) == lab.all(DecisionRow) == []
    lab.answer("cat", GOOD, GOOD, GOOD)
    assert score(lab.workspace, "p", POLICY).outcomes == {"accept": 1}
    assert lab.states() == {"cat": ["accepted"], "coins": ["new"], "chair": ["new"]}


def test_too_few_answers_fail_and_none_have_no_consensus(lab: Any) -> None:
    lab.answer("cat", GOOD)
    lab.answer("coins")
    assert score(lab.workspace, "p", POLICY).outcomes == {"rework": 2}
    rules = {row["rule"] for row in lab.all(DecisionRow) if row["subject_kind"] == "task"}
    assert rules == {"answers >= 2"}
    assert [row["item_key"] for row in lab.all(ConsensusRow)] == [lab.key("cat")]


def test_a_dry_run_writes_nothing_and_takes_any_policy(lab: Any) -> None:
    fill(lab)
    before = lab.judged()
    other = load_policy(b'{"name": "lax", "version": "1", "minimum_answers": 1, "empty": "accept", "on_failure": ["reject"],'
                        b'"task": [{"metric": "percent_agreement", "at_least": 0}],'
                        b'"batch": [{"metric": "percent_agreement", "at_least": -1}]}', "lax")  # fmt: skip
    assert score(lab.workspace, "p", POLICY, dry_run=True).outcomes == {"accept": 1, "rework": 2}
    assert score(lab.workspace, "p", other, dry_run=True).outcomes == {"accept": 3}
    assert lab.judged() == before
    with pytest.raises(Conflict, match=r"project p was made with policy .* not .*\n  try: use the project's own policy"):
        score(lab.workspace, "p", other)
    with pytest.raises(NotFound, match="no project 'q'"):
        score(lab.workspace, "q", POLICY)
    assert lab.judged() == before


def test_what_is_scored_twice_is_decided_once(lab: Any) -> None:
    fill(lab)
    score(lab.workspace, "p", POLICY)
    before = lab.judged()
    report = score(lab.workspace, "p", POLICY)
    assert (report.outcomes, report.rework) == ({}, ())
    assert lab.judged() == before


class Killed(Exception):
    """What a test raises where a process may die."""


def _kill_after(transactions: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    monkeypatch.setattr(flow, "_CHUNK", 1)

    def progress(done: int, _: int) -> None:
        if done == transactions:
            raise Killed("here")

    return progress


@pytest.mark.parametrize("transactions", [1, 2])
def test_killed_between_transactions_it_ends_the_same(
    lab: Any, make_lab: Any, monkeypatch: pytest.MonkeyPatch, transactions: int
) -> None:
    whole = make_lab("cat", "coins", "chair", place="whole")
    for each in (whole, lab):
        fill(each)
    score(whole.workspace, "p", POLICY)
    with pytest.raises(Killed, match="here"):
        score(lab.workspace, "p", POLICY, _kill_after(transactions, monkeypatch))
    assert sum("submitted" in states for states in lab.states().values()) == 3 - transactions
    score(lab.workspace, "p", POLICY)
    assert lab.judged() == whole.judged()


def test_killed_inside_a_transaction_it_ends_the_same(lab: Any, make_lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = make_lab("cat", "coins", "chair", place="whole")
    for each in (whole, lab):
        fill(each)
    score(whole.workspace, "p", POLICY)
    calls: list[str] = []

    def record(t: Any, kind: Any, subject: str, *rest: Any, **named: Any) -> bool:
        calls.append(subject)
        if len(calls) == 3:  # the batch, the first task, then
            raise Killed("here")
        return record_decision(t, kind, subject, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(flow, "_CHUNK", 1)
        patch.setattr(flow, "record_decision", record)
        with pytest.raises(Killed, match="here"):
            score(lab.workspace, "p", POLICY)
    score(lab.workspace, "p", POLICY)
    assert lab.judged() == whole.judged()


def test_a_task_that_somebody_faster_decided_is_left_alone(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.answer("coins", GOOD, LOOSE, (LOOSE[0],))
    recorded = flow._write_batch

    def meanwhile(*args: Any, **named: Any) -> None:
        monkeypatch.setattr(flow, "_write_batch", recorded)
        for who in ("ann", "bob", "cat"):
            lab.change("coins", who, GOOD)
        assert score(lab.workspace, "p", POLICY).outcomes == {"accept": 1}

    monkeypatch.setattr(flow, "_write_batch", meanwhile)
    score(lab.workspace, "p", POLICY)  # it read the older answers
    assert lab.states()["coins"] == ["accepted"]
    assert [row["outcome"] for row in lab.all(DecisionRow) if row["subject_kind"] == "task"] == ["accept"]
    assert lab.all(ConsensusRow)[0]["votes"] == {"scene": {"everyday": 1.0}, "object-0": 3}


def test_every_decision_and_move_is_in_the_log(lab: Any) -> None:
    fill(lab)
    before = len(lab.all(EventRow))
    score(lab.workspace, "p", POLICY)
    with lab.ledger.reading() as session:
        assert list(log.broken(session)) == []
    new = lab.all(EventRow)[before:]
    assert {event["actor"] for event in new} == {"score"}
    scores = len(lab.all(ScoreRow))
    assert Counter(event["action"] for event in new) == {
        "score": scores, "consensus": 3, "decide": 4, "task.accepted": 1, "task.rework": 2, "task.opened": 2,
    }  # fmt: skip


def test_a_video_is_scored_by_the_frame_rate_of_its_proxy(make_lab: Any) -> None:
    lab = make_lab("bikes", template="video-ranges", frame_rate_hz=25.0, frames=100)
    moving = Choice("camera", ("moving",))
    first, *others = [(moving, FrameRange("r0", "event", "person", start, start + 49)) for start in (1, 2, 3)]
    lab.answer("bikes", first, *others)
    report = score(lab.workspace, "p", POLICY)
    assert report.outcomes == {"accept": 1}
    boundary = next(found for found in report.scores["event"] if found.metric == "boundary_s")
    assert boundary.value == pytest.approx(1 / 25)  # the median of 1, 1 and 2 frames
    (consensus,) = lab.all(ConsensusRow)
    assert consensus["regions"][1] == {
        "kind": "frame_range", "id": "event-0", "control": "event", "label": "person", "first_frame": 2, "last_frame": 51,
        "support": 1.0,
    }  # fmt: skip


def test_a_time_series_is_scored_in_seconds(make_lab: Any) -> None:
    names = {"channel_names": ["speed"], "channel_units": [None]}
    lab = make_lab("pump", template="series-ranges", duration_s=60.0, sampling_rate_hz=10.0, **names)
    abnormal = Choice("condition", ("abnormal",))
    first, *others = [(abnormal, Segment("r0", "event", "anomaly", start, start + 20)) for start in (10.0, 10.4, 10.8)]
    lab.answer("pump", first, *others)
    report = score(lab.workspace, "p", POLICY)
    assert report.outcomes == {"accept": 1}
    boundary = next(found for found in report.scores["event"] if found.metric == "boundary_s")
    assert boundary.value == pytest.approx(0.4)  # the median of 0.4, 0.4 and 0.8 s
    (consensus,) = lab.all(ConsensusRow)
    assert (consensus["regions"][1]["kind"], consensus["regions"][1]["start_s"]) == ("segment", pytest.approx(10.4))


def test_the_report_is_json(make_lab: Any) -> None:
    lab = make_lab("cat")
    lab.answer("cat", GOOD, GOOD, GOOD)
    told = json.loads(json.dumps(score(lab.workspace, "p", POLICY).to_json(), allow_nan=False))
    assert (told["project"], told["round"], told["outcomes"], told["batch"]["outcome"]) == ("p", 1, {"accept": 1}, "review")
    assert {found["metric"] for found in told["scores"]["object"]} == {"f1@0.50", "f1_any_label@0.50", "mean_iou"}


def test_a_policy_that_rejects_ends_a_task(make_lab: Any) -> None:
    lab = make_lab("chair")
    lab.answer("chair", *scenes("medical", "everyday", "material"))
    score(lab.workspace, "p", replace(POLICY, on_failure=("reject",)))
    assert lab.states() == {"chair": ["rejected"]}


def test_answers_under_two_configurations_are_never_mixed(make_lab: Any) -> None:
    """Each batch is measured by itself, with its own labels; the manifest names both configurations."""
    lab = make_lab("cat", "coins")
    lab.answer("cat", GOOD, GOOD, GOOD)
    old = load_template("image-boxes")
    config = old.config.replace('<Label value="part"/>', '<Label value="part"/><Label value="bolt"/>')
    assert configure(lab.ledger, "test", "p", parse_template("mine", "2", config, old.descriptions)).new
    assert move_unanswered(lab.ledger, "test", "p").moved == 1
    bolts = tuple(replace(each, label="bolt") if isinstance(each, Box) else each for each in GOOD)
    lab.answer("coins", bolts, bolts, bolts)
    report = score(lab.workspace, "p", POLICY)
    (first,) = report.earlier
    measured = {row["batch"] for row in lab.all(ScoreRow)}
    assert measured == {batch_id("p", 1), batch_id("p", 2)}
    assert [each.scores["scene"][0].tasks for each in (first, report)] == [1, 1]
    assert lab.states() == {"cat": ["accepted"], "coins": ["accepted"]}
    with lab.ledger.reading() as session:
        (told,) = projects_of(session, ["p"])
    assert told["label_config"]["digest"] == old.digest
    assert [each["digest"] for each in told["label_configs"]] == [sha256(config.encode())]


def test_an_edit_after_the_decision_changes_no_score(lab: Any) -> None:
    fill(lab)
    before = score(lab.workspace, "p", POLICY).scores
    for who in PEOPLE:  # now they all agree, but their answers were judged
        lab.change("chair", who, scenes("medical")[0])
    lab.change("cat", "ann", LOOSE)
    assert score(lab.workspace, "p", POLICY).scores == before
    with lab.ledger.reading() as session:
        assert {each.version for each in counted(session, [lab.key("chair")])} == {2}


OVERLAP = load_policy(
    b'{"name": "more", "version": "1", "minimum_answers": 2, "overlap_to": 3, "empty": "accept", "on_failure": ["review"],'
    b'"task": [{"metric": "percent_agreement", "at_least": 0.3}], "batch": [{"metric": "percent_agreement", "at_least": 0}]}',
    "more",
)


def answered_by_all_who_hold(lab: Any, name: str, labels: dict[str, str]) -> list[str]:
    """Let everybody who holds the task and did not answer it do so, and submit it; return who."""
    lease(lab.ledger, "test", "p", PEOPLE)
    key = lab.key(name)
    with lab.ledger.reading() as session:
        there = {each.annotator for each in latest_versions(session, [key])}
        new = sorted(holders(session, [key])[key] - there)
    with lab.ledger.transaction("test") as t:
        for who in new:
            said = (Choice("scene", (labels[who],)),)
            lab._add(t, Annotation(f"{key} {who}", key, who, MADE, MADE, said), 1)
        for state in ("dispatched", "submitted"):
            if t.session.get_one(TaskRow, key).state != state:
                move(t, key, state)
    return new


def test_one_task_alone_is_answered_by_one_more_annotator(lab: Any) -> None:
    with lab.ledger.transaction("test") as t:
        project = t.session.get_one(ProjectRow, "p")
        project.overlap, project.policy_digest = 2, OVERLAP.digest
    everyday = dict.fromkeys(PEOPLE, "everyday")
    answered_by_all_who_hold(lab, "coins", everyday)
    first = answered_by_all_who_hold(lab, "cat", dict(zip(PEOPLE, ("everyday", "medical", "material"), strict=True)))
    assert len(first) == 2
    report = score(lab.workspace, "p", OVERLAP)
    assert (report.outcomes, report.overlap) == ({"accept": 1, "overlap": 1}, (lab.key("cat"),))
    assert lab.states() == {"cat": ["dispatched"], "coins": ["accepted"], "chair": ["new"]}
    assert score(lab.workspace, "p", OVERLAP).outcomes == {}  # it waits for an answer, not for a decision
    with lab.ledger.reading() as session:  # nobody else gets a third place, and nobody the same task twice
        assert {key: gap.missing for key, gap in gaps_of(session, batch_id("p"), 2)[1].items()}[lab.key("cat")] == 1
    said = dict(zip(PEOPLE, ("everyday", "medical", "material"), strict=True))
    last = answered_by_all_who_hold(
        lab, "cat", dict.fromkeys(PEOPLE, said[first[0]])
    )  # the third agrees with the first: 1 of 3 pairs
    assert sorted([*first, *last]) == sorted(PEOPLE)
    with lab.ledger.reading() as session:
        assert len(counted(session, [lab.key("cat")])) == 3
    report = score(lab.workspace, "p", OVERLAP)  # 3 answers: the policy asks no fourth
    assert report.outcomes == {"accept": 1}
    kept = [row["outcome"] for row in lab.all(DecisionRow) if row["subject"] == lab.key("cat")]
    assert sorted(kept) == ["accept", "overlap"]

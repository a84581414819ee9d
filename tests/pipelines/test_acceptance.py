"""Facts of a batch, replayed policies, waivers, adjudication: by hand on small batches whose answers are known."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from yuelu.base.errors import Conflict, GateNotPassed, IllegalMove, InvalidRecord, Misconfigured, NotAllowed, NotFound
from yuelu.base.ledger.judgement import DecisionRow
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.media import AssetRow
from yuelu.base.ledger.near import ClusterRow, SearchRow
from yuelu.base.ledger.settling import AdjudicationRow, GoldRow, WaiverRow
from yuelu.base.records import Choice
from yuelu.pipelines.adjudicate import give_back, judge_gold, settle, take, waiting
from yuelu.pipelines.lots.inspect import Contract, Record, decide, draw, inspect
from yuelu.pipelines.named import batch_named
from yuelu.pipelines.regate import regate
from yuelu.pipelines.released_gate import Waiver, held_back, pass_gate, waived
from yuelu.pipelines.score import score
from yuelu.pipelines.signals import signals_of
from yuelu.pipelines.waive import grant, revoke
from yuelu.quality.lots.classes import Terms
from yuelu.quality.policy import Policy, default_policy, load_policy

MADE = datetime(2026, 1, 2, tzinfo=UTC)
LATER = MADE + timedelta(days=30)
MEDICAL, INDUSTRIAL, MATERIAL = ((Choice("scene", (name,)),) for name in ("medical", "industrial", "material"))
BASE = json.loads(default_policy().content)


def policy(*checks: object, **more: object) -> Policy:
    return load_policy(json.dumps({**BASE, "checks": checks, **more}).encode(), "p")


def facts(lab: Any, *names: str) -> dict[str, Any]:
    """Return what a policy that asks for these facts reads of them: value by check, or by control and label."""
    checks = [{"check": name, "at_least": 0} for name in names]
    report = score(lab.workspace, "p", policy(*checks), dry_run=True)
    read = {entry.rule.rpartition(" >= ")[0]: entry for entry in report.batch.evidence if entry.metric in names}
    return {rule: entry.value if entry.reason is None else entry.reason for rule, entry in read.items()}


@pytest.fixture
def small(make_lab: Callable[..., Any]) -> Any:
    """Three pictures: one agreed on, one disputed twice and in review, one not answered yet."""
    lab = make_lab("cat", "coins", "chair")
    lab.answer("cat", *[MEDICAL] * 3)
    for round_ in (1, 2):
        lab.answer("chair", MEDICAL, INDUSTRIAL, MATERIAL, round_=round_)
        score(lab.workspace, "p", default_policy())
    return lab


def test_the_facts_of_a_batch(small: Any) -> None:
    assert facts(small, "completeness", "review_coverage", "leakage", "face_risk", "deidentified", "lots_accepted") == {
        "completeness": pytest.approx(1 / 3),
        "review_coverage": 0,
        "leakage": 0,
        "face_risk": 0,
        "deidentified": 1,
        "lots_accepted": 0,
    }
    assert facts(small, "gold_accuracy", "duplicates") == {
        "gold_accuracy": "no task of the batch is gold",
        "duplicates": "nobody has searched for near-duplicates",
    }
    shares = facts(small, "label_share")  # 3 + 1 of 6 answers of the last rounds say medical
    assert (shares["scene medical: label_share"], shares["scene everyday: label_share"]) == (pytest.approx(4 / 6), 0)
    agreement = facts(small, "label_agreement")  # medical: (6 + 0) of (6 + 2) pairs
    assert agreement["scene medical: label_agreement"] == pytest.approx(6 / 8)
    assert agreement["scene everyday: label_agreement"] == "nobody of two or more said everyday"


def test_near_duplicates_and_heads_are_counted(small: Any) -> None:
    near: dict[str, Any] = {"kind": "picture", "nearest": "x", "distance_bits": 1, "shared": 1}
    with small.ledger.transaction("test") as t:
        search: dict[str, Any] = {"searched_at": MADE, "distance_bits": 8, "assets": 3, "fingerprints": "d", "codes": {}}
        t.session.add(SearchRow(**search, left_out={}, by_chance=0.0, clusters=1))
        t.add_new(ClusterRow, [{"asset": small.hashes[name], "cluster": "c", **near} for name in ("cat", "chair")])
        asset = t.session.get_one(AssetRow, small.hashes["coins"])
        asset.facts = {**asset.facts, "face_risk": True}
        bare = t.session.get_one(AssetRow, small.hashes["chair"])
        bare.media_type = "application/dicom"  # labelled as it came, and nobody asked about its head
    told = facts(small, "duplicates", "face_risk", "deidentified")
    assert told == {"duplicates": pytest.approx(2 / 3), "face_risk": 2, "deidentified": pytest.approx(2 / 3)}


def test_gold_lots_and_reviews_become_facts(small: Any) -> None:
    key = small.key("chair", 2)
    assert settle(small.workspace, key, INDUSTRIAL, owner="rev", reason="it is a part", code="wrong-label")
    assert facts(small, "gold_accuracy")["gold_accuracy"] == "no task of the batch is gold"  # a candidate is none yet
    judge_gold(small.workspace, key, "gold", owner="chief", reason="agreed")
    told = facts(small, "gold_accuracy", "review_coverage", "completeness")
    assert told == {"gold_accuracy": pytest.approx(1 / 3), "review_coverage": 0.5, "completeness": pytest.approx(2 / 3)}
    lot = draw(small.workspace, "p", Contract((Terms("major", whole=True),)), seed="1", actor="buyer")
    assert lot.size == 2
    inspect(small.workspace, lot.id, [Record(small.key("cat"), "rev"), Record(key, "rev")], actor="rev")
    decide(small.workspace, lot.id, actor="buyer")
    assert facts(small, "lots_accepted", "review_coverage") == {"lots_accepted": 1, "review_coverage": 1}
    small.change("cat", "ann", MATERIAL)  # what was accepted is not what is there now
    assert facts(small, "lots_accepted") == {"lots_accepted": 0.5}


def test_a_policy_is_replayed_on_what_was_decided(small: Any) -> None:
    before = small.judged()
    same = regate(small.workspace, "p", default_policy())
    assert same.different == ()
    assert dict(same.tasks) == {("accept", "accept"): 1, ("rework", "rework"): 1, ("review", "review"): 1}
    lax = regate(small.workspace, "p", policy(task=[{"metric": "percent_agreement", "at_least": 0.0}]))
    changed = {(each.kind, each.subject): (each.before, each.after) for each in lax.different if each.kind == "task"}
    assert changed == {
        ("task", small.key("chair", 1)): ("rework", "accept"),
        ("task", small.key("chair", 2)): ("review", "accept"),
    }
    strict = regate(small.workspace, "p", policy(minimum_answers=4))
    assert dict(strict.tasks) == {("accept", "rework"): 1, ("rework", "rework"): 1, ("review", "review"): 1}
    checked = regate(small.workspace, "p", policy({"check": "completeness", "at_least": 1, "on_failure": "reject"}))
    assert [(each.before, each.after) for each in checked.different] == [("review", "reject")]
    assert small.judged() == before  # nothing was written


def test_a_waiver_has_an_owner_a_reason_and_an_end(small: Any) -> None:
    workspace = small.workspace
    key = grant(workspace, "p", owner="chief", reason="a demonstration", expires_at=LATER)
    assert grant(workspace, "p", owner="chief", reason="a demonstration", expires_at=LATER) == key
    assert len(small.all(WaiverRow)) == 1
    with small.ledger.reading() as session:
        held = held_back(session, ["p"])
        found = waived(session, held, None, MADE)
        assert found == {held[0]: Waiver("chief", "a demonstration", LATER)}
        pass_gate(held, found)
        assert held[0].waived(found[held[0]])["expires_at"] == "2026-02-01T00:00:00+00:00"
        assert waived(session, held, None, LATER) == {}
        with pytest.raises(GateNotPassed, match="the gate decided 'review'"):
            pass_gate(held, {})
    granted = [(event["actor"], event["role"], event["action"]) for event in small.all(EventRow)][-1]
    assert granted == ("chief", "curator", "waiver.granted")
    assert revoke(workspace, key[:8], by="other")
    assert not revoke(workspace, key[:8], by="other")
    with small.ledger.reading() as session:
        assert waived(session, held_back(session, ["p"]), None, MADE) == {}


def test_a_new_decision_ends_a_waiver(small: Any) -> None:
    grant(small.workspace, "p", owner="chief", reason="a demonstration", expires_at=LATER)
    small.answer("coins", MEDICAL, INDUSTRIAL, MATERIAL)
    score(small.workspace, "p", default_policy())
    with small.ledger.reading() as session:
        assert waived(session, held_back(session, ["p"]), None, MADE) == {}


def test_what_cannot_be_waived(small: Any, make_lab: Callable[..., Any]) -> None:
    with pytest.raises(InvalidRecord, match="give an owner, a reason and a day to come"):
        grant(small.workspace, "p", owner="chief", reason="late", expires_at=MADE)
    with pytest.raises(NotFound, match="no waiver 'none'"):
        revoke(small.workspace, "none", by="chief")
    other = make_lab("cat", place="other")
    with pytest.raises(NotFound, match="nothing was decided"):
        grant(other.workspace, "p", owner="chief", reason="why", expires_at=LATER)


def test_the_reviewer_is_never_the_annotator(small: Any) -> None:
    key = small.key("chair", 2)
    assert take(small.workspace, "ann") is None
    with pytest.raises(NotAllowed, match="ann answered task"):
        settle(small.workspace, key, INDUSTRIAL, owner="ann", reason="I know better")
    taken = take(small.workspace, "rev", "blind")
    assert taken is not None
    assert (taken.item_key, taken.mode) == (key, "blind")
    again = take(small.workspace, "rev")
    assert again == taken
    assert take(small.workspace, "other") is None
    with pytest.raises(Conflict, match="rev has taken task"):
        settle(small.workspace, key, INDUSTRIAL, owner="other", reason="quick")
    with pytest.raises(NotFound, match="other has not taken"):
        give_back(small.workspace, key, "other")
    give_back(small.workspace, key, "rev")
    assert take(small.workspace, "other") is not None
    states = [(row["reviewer"], row["state"]) for row in small.all(AdjudicationRow)]
    assert states == [("rev", "returned"), ("other", "open")]
    with small.ledger.reading() as session:
        (task,) = waiting(session)
        assert (task.reviewer, task.rule) == ("other", "percent_agreement >= 0.66")
        assert task.gain == pytest.approx(3 / 5)


def test_an_outcome_becomes_gold_by_a_second_person(small: Any) -> None:
    key = small.key("chair", 2)
    with pytest.raises(Misconfigured, match="no reason code 'luck'"):
        settle(small.workspace, key, INDUSTRIAL, owner="rev", reason="a part", code="luck")
    assert settle(small.workspace, key, INDUSTRIAL, owner="rev", reason="a part", code="wrong-label")
    assert not settle(small.workspace, key, INDUSTRIAL, owner="rev", reason="a part", code="wrong-label")
    assert small.states()["chair"] == ["rework", "accepted"]
    (row,) = small.all(AdjudicationRow)
    assert (row["state"], row["code"], row["mode"]) == ("settled", "wrong-label", "open")
    with pytest.raises(NotAllowed, match="rev found the answer"):
        judge_gold(small.workspace, key, "gold", owner="rev", reason="surely")
    judge_gold(small.workspace, key, "gold", owner="chief", reason="agreed")
    with pytest.raises(IllegalMove, match="cannot go from gold to gold"):
        judge_gold(small.workspace, key, "gold", owner="chief", reason="again")
    assert settle(small.workspace, key, MATERIAL, owner="other", reason="a sheet")  # gold may be wrong: it starts again
    (gold,) = small.all(GoldRow)
    assert (gold["state"], gold["proposed_by"]) == ("candidate", "other")
    with pytest.raises(NotFound, match="is no candidate"):
        judge_gold(small.workspace, small.key("cat"), "gold", owner="chief", reason="why")


def test_batches_have_names(small: Any) -> None:
    with small.ledger.reading() as session:
        batch = batch_named(session, "p")
        assert {batch_named(session, name).id for name in ("p/1", batch.id, batch.id[:8])} == {batch.id}
        for name in ("p/2", batch.id[:7], "q", ""):
            with pytest.raises(NotFound, match="no batch"):
                batch_named(session, name)


def test_a_small_batch_shows_no_signals_and_says_why(small: Any) -> None:
    with small.ledger.reading() as session:
        found = {seen.control: seen for seen in signals_of(session, "p")}
    looked = found["scene"].looked
    assert [each.kind for each in looked] == ["fast", "constant", "copied", "alike", "leaked-gold", "clock"]
    assert all(each.raised == () and each.reason for each in looked)
    assert small.all(DecisionRow) != []


def test_it_is_the_same_on_both_ledgers(lab: Any) -> None:
    for name in ("cat", "coins"):
        lab.answer(name, *[MEDICAL] * 3)
    for round_ in (1, 2):
        lab.answer("chair", MEDICAL, INDUSTRIAL, MATERIAL, round_=round_)
        score(lab.workspace, "p", default_policy())
    contract = Contract((Terms("critical", whole=True), Terms("major", aql=6.5)))
    lot = draw(lab.workspace, "p", contract, seed="1", actor="buyer")
    inspect(lab.workspace, lot.id, [Record(lab.key(name), "rev") for name in ("cat", "coins")], actor="rev")
    told = decide(lab.workspace, lot.id, actor="buyer")
    assert (told.accepted, sorted(told.moved)) == (True, ["critical", "major"])
    taken = take(lab.workspace, "rev", "blind")
    assert taken is not None
    assert settle(lab.workspace, taken.item_key, INDUSTRIAL, owner="rev", reason="a part", code="wrong-label")
    judge_gold(lab.workspace, taken.item_key, "gold", owner="chief", reason="agreed")
    grant(lab.workspace, "p", owner="chief", reason="a demonstration", expires_at=LATER)
    with lab.ledger.reading() as session:
        held = held_back(session, ["p"])
        pass_gate(held, waived(session, held, None, MADE))
    assert facts(lab, "lots_accepted", "gold_accuracy") == {
        "lots_accepted": pytest.approx(2 / 3),
        "gold_accuracy": pytest.approx(1 / 3),
    }

"""Facts and checks of a gate. Expected values: Clopper-Pearson from scipy's own test, Spitzer and Fleiss' index by hand."""

import json
import re

import pyarrow as pa
import pytest
from scipy.stats import binomtest

from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.base.schemas import LABELS, SEEN
from yuelu.quality.adjudication import Disputed, queue
from yuelu.quality.facts import Fact, counted, number, sampled, unknown
from yuelu.quality.gate import decide_batch
from yuelu.quality.policy import CHECKS, Policy, load_policy
from yuelu.quality.score import Score
from yuelu.quality.specific import specific_agreement

BASE = {"name": "n", "version": "1", "minimum_answers": 2, "empty": "accept", "on_failure": ["rework", "review"]}
RULE = {"metric": "percent_agreement", "at_least": 0.5}
GOOD = {"scene": (Score("percent_agreement", None, 0.9, 0.8, 0.95, 50, 3, 150, None),)}


def policy(*checks: object, **more: object) -> Policy:
    return load_policy(json.dumps({**BASE, "task": [RULE], "batch": [RULE], "checks": checks, **more}).encode(), "p")


@pytest.mark.parametrize(("part", "whole"), [(190, 200), (0, 30), (30, 30), (1, 1), (7, 9)])
def test_the_bounds_of_a_sample_are_clopper_and_pearsons(part: int, whole: int) -> None:
    fact = sampled("gold_accuracy", part, whole, "none")
    interval = binomtest(part, whole).proportion_ci(0.95, "exact")
    assert [fact.low, fact.high] == pytest.approx([interval.low, interval.high])
    assert (fact.value, fact.count) == (part / whole, whole)


def test_nothing_is_not_a_number() -> None:
    assert counted("completeness", 0, 0, "no task") == unknown("completeness", "no task")
    assert sampled("gold_accuracy", 0, 0, "no gold").value is None
    with pytest.raises(InvalidRecord, match="None and a reason go together"):
        Fact("leakage", None, None, None, 0)


@pytest.mark.parametrize(
    ("check", "fact", "outcome"),
    [
        ({"check": "gold_accuracy", "at_least": 0.90}, sampled("gold_accuracy", 190, 200, ""), "accept"),
        ({"check": "gold_accuracy", "at_least": 0.92}, sampled("gold_accuracy", 190, 200, ""), "review"),  # though it is .95
        ({"check": "completeness", "at_least": 1}, counted("completeness", 9, 9, ""), "accept"),
        ({"check": "completeness", "at_least": 1}, counted("completeness", 8, 9, ""), "review"),
        ({"check": "leakage", "at_most": 0, "on_failure": "reject"}, number("leakage", 1), "reject"),
        ({"check": "leakage", "at_most": 0}, number("leakage", 0), "accept"),
        ({"check": "duplicates", "at_most": 1}, unknown("duplicates", "nobody has searched"), "review"),
        ({"check": "face_risk", "at_most": 0}, number("leakage", 0), "review"),  # nothing is known of it
    ],
)  # fmt: skip
def test_a_check_reads_the_bound_and_none_never_passes(check: object, fact: Fact, outcome: str) -> None:
    verdict = decide_batch(policy(check), GOOD, (fact,))
    assert verdict.outcome == outcome
    assert verdict.evidence[-1].reason == (fact.reason if fact.check in str(check) else "nothing is known of it")


def test_the_gravest_need_decides_and_the_first_of_these() -> None:
    checks = (
        {"check": "review_coverage", "at_least": 0.5, "on_failure": "overlap"},
        {"check": "leakage", "at_most": 0, "on_failure": "rework"},
        {"check": "completeness", "at_least": 1, "on_failure": "rework"},
    )
    facts = (counted("review_coverage", 1, 9, ""), number("leakage", 2), counted("completeness", 1, 2, ""))
    verdict = decide_batch(policy(*checks), GOOD, facts)
    assert (verdict.outcome, verdict.rule) == ("rework", "leakage <= 0")
    only = decide_batch(policy(checks[0]), GOOD, facts)
    assert (only.outcome, only.rule) == ("overlap", "review_coverage >= 0.5")
    low = {"scene": (Score("percent_agreement", None, 0.9, 0.3, 0.95, 50, 3, 150, None),)}
    batch = [{**RULE, "on_failure": "reject"}]
    assert decide_batch(policy(checks[0], batch=batch), low, facts).outcome == "reject"
    assert decide_batch(policy(checks[0]), low, facts).outcome == "review"


def test_a_floor_holds_for_every_label_or_for_one() -> None:
    facts = tuple(
        Fact("label_agreement", value, value, value, 9, None, "scene", label) for label, value in (("cat", 0.9), ("dog", 0.4))
    )
    every = decide_batch(policy({"check": "label_agreement", "at_least": 0.5}), GOOD, facts)
    assert (every.outcome, every.rule) == ("review", "scene dog: label_agreement >= 0.5")
    one = {"check": "label_agreement", "control": "scene", "label": "cat", "at_least": 0.5}
    assert decide_batch(policy(one), GOOD, facts).accepted
    assert not decide_batch(policy({**one, "control": "other"}), GOOD, facts).accepted


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ({"check": "luck", "at_least": 1}, "'luck' is not one of"),
        ({"check": "leakage"}, "is not valid under any of the given schemas|required property"),
        ({"check": "leakage", "at_least": 0, "at_most": 1}, "is valid under each of"),
        ({"check": "leakage", "at_most": 0, "on_failure": "hope"}, "'hope' is not one of"),
        ({"check": "leakage", "at_most": 0, "control": "scene"}, "leakage is about the whole batch"),
        ({"check": "label_share", "at_least": 0, "label": "cat"}, "label 'cat' of no control"),
    ],
)
def test_what_is_no_check_is_refused(check: object, message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        policy(check)


def test_the_schema_names_the_checks_that_there_are() -> None:
    with pytest.raises(Misconfigured) as caught:
        policy({"check": "luck", "at_least": 1})
    assert re.findall(r"\w+", str(caught.value.hint).partition(":")[2]) == list(CHECKS)


def labels(*rows: tuple[str, str]) -> tuple[pa.Table, pa.Table]:
    """Tasks as texts of one letter per annotator."""
    said = [{"task": task, "annotator": f"a{who}", "label": label} for task, word in rows for who, label in enumerate(word)]
    seen = [{"task": row["task"], "annotator": row["annotator"], "group": row["task"]} for row in said]
    return pa.Table.from_pylist(said, LABELS), pa.Table.from_pylist(seen, SEEN)


def test_agreement_on_one_label() -> None:
    said, seen = labels(("1", "xxx"), ("2", "xxy"), ("3", "yyy"), ("4", "xyy"), ("5", "x"))
    # x: k(k-1) = 6 + 2 + 0 + 0, k(n-1) = 6 + 4 + 0 + 2; y: 0 + 0 + 6 + 2 of 0 + 2 + 6 + 4
    found = specific_agreement(said, seen, "x")
    assert found.value == pytest.approx(8 / 12)
    assert specific_agreement(said, seen, "y").value == pytest.approx(8 / 12)
    assert (found.tasks, found.annotators, found.annotations) == (4, 3, 6)
    assert found.low is not None
    assert found.low < 8 / 12
    absent = specific_agreement(said, seen, "z")
    assert (absent.value, absent.reason) == (None, "nobody of two or more said z")


def test_reviewers_look_first_where_most_is_to_be_gained() -> None:
    # Laplace: 2 of 2 leave 1/4, 4 of 4 leave 1/6, 2 of 3 leave 2/5; without a consensus all is open
    tasks = [Disputed("sure", 1.0, 4), Disputed("two", 1.0, 2), Disputed("split", 2 / 3, 3), Disputed("none", None, 0)]
    ordered = queue(tasks)
    assert [task.item_key for task in ordered] == ["none", "split", "two", "sure"]
    assert [task.gain for task in ordered] == pytest.approx([1, 2 / 5, 1 / 4, 1 / 6])

"""The reliability of annotators, by hand and against scipy's intervals."""

import pyarrow as pa
import pytest
from scipy.stats import binomtest

from yuelu.base.schemas import LABELS
from yuelu.quality.monitor import Sprt, Verdict
from yuelu.quality.reliability import Annotator, annotators

GOLD = {str(task): "yes" if task % 2 else "no" for task in range(60)}


def of(*careless: tuple[str, frozenset[int]]) -> dict[str, Annotator]:
    """Return three annotators who are right but on the tasks that are given for them."""
    wrong = {"ann": frozenset[int](), "bob": frozenset[int](), "cat": frozenset[int](), **dict(careless)}
    other = {"yes": "no", "no": "yes"}
    rows = [
        {"task": task, "annotator": who, "label": other[label] if int(task) in missed else label}
        for who, missed in wrong.items()
        for task, label in GOLD.items()
    ]
    return {each.annotator: each for each in annotators(pa.Table.from_pylist(rows, LABELS), GOLD)}


def test_gold_accuracy_with_wilsons_interval_and_confusion() -> None:
    found = of(("bob", frozenset(range(0, 12, 2))))  # six of the thirty that are "no"
    bob = found["bob"].gold
    assert bob.value == 0.9
    interval = binomtest(54, 60).proportion_ci(0.95, method="wilson")  # scipy's
    assert (bob.low, bob.high) == pytest.approx((interval.low, interval.high))
    assert found["bob"].confusion == {"no": {"no": 24, "yes": 6}, "yes": {"yes": 30}}
    assert found["ann"].gold.value == 1


def test_nobodys_answer_speaks_for_itself() -> None:
    found = of(("cat", frozenset(range(30))))
    assert found["cat"].model.value == pytest.approx(0.5, abs=0.02)
    assert found["ann"].model.value == pytest.approx(1, abs=0.02)


def test_verdict_and_drift_come_with_the_answers_in_order() -> None:
    found = of(("cat", frozenset({40, 41, 42})))
    # Of 95 against 85 %: 21 right ones clear; three wrong ones in a row suspend, which for a change counts from the last zero.
    assert (found["ann"].verdict, found["ann"].verdict_after, found["ann"].drift) == (Verdict.CLEAR, 21, None)
    drift = found["cat"].drift
    assert drift is not None
    assert (drift.since, drift.at) == (40, 42)
    assert (found["cat"].verdict, found["cat"].verdict_after) == (Verdict.CLEAR, 21)  # it was cleared before it changed


def test_too_few_answers_have_a_reason_and_no_figure() -> None:
    rows = [{"task": str(at), "annotator": "ann", "label": "x"} for at in range(19)]
    (ann,) = annotators(pa.Table.from_pylist(rows, LABELS), {"0": "x"}, test=Sprt(0.9, 0.5))
    assert (ann.gold.value, ann.gold.reason) == (None, "1 gold answers, fewer than 20")
    assert (ann.model.value, ann.model.reason) == (None, "19 answers, fewer than 20")
    assert annotators(LABELS.empty_table()) == ()

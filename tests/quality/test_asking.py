"""What to ask next and when to stop, and numbers and preferences of a table."""

import numpy as np
import pyarrow as pa
import pytest

from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.base.schemas import LABELS
from yuelu.quality.adaptive import Plan
from yuelu.quality.asking import advise
from yuelu.quality.coded import code_labels
from yuelu.quality.consensus import probabilities
from yuelu.quality.consensus_numbers import consensus_numbers, consensus_preferences


def labels(*rows: str) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(LABELS.names, row.split(), strict=True)) for row in rows], LABELS)


ANSWERS = ("t1 a x", "t1 b x", "t1 c x", "t2 a x", "t2 b y", "t3 a x", "t3 b x", "t3 c y", "t4 a y")


def test_doubt_is_asked_first_and_the_budget_ends_it() -> None:
    coded = code_labels(labels(*ANSWERS))
    likely = probabilities(coded)
    found = advise(coded, likely, Plan(0.9, least=2, most=3))
    assert [(each.task, each.answers) for each in found.tasks] == [("t4", 1), ("t2", 2)]  # too few answers; then the tie
    assert (found.settled, found.full, found.unpaid, found.stop) == (1, 1, 0, False)  # t1 is sure; t3 has all three
    paid = advise(coded, likely, Plan(0.9, least=2, most=3), more=1)
    assert [each.task for each in paid.tasks] == ["t4"]
    assert paid.unpaid == 1
    enough = advise(coded, likely, Plan(0.6, least=1, most=2))  # the tie of t2 has all answers it may have
    assert (enough.full, enough.to_json()["stop"]) == (1, True)
    assert advise(coded, np.ones_like(likely), Plan(0.9, least=1, most=3)).stop


def test_the_median_of_numbers_and_the_interval_of_their_mean() -> None:
    rows = [f"t{task} a{who} {value}" for task, values in enumerate(([1, 2, 9], [4])) for who, value in enumerate(values)]
    assert consensus_numbers(labels(*rows)).to_pylist() == [
        {"task": "t0", "value": 2.0, "low": None, "high": None, "answers": 3},
        {"task": "t1", "value": 4.0, "low": None, "high": None, "answers": 1},
    ]
    # scipy.stats.ttest_1samp([1, 2, 9], 0).confidence_interval(0.95)
    mean = consensus_numbers(labels(*rows), "mean").to_pylist()[0]
    assert (mean["value"], mean["low"], mean["high"]) == (4, pytest.approx(-6.82806, abs=1e-4), pytest.approx(14.82806, abs=1e-4))
    # scipy.stats.quantile_test(range(1, 13)).confidence_interval(0.95): the third and the tenth of twelve.
    twelve = consensus_numbers(labels(*(f"t a{at} {at}" for at in range(1, 13)))).to_pylist()[0]
    assert (twelve["value"], twelve["low"], twelve["high"]) == (6.5, 3, 10)
    with pytest.raises(InvalidRecord, match="label 'x' is not a finite number"):
        consensus_numbers(labels("t a x"))
    with pytest.raises(Misconfigured, match="unknown method of consensus 'mode' for numbers"):
        consensus_numbers(labels("t a 1"), "mode")  # type: ignore[arg-type]


def test_strengths_of_what_is_preferred() -> None:
    rows = [("cup", "mug", "left")] * 3 + [("mug", "cup", "mug")]
    table = pa.Table.from_pylist([{"left": one, "right": other, "label": label} for one, other, label in rows])
    found = consensus_preferences(table, prior=0)
    assert found["item"].to_pylist() == ["cup", "mug"]
    assert found["strength"][0].as_py() - found["strength"][1].as_py() == pytest.approx(np.log(3))  # three wins of four
    assert found["wins"].to_pylist() == [3, 1]
    assert found["comparisons"].to_pylist() == [4, 4]
    with pytest.raises(InvalidRecord, match="chain of wins"):
        consensus_preferences(table.slice(0, 3), prior=0)
    assert consensus_preferences(table.slice(0, 3))["probability"].to_pylist()[0] > 0.5
    with pytest.raises(InvalidRecord, match="prefers 'jar' of 'cup' and 'mug'"):
        consensus_preferences(pa.table({"left": ["cup"], "right": ["mug"], "label": ["jar"]}))
    with pytest.raises(InvalidRecord, match="no column left, right"):
        consensus_preferences(pa.table({"label": ["jar"]}))

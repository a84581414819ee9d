"""The master tables cell by cell: a second reading of GB/T 2828.1-2012, tables 2-A to 2-C, and rows as charts print them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, hypergeom

from yuelu.quality.lots.classes import ClassPlan, Terms, chance_to_pass, class_plan, judged
from yuelu.quality.lots.curve import accepted, accepted_lot, upper_bound
from yuelu.quality.lots.tables import AQLS, LETTERS, State, plan_of

# Table 2-A as the charts of inspectors print it: letter, sample, and the cells that hold a number.
CHART = """
F  20   .65:0 2.5:1 4.0:2 6.5:3 10:5
G  32   .40:0 1.5:1 2.5:2 4.0:3 6.5:5 10:7
H  50   .25:0 1.0:1 1.5:2 2.5:3 4.0:5 6.5:7 10:10
J  80   .15:0 .65:1 1.0:2 1.5:3 2.5:5 4.0:7 6.5:10 10:14
K  125  .10:0 .40:1 .65:2 1.0:3 1.5:5 2.5:7 4.0:10 6.5:14 10:21
L  200  .065:0 .25:1 .40:2 .65:3 1.0:5 1.5:7 2.5:10 4.0:14 6.5:21
M  315  .040:0 .15:1 .25:2 .40:3 .65:5 1.0:7 1.5:10 2.5:14 4.0:21
N  500  .025:0 .10:1 .15:2 .25:3 .40:5 .65:7 1.0:10 1.5:14 2.5:21
P  800  .015:0 .065:1 .10:2 .15:3 .25:5 .40:7 .65:10 1.0:14 1.5:21
Q  1250 .010:0 .040:1 .065:2 .10:3 .15:5 .25:7 .40:10 .65:14 1.0:21
"""
SIZES = {
    "normal": [2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800, 1250, 2000],
    "reduced": [2, 2, 2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800],
}
NUMBERS = {  # by diagonal, letter + AQL; the last two for the letters A to E only
    "normal": "14:0 17:1 18:2 19:3 20:5 21:7 22:10 23:14 24:21 25:30 26:44",
    "tightened": "15:0 18:1 19:2 20:3 21:5 22:8 23:12 24:18 25:27 26:41",
    "reduced": "14:0 18:1 19:2 20:3 21:5 22:6 23:8 24:10 25:14 26:21",
}


@pytest.mark.parametrize("row", CHART.split("\n")[1:-1], ids=lambda row: row[0])
def test_rows_of_table_2a(row: str) -> None:
    letter, n, *cells = row.split()
    for aql, ac in (cell.split(":") for cell in cells):
        plan = plan_of(letter, float(aql))
        assert (plan.code, plan.n, plan.ac) == (letter, int(n), int(ac))
    printed = {float(cell.split(":")[0]) for cell in cells}
    arrows = [aql for aql in AQLS if aql <= 10 and aql not in printed]
    assert all(plan_of(letter, aql).code != letter for aql in arrows)


def cell(letter: int, column: int, state: str) -> int | None:
    """What is printed in a cell; None for an arrow."""
    numbers = {int(k): int(ac) for k, ac in (pair.split(":") for pair in NUMBERS[state].split())}
    diagonal = letter + column
    few = {0: 17, 1: 18}.get(letter) if state == "reduced" else None
    if few is not None and diagonal >= few:
        return dict(enumerate([1, 2, 3, 5, 7, 10, 14, 21, 30])).get(diagonal - few)
    return None if diagonal >= 25 and letter > 4 else numbers.get(diagonal)


def expected(letter: int, column: int, state: str) -> tuple[int, int]:
    sizes = SIZES["reduced" if state == "reduced" else "normal"]
    down = letter + column in ({*range(14), 16} if state == "normal" else {*range(15 if state == "tightened" else 14), 16, 17})
    for step in (1, -1) if down else (-1, 1):
        at = letter
        while 0 <= at < 16:
            if (ac := cell(at, column, state)) is not None:
                return sizes[at], ac
            at += step
        if state == "tightened" and step == 1 and column == 2:
            return 3150, 1  # letter S, of this cell only
    raise AssertionError(f"no plan in column {column}")


@pytest.mark.parametrize("state", ["normal", "tightened", "reduced"])
def test_every_cell_of_the_three_tables(state: State) -> None:
    for number, letter in enumerate(LETTERS[:16]):
        for column, aql in enumerate(AQLS):
            plan = plan_of(letter, aql, state)
            assert (plan.n, plan.ac) == expected(number, column, state), (letter, aql)


@given(st.integers(1, 300), st.integers(0, 20), st.sampled_from([0.0, 1.0]) | st.floats(1e-12, 1 - 1e-12))
def test_acceptance_is_scipys_binomial(n: int, ac: int, p: float) -> None:
    assert accepted(n, ac, p) == pytest.approx(float(np.sum(binom.pmf(np.arange(ac + 1), n, p))), abs=1e-9)


@given(st.integers(2, 500), st.data())
def test_acceptance_of_one_lot_is_scipys_hypergeometric(size: int, data: st.DataObject) -> None:
    bad, n = data.draw(st.integers(0, size)), data.draw(st.integers(1, size))
    ac = data.draw(st.integers(0, n))
    assert accepted_lot(size, bad, n, ac) == pytest.approx(
        float(np.sum(hypergeom.pmf(np.arange(ac + 1), size, bad, n))), abs=1e-9
    )
    assert chance_to_pass(ClassPlan("major", n, ac), size, bad) == accepted_lot(size, bad, n, ac)


@given(st.integers(1, 300), st.data())
def test_the_bound_is_clopper_and_pearsons(n: int, data: st.DataObject) -> None:
    found = data.draw(st.integers(0, n))
    exact = binomtest(found, n, alternative="less").proportion_ci(0.95, "exact").high
    assert upper_bound(n, found) == pytest.approx(exact, abs=1e-9)


def test_a_class_counts_items_or_nonconformities() -> None:
    plan = class_plan(Terms("major", aql=4.0), 500, "II", "normal")  # letter H, 50/5
    assert (plan.n, plan.ac, plan.code) == (50, 5, "H")
    counts = [2, 2, 2] + [0] * 47
    assert (judged(plan, counts, 500).found, judged(plan, counts, 500).accepted) == (3, True)
    assert (judged(plan, counts, 500, "nonconformities").found, judged(plan, counts, 500, "nonconformities").accepted) == (
        6,
        False,
    )

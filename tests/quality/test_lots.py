"""Expected values: GB/T 2828.1-2012 (ISO 2859-1:1999) tables 1, 2, 5 and clause 9.3; the hypergeometric distribution."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuelu.base.canonical import digest
from yuelu.base.errors import IllegalMove, InvalidRecord, Misconfigured
from yuelu.quality.lots.curve import (
    accepted,
    accepted_lot,
    limiting_quality_plans,
    operating_characteristic,
    quality_at,
    upper_bound,
    zero_defect_sample,
)
from yuelu.quality.lots.draw import draw
from yuelu.quality.lots.plans import lot_plan
from yuelu.quality.lots.switching import Inspected, Standing, after, one_step_tighter, replay, resumed, scored
from yuelu.quality.lots.tables import AQLS, LETTERS, LEVELS, Plan, State, code_letter, master_table, plan_of

R, A = "R", "A"


@pytest.mark.parametrize(
    ("size", "level", "letter"),
    [
        (2, "II", "A"), (8, "III", "B"), (9, "II", "B"), (100, "II", "F"), (500, "II", "H"), (501, "II", "J"), (1000, "II", "J"),
        (1200, "I", "G"), (5000, "II", "L"), (10001, "S-3", "F"), (150000, "S-4", "J"), (500000, "III", "Q"),
        (500001, "III", "R"), (10**9, "S-1", "D"),
    ],
)  # fmt: skip
def test_code_letters_are_those_of_table_1(size: int, level: str, letter: str) -> None:
    assert code_letter(size, level) == letter


@pytest.mark.parametrize(
    ("letter", "aql", "state", "expected"),
    [
        ("L", 1.5, "normal", "L 200/7"), ("L", 1.5, "tightened", "L 200/5"), ("L", 1.5, "reduced", "L 80/5"),
        ("J", 1.0, "normal", "J 80/2"), ("J", 1.0, "tightened", "J 80/1"), ("J", 1.0, "reduced", "J 32/1"),
        ("F", 0.65, "normal", "F 20/0"), ("F", 0.65, "tightened", "G 32/0"),
        ("K", 4.0, "normal", "K 125/10"), ("K", 4.0, "tightened", "K 125/8"), ("K", 4.0, "reduced", "K 50/6"),
        ("Q", 0.025, "tightened", "S 3150/1"), ("R", 0.025, "tightened", "S 3150/1"),
        ("Q", 0.025, "reduced", "N 200/0"),
        ("M", 6.5, "normal", "L 200/21"), ("M", 6.5, "tightened", "L 200/18"), ("M", 6.5, "reduced", "L 80/10"),
        ("A", 6.5, "normal", "A 2/0"), ("A", 0.010, "normal", "Q 1250/0"), ("E", 1000.0, "normal", "B 3/44"),
        ("A", 10.0, "tightened", "A 2/0"), ("C", 1000.0, "reduced", "B 2/30"),
    ],
)  # fmt: skip
def test_plans_are_those_of_table_2(letter: str, aql: float, state: State, expected: str) -> None:
    plan = plan_of(letter, aql, state)
    assert (f"{plan.code} {plan.n}/{plan.ac}", plan.re) == (expected, plan.ac + 1)


@pytest.mark.parametrize("state", ["normal", "tightened", "reduced"])
def test_every_cell_has_a_plan(state: State) -> None:
    table = master_table(state)
    assert len(table) == 16 * 26
    assert {plan.aql for plan in table} == set(AQLS)
    assert all(plan.re == plan.ac + 1 for plan in table)


def test_tightened_passes_no_worse_lots_than_normal() -> None:
    for letter in LETTERS[:-1]:
        for aql in (one for one in AQLS if one <= 10):
            strict, usual = plan_of(letter, aql, "tightened"), plan_of(letter, aql)
            assert accepted(strict.n, strict.ac, aql / 100) <= accepted(usual.n, usual.ac, aql / 100) + 1e-12


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: code_letter(1), "1 items cannot be sampled"),
        (lambda: code_letter(100, "IV"), "no inspection level 'IV'"),
        (lambda: plan_of("I", 1.0), "no code letter 'I' in normal"),
        (lambda: plan_of("S", 1.0), "no code letter 'S' in normal"),
        (lambda: plan_of("A", 2.0), "2 is not a preferred AQL"),
        (lambda: plan_of("A", 1.0, "strict"), "no state of inspection 'strict'"),  # type: ignore[arg-type]
        (lambda: lot_plan(1000, 15.0), "AQL 15 is more than 10 %"),
        (lambda: upper_bound(10, 11), "11 nonconforming in a sample of 10"),
        (lambda: limiting_quality_plans(100, 1.5), "limiting quality 1.5"),
    ],
)
def test_what_the_tables_do_not_hold_is_refused(call: object, message: str) -> None:
    with pytest.raises(Misconfigured, match=re.escape(message)):
        call()  # type: ignore[operator]


def test_a_sample_as_large_as_the_lot_is_the_whole_lot() -> None:
    plan = lot_plan(8, 0.65)
    assert (plan.plan.n, plan.n, plan.plan.ac) == (20, 8, 0)
    assert plan.notes[0] == "the sample is as large as the lot: inspect every item"
    assert lot_plan(5000, 1.5).notes == ()


# Table 5 (operating characteristics, percent) for 80/3 and 200/7.
@pytest.mark.parametrize(("n", "ac", "p95", "p10"), [(80, 3, 0.0173, 0.0816), (200, 7, 0.0201, 0.0582)])
def test_operating_characteristic(n: int, ac: int, p95: float, p10: float) -> None:
    assert quality_at(n, ac, 0.95) == pytest.approx(p95, abs=5e-5)
    assert quality_at(n, ac, 0.10) == pytest.approx(p10, abs=5e-5)
    curve = operating_characteristic(n, ac)
    assert [point.p for point in curve] == sorted(point.p for point in curve)
    assert accepted(n, ac, curve[1].p) == pytest.approx(0.95)


def test_nonconformities_have_the_poisson_curve() -> None:
    # Chi-square table: 2 n p = 3.940 at 10 degrees of freedom and 95 %, 15.99 at 90 %.
    assert quality_at(100, 4, 0.95, "nonconformities") == pytest.approx(0.0197, abs=5e-5)
    assert quality_at(100, 4, 0.10, "nonconformities") == pytest.approx(0.07995, abs=5e-5)


@given(st.sampled_from(AQLS[:16]), st.sampled_from(LETTERS[:-1]), st.floats(0, 0.5), st.floats(0, 0.5))
def test_worse_lots_pass_less_often(aql: float, letter: str, p: float, q: float) -> None:
    plan = plan_of(letter, aql)
    better, worse = sorted((p, q))
    assert accepted(plan.n, plan.ac, better) >= accepted(plan.n, plan.ac, worse) - 1e-12


@pytest.mark.parametrize(
    ("size", "limit", "plans"),
    [
        (1000, 0.05, [(44, 0), (75, 1), (102, 2), (128, 3)]),
        (1000, 0.02, [(108, 0), (180, 1), (244, 2)]),
        (5000, 0.02, [(113, 0), (191, 1), (261, 2)]),
    ],
)
def test_limiting_quality_plans(size: int, limit: float, plans: list[tuple[int, int]]) -> None:
    assert list(limiting_quality_plans(size, limit))[: len(plans)] == plans


@given(st.integers(2, 400), st.floats(0.01, 0.5))
def test_limiting_quality_plans_are_the_smallest_that_protect(size: int, limit: float) -> None:
    bad = math.ceil(round(size * limit, 6))
    for n, ac in limiting_quality_plans(size, limit):
        assert accepted_lot(size, bad, n, ac) <= 0.10
        assert n == ac + 1 or accepted_lot(size, bad, n - 1, ac) > 0.10


@pytest.mark.parametrize(("limit", "n"), [(0.05, 59), (0.02, 149), (0.01, 299), (0.005, 598)])
def test_zero_defect_samples(limit: float, n: int) -> None:
    assert zero_defect_sample(limit) == n


def test_bounds() -> None:
    assert upper_bound(59, 0) == pytest.approx(1 - 0.05 ** (1 / 59))
    assert upper_bound(100, 10, 0.975) == pytest.approx(0.1762, abs=5e-5)  # Clopper & Pearson: 10 of 100, 95 % two-sided
    assert upper_bound(5, 5) == 1.0
    assert upper_bound(100, 0, counting="nonconformities") == pytest.approx(-math.log(0.05) / 100)


def lots(results: str, plan: Plan | None = None, **flags: bool) -> list[Inspected]:
    plan = plan or plan_of("F", 0.65)
    return [Inspected(plan, 0 if result == A else plan.ac + 1, **flags) for result in results]


@pytest.mark.parametrize(
    ("results", "severity"),
    [("RAAAR", "tightened"), ("RAAAAR", "normal"), ("RR", "tightened"), ("A" * 50, "normal"), ("ARAAAAARA", "normal")],
)
def test_normal_to_tightened(results: str, severity: str) -> None:
    assert replay(lots(results)).severity == severity


def test_reduced_needs_score_steadiness_and_approval() -> None:
    for plan, lots_needed in ((plan_of("J", 2.5), 10), (plan_of("F", 0.65), 15)):  # 10 x 3 and 15 x 2
        assert replay(lots(A * lots_needed, plan)).severity == "normal"
        assert replay(lots(A * lots_needed, plan)).score == 30
        assert replay(lots(A * lots_needed, plan, steady=True)).severity == "normal"
        assert replay(lots(A * lots_needed, plan, steady=True, approved=True)).severity == "reduced"
        assert replay(lots(A * (lots_needed - 1), plan, steady=True, approved=True)).severity == "normal"


def test_a_lot_that_a_tighter_plan_would_refuse_ends_the_score() -> None:
    plan = plan_of("J", 2.5)  # 80/5; one step tighter 80/3
    assert (plan.n, plan.ac) == (80, 5)
    assert [scored(9, Inspected(plan, found)) for found in (3, 4, 5, 6)] == [12, 0, 0, 0]


def test_tighter_plans_with_another_sample_do_not_compare() -> None:
    incomparable = [
        plan for plan in master_table("normal") if plan.aql <= 10 and plan.ac >= 2 and plan.code == plan.letter
        and one_step_tighter(plan) is None
    ]  # fmt: skip
    comparable = [plan for plan in master_table("normal") if plan.aql <= 10 and plan.ac >= 2 and plan.code == plan.letter]
    assert len(comparable) > len(incomparable)
    for plan in incomparable:
        assert scored(27, Inspected(plan, 0)) == 0


def test_tightened_to_normal_and_to_the_end() -> None:
    tight = plan_of("F", 0.65, "tightened")
    start = Standing("tightened")
    assert replay(lots("AAAAA", tight), start).severity == "normal"
    assert replay(lots("AAAARAAAA", tight), start).severity == "tightened"
    assert replay(lots("RARARARAR", tight), start).severity == "discontinued"
    with pytest.raises(IllegalMove, match="inspection is discontinued"):
        replay(lots("RARARARARA", tight), start)
    assert resumed(replay(lots("RRRRR", tight), start), "annotators trained again").severity == "tightened"
    with pytest.raises(IllegalMove, match="nothing to resume: inspection is normal"):
        resumed(Standing(), "anything")


def test_reduced_ends_at_the_first_trouble() -> None:
    plan = plan_of("F", 0.65, "reduced")
    start = Standing("reduced")
    assert replay(lots("AAA", plan, steady=True, approved=True), start).severity == "reduced"
    assert replay(lots("R", plan, steady=True, approved=True), start).severity == "normal"
    assert replay(lots("A", plan, approved=True), start).reason == "production is no longer steady"
    assert replay(lots("A", plan, steady=True), start).severity == "normal"


def test_lots_that_come_back_do_not_count() -> None:
    assert replay(lots("RRRR", resubmitted=True)) == Standing()


def test_a_lot_inspected_by_another_severity_is_refused() -> None:
    with pytest.raises(IllegalMove, match="inspected as reduced where normal was due"):
        after(Standing(), Inspected(plan_of("F", 0.65, "reduced"), 0))


@given(st.text("RA", max_size=40))
def test_replaying_in_two_parts_is_replaying_at_once(results: str) -> None:
    standing, taken = Standing(), []
    for result in results:
        if standing.severity == "discontinued":
            break
        plan = plan_of("K", 1.5, standing.severity)
        taken.append(Inspected(plan, 0 if result == A else plan.re, steady=True, approved=True))
        standing = after(standing, taken[-1])
    assert replay(taken) == standing
    assert replay(taken[5:], replay(taken[:5])) == standing


ITEMS = [f"task-{n:03}" for n in range(200)]


def test_the_draw_can_be_repeated_by_anybody() -> None:
    drawn = draw(ITEMS, 32, "lottery of 2026-11-22: 4 8 15")
    assert drawn == draw(ITEMS[::-1], 32, "lottery of 2026-11-22: 4 8 15")
    assert (len(set(drawn.items)), drawn.lot_size, drawn.list_digest) == (32, 200, digest(ITEMS))
    assert set(draw(ITEMS, 20, drawn.seed).items) < set(drawn.items)
    assert draw(ITEMS, 32, "another").items != drawn.items


def test_every_item_is_as_likely_as_any_other() -> None:
    counts = dict.fromkeys(ITEMS[:40], 0)
    for seed in range(2000):
        for item in draw(ITEMS[:40], 10, str(seed)).items:
            counts[item] += 1
    spread = sum((count - 500) ** 2 / (500 * 0.75) for count in counts.values())
    assert spread < 73  # chi-square with 39 degrees of freedom passes this once in a thousand; the seeds are fixed


@pytest.mark.parametrize(
    ("items", "n", "message"), [(["a", "a"], 1, "1 items are in the list twice"), (["a"], 2, "cannot draw 2 of 1")]
)
def test_what_cannot_be_drawn(items: list[str], n: int, message: str) -> None:
    with pytest.raises(InvalidRecord, match=message):
        draw(items, n, "s")


def test_levels_are_the_seven_of_the_standard() -> None:
    assert LEVELS == ("S-1", "S-2", "S-3", "S-4", "I", "II", "III")

"""Coefficients of agreement against published tables, their properties, and what happens where they are undefined."""

import csv
import json
import os
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.base.schemas import LABELS
from yuelu.quality import coefficients
from yuelu.quality.coded import Coded, code_labels
from yuelu.quality.gate import decide_batch
from yuelu.quality.labels import label_scores, task_label_scores
from yuelu.quality.patterns import patterns, patterns_of
from yuelu.quality.policy import load_policy
from yuelu.quality.resample import Resamples, Sampling, units
from yuelu.quality.score import Score, scores_table
from yuelu.quality.tally import tally_nominal

FIXTURES = Path(os.environ.get("YUELU_FIXTURES", Path(__file__).parents[3] / "shared" / "fixtures")) / "agreement_tables"


def table(rows: Any) -> Any:
    return pa.Table.from_pylist([dict(zip(("task", "annotator", "label"), map(str, row), strict=True)) for row in rows], LABELS)


def by_rater(*raters: Any) -> Any:
    """One string per rater, one character per unit; a dot is a missing rating."""
    return table([(u, r, label) for r, row in enumerate(raters) for u, label in enumerate(row) if label != "."])


def crossed(counts: Any) -> Any:
    """A table of two raters: how often the first said the row and the second the column."""
    pairs = [(i, j) for i, row in enumerate(counts) for j, count in enumerate(row) for _ in range(count)]
    return table([(u, rater, label) for u, pair in enumerate(pairs) for rater, label in zip("ab", pair, strict=True)])


def score(labels: Any, metric: Any, **options: Any) -> Any:
    return next(s for s in label_scores(labels, replicates=200, **options) if s.metric == metric)


KRIPPENDORFF_C = by_rater("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


@pytest.mark.parametrize(
    ("labels", "level", "published"),
    [
        (by_rater("0100000010", "1110010000"), "nominal", 0.095),  # Krippendorff 2011, section A
        (by_rater("112243335441", "212223335444"), "nominal", 0.692),  # section B
        (KRIPPENDORFF_C, "nominal", 0.7434),  # section C
        (KRIPPENDORFF_C, "ordinal", 0.8154),  # section D
        (KRIPPENDORFF_C, "interval", 0.8491),
        (KRIPPENDORFF_C, "ratio", 0.7974),
    ],
)
def test_alpha_reproduces_krippendorff_2011(labels: Any, level: Any, published: Any) -> None:
    assert score(labels, "krippendorff_alpha", level=level).value == pytest.approx(published, abs=5e-4)


COHEN_1960 = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]
PARADOX = [[130, 56], [9, 5]]
LIKERT = [[20, 5, 1, 0], [4, 15, 6, 1], [0, 5, 18, 4], [0, 1, 3, 12]]


@pytest.mark.parametrize(
    ("counts", "metric", "level", "published"),
    [
        (COHEN_1960, "cohen_kappa", "nominal", 0.492),  # Cohen 1960, p. 45
        (COHEN_1960, "gwet_ac1", "nominal", 0.57597),  # irrCAC 1.4
        (PARADOX, "percent_agreement", "nominal", 0.675),  # PMC7222679: high agreement, kappa near zero
        (PARADOX, "cohen_kappa", "nominal", 0.0220),
        (PARADOX, "gwet_ac1", "nominal", 0.5326),
        (PARADOX, "scott_pi", "nominal", -0.0667),
        ([[80, 7], [8, 5]], "gwet_ac1", "nominal", 0.808),  # irrCAC 1.4
        (LIKERT, "gwet_ac1", "nominal", 0.58046),  # irrCAC 1.4
        (LIKERT, "gwet_ac2", "ordinal", 0.84028),  # irrCAC 1.4, quadratic weights
    ],
)
def test_coefficients_of_two_annotators_reproduce_published_tables(counts: Any, metric: Any, level: Any, published: Any) -> None:
    assert score(crossed(counts), metric, level=level).value == pytest.approx(published, abs=5e-4)


def test_published_files_are_reproduced() -> None:
    if not FIXTURES.is_dir():
        pytest.skip(f"no fixtures at {FIXTURES}")
    expected = {entry["id"]: entry for entry in json.loads((FIXTURES / "EXPECTED.json").read_text())}
    with (FIXTURES / "diagnoses.csv").open() as file:
        diagnoses = table([(u, r, x) for u, row in enumerate(list(csv.reader(file))[1:]) for r, x in enumerate(row)])
    with (FIXTURES / "hayes_krippendorff2007.csv").open() as file:
        hayes = table([(u, r, x) for u, row in enumerate(list(csv.reader(file))[1:]) for r, x in enumerate(row) if x])
    fleiss = expected["fleiss1971"]["expect"]
    assert score(diagnoses, "fleiss_kappa").value == pytest.approx(fleiss["fleiss_kappa"], abs=1e-3)
    assert score(diagnoses, "percent_agreement").value == pytest.approx(fleiss["observed"], abs=1e-3)
    for level in ("nominal", "ordinal", "interval", "ratio"):
        value = score(hayes, "krippendorff_alpha", level=level).value
        assert value == pytest.approx(expected["hayes_krippendorff2007"]["expect"][f"alpha_{level}"], abs=1e-4)


def test_tallies_of_tasks_with_different_numbers_of_labels_add() -> None:
    few, many = (
        tally_nominal(found, units(found.of_task, found.tasks, None, 0).members).weighed(np.ones((1, len(found.tasks))))
        for found in (patterns(code_labels(labels)) for labels in (by_rater("ab", "ab"), by_rater("ab", "ab", "aa")))
    )
    assert (few + many).sizes.tolist() == [[0, 0, 2, 2]]
    assert (many + few).tasks.tolist() == [4]


def test_resamples_that_are_mostly_undefined_give_no_interval() -> None:
    drawn = Resamples(np.array([62, 62]), Sampling(replicates=50))
    seldom = drawn.interval(lambda w: np.where(w[:, 0] > 60, w[:, 0], np.nan), 62.0, (0.0, np.inf))
    never = drawn.interval(lambda w: np.full(len(w), np.nan), 62.0, (0.0, np.inf))
    assert seldom == never == (None, None)


answer = st.one_of(st.none(), st.integers(0, 3))
batches = st.lists(st.tuples(answer, answer, answer), min_size=1, max_size=12)


def rows_of(batch: Any, first: Any = 0) -> Any:
    return [(first + u, f"r{r}", x) for u, row in enumerate(batch) for r, x in enumerate(row) if x is not None]


def nominal(batch: Any, first: Any = 0) -> Any:
    """The tally in one fixed vocabulary, which is what makes tallies of parts add."""
    anchor = [("anchor", f"r{i % 3}", i) for i in range(4)]
    coded = code_labels(table(rows_of(batch, first) + anchor), "keep")
    found = patterns(coded)
    return tally_nominal(found, units(found.of_task, found.tasks, None, 0).members).weighed(found.tasks[np.newaxis].astype(float))


@given(batches, batches)
@settings(max_examples=40, deadline=None)
def test_tallies_of_disjoint_tasks_add(one: Any, other: Any) -> None:
    anchor = nominal([(None, None, None)])
    whole, parts = nominal(one + other) + anchor, nominal(one) + nominal(other, len(one))
    for field in ("agreed", "clashes", "totals", "shares", "paired", "tasks"):
        np.testing.assert_allclose(getattr(parts, field), getattr(whole, field), atol=1e-9)
    np.testing.assert_allclose(coefficients.krippendorff_alpha(parts), coefficients.krippendorff_alpha(whole), atol=1e-9)


@given(batches, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_order_of_rows_and_tasks_changes_nothing(batch: Any, random: Any) -> None:
    rows = rows_of(batch)
    shuffled = random.sample(rows, len(rows))
    for level in ("nominal", "ordinal"):
        assert label_scores(table(rows), replicates=50, level=level) == label_scores(table(shuffled), replicates=50, level=level)


@given(batches, st.permutations(range(4)))
@settings(max_examples=25, deadline=None)
def test_nominal_values_do_not_depend_on_what_labels_are_called(batch: Any, names: Any) -> None:
    renamed = [(u, r, f"name {names[x]}") for u, r, x in rows_of(batch)]
    for before, after in zip(
        label_scores(table(rows_of(batch)), replicates=1), label_scores(table(renamed), replicates=1), strict=True
    ):
        assert after.value == (before.value if before.value is None else pytest.approx(before.value))


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=9))
@settings(max_examples=25, deadline=None)
def test_interval_alpha_does_not_depend_on_unit_and_origin(pairs: Any) -> None:
    def alpha(scale: Any, origin: Any) -> Any:
        return score(table([(u, r, scale * x + origin) for u, p in enumerate(pairs) for r, x in enumerate(p)]),
                     "krippendorff_alpha", level="interval").value  # fmt: skip

    assert alpha(4, 1000.5) == (None if alpha(1, 0) is None else pytest.approx(alpha(1, 0)))


def test_many_annotators_and_labels_give_the_same_as_few() -> None:
    rng = np.random.default_rng(1)
    rows = [(u, f"a{r}", rng.integers(0, 3)) for u in range(40) for r in rng.choice(30, 4, replace=False)]
    pooled = [(u, f"slot {i % 4}", x) for i, (u, _, x) in enumerate(rows)]
    assert score(table(rows), "krippendorff_alpha").value == pytest.approx(score(table(pooled), "krippendorff_alpha").value)
    assert score(table(rows), "fleiss_kappa").value == pytest.approx(score(table(pooled), "fleiss_kappa").value)
    wide = [(u, r, f"{x} of 500 {u}") for u in range(60) for r in range(9) for x in [rng.integers(0, 2)]]
    assert score(table(wide), "percent_agreement").value is not None  # no integer can hold such a pattern


@pytest.mark.parametrize(
    ("labels", "metric", "reason"),
    [
        (table([]), "percent_agreement", "no task has two labels"),
        (by_rater("abc", "..."), "krippendorff_alpha", "no task has two labels"),
        (by_rater("aaaa", "aaaa"), "krippendorff_alpha", "fewer than two labels were ever used"),
        (by_rater("aaaa", "aaaa"), "cohen_kappa", "fewer than two labels"),
        (by_rater("aaaa", "aaaa"), "gwet_ac1", "fewer than two labels"),
        (by_rater("abab", "abab", "abab"), "cohen_kappa", "exactly two annotators, there are 3"),
        (by_rater("abab", "abab", "abab"), "scott_pi", "exactly two annotators, there are 3"),
        (by_rater("abab", "abab", "aba."), "fleiss_kappa", "same number of labels for every task, there are 2 to 3"),
    ],
)
def test_an_undefined_coefficient_is_none_with_the_reason(labels: Any, metric: Any, reason: Any) -> None:
    found = score(labels, metric)
    assert found.value is None
    assert found.low is None
    assert reason in (found.reason or "")


def test_perfect_agreement_on_one_label_is_still_agreement() -> None:
    found = score(by_rater("aaaa", "aaaa"), "percent_agreement")
    assert (found.value, found.high, found.reason) == (1.0, 1.0, None)
    assert found.low == pytest.approx(4 / (4 + 1.959964**2))  # Wilson's lower bound of 4 of 4


def test_wilson_takes_over_where_resampling_sees_no_difference() -> None:
    found = score(by_rater("abab", "baba"), "percent_agreement")
    assert (found.low, found.high) == (0.0, pytest.approx(1.959964**2 / (4 + 1.959964**2)))


def test_groups_that_are_all_alike_short_of_agreement_have_no_interval() -> None:
    rows = [(t, who, label) for t in range(60) for who, label in (("a", "x"), ("b", "x"), ("c", "y"))]
    for some in (rows, rows[:12]):  # in 60 and in 4 tasks one pair of three agrees
        found = score(table(some), "percent_agreement")
        assert found.value == pytest.approx(1 / 3)
        assert (found.low, found.high) == (None, None)
    head = b'"name": "p", "version": "1", "minimum_answers": 2, "empty": "accept", "on_failure": ["rework"]'
    policy = b"{" + head + b', "task": [%s], "batch": [%s]}'
    rule = b'{"metric": "percent_agreement", "at_least": 0.3}'
    verdict = decide_batch(load_policy(policy % (rule, rule), "p"), {"scene": (found,)})
    assert (verdict.accepted, verdict.evidence[0].reason) == (False, "the value has no interval")


def test_scores_count_only_what_can_be_compared() -> None:
    found = score(KRIPPENDORFF_C, "krippendorff_alpha")
    assert (found.tasks, found.annotators, found.annotations) == (11, 4, 40)  # unit 12 has a single rating


def test_one_group_has_no_interval() -> None:
    labels = by_rater("abab", "abba")
    found = score(labels, "percent_agreement", groups={str(u): "one patient" for u in range(4)})
    assert (found.value, found.low, found.high) == (0.5, None, None)


def test_groups_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    rows = []
    for u in range(300):
        patient = u // 10
        easy = np.random.default_rng(patient).random() < 0.5
        rows += [(u, "a", 1), (u, "b", 1 if easy or rng.random() < 0.4 else 0)]
    alone = score(table(rows), "percent_agreement")
    together = score(table(rows), "percent_agreement", groups={str(u): f"p{u // 10}" for u in range(300)})
    assert alone.value == together.value
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


@pytest.mark.parametrize(("tasks", "least"), [(12, 0.90), (60, 0.90), (400, 0.92)])
def test_intervals_cover_the_truth_about_as_often_as_they_say(tasks: Any, least: Any) -> None:
    """Two annotators who agree with probability 0.8 on each task: 200 batches, nominal 95 %."""
    rng, covered = np.random.default_rng(3), 0
    for _ in range(200):
        agreeing = rng.binomial(tasks, 0.8)
        drawn = Resamples(np.array([agreeing, tasks - agreeing]), Sampling(replicates=500))
        low, high = cast(
            tuple[float, float], drawn.interval(lambda weights: weights[:, 0] / weights.sum(axis=1), agreeing / tasks, (0.0, 1.0))
        )
        covered += low <= 0.8 <= high
    assert least <= covered / 200 <= 1


def test_more_tasks_than_can_be_drawn_one_by_one_are_dealt_into_sets() -> None:
    rng = np.random.default_rng(4)
    truth = rng.normal(0, 1, 5000)
    rows = [(u, r, f"{truth[u] + rng.normal(0, 0.5):.9f}") for u in range(5000) for r in range(2)]
    found = score(table(rows), "krippendorff_alpha", level="interval")
    assert found.low < 0.8 < found.high  # variance 1 of the truth, 0.25 of the noise: 1 / 1.25
    assert found.high - found.low < 0.05


def test_a_repeated_answer_is_named_or_settled_by_rule() -> None:
    labels = table([("t1", "ann", "x"), ("t1", "bob", "x"), ("t1", "ann", "y")])
    with pytest.raises(InvalidRecord, match="annotator 'ann' answered task 't1' more than once"):
        label_scores(labels)
    assert score(labels, "percent_agreement", repeats="first").value == 1
    assert score(labels, "percent_agreement", repeats="last").value == 0
    with pytest.raises(Misconfigured, match="second answer"):
        label_scores(labels, repeats="keep")
    with pytest.raises(Misconfigured, match="unknown way to treat repeats 'all'"):
        label_scores(labels, repeats="all")  # type: ignore[arg-type]


def test_scales_refuse_what_is_not_on_them() -> None:
    with pytest.raises(Misconfigured, match="unknown level of measurement 'log'"):
        label_scores(KRIPPENDORFF_C, level="log")  # type: ignore[arg-type]
    with pytest.raises(InvalidRecord, match="label 'b' is not a finite number"):
        label_scores(by_rater("1b", "11"), level="interval")
    with pytest.raises(InvalidRecord, match="below zero"):
        label_scores(table([("t", "a", "-1"), ("t", "b", "1")]), level="ratio")
    with pytest.raises(Misconfigured, match=r"lacks \['b'\]"):
        label_scores(by_rater("ab", "ab"), level="ordinal", order=("a", "c"))
    with pytest.raises(Misconfigured, match="need 0 < confidence < 1"):
        label_scores(KRIPPENDORFF_C, confidence=95)


def test_ordinal_labels_in_a_given_order_equal_numbers() -> None:
    words = KRIPPENDORFF_C.set_column(
        2, "label", pa.array([f"grade {'edcba'[int(x) - 1]}" for x in KRIPPENDORFF_C["label"].to_pylist()], pa.string())
    )
    order = tuple(f"grade {letter}" for letter in "edcba")
    found = score(words.cast(LABELS), "krippendorff_alpha", level="ordinal", order=order)
    assert found.value == pytest.approx(0.8154, abs=5e-4)


def test_too_many_labels_for_a_matrix_are_said_so() -> None:
    rows = [(u, r, u + r / 2) for u in range(600) for r in range(2)]
    assert "over 500" in (score(table(rows), "krippendorff_alpha", level="ratio").reason or "")


def test_each_task_has_a_score_of_its_own() -> None:
    found = task_label_scores(by_rater("aab", "ab.", "bb."))
    assert [found[task][0].value for task in "012"] == [pytest.approx(1 / 3), pytest.approx(1 / 3), None]
    assert found["2"][0].reason == "the task has fewer than two labels"


def test_a_score_never_lies_about_being_undefined() -> None:
    for value, low, high, reason in [(None, None, None, None), (1.0, None, None, "why"), (0.5, 0.4, None, None)]:
        with pytest.raises(InvalidRecord, match="m"):
            Score("m", None, value, low, high, 1, 2, 3, reason)
    with pytest.raises(InvalidRecord, match="say None"):
        Score("m", None, float("nan"), None, None, 1, 2, 3, None)
    assert scores_table(label_scores(KRIPPENDORFF_C, replicates=10)).num_rows == 6


@pytest.mark.parametrize(("annotators", "labels"), [(3, 4), (4, 40_000), (40, 3), (6, 3000)])
def test_patterns_hold_what_everybody_answered(annotators: int, labels: int) -> None:
    answers = np.random.default_rng(annotators).integers(-1, labels, (annotators, 50))
    who, task = np.nonzero(answers >= 0)
    names = pa.array([str(each) for each in range(50)])
    coded = Coded(names, tuple(map(str, range(annotators))), tuple(map(str, range(labels))), task, who, answers[who, task])
    for found in (patterns(coded), patterns_of(answers, labels)):
        given = [sorted(label for label in row if label >= 0) for row in found.answers[found.of_task].tolist()]
        assert given == [sorted(label for label in row if label >= 0) for row in answers.T.tolist()]
        assert found.tasks.tolist() == np.bincount(found.of_task).tolist()


def test_alpha_of_a_matrix_is_that_of_krippendorff_2011() -> None:
    # K. Krippendorff (2011), section C: four observers, twelve units, nominal alpha 0.743.
    rows = ("1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 .")
    matrix = np.asarray([[-1 if cell == "." else int(cell) - 1 for cell in row.split()] for row in rows])
    found = patterns_of(matrix, 5)
    drawn = units(found.of_task, found.tasks, None, 0)
    value = coefficients.krippendorff_alpha(tally_nominal(found, drawn.members).weighed(drawn.weights))
    assert float(value[0]) == pytest.approx(0.743, abs=5e-4)

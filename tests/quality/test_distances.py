"""Expected values: scipy's Kolmogorov-Smirnov test, Krippendorff's alpha by hand, Passonneau (2006), textbook edit distances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from yuelu.base.errors import InvalidRecord
from yuelu.quality.answer_distances import edit, edits, jaccard, masi
from yuelu.quality.distances import apart, distance_alpha, distance_ks, distance_scores, distance_sigma
from yuelu.quality.resample import Sampling

QUICK = Sampling(replicates=200)


def absolute(a: float, b: float) -> float:
    return abs(a - b)


def answers(seed: int, spread: float, tasks: int = 30) -> tuple[list[str], list[str], list[float]]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 10, tasks)
    rows = [(f"t{task}", who, float(value + rng.normal(0, spread))) for task, value in enumerate(truth) for who in "abc"]
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def test_alpha_by_hand() -> None:
    """Tasks (1, 3) and (7, 8): observed 2 and 1, mean 1.5; expected 6, 7, 4, 5, mean 5.5."""
    a = apart(["t", "t", "u", "u"], [1, 3, 7, 8], absolute)
    assert sorted(a.expected) == [4, 5, 6, 7]
    assert distance_alpha(a, np.ones((1, 2)))[0] == pytest.approx(1 - 1.5 / 5.5)
    assert distance_ks(a, np.ones((1, 2)))[0] == 1
    assert distance_sigma(a, np.ones((1, 2)))[0] == 1


@pytest.mark.parametrize("spread", [0.5, 5, 50])
def test_ks_is_that_of_scipy(spread: float) -> None:
    tasks, _, values = answers(1, spread)
    a = apart(tasks, values, absolute)
    expected = stats.ks_2samp(a.observed, a.expected, alternative="greater").statistic
    assert distance_ks(a, np.ones((1, 30)))[0] == pytest.approx(expected)
    # The quantile is the smallest distance that 5 % do not exceed (numpy calls it inverted_cdf).
    bound = np.quantile(a.expected, 0.05, method="inverted_cdf")
    assert distance_sigma(a, np.ones((1, 30)))[0] == pytest.approx((a.observed < bound).mean())


def test_weights_are_copies_of_tasks() -> None:
    tasks, _, values = answers(2, 5, tasks=6)
    a = apart(tasks, values, absolute)
    weights = np.array([[2.0, 0, 1, 1, 0, 1]])
    names = sorted(set(tasks))
    copies = [(f"{name}-{copy}", name) for name, weight in zip(names, weights[0], strict=True) for copy in range(int(weight))]
    rows = [(new, value) for new, name in copies for task, value in zip(tasks, values, strict=True) if task == name]
    copied = apart([row[0] for row in rows], [row[1] for row in rows], absolute)
    # Pairs of two copies of one task are no chance pairs; take them out of what is compared.
    of = np.asarray([name for _, name in sorted(copies)])
    apart_in_truth = of[copied.expected_tasks[:, 0]] != of[copied.expected_tasks[:, 1]]
    expected = 1 - copied.observed.mean() / copied.expected[apart_in_truth].mean()
    assert distance_alpha(a, weights)[0] == pytest.approx(expected)


def test_better_annotators_score_higher() -> None:
    careful, careless = (distance_scores(*answers(3, spread), absolute, sampling=QUICK) for spread in (0.5, 20))
    for good, bad in zip(careful, careless, strict=True):
        assert good.metric == bad.metric
        assert good.value is not None
        assert bad.value is not None
        assert good.low is not None
        assert good.low > bad.value
        assert (good.tasks, good.annotators, good.annotations) == (30, 3, 90)


def test_chance_is_zero() -> None:
    rng = np.random.default_rng(4)
    tasks = [f"t{n // 3}" for n in range(600)]
    alpha, ks, sigma = distance_scores(tasks, list("abc") * 200, rng.normal(size=600).tolist(), absolute, sampling=QUICK)
    assert alpha.value == pytest.approx(0, abs=0.06)
    assert ks.value == pytest.approx(0, abs=0.06)
    assert sigma.value == pytest.approx(0.05, abs=0.03)
    assert alpha.low is not None
    assert alpha.high is not None
    assert alpha.low < 0 < alpha.high


@pytest.mark.parametrize(
    ("tasks", "values", "reason"),
    [
        (["t", "u"], [1.0, 2.0], "no task has two answers"),
        (["t", "t"], [1.0, 2.0], "one task only"),
        (["t", "t", "u", "u"], [1.0, 1.0, 1.0, 1.0], "all alike"),
    ],
)
def test_undefined_is_no_number(tasks: list[str], values: list[float], reason: str) -> None:
    for score in distance_scores(tasks, ["a", "b"] * (len(tasks) // 2), values, absolute):
        assert (score.value, score.low, score.high) == (None, None, None)
        assert reason in str(score.reason)


def test_a_distance_must_be_one() -> None:
    with pytest.raises(InvalidRecord, match="a distance is -1"):
        apart(["t", "t", "u"], [1, 2, 3], lambda a, b: -1.0)


def test_groups_are_resampled_together() -> None:
    tasks, who, values = answers(5, 5)
    alone = distance_scores(tasks, who, values, absolute, sampling=QUICK)[0]
    grouped = distance_scores(tasks, who, values, absolute, {task: task[:2] for task in tasks}, QUICK)[0]
    assert alone.value == grouped.value
    assert (alone.low, alone.high) != (grouped.low, grouped.high)


SETS = st.frozensets(st.sampled_from("abcde"))


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("ab", "ab", 0),
        ("ab", "abcd", 1 - 0.5 * 2 / 3),
        ("ab", "bc", 1 - 1 / 3 * 1 / 3),
        ("ab", "cd", 1),
        ("", "", 0),
        ("", "a", 1),
    ],
)
def test_masi(one: str, other: str, distance: float) -> None:
    assert masi(one, other) == pytest.approx(distance)


@given(SETS, SETS)
def test_set_distances_are_symmetric_and_bounded(one: frozenset[str], other: frozenset[str]) -> None:
    for distance in (jaccard, masi):
        assert 0 <= distance(one, other) == distance(other, one) <= 1
        assert (distance(one, other) == 0) == (one == other)
    assert jaccard(one, other) <= masi(one, other)


@pytest.mark.parametrize(
    ("one", "other", "steps"),
    [
        ("kitten", "sitting", 3),
        ("saturday", "sunday", 3),
        ("", "abc", 3),
        ("abc", "", 3),
        ("", "", 0),
        ("岳麓书院", "岳麓山", 2),
        ("intention", "execution", 5),
    ],
)
def test_edits_of_the_textbook(one: str, other: str, steps: int) -> None:
    assert edits(one, other) == steps == edits(other, one)
    assert edit(one, other) == pytest.approx(steps / max(len(one), len(other), 1))


def test_words_can_be_compared_as_well_as_characters() -> None:
    assert edits(["the", "cat", "sat"], ["the", "bad", "cat", "sat", "down"]) == 2


@given(st.text("ab", max_size=8), st.text("ab", max_size=8), st.text("ab", max_size=8))
def test_edits_obey_the_triangle(a: str, b: str, c: str) -> None:
    assert edits(a, c) <= edits(a, b) + edits(b, c)
    assert abs(len(a) - len(b)) <= edits(a, b) <= max(len(a), len(b))

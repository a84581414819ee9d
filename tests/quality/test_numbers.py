import numpy as np
import pytest

from yuelu.base.errors import InvalidRecord
from yuelu.quality.numbers import Form, icc, limits_of_agreement

# Shrout and Fleiss (1979), table 2: six targets, four judges.
JUDGES = np.asarray([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], np.float64)


@pytest.mark.parametrize(
    ("form", "value", "low", "high"),
    # Values: their table 4. Intervals: as R's psych 2.3 prints for the same table.
    [("icc1", 0.17, -0.133, 0.723), ("icc2", 0.29, 0.019, 0.761), ("icc3", 0.71, 0.342, 0.946)],
)
def test_shrout_and_fleiss_1979(form: Form, value: float, low: float, high: float) -> None:
    found = icc(JUDGES, form)
    assert found.value == pytest.approx(value, abs=5e-3)
    assert found.low == pytest.approx(low, abs=1e-3)
    assert found.high == pytest.approx(high, abs=1e-3)
    assert (found.tasks, found.annotators, found.annotations) == (6, 4, 24)


def test_an_offset_counts_only_as_absolute_agreement() -> None:
    values = np.asarray([[1, 2], [2, 3], [3, 4], [4, 5]], np.float64)
    assert icc(values, "icc3").value == 1
    # Mean squares by hand: tasks 10/3, annotators 2, rest 0: 10/3 / (10/3 + 2 * 2 / 4).
    assert icc(values, "icc2").value == pytest.approx(10 / 13)


def test_tasks_with_a_missing_answer_are_left_out() -> None:
    more = np.concatenate([JUDGES, [[5, np.nan, 5, 5]]])
    assert icc(more) == icc(JUDGES)


@pytest.mark.parametrize("values", [np.full((5, 3), 2.0), np.full((1, 3), 2.0), np.ones((4, 1))])
def test_undefined(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    found = icc(values)
    assert found.value is None
    assert found.reason


def test_limits_by_hand() -> None:
    found = limits_of_agreement(np.asarray([1.0, 2, 3, np.nan]), np.asarray([0.0, 2, 1, 4]))
    assert found is not None
    assert (found.bias, found.tasks) == (1, 3)  # differences 1, 0, 2: standard deviation 1
    assert found.low == pytest.approx(-0.96)
    assert found.high == pytest.approx(2.96)
    assert limits_of_agreement(np.ones(1), np.ones(1)) is None


def test_limits_need_the_same_tasks() -> None:
    with pytest.raises(InvalidRecord, match=r"\(2,\) against \(3,\)"):
        limits_of_agreement(np.ones(2), np.ones(3))

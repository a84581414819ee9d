import numpy as np
import pytest

from yuelu.base.errors import InvalidRecord
from yuelu.quality.calibration import calibrate, calibrated_by_others, reliability


def test_curve_by_hand() -> None:
    found = reliability([0.95, 0.95, 0.95, 0.95, 0.55, 0.55], [True, True, True, False, True, False])
    assert [(b.said, b.right, b.labels) for b in found.bins] == [(0.55, 0.5, 2), (0.95, 0.75, 4)]
    assert found.ece == pytest.approx((2 * 0.05 + 4 * 0.2) / 6)
    assert found.brier == pytest.approx((3 * 0.05**2 + 0.95**2 + 0.45**2 + 0.55**2) / 6)


def test_interval_is_wilsons() -> None:
    # quality-methods.md: 190 of 200 is .910 to .973.
    (only,) = reliability([0.9] * 200, [True] * 190 + [False] * 10).bins
    assert (round(only.low, 3), round(only.high, 3)) == (0.910, 0.973)


def test_no_gold_has_no_value() -> None:
    found = reliability([], [])
    assert (found.brier, found.ece, found.bins) == (None, None, ())
    assert found.reason == "no label has a known answer"
    assert calibrate([0.9] * 19, [True] * 19) is None
    assert calibrated_by_others([0.9] * 20, [True] * 20) is None


def test_a_model_that_is_too_sure_is_brought_down() -> None:
    rng = np.random.default_rng(2)
    honest = rng.uniform(0.5, 1, 4000)
    right = rng.random(4000) < honest
    said = honest ** (1 / 4)  # the same order, but much too sure
    before, after = reliability(said, right), calibrated_by_others(said, right)
    assert after is not None
    assert before.ece is not None
    assert before.ece > 0.15
    assert (reliability(after, right).ece or 1) < 0.03
    assert np.abs(after - honest).mean() < 0.03


def test_the_map_never_falls_and_never_is_certain() -> None:
    learnt = calibrate(list(np.linspace(0.5, 1, 50)), [True] * 50)
    assert learnt is not None
    steps = learnt(np.arange(101, dtype=np.float64) / 100)
    assert (np.diff(steps) >= 0).all()
    assert steps.max() < 1


def test_a_probability_of_two_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="1 probabilities for 1 answers"):
        reliability([2.0], [True])

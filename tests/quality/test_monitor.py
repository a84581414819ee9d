import numpy as np
import pytest

from yuelu.base.errors import Misconfigured
from yuelu.quality.monitor import Alarm, Sprt, Verdict, cusum, gold_drift

# D. Montgomery, Introduction to Statistical Quality Control, table 9.1: mean 10 until the 20th value, 11 from then on.
VALUES = (
    9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34, 9.03, 11.47, 10.51, 9.40, 10.08,
    9.37, 10.62, 10.31, 8.52, 10.84, 10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52,
)  # fmt: skip


def test_montgomery_cusum() -> None:
    # His table 9.2: with allowance 0.5 and limit 5 the sum is 5.28 at value 29, and has been above 0 since value 23.
    assert cusum([value - 10 - 0.5 for value in VALUES], 5) == Alarm(at=28, since=22)


def test_no_alarm() -> None:
    assert cusum([value - 10 - 0.5 for value in VALUES[:20]], 5) is None
    assert cusum([], 1) is None


def test_walds_numbers() -> None:
    # log(.85/.95), log(.15/.05), log(.90/.05), log(.10/.95).
    test = Sprt()
    assert test.right == pytest.approx(-0.111, abs=5e-4)
    assert test.wrong == pytest.approx(1.099, abs=5e-4)
    assert test.suspend_at == pytest.approx(2.890, abs=5e-4)
    assert test.clear_at == pytest.approx(-2.251, abs=5e-4)


def test_verdicts() -> None:
    assert Sprt().verdict([False, False, False]) == (Verdict.SUSPEND, 3)
    assert Sprt().verdict([True] * 30) == (Verdict.CLEAR, 21)  # 21 * 0.111 > 2.251
    assert Sprt().verdict([True, False]) == (Verdict.GO_ON, 2)


@pytest.mark.parametrize(("accuracy", "wrong_verdict", "risk"), [(0.95, Verdict.SUSPEND, 0.05), (0.85, Verdict.CLEAR, 0.10)])
def test_risks_are_kept(accuracy: float, wrong_verdict: Verdict, risk: float) -> None:
    rng = np.random.default_rng(7)
    found = [Sprt().verdict(rng.random(2000) < accuracy)[0] for _ in range(2000)]
    assert Verdict.GO_ON not in found
    assert np.mean([verdict is wrong_verdict for verdict in found]) < risk * 1.25


def test_drift_says_since_when() -> None:
    alarm = gold_drift([True] * 40 + [False, True, False, False])
    assert alarm == Alarm(at=43, since=40)
    assert gold_drift([True] * 40 + [False] + [True] * 40) is None


def test_poor_must_be_below_good() -> None:
    with pytest.raises(Misconfigured, match=r"good=0.8, poor=0.9"):
        Sprt(good=0.8, poor=0.9)

import numpy as np
import pytest

from yuelu.base.errors import InvalidRecord
from yuelu.quality.coded import Codes
from yuelu.quality.preferences import bradley_terry, cycle_rate, kendall_tau_b, pair_agreement

# A. Agresti (2002), Categorical Data Analysis, table 10.10: American League 1987; rows won against columns.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
WINS = [
    [0, 7, 9, 7, 7, 9, 11],
    [6, 0, 7, 5, 11, 9, 9],
    [4, 6, 0, 7, 7, 8, 12],
    [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12],
    [4, 4, 5, 6, 6, 0, 6],
    [2, 4, 1, 3, 1, 7, 0],
]
# His estimates, against Baltimore.
PUBLISHED = (1.58, 1.44, 1.29, 1.25, 1.11, 0.68, 0.0)


def games(wins: list[list[int]]) -> tuple[Codes, Codes]:
    rows = [(a, b) for a, row in enumerate(wins) for b, count in enumerate(row) for _ in range(count)]
    winner, loser = np.asarray(rows, np.int64).T
    return winner, loser


def test_agresti_baseball() -> None:
    found = bradley_terry(*games(WINS), len(TEAMS)).log
    assert found is not None
    np.testing.assert_allclose(found - found[-1], PUBLISHED, atol=6e-3)
    assert found.mean() == pytest.approx(0)


def test_two_items_are_their_odds() -> None:
    found = bradley_terry(*games([[0, 3], [1, 0]]), 2).log
    assert found is not None
    assert found[0] - found[1] == pytest.approx(np.log(3))


def test_one_who_never_lost_has_no_strength_without_a_prior() -> None:
    winner, loser = games([[0, 2, 1], [0, 0, 1], [0, 1, 0]])
    found = bradley_terry(winner, loser, 3)
    assert found.log is None
    assert found.reason is not None
    assert "chain of wins" in found.reason
    held = bradley_terry(winner, loser, 3, prior=0.5).log
    assert held is not None
    assert held[0] == max(held)


def test_an_item_against_itself_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="among 2 items"):
        bradley_terry(np.asarray([1]), np.asarray([1]), 2)


def test_tau_b_with_ties() -> None:
    # Kendall (1970), Rank Correlation Methods, section 3.5: rankings with ties.
    assert kendall_tau_b([1, 2, 3, 4], [1, 2, 3, 4]) == 1
    assert kendall_tau_b([1, 2, 3, 4], [4, 3, 2, 1]) == -1
    # 5 pairs agree, none disagrees, one is tied on one side: 5 / sqrt(6 * 5).
    assert kendall_tau_b([1, 2, 3, 4], [1, 2, 3, 3]) == pytest.approx(5 / 30**0.5)
    assert kendall_tau_b([1, 1, 1], [1, 2, 3]) is None


def test_pair_agreement() -> None:
    # Three answers a a b: one pair of three; two equal answers: one of one.
    assert pair_agreement({("a", "b"): ["a", "a", "b"], ("a", "c"): ["c", "c"]}) == pytest.approx(2 / 4)
    assert pair_agreement({("a", "b"): ["a"]}) is None


def test_cycles() -> None:
    rock, straight = games([[0, 1, 0], [0, 0, 1], [1, 0, 0]]), games([[0, 1, 1], [0, 0, 1], [0, 0, 0]])
    assert cycle_rate(*rock, 3) == 1
    assert cycle_rate(*straight, 3) == 0
    assert cycle_rate(*games([[0, 1], [0, 0]]), 2) is None

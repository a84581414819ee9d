from collections.abc import Mapping

import pytest

from yuelu.base.errors import IllegalMove
from yuelu.base.states import ANNOTATOR_MOVES, PACKET_MOVES, SEAT_MOVES, SUBMISSION_MOVES, TASK_MOVES, checked_move


@pytest.mark.parametrize(
    ("moves", "first"),
    [
        (TASK_MOVES, "new"),
        (PACKET_MOVES, "open"),
        (SEAT_MOVES, "held"),
        (SUBMISSION_MOVES, "pending"),
        (ANNOTATOR_MOVES, "active"),
    ],
)
def test_every_state_that_can_be_reached_is_in_the_table(moves: Mapping[str, frozenset[str]], first: str) -> None:
    assert {after for ways in moves.values() for after in ways} | {first} == set(moves)


def test_a_lease_that_ended_never_opens_again() -> None:
    for ended in ("closed", "returned", "expired"):
        with pytest.raises(IllegalMove, match=f"packet p cannot go from {ended} to open"):
            checked_move("packet p", ended, "open", PACKET_MOVES)


def test_an_illegal_move_is_refused_by_name() -> None:
    assert checked_move("task t", "new", "dispatched") == "dispatched"
    with pytest.raises(IllegalMove, match=r"task t cannot go from new to published\n.*from new it can go to dispatched"):
        checked_move("task t", "new", "published")
    with pytest.raises(IllegalMove, match="nowhere: it is final"):
        checked_move("task t", "withdrawn", "new")
    with pytest.raises(IllegalMove, match="from sideways to new"):
        checked_move("task t", "sideways", "new")

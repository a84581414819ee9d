import pytest

from yuelu.base.errors import IllegalMove
from yuelu.base.states import TASK_MOVES, checked_move


def test_every_state_that_can_be_reached_is_in_the_table() -> None:
    assert {after for ways in TASK_MOVES.values() for after in ways} | {"new"} == set(TASK_MOVES)


def test_an_illegal_move_is_refused_by_name() -> None:
    assert checked_move("task t", "new", "dispatched") == "dispatched"
    with pytest.raises(IllegalMove, match=r"task t cannot go from new to published\n.*from new it can go to dispatched"):
        checked_move("task t", "new", "published")
    with pytest.raises(IllegalMove, match="nowhere: it is final"):
        checked_move("task t", "withdrawn", "new")
    with pytest.raises(IllegalMove, match="from sideways to new"):
        checked_move("task t", "sideways", "new")

"""Who may see an answer: every kind of viewer, before and after the task has all its answers."""

from itertools import product

import pytest

from yuelu.annotate.blind import Viewer, may_see
from yuelu.base.states import TASK_MOVES

OURS = {"author": "li", "author_company": "ash"}
OTHERS = [
    Viewer("wang", "annotator", "ash"),
    Viewer("boss", "manager", "ash"),
    Viewer("boss", "reviewer", "oak"),
    Viewer("chen", "curator"),
    Viewer("root", "operator"),
    Viewer("li", "reviewer", "ash"),
]


@pytest.mark.parametrize("viewer", OTHERS)
def test_nobody_else_sees_an_answer_to_an_open_task(viewer: Viewer) -> None:
    for state, answers in product(TASK_MOVES, range(3)):
        assert not may_see(viewer, **OURS, task_state=state, answers=answers, overlap=3)
    for state in ("new", "dispatched"):
        assert not may_see(viewer, **OURS, task_state=state, answers=3, overlap=3)


def test_annotators_see_their_own_always_and_no_other_ever() -> None:
    for state, answers in product(TASK_MOVES, range(5)):
        assert may_see(Viewer("li", "annotator", "ash"), **OURS, task_state=state, answers=answers, overlap=3)
        assert not may_see(Viewer("wang", "annotator", "ash"), **OURS, task_state=state, answers=answers, overlap=3)


@pytest.mark.parametrize(
    ("viewer", "seen"),
    [
        (Viewer("boss", "manager", "ash"), True),
        (Viewer("boss", "reviewer", "ash"), True),
        (Viewer("boss", "manager", "oak"), False),
        (Viewer("boss", "manager"), False),
        (Viewer("chen", "curator"), True),
        (Viewer("root", "operator"), True),
        (Viewer("x", "visitor", "ash"), False),
    ],
)
def test_when_all_answers_are_there_a_company_sees_its_own_and_the_base_all(viewer: Viewer, seen: bool) -> None:
    assert may_see(viewer, **OURS, task_state="submitted", answers=3, overlap=3) is seen

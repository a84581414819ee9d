"""Blindness: who may see an answer, and from when on."""

from dataclasses import dataclass

_OPEN = ("new", "dispatched")  # a task in these states still waits for answers
_WHOLE = ("curator", "operator")  # of the base: they see all companies' work
_COMPANY = ("manager", "reviewer")  # of an annotation company


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who looks: as annotator, as manager or reviewer of a company, or as curator or operator of the base."""

    name: str
    role: str
    company: str | None = None


def may_see(viewer: Viewer, *, author: str, author_company: str, task_state: str, answers: int, overlap: int) -> bool:
    """Return whether the viewer may see an answer to a task that has so many answers that count, of `overlap` wanted.

    Annotators see their own and nobody else's, ever: the same media may come back in another round. All others are blind
    until the task has all its answers; then a company sees its own people's.
    """
    if viewer.role == "annotator":
        return viewer.name == author
    if answers < overlap or task_state in _OPEN:
        return False
    return viewer.role in _WHOLE or (viewer.role in _COMPANY and viewer.company == author_company)

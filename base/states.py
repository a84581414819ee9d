"""State machines as tables of allowed moves. A move that is not in the table is refused by name."""

from collections.abc import Mapping
from types import MappingProxyType

from yuelu.base.errors import IllegalMove

# A task's way (workforce.md). Packets with a time limit, quality control and review put their states between these.
TASK_MOVES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "new": frozenset({"dispatched"}),
        "dispatched": frozenset({"submitted"}),
        "submitted": frozenset({"accepted", "rework", "review", "rejected"}),
        "rework": frozenset(),  # the next round is a new task
        "review": frozenset({"accepted", "rejected"}),  # a person settles what rework did not
        "accepted": frozenset({"published", "rework"}),
        "rejected": frozenset(),
        "published": frozenset({"withdrawn"}),
        "withdrawn": frozenset(),
    }
)


def checked_move(subject: str, before: str, after: str, moves: Mapping[str, frozenset[str]] = TASK_MOVES) -> str:
    """Return `after`. Raises IllegalMove: the table does not lead from `before` to `after`."""
    allowed = moves.get(before, frozenset())
    if after not in allowed:
        ways = ", ".join(sorted(allowed)) or "nowhere: it is final"
        raise IllegalMove(f"{subject} cannot go from {before} to {after}", f"from {before} it can go to {ways}")
    return after

"""State machines as tables of allowed moves. A move that is not in the table is refused by name."""

from collections.abc import Mapping
from types import MappingProxyType

from yuelu.base.errors import IllegalMove

# A task's way (workforce.md). Packets with a time limit, quality control and review put their states between these.
TASK_MOVES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "new": frozenset({"dispatched"}),
        "dispatched": frozenset({"submitted"}),
        "submitted": frozenset({"accepted", "rework", "review", "rejected", "dispatched"}),  # the last: one more answer is wanted
        "rework": frozenset(),  # the next round is a new task
        "review": frozenset({"accepted", "rejected"}),  # a person settles what rework did not
        "accepted": frozenset({"published", "rework"}),
        "rejected": frozenset(),
        "published": frozenset({"withdrawn"}),
        "withdrawn": frozenset(),
    }
)

# A packet's way. A lease that ended never opens again: what nobody answered is leased anew, in another packet.
PACKET_MOVES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "open": frozenset({"closed", "returned", "expired"}),
        "closed": frozenset(),
        "returned": frozenset(),
        "expired": frozenset(),
    }
)

# One annotator's place at one task of a packet.
SEAT_MOVES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "held": frozenset({"skipped", "released"}),
        "skipped": frozenset({"held"}),  # they answer after all
        "released": frozenset(),
    }
)

# A submission's way to its Label Studio. A site that was restored from a copy has lost it and gets it again; what a site refused
# is sent again when a person says so.
SUBMISSION_MOVES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "pending": frozenset({"delivered", "refused"}),
        "delivered": frozenset({"pending"}),
        "refused": frozenset({"pending"}),
    }
)

# An offer for inspection: its list is frozen before the seed is known. What is decided stands; what changed meanwhile is void.
LOT_MOVES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "frozen": frozenset({"drawn", "void"}),
        "drawn": frozenset({"decided", "void"}),
        "decided": frozenset(),
        "void": frozenset(),
    }
)

# What an adjudication found may become gold, by a second person's word; what was wrong after all is dismissed.
GOLD_MOVES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "candidate": frozenset({"gold", "dismissed"}),
        "gold": frozenset({"dismissed"}),
        "dismissed": frozenset(),
    }
)

ANNOTATOR_MOVES: Mapping[str, frozenset[str]] = MappingProxyType(
    {"active": frozenset({"suspended"}), "suspended": frozenset({"active"})}
)


def checked_move(subject: str, before: str, after: str, moves: Mapping[str, frozenset[str]] = TASK_MOVES) -> str:
    """Return `after`. Raises IllegalMove: the table does not lead from `before` to `after`."""
    allowed = moves.get(before, frozenset())
    if after not in allowed:
        ways = ", ".join(sorted(allowed)) or "nowhere: it is final"
        raise IllegalMove(f"{subject} cannot go from {before} to {after}", f"from {before} it can go to {ways}")
    return after

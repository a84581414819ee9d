"""Garbage collection of a workspace: what no version of its datasets needs, with an event in the log for what went."""

from collections.abc import Sequence
from datetime import timedelta

from yuelu.base.canonical import digest
from yuelu.base.workspace import Workspace
from yuelu.datasets.release import names as all_names
from yuelu.datasets.upkeep.collect import Collected, collect

ACTOR = "gc"


def collect_garbage(workspace: Workspace, names: Sequence[str], grace: timedelta, *, act: bool) -> list[Collected]:
    """Return what was cleared from the datasets (all where none is named), or would be without `act`."""
    found = []
    for name in names or all_names(workspace.store):
        each = collect(workspace.store, name, workspace.ledger.now(), grace=grace, act=act)
        if act and each.objects:
            with workspace.ledger.transaction(ACTOR) as transaction:
                keys = digest([entry.key for entry in each.objects])
                transaction.event("store.clear", name, after=keys, reason=f"{len(each.objects)} objects, {each.bytes} bytes")
        found.append(each)
    return found

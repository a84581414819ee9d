"""Splits that do not leak through near-duplicates: groups that a cluster joins go to one split.

The home of a group is the group whose key chooses the split. Groups that hang together through clusters have one home, the least
of them, until the first of them goes out; then its home is written down and holds for the others too, and for ever: a published
split never changes. If a new duplicate joins groups that went out with different homes before, nothing can be moved: that is a
leak, which the gate of a release names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.canonical import digest
from yuelu.base.errors import Conflict, GateNotPassed
from yuelu.base.ledger.engine import Transaction
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.media import AssetRow
from yuelu.base.ledger.near import ClusterRow, HomeRow

ISSUE = "near-duplicates in more than one split"


@dataclass(frozen=True, slots=True)
class Homes:
    """Which groups hang together, by each of them, and the homes that are written down."""

    together: Mapping[str, tuple[str, ...]]
    fixed: Mapping[str, str]

    def of(self, group: str) -> str:
        """Return the group whose key chooses the split of `group`."""
        if group in self.fixed:
            return self.fixed[group]
        others = self.together.get(group, (group,))
        return min((self.fixed[other] for other in others if other in self.fixed), default=min(others))


@dataclass(frozen=True, slots=True)
class Leak:
    """Groups of one release that hang together and are in several splits."""

    groups: tuple[str, ...]
    splits: tuple[str, ...]


def read_homes(session: Session) -> Homes:
    """Return what clusters and earlier releases say about groups."""
    pairs = session.execute(select(AssetRow.group, ClusterRow.cluster).join(ClusterRow, ClusterRow.asset == AssetRow.sha256))
    fixed = session.execute(select(HomeRow.group, HomeRow.home))
    return Homes(joined((group, cluster) for group, cluster in pairs), {row.group: row.home for row in fixed})


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return for each group of (group, cluster) all groups that hang together with it through clusters, sorted."""
    table = sorted(set(pairs))
    groups = {group: number for number, group in enumerate(sorted({group for group, _ in table}))}
    clusters = {cluster: number for number, cluster in enumerate(sorted({cluster for _, cluster in table}), len(groups))}
    ends = np.array([(groups[group], clusters[cluster]) for group, cluster in table], np.int64).reshape(-1, 2)
    size = len(groups) + len(clusters)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    component = connected_components(graph, directed=False)[1].tolist() if size else []
    found: dict[int, list[str]] = {}
    for group, number in groups.items():
        found.setdefault(component[number], []).append(group)
    frozen = {number: tuple(members) for number, members in found.items()}
    return {group: frozen[component[number]] for group, number in groups.items()}


def leaks(homes: Homes, splits: Mapping[str, str]) -> tuple[Leak, ...]:
    """Return the leaks of a release; `splits` names the split of each group in it."""
    whole: dict[tuple[str, ...], list[str]] = {}
    for group in sorted(splits):
        whole.setdefault(homes.together.get(group, (group,)), []).append(group)
    found = ((tuple(groups), tuple(sorted({splits[group] for group in groups}))) for groups in whole.values())
    return tuple(Leak(groups, several) for groups, several in found if len(several) > 1)


def pass_leaks(found: Sequence[Leak], *, waived: bool) -> None:
    """Return when there is no leak, or somebody answers for it. Raises GateNotPassed."""
    if not found or waived:
        return
    first = found[0]
    raise GateNotPassed(
        f"{ISSUE}: {len(first.groups)} groups hang together and are in {' and '.join(first.splits)}"
        + (f" ({len(found)} such cases)" if len(found) > 1 else ""),
        "they went out before the duplicate that joins them came; see 'yuelu assets near'; leave one of the projects out, or "
        "publish with --waive REASON --owner NAME",
    )


def known_issues(found: Sequence[Leak], owner: str, reason: str) -> list[dict[str, Any]]:
    """Return what a manifest says about leaks that somebody answers for."""
    return [
        {"issue": ISSUE, "groups": len(leak.groups), "splits": list(leak.splits), "owner": owner, "reason": reason}
        for leak in found
    ]


def record_issue(t: Transaction, found: Sequence[Leak], reason: str) -> None:
    """Write to the log, once, that the actor lets these leaks out, and why."""
    after = digest({"leaks": [[list(leak.groups), list(leak.splits)] for leak in found], "owner": t.actor, "reason": reason})
    if (
        t.session.scalar(select(EventRow.sequence).where(EventRow.action == "gate.waive", EventRow.after == after).limit(1))
        is None
    ):
        t.event("gate.waive", "near-duplicates", after=after, reason=reason)


def fix_homes(t: Transaction, homes: Mapping[str, str]) -> None:
    """Write the homes of groups that go out now. Raises Conflict: another publisher wrote another home meanwhile."""
    added = t.add_new(HomeRow, [{"group": group, "home": home} for group, home in sorted(homes.items())])
    if added:
        t.event("groups.fixed", "splits", reason=f"{added} groups go out for the first time")
    written = {group: home for group, home in t.session.execute(select(HomeRow.group, HomeRow.home)) if group in homes}
    if other := sorted(group for group in homes if written[group] != homes[group]):
        raise Conflict(f"the split of group {other[0]} was fixed by another publisher", "publish again")

"""Clusters: what hangs together by links between near-duplicates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from yuelu.base.canonical import keyed
from yuelu.pipelines.near.codes import KINDS, holdings
from yuelu.pipelines.near.link import RULES, Links, Rule, chance_of, links


@dataclass(frozen=True, slots=True)
class Member:
    """An asset in a cluster, and the nearest other one: how many bits apart, and how many codes they share."""

    asset: str
    cluster: str
    kind: str
    nearest: str
    distance_bits: int
    shared: int


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found: members in order of asset, and what it was made of.

    `left_out` counts fingerprints that were not compared, by reason; `by_chance` is how many pairs of unrelated pictures
    are expected within the distance.
    """

    members: tuple[Member, ...]
    assets: int
    codes: Mapping[str, int]
    left_out: Mapping[str, int]
    distance_bits: int
    by_chance: float
    clusters: int = field(default=0)


def search(assets: Sequence[tuple[str, Any]], secret: bytes, distance_bits: int | None = None) -> Search:
    """Return the clusters among (hash, fingerprints) of assets. The same set gives the same answer in any order.

    `distance_bits` is how far pictures may be apart; None for the rule's own. A cluster's id is a keyed digest of the least of
    its members' hashes. Raises Conflict: more fingerprints than memory holds.
    """
    radius = RULES["picture"].radius if distance_bits is None else distance_bits
    ordered = sorted(assets, key=lambda one: one[0])
    found, pictures = list[Links](), 0
    codes, left_out = dict[str, int](), dict[str, int]()
    for kind in KINDS:
        rule = RULES[kind]
        rule = Rule(radius, rule.least, rule.share) if kind == "picture" else rule
        held = holdings((fingerprints for _, fingerprints in ordered), kind)
        linked = links(held, rule, single=kind == "picture")
        found.append(linked)
        codes[kind] = len(held.asset)
        pictures = len(held.codes) if kind == "picture" else pictures
        left_out |= {f"{kind}: {why}": count for why, count in {**held.left_out, **linked.left_out}.items()}
    members = _members([sha256 for sha256, _ in ordered], found, secret)
    expected = pictures * (pictures - 1) / 2 * chance_of(radius)
    count = len({member.cluster for member in members})
    return Search(members, len(ordered), codes, left_out, radius, expected, count)


def _members(names: Sequence[str], found: Sequence[Links], secret: bytes) -> tuple[Member, ...]:
    kind = np.concatenate([np.full(len(each.left), number, np.int64) for number, each in enumerate(found)])
    left, right, distance, shared = (
        np.concatenate([getattr(each, name) for each in found]) for name in ("left", "right", "distance", "shared")
    )
    if not len(left):
        return ()
    size = len(names)
    _, component = connected_components(coo_array((np.ones(len(left)), (left, right)), shape=(size, size)), directed=False)
    # each link seen from both ends; the best of an asset comes first
    one, other = np.r_[left, right], np.r_[right, left]
    order = np.lexsort((other, np.r_[kind, kind], -np.r_[shared, shared], np.r_[distance, distance], one))
    best = order[np.flatnonzero(np.r_[True, np.diff(one[order]) > 0])]
    half = len(left)
    least: dict[int, str] = {}
    members = []
    for at in best.tolist():  # in order of asset, so the first of a component is its least
        asset, link = int(one[at]), at % half
        home = least.setdefault(int(component[asset]), keyed(secret, "cluster", names[asset])[:32])
        nearest = names[int(other[at])]
        members.append(Member(names[asset], home, KINDS[kind[link]], nearest, int(distance[link]), int(shared[link])))
    return tuple(members)

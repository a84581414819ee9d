"""Which region comes first where their ids may not tell: what they say does, and then how relations join them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Link:
    """A relation between two regions, by their places in the list of keys; `said` is what else it says."""

    one: int
    other: int
    said: bytes


def ranks(keys: Sequence[Any], links: Sequence[Link]) -> list[int]:
    """Return the rank of each region by its key; the order of the keys decides nothing. Regions that are alike share a rank.

    Regions of one key are told apart by what they are joined to, by what that is joined to, and so on (colour refinement,
    Weisfeiler and Leman 1968). Joined ones that even this leaves alike are alike to any reader as well: one of them is set
    first, and the others fall into place by how they are joined to it.
    """
    found = _ranked(keys)
    if not links:
        return found
    joined = sorted({end for link in links for end in (link.one, link.other)})
    found = _refined(found, links)
    while alike := [rank for rank, count in Counter(found[end] for end in joined).items() if count > 1]:
        first = found.index(min(alike))
        found = _refined(_ranked([(rank, place != first) for place, rank in enumerate(found)]), links)
    return found


def _refined(found: list[int], links: Sequence[Link]) -> list[int]:
    while True:
        joined: list[list[tuple[bool, bytes, int]]] = [[] for _ in found]
        for link in links:
            joined[link.one].append((False, link.said, found[link.other]))
            joined[link.other].append((True, link.said, found[link.one]))
        finer = _ranked([(rank, sorted(told)) for rank, told in zip(found, joined, strict=True)])
        if max(finer) == max(found):
            return finer
        found = finer


def _ranked(keys: Sequence[Any]) -> list[int]:
    """Return the place of each key among those that differ."""
    found = [0] * len(keys)
    rank, last = -1, None
    for place in sorted(range(len(keys)), key=keys.__getitem__):
        if rank < 0 or keys[place] != last:
            rank, last = rank + 1, keys[place]
        found[place] = rank
    return found

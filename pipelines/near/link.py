"""Which assets are near-duplicates, from the codes they hold.

- A picture (one code) is near another, or near a frame of a video or stack, when their codes are within the radius.
- Two assets of several codes each (videos, stacks, sounds) must share several: one equal frame is a logo or a test card, one
  equal second of sound is a jingle.

By chance two codes of independent, evenly spread bits are within 4 of 64 bits once in 2.7e13 pairs; a picture's code has 32 bits
set, and two such codes once in 7.4e12: a million unrelated pictures make 0.07 pairs. Real pictures of one kind (the same organ in
the same position, the same machine part) are more alike than chance; a larger radius joins them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import comb
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yuelu.pipelines.near.codes import Holdings
from yuelu.pipelines.near.search import BITS, Index, Pairs, near_pairs

MOST_HOLDERS = 100  # assets of several codes that hold one code: what more of them share is a logo, a test card, a jingle
COMMON = f"shared by more than {MOST_HOLDERS} videos, stacks or sounds"


@dataclass(frozen=True, slots=True)
class Rule:
    """Two assets of several codes are near when at least `least` codes of each, and `share` of the shorter one's, are shared.

    An asset of fewer codes than `least` must share all of them.
    """

    radius: int
    least: int
    share: float


RULES: Mapping[str, Rule] = MappingProxyType({"picture": Rule(4, 3, 0.3), "sound": Rule(3, 4, 0.5)})


@dataclass(frozen=True, slots=True)
class Links:
    """Near-duplicates: assets `left` and `right`, the least `distance` between their codes, how many codes they share.

    Of assets that hold one and the same code only the first is linked to each of the others: enough to hold them together.
    """

    left: Index
    right: Index
    distance: Index
    shared: Index
    left_out: Mapping[str, int]


def chance_of(radius: int) -> float:
    """Return the probability that two independent codes of 32 set bits differ in at most `radius` bits."""
    half = BITS // 2
    return sum(comb(half, bits) ** 2 for bits in range(radius // 2 + 1)) / comb(BITS, half)


def links(held: Holdings, rule: Rule, *, single: bool) -> Links:
    """Return the near-duplicates among the assets. `single`: one code of an asset that has no other suffices."""
    sizes = np.bincount(held.asset, minlength=1 + int(held.asset.max(initial=-1)))
    alone = sizes[held.asset] == 1 if single else np.zeros(len(held.asset), bool)
    pairs = _gathered(near_pairs(held.codes, rule.radius))
    first, same = _same_picture(held, alone)
    near = [same, *_picture_links(held, alone, first, pairs)]
    several, left_out = _several(held, alone, sizes, pairs, rule)
    parts = [*near, several]
    left, right, distance, shared = (np.concatenate([part[column] for part in parts]) for column in range(4))
    return Links(left, right, distance, shared, left_out)


_Edges = tuple[Index, Index, Index, Index]


def _gathered(found: Iterator[Pairs]) -> Pairs:
    every = [Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8)), *found]
    return Pairs(*(np.concatenate([getattr(one, name) for one in every]) for name in Pairs.__slots__))


def _edges(left: Index, right: Index, distance: NDArray[Any]) -> _Edges:
    return left, right, distance.astype(np.int64), np.ones(len(left), np.int64)


def _same_picture(held: Holdings, alone: NDArray[np.bool_]) -> tuple[Index, _Edges]:
    """Return for each code the first picture that has it (-1: none), and links from it to the others."""
    code, asset = held.code[alone], held.asset[alone]
    first = np.full(len(held.codes), -1, np.int64)
    first[code[::-1]] = asset[::-1]  # the last written stays: the first in order
    rest = first[code] != asset
    return first, _edges(first[code[rest]], asset[rest], np.zeros(int(rest.sum()), np.int64))


def _picture_links(held: Holdings, alone: NDArray[np.bool_], first: Index, pairs: Pairs) -> Iterator[_Edges]:
    """Yield links from picture to picture, and from what has several codes to pictures."""
    both = (first[pairs.left] >= 0) & (first[pairs.right] >= 0)
    yield _edges(first[pairs.left[both]], first[pairs.right[both]], pairs.distance[both])
    code, asset = held.code[~alone], held.asset[~alone]
    equal = first[code] >= 0
    yield _edges(asset[equal], first[code[equal]], np.zeros(int(equal.sum()), np.int64))
    by_code = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[by_code], np.arange(len(held.codes) + 1))
    for here, there in ((pairs.left, pairs.right), (pairs.right, pairs.left)):
        wanted = first[there] >= 0
        counts = (starts[here + 1] - starts[here])[wanted]
        holders = asset[by_code[_runs(starts[here[wanted]], counts)]]
        yield _edges(holders, np.repeat(first[there[wanted]], counts), np.repeat(pairs.distance[wanted], counts))


def _runs(first: Index, counts: Index) -> Index:
    """Return first[0], first[0] + 1, … `counts[0]` numbers, and so on for each run."""
    ends = np.cumsum(counts)
    return np.arange(int(counts.sum())) + np.repeat(first - ends + counts, counts)


def _several(
    held: Holdings, alone: NDArray[np.bool_], sizes: Index, pairs: Pairs, rule: Rule
) -> tuple[_Edges, Mapping[str, int]]:
    """Return links between assets of several codes."""
    code, asset = held.code[~alone], held.asset[~alone]
    keep, twins = _twins(code, asset)
    code, asset = code[keep], asset[keep]
    holders = np.bincount(code, minlength=len(held.codes))
    common = holders > MOST_HOLDERS
    by_code = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[by_code], np.arange(len(held.codes) + 1))
    same = np.flatnonzero((holders > 1) & ~common)
    left = np.concatenate([same, pairs.left])
    right = np.concatenate([same, pairs.right])
    distance = np.concatenate([np.zeros(len(same), np.int64), pairs.distance.astype(np.int64)])
    met = ~common[left] & ~common[right] & (holders[left] > 0) & (holders[right] > 0)
    left, right, distance = left[met], right[met], distance[met]
    # every holder of the left code with every holder of the right one
    across, down = holders[left], holders[right]
    one = _runs(starts[left], across)
    pair_of_one = np.repeat(np.arange(len(left)), across)
    counts = down[pair_of_one]
    other = _runs(starts[right][pair_of_one], counts)
    one, pair = np.repeat(one, counts), np.repeat(pair_of_one, counts)
    found = _shared(asset[by_code[one]], asset[by_code[other]], left[pair], right[pair], distance[pair])
    needed = np.maximum(np.minimum(sizes[found[0]], sizes[found[1]]) * rule.share, rule.least)
    needed = np.minimum(needed, np.minimum(sizes[found[0]], sizes[found[1]]))
    good = found[3] >= needed
    edges = tuple(np.concatenate([column[good], twin]) for column, twin in zip(found, twins, strict=True))
    said = {COMMON: int(common.sum())} if common.any() else {}
    return (edges[0], edges[1], edges[2], edges[3]), said


def _twins(code: Index, asset: Index) -> tuple[NDArray[np.bool_], _Edges]:
    """Return which rows to compare, and links from the first asset of those that hold exactly the same codes."""
    first: dict[bytes, int] = {}
    keep = np.ones(len(code), bool)
    twins: list[tuple[int, int, int, int]] = []
    edges = np.flatnonzero(np.r_[True, asset[1:] != asset[:-1], True]) if len(asset) else np.zeros(0, np.int64)
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        seen = first.setdefault(np.sort(code[low:high]).tobytes(), low)
        if seen != low:
            keep[low:high] = False
            twins.append((int(asset[seen]), int(asset[low]), 0, high - low))
    table = np.array(twins, np.int64).reshape(-1, 4)
    return keep, (table[:, 0], table[:, 1], table[:, 2], table[:, 3])


def _shared(one: Index, other: Index, code: Index, partner: Index, distance: Index) -> _Edges:
    """Return for each pair of assets the least distance, and of the one with fewer such codes how many are near the other's."""
    real = one != other
    one, other, code, partner, distance = (column[real] for column in (one, other, code, partner, distance))
    turned = one > other
    one, other = np.where(turned, other, one), np.where(turned, one, other)
    code, partner = np.where(turned, partner, code), np.where(turned, code, partner)
    width = 1 + int(other.max(initial=0))
    table, place = np.unique(one * width + other, return_inverse=True)
    least = np.full(len(table), BITS, np.int64)
    np.minimum.at(least, place, distance)
    codes = 1 + max(int(code.max(initial=0)), int(partner.max(initial=0)))
    counts = (np.bincount(np.unique(place * codes + side) // codes, minlength=len(table)) for side in (code, partner))
    return table // width, table % width, least, np.minimum(*counts)

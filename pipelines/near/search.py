"""All pairs of 64-bit codes that differ in few bits, without comparing all pairs.

Multi-index hashing: the bits are cut into parts. Two codes that differ in at most r bits differ in at most r_s bits in some
part s, if the r_s + 1 of all parts add up to more than r. So only codes are compared that agree in a part, save r_s bits.
Source: M. Norouzi, A. Punjani, D. J. Fleet (2012), Fast Search in Hamming Space with Multi-Index Hashing, sections 2 and 3.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint64]
Index = NDArray[np.int64]
Places = NDArray[np.int32]  # half the memory to go through, which is what takes the time

BITS = 64
_WIDEST = 22  # bits of a part: the table of its values takes 2^22 places
_AT_ONCE = 1 << 19  # comparisons in memory: some ten megabytes, which stay near the processor
_PASS_NS, _STEP_NS, _COMPARISON_NS = 100_000.0, 10.0, 18.0  # measured; they only choose between plans that give the same answer


@dataclass(frozen=True, slots=True)
class Part:
    """Bits `shift` to `shift + width` of a code, in which at most `radius` may differ."""

    shift: int
    width: int
    radius: int

    @property
    def masks(self) -> tuple[int, ...]:
        """All ways to differ in at most `radius` bits of the part."""
        ways = (bits for count in range(self.radius + 1) for bits in combinations(range(self.width), count))
        return tuple(sum(1 << bit for bit in bits) for bits in ways)

    def of(self, codes: Codes) -> Index:
        """Return the part of each code."""
        return ((codes >> np.uint64(self.shift)) & np.uint64((1 << self.width) - 1)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Positions `left` and `right` of codes that are `distance` bits apart."""

    left: Index
    right: Index
    distance: NDArray[np.uint8]


def plan(count: int, radius: int) -> tuple[Part, ...]:
    """Return the parts that need the least work to find all pairs among `count` codes. The choice changes no answer."""
    brute_force = (Part(0, 0, 0),)
    plans = [brute_force, *(_cut(parts, radius) for parts in range(-(-BITS // _WIDEST), BITS // 4))]
    return min(plans, key=lambda parts: _cost_ns(parts, count))


def _cut(parts: int, radius: int) -> tuple[Part, ...]:
    """Cut the bits evenly; parts whose radius would be negative are not looked at."""
    edges = [BITS * number // parts for number in range(parts + 1)]
    each, more = divmod(radius, parts)
    radii = (each if number <= more else each - 1 for number in range(parts))
    cut = zip(edges, edges[1:], radii, strict=False)
    return tuple(Part(low, high - low, allowed) for low, high, allowed in cut if allowed >= 0)


def _cost_ns(parts: tuple[Part, ...], count: int) -> float:
    """Estimate the work, as if codes were evenly spread."""
    total = 0.0
    for part in parts:
        masks = sum(comb(part.width, bits) for bits in range(part.radius + 1))
        total += masks * (_PASS_NS + count * _STEP_NS + count * count / 2 / (1 << part.width) * _COMPARISON_NS)
    return total


def near_pairs(codes: Codes, radius: int) -> Iterator[Pairs]:
    """Yield all pairs of positions, left < right, whose codes differ in at most `radius` bits; each pair once.

    `codes` are distinct: equal codes are found by sorting, and a million of them would make a billion pairs. Memory is
    bounded whatever the codes; time is not when most of them share most of their bits.
    """
    parts = plan(len(codes), radius)
    for number, part in enumerate(parts):
        for left, right, distance in _in_part(codes, part, radius):
            # A pair that agrees in an earlier part as well was found there.
            differ = codes[left] ^ codes[right]
            fresh = np.ones(len(left), bool)
            for earlier in parts[:number]:
                fresh &= np.bitwise_count(earlier.of(differ)) > earlier.radius
            if fresh.any():
                yield Pairs(np.minimum(left, right)[fresh], np.maximum(left, right)[fresh], distance[fresh])


def _in_part(codes: Codes, part: Part, radius: int) -> Iterator[tuple[Index, Index, NDArray[np.uint8]]]:
    values = part.of(codes)
    order = (np.sort(values << 32 | np.arange(len(codes))) & 0xFFFFFFFF) if part.width else np.arange(len(codes))
    values, ordered = values[order].astype(np.int32), codes[order]
    starts = np.zeros((1 << part.width) + 1, np.int32)
    np.cumsum(np.bincount(values, minlength=1 << part.width), out=starts[1:])
    for mask in part.masks:
        rows, first, last = _candidates(values, starts, mask)
        for some, left, right in _expanded(rows, first, last - first):
            distance = np.bitwise_count(np.repeat(ordered[rows[some]], (last - first)[some]) ^ ordered[right])
            close = np.flatnonzero(distance <= radius)
            if len(close):
                yield order[left(close)], order[right[close]], distance[close]


def _candidates(values: Places, starts: Places, mask: int) -> tuple[Places, Places, Places]:
    """Return places in the order, and for each the run [first, last) of those it is compared with."""
    if mask:
        rows = np.flatnonzero((values & (mask & -mask)) == 0)  # of the two that differ in this bit, the one without it
        other = values[rows] ^ mask
        first, last = starts[other], starts[other + 1]
    else:
        rows = np.arange(len(values))
        first, last = (rows + 1).astype(np.int32), starts[values + 1]
    met = np.flatnonzero(last > first)
    return rows[met].astype(np.int32), first[met], last[met]


class _Left:
    """The left places of a run of comparisons, made only for the few that are close."""

    def __init__(self, rows: Places, ends: Index) -> None:
        self._rows, self._ends = rows, ends

    def __call__(self, places: Index) -> Places:
        return self._rows[np.searchsorted(self._ends, places, side="right")]


def _expanded(rows: Places, first: Places, lengths: Places) -> Iterator[tuple[slice, _Left, Index]]:
    """Yield pieces of the rows with, for each comparison, its right place."""
    ends = np.cumsum(lengths, dtype=np.int64)
    at = 0
    while at < len(rows):
        done = int(ends[at - 1]) if at else 0
        until = max(at + 1, int(np.searchsorted(ends, done + _AT_ONCE, side="right")))
        some = slice(at, until)
        at = until
        total = int(ends[until - 1]) - done
        if total:
            stops = ends[some] - done
            yield some, _Left(rows[some], stops), np.arange(total) + np.repeat(first[some] - stops + lengths[some], lengths[some])

"""Search by multi-index hashing against plain comparison of all pairs."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yuelu.pipelines.near import search
from yuelu.pipelines.near.search import BITS, Codes, near_pairs, plan

Found = set[tuple[int, int, int]]


def brute_force(codes: Codes, radius: int) -> Found:
    numbers = [int(code) for code in codes]
    apart = ((i, j, (numbers[i] ^ numbers[j]).bit_count()) for i, j in combinations(range(len(numbers)), 2))
    return {(i, j, bits) for i, j, bits in apart if bits <= radius}


def searched(codes: Codes, radius: int) -> Found:
    found = [
        (int(i), int(j), int(bits))
        for pairs in near_pairs(codes, radius)
        for i, j, bits in zip(pairs.left, pairs.right, pairs.distance, strict=True)
    ]
    assert len(found) == len(set(found))  # each pair once
    return set(found)


# Few distinct bits set in few places, so that many codes are near each other in every part of the 64 bits.
crowded = st.lists(
    st.lists(st.integers(0, BITS - 1), max_size=6).map(lambda bits: sum({1 << bit for bit in bits})), max_size=60, unique=True
)


@settings(max_examples=60, deadline=None)
@given(crowded, st.integers(0, 12))
def test_the_same_pairs_as_comparing_all(numbers: list[int], radius: int) -> None:
    codes = np.array(numbers, np.uint64)
    assert searched(codes, radius) == brute_force(codes, radius)


@pytest.mark.parametrize("parts", [3, 4, 5, 8])
@pytest.mark.parametrize("radius", [0, 3, 4, 8])
def test_every_way_to_cut_the_bits_finds_the_same(parts: int, radius: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(parts * 100 + radius)
    seeds = draw.integers(0, 2**64, 40, np.uint64)
    flips = [sum(1 << int(bit) for bit in draw.choice(BITS, size, replace=False)) for size in draw.integers(0, 10, 300)]
    codes: Codes = np.unique(seeds[draw.integers(0, 40, 300)] ^ np.array(flips, np.uint64)).astype(np.uint64)
    monkeypatch.setattr(search, "plan", lambda count, radius: search._cut(parts, radius))
    monkeypatch.setattr(search, "_AT_ONCE", 7)  # many pieces
    assert searched(codes, radius) == brute_force(codes, radius)


@pytest.mark.parametrize("radius", [0, 1, 3, 4, 7, 8, 15, 16])
@pytest.mark.parametrize("count", [100_000, 1_000_000, 10_000_000])
def test_no_plan_misses_a_pair(count: int, radius: int) -> None:
    parts = plan(count, radius)
    assert sum(part.radius + 1 for part in parts) > radius  # Norouzi 2012, section 3
    covered = sum(((1 << part.width) - 1) << part.shift for part in parts)
    assert len({part.shift for part in parts}) == len(parts)
    assert covered.bit_count() == sum(part.width for part in parts)  # no bit in two parts


def test_few_codes_are_simply_compared() -> None:
    assert [part.width for part in plan(50, 8)] == [0]
    assert searched(np.zeros(0, np.uint64), 3) == set()
    assert searched(np.array([5], np.uint64), 3) == set()


def test_what_was_planted_among_many_is_found() -> None:
    draw = np.random.default_rng(7)
    codes = draw.integers(0, 2**64, 60_000, np.uint64)
    planted = [(100, 1), (20_000, 3), (59_999, 3)]
    near = [int(codes[at]) ^ sum(1 << int(bit) for bit in draw.choice(BITS, bits, replace=False)) for at, bits in planted]
    found = searched(np.concatenate([codes, np.array(near, np.uint64)]), 3)
    assert found == {(at, 60_000 + number, bits) for number, (at, bits) in enumerate(planted)}

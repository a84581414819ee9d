"""Distances of two answers to one question: sets of labels, texts. Each is 0 for equal answers and 1 at the most."""

from collections.abc import Collection, Hashable, Sequence

import numpy as np


def jaccard(one: Collection[Hashable], other: Collection[Hashable]) -> float:
    """Return 1 less the share of labels that both sets have. Two empty sets are equal."""
    a, b = frozenset(one), frozenset(other)
    return 1 - len(a & b) / len(a | b) if a | b else 0.0


def masi(one: Collection[Hashable], other: Collection[Hashable]) -> float:
    """Return the distance of two sets that forgives a subset more than an overlap, and an overlap more than nothing.

    Source: R. Passonneau (2006), Measuring Agreement on Set-valued Items (MASI), section 3.
    """
    a, b = frozenset(one), frozenset(other)
    if a == b:
        return 0.0
    kinship = 2 / 3 if a <= b or b <= a else 1 / 3 if a & b else 0.0
    return 1 - kinship * (1 - jaccard(a, b))


def edit(one: Sequence[Hashable], other: Sequence[Hashable]) -> float:
    """Return how many insertions, deletions and substitutions lead from one sequence to the other, over the longer's length.

    Of text it counts characters; give lists of words for words. Source: V. Levenshtein (1966), Binary Codes Capable of
    Correcting Deletions, Insertions and Reversals.
    """
    longest = max(len(one), len(other))
    return edits(one, other) / longest if longest else 0.0


def edits(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """Return the number of insertions, deletions and substitutions that lead from one sequence to the other."""
    codes: dict[Hashable, int] = {}
    a, b = (np.asarray([codes.setdefault(each, len(codes)) for each in text], np.int64) for text in (one, other))
    if len(a) < len(b):
        a, b = b, a
    row, steps = np.arange(len(b) + 1), np.arange(len(b) + 1)
    for at, symbol in enumerate(a, 1):
        below = np.minimum(row[1:] + 1, row[:-1] + (b != symbol))
        row = np.concatenate([[at], below])
        row = np.minimum.accumulate(row - steps) + steps  # insertions, from left to right
    return int(row[-1])

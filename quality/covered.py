"""Sets of whole numbers as sorted stretches [start, end): what masks cover of a picture, and spans of a text."""

from typing import TypeAlias

import numpy as np

from yuelu.quality.coded import Codes

Covered: TypeAlias = tuple[Codes, Codes]  # starts and ends, sorted, apart from each other


def covered(starts: Codes, ends: Codes) -> Covered:
    """Return the union of stretches, which may overlap or touch."""
    order = np.argsort(starts, kind="stable")
    starts, reached = starts[order], np.maximum.accumulate(ends[order])
    if not len(starts):
        return starts, reached
    new = np.concatenate([[True], starts[1:] > reached[:-1]])
    return starts[new], reached[np.concatenate([new[1:], [True]])]


def size(one: Covered) -> int:
    """Return how many numbers are in the set."""
    return int((one[1] - one[0]).sum())


def shared(one: Covered, other: Covered) -> int:
    """Return how many numbers both sets have."""
    if not len(one[0]) or not len(other[0]):
        return 0
    lengths = np.concatenate([[0], np.cumsum(one[1] - one[0])])

    def below(numbers: Codes) -> Codes:
        at = np.searchsorted(one[0], numbers, side="right")
        over = np.minimum(numbers, one[1][at - 1]) - one[0][at - 1]
        return np.asarray(np.where(at > 0, lengths[at - 1] + over, 0), np.int64)

    return int((below(other[1]) - below(other[0])).sum())

"""Which shapes of two annotators mean the same thing: one-to-one, as many matches as possible, then the most overlap."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components

from yuelu.quality.coded import Codes
from yuelu.quality.resample import Floats

Iou: TypeAlias = Callable[[Floats, Floats], Floats]

_CHUNK = 1 << 20  # pairs looked at together


@dataclass(frozen=True, slots=True)
class Matches:
    """Pairs of rows, the first of the annotator with the smaller code, and their IoU; all of shape (matches,)."""

    one: Codes
    other: Codes
    iou: Floats

    def take(self, chosen: NDArray[np.bool_] | Codes) -> "Matches":
        """Return the chosen ones."""
        return Matches(self.one[chosen], self.other[chosen], self.iou[chosen])


def candidates(cell: Codes, annotator: Codes, shapes: Floats, iou: Iou, least: float) -> Matches:
    """Return all pairs of shapes of different annotators in one cell that overlap by `least` or more.

    `cell` says what can be compared at all (one image of one task, one recording). Rows come in the order of the cells.
    """
    found = [Matches(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for one, other in pairs_within(cell, annotator):
        overlap = iou(shapes[one], shapes[other])
        found.append(Matches(one, other, overlap).take(overlap >= least))
    return Matches(*(np.concatenate([getattr(part, name) for part in found]) for name in ("one", "other", "iou")))


def pairs_within(cell: Codes, annotator: Codes) -> Iterator[tuple[Codes, Codes]]:
    """Yield rows of one cell and different annotators, each pair once, smaller annotator first, in bounded pieces."""
    order = np.lexsort((annotator, cell))
    ends = np.searchsorted(cell[order], cell[order], side="right")
    partners = ends - np.arange(len(order)) - 1  # the rows after this one in its cell
    pieces = np.searchsorted(np.cumsum(partners), np.arange(_CHUNK, partners.sum() + _CHUNK, _CHUNK)) + 1
    for rows in np.split(np.arange(len(order)), np.unique(np.minimum(pieces, len(order)))):
        one = np.repeat(rows, partners[rows])
        offset = np.arange(len(one)) - np.repeat(np.cumsum(partners[rows]) - partners[rows], partners[rows])
        other = one + 1 + offset
        one, other = order[one], order[other]
        differ = annotator[one] != annotator[other]
        yield one[differ], other[differ]


def match(found: Matches, annotator: Codes) -> Matches:
    """Return the best one-to-one matches among the candidates `found`, for every pair of annotators on its own.

    Best: the most matches, then the largest sum of IoU. A candidate that shares neither row with another one of the same
    two annotators is a match at once; the few conflicts that are left go to the Hungarian method.
    """
    left = _ranked(found.one, annotator[found.other])
    right = _ranked(found.other, annotator[found.one])
    alone = (np.bincount(left)[left] == 1) & (np.bincount(right)[right] == 1)
    settled = [np.flatnonzero(alone)]
    settled += [_assign(found, rows) for rows in _conflicts(np.flatnonzero(~alone), left, right)]
    return found.take(np.sort(np.concatenate(settled)))


def _ranked(row: Codes, partner: Codes) -> Codes:
    """Return one code per (row, annotator on the other side)."""
    if len(row) == 0:
        return row
    key = row * (partner.max() + 1) + partner
    return np.asarray(np.unique(key, return_inverse=True)[1], np.int64)


def _conflicts(rows: Codes, left: Codes, right: Codes) -> list[Codes]:
    """Return the candidates that compete with each other, directly or through others, each such set on its own."""
    if len(rows) == 0:
        return []
    nodes = int(left.max() + right.max()) + 2
    ends = (left[rows], right[rows] + left.max() + 1)
    part = connected_components(sparse.coo_array((np.ones(len(rows)), ends), (nodes, nodes)), directed=False)[1][ends[0]]
    order = np.argsort(part, kind="stable")
    return np.split(rows[order], np.flatnonzero(np.diff(part[order])) + 1)


def _assign(found: Matches, rows: Codes) -> Codes:
    ones, one = np.unique(found.one[rows], return_inverse=True)
    others, other = np.unique(found.other[rows], return_inverse=True)
    worth = np.zeros((len(ones), len(others)))
    worth[one, other] = found.iou[rows] + min(worth.shape) + 1  # one more match outweighs any overlap
    row_of = np.full(worth.shape, -1, np.int64)
    row_of[one, other] = rows
    chosen = row_of[linear_sum_assignment(worth, maximize=True)]
    return chosen[chosen >= 0]

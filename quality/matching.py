"""Which shapes of two annotators mean the same thing: one-to-one, as many matches as possible, then the most overlap."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components

from yuelu.quality.coded import Codes
from yuelu.quality.overlap import Iou
from yuelu.quality.reach import EXTENTS, overlapping
from yuelu.quality.resample import Floats

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
    if iou in EXTENTS and least > 0:
        return Matches(*overlapping(cell, annotator, shapes, iou, least))
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
    left, right = _key(found.one, annotator[found.other]), _key(found.other, annotator[found.one])
    contested = _repeated(left) | _repeated(right)
    settled = [np.flatnonzero(~contested), _best_of_each(found, left, right, np.flatnonzero(contested))]
    return found.take(np.sort(np.concatenate(settled)))


def _key(row: Codes, partner: Codes) -> Codes:
    """Return one number per (row, annotator on the other side)."""
    return np.asarray(row * (int(partner.max(initial=0)) + 1) + partner)


def _repeated(key: Codes) -> NDArray[np.bool_]:
    """Say which keys occur more than once: those that share a bucket, which few others do, are looked at again."""
    buckets = 8 * len(key) + 1
    bucket = key % buckets
    repeated = np.asarray(np.bincount(bucket, minlength=1)[bucket] > 1)
    _, which, count = np.unique(key[repeated], return_inverse=True, return_counts=True)
    repeated[repeated] = count[which] > 1
    return repeated


def _best_of_each(found: Matches, left: Codes, right: Codes, rows: Codes) -> Codes:
    """Return the best of the contested candidates `rows`, set by set of those that compete, directly or through others.

    Where all of a set compete for one shape, it is the one of largest IoU; the rest goes to the Hungarian method.
    """
    if len(rows) == 0:
        return rows
    one, other = (np.unique(key[rows], return_inverse=True)[1] for key in (left, right))
    ones, others = int(one.max()) + 1, int(other.max()) + 1
    edges = sparse.coo_array((np.ones(len(rows)), (one, other + ones)), (ones + others, ones + others))
    part = connected_components(edges, directed=False)[1][one]
    order = np.lexsort((-found.iou[rows], part))
    one, other, part = one[order], other[order], part[order]
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    star = _all_alike(one, starts) | _all_alike(other, starts)
    places = np.stack([_rank_within(part, one), _rank_within(part, other), order])
    hard = [each for each, easy in zip(np.split(places, starts[1:], axis=1), star.tolist(), strict=True) if not easy]
    chosen = [order[starts[star]], *(_assign(each, found.iou[rows[each[2]]]) for each in hard)]
    return np.asarray(rows[np.concatenate(chosen)])


def _rank_within(part: Codes, code: Codes) -> Codes:
    """Return the rank of each code among the distinct ones of its part, from 0; `part` is sorted."""
    order = np.lexsort((code, part))
    rank = np.empty(len(code), np.int64)
    rank[order] = np.cumsum((np.diff(part[order], prepend=-1) != 0) | (np.diff(code[order], prepend=-1) != 0))
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    return np.asarray(rank - np.repeat(np.minimum.reduceat(rank, starts), np.diff(starts, append=len(part))))


def _all_alike(code: Codes, starts: Codes) -> NDArray[np.bool_]:
    """Say for each stretch of `code` whether it holds one value."""
    return np.asarray(np.maximum.reduceat(code, starts) == np.minimum.reduceat(code, starts))


def _assign(places: Codes, iou: Floats) -> Codes:
    """Return the candidates of a set that are the most matches with the largest sum of IoU.

    `places`, shape (3, candidates): the row and the column of each in a table of the set's shapes, and what it is called.
    """
    shape = int(places[0].max()) + 1, int(places[1].max()) + 1
    worth, named = np.zeros(shape), np.full(shape, -1, np.int64)
    worth[places[0], places[1]] = iou + min(shape) + 1  # one more match outweighs any overlap
    named[places[0], places[1]] = places[2]
    chosen = named[linear_sum_assignment(worth, maximize=True)]
    return chosen[chosen >= 0]

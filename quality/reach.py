"""Pairs of boxes or stretches that overlap enough, found block by block: one annotator's shapes with another's in one cell.

Blocks of the same size are computed together, a few hundred at a time, axis by axis, so that the numbers stay in the
processor's cache and the inner loop runs over blocks.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from yuelu.quality.coded import Codes
from yuelu.quality.overlap import Iou, box_iou, corners, is_turned, segment_iou
from yuelu.quality.resample import Floats

_TOGETHER = 1 << 16  # pairs computed together


@dataclass(frozen=True, slots=True)
class Extents:
    """What shapes reach over, `low` to `high`, each (rows,) for every axis; their `size`; and which the extent is not all of."""

    low: tuple[Floats, ...]
    high: tuple[Floats, ...]
    size: Floats
    partial: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Blocks:
    """Shapes of one annotator and of another in one cell: where both start among the sorted rows, and how many they are."""

    one: Codes
    other: Codes
    ones: Codes
    others: Codes


def box_extents(boxes: Floats) -> Extents:
    """Return the upright boxes about boxes, shape (rows, 5) as in `box_iou`, which are all of those that are not turned."""
    x, y, width, height = (np.ascontiguousarray(boxes[:, at]) for at in range(4))
    low, high, turned = (x, y), (x + width, y + height), is_turned(boxes)
    if not turned.any():
        return Extents(low, high, width * height)
    around = corners(boxes[turned])
    for axis in (0, 1):
        low[axis][turned], high[axis][turned] = around[:, :, axis].min(axis=1), around[:, :, axis].max(axis=1)
    return Extents(low, high, width * height, turned)


def segment_extents(segments: Floats) -> Extents:
    """Return the stretches themselves, shape (rows, 2) as in `segment_iou`."""
    start, end = (np.ascontiguousarray(segments[:, at]) for at in range(2))
    return Extents((start,), (end,), end - start)


EXTENTS: Mapping[Iou, Callable[[Floats], Extents]] = MappingProxyType({box_iou: box_extents, segment_iou: segment_extents})


def overlapping(cell: Codes, annotator: Codes, shapes: Floats, iou: Iou, least: float) -> tuple[Codes, Codes, Floats]:
    """Return the rows of both and the IoU of every pair of one cell and different annotators with an IoU of `least` or more.

    The annotator with the smaller code comes first; the order of the pairs is that of nothing in particular. `iou` is one of
    `EXTENTS`, and `least` is over 0.
    """
    order = _order(cell, annotator)
    sorted_cell, sorted_annotator = (cell, annotator) if order is None else (cell[order], annotator[order])
    extents = EXTENTS[iou](shapes if order is None else shapes[order])
    found = [_overlapping(extents, some, least) for some in _alike(_blocks(sorted_cell, sorted_annotator))]
    one, other = (np.concatenate([np.zeros(0, np.int64), *(each[at] for each in found)]) for at in (0, 1))
    overlap = np.concatenate([np.zeros(0), *(each[2] for each in found)])
    rows = (one, other) if order is None else (order[one], order[other])
    if extents.partial is not None:
        inexact = np.flatnonzero(extents.partial[one] | extents.partial[other])
        for start in range(0, len(inexact), _TOGETHER):
            some = inexact[start : start + _TOGETHER]
            overlap[some] = iou(shapes[rows[0][some]], shapes[rows[1][some]])
    kept = overlap >= least
    return rows[0][kept], rows[1][kept], overlap[kept]


def _order(cell: Codes, annotator: Codes) -> Codes | None:
    """Return the order of rows by cell and annotator; None: they are in it."""
    if len(cell) < 2 or bool(((cell[1:] > cell[:-1]) | ((cell[1:] == cell[:-1]) & (annotator[1:] >= annotator[:-1]))).all()):
        return None
    return np.asarray(np.lexsort((annotator, cell)), np.int64)


def _blocks(cell: Codes, annotator: Codes) -> Blocks:
    """Return the pairs of annotators of each cell; rows are sorted by cell and annotator."""
    starts = np.flatnonzero(np.concatenate([[len(cell) > 0], (np.diff(cell) != 0) | (np.diff(annotator) != 0)])[: len(cell)])
    sizes = np.diff(starts, append=len(cell))
    cells = cell[starts]
    partners = np.searchsorted(cells, cells, side="right") - np.arange(len(cells)) - 1
    one = np.repeat(np.arange(len(cells)), partners)
    other = one + 1 + np.arange(len(one)) - np.repeat(np.cumsum(partners) - partners, partners)
    return Blocks(starts[one], starts[other], sizes[one], sizes[other])


def _alike(blocks: Blocks) -> Iterator[Blocks]:
    """Yield blocks of one size together, not too many at once."""
    shape = blocks.ones * (int(blocks.others.max(initial=0)) + 1) + blocks.others
    order = np.argsort(shape, kind="stable")
    ends = np.flatnonzero(np.diff(shape[order])) + 1
    for some in np.split(order, ends) if len(order) else ():
        ones, others = blocks.ones[some[:1]], blocks.others[some[:1]]
        rows, step = max(_TOGETHER // int(others[0]), 1), max(_TOGETHER // int(ones[0] * others[0]), 1)
        for start in range(0, len(some), step):
            these = some[start : start + step]
            for first in range(0, int(ones[0]), rows):  # more than once only where a single block is too large
                yield Blocks(blocks.one[these] + first, blocks.other[these], np.minimum(ones - first, rows), others)


def _overlapping(extents: Extents, blocks: Blocks, least: float) -> tuple[Codes, Codes, Floats]:
    """Return the rows of pairs whose extents meet, and the IoU of these; below `least` only where that is not the shapes' own."""
    ones = blocks.one + np.arange(int(blocks.ones[0]))[:, np.newaxis]  # (shapes, blocks): the loop runs over blocks
    others = blocks.other + np.arange(int(blocks.others[0]))[:, np.newaxis]
    shared = np.ones(())
    for low, high in zip(extents.low, extents.high, strict=True):
        side = np.minimum(high[ones][:, np.newaxis], high[others])
        side -= np.maximum(low[ones][:, np.newaxis], low[others])
        shared = np.maximum(side, 0, out=side) if shared.ndim == 0 else np.multiply(shared, side, out=side)
    at = np.flatnonzero(shared > 0)  # where two axes are apart, it is below 0
    which = at // ones.shape[1]  # numpy divides by one number far faster than `divmod` and `unravel_index` do
    here = which // len(others)
    block = at - which * ones.shape[1]
    one, other, both = ones[here, block], others[which - here * len(others), block], shared.ravel()[at]
    overlap = both / np.maximum(extents.size[one] + extents.size[other] - both, both)  # rounding may leave 1 + 2e-16
    if extents.partial is not None:
        return one, other, overlap
    enough = np.flatnonzero(overlap >= least)
    return one[enough], other[enough], overlap[enough]

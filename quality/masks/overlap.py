"""How much masks cover each other: intersections of many masks at once, from packed bits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from yuelu.base.errors import InvalidRecord
from yuelu.quality.coded import Codes
from yuelu.quality.resample import Floats

Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Shared:
    """Pixels (or voxels) that each two of the masks share, shape (masks, masks); the diagonal holds their areas."""

    both: Codes

    @property
    def areas(self) -> Codes:
        """Pixels of each mask."""
        return self.both.diagonal()

    @property
    def iou(self) -> Floats:
        """Intersection over union, shape (masks, masks). Two empty masks agree that there is nothing: 1."""
        return _share(self.both, self._sums() - self.both)

    @property
    def dice(self) -> Floats:
        """Dice's coefficient, 2 IoU / (1 + IoU). Two empty masks: 1; one of them empty: 0."""
        return _share(2 * self.both, self._sums())

    def _sums(self) -> Codes:
        return self.areas[:, np.newaxis] + self.areas[np.newaxis]


def _share(part: Codes, whole: Codes) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.ones(part.shape), where=whole > 0))


def shared(masks: Sequence[Mask]) -> Shared:
    """Return what masks of one shape share, each pair. Raises InvalidRecord: they differ in shape, or are not of booleans."""
    check_alike(masks)
    words = np.zeros((len(masks), -(-masks[0].size // 64)), np.uint64)
    for row, mask in zip(words.view(np.uint8), masks, strict=True):
        row[: -(-mask.size // 8)] = np.packbits(mask)
    both = np.empty((len(words), len(words)), np.int64)
    for at, one in enumerate(words):
        both[at, at:] = both[at:, at] = np.bitwise_count(words[at:] & one).sum(axis=1, dtype=np.int64)
    return Shared(both)


def as_stack(masks: Sequence[Mask]) -> Mask:
    """Return the masks as one array, shape (masks, *shape). Raises InvalidRecord: none, unequal shapes, not booleans."""
    check_alike(masks)
    return np.stack(masks)


def check_alike(masks: Sequence[Mask]) -> None:
    """Raise InvalidRecord unless there are masks, of booleans, all of one shape."""
    shapes = {mask.shape for mask in masks}
    if len(shapes) != 1 or any(mask.dtype != np.bool_ for mask in masks):
        kinds = ", ".join(sorted(f"{mask.dtype} {mask.shape}" for mask in masks)) or "none"
        raise InvalidRecord(f"masks: {kinds}", "give one or more masks of booleans, all of one shape")

"""How far two surfaces lie apart in millimetres: surface Dice at a tolerance, Hausdorff's distance and its 95th percentile."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from yuelu.base.errors import InvalidRecord
from yuelu.quality.masks.overlap import Mask, as_stack
from yuelu.quality.resample import Floats

IMPLEMENTATION = "yuelu-surfaces@1"  # tools differ by over 100 mm (arXiv 2410.02630), so scores say which one it was


@dataclass(frozen=True, slots=True)
class Surfaces:
    """Distances in mm from each border voxel of one mask to the nearest of the other, both ways; sorted."""

    one_to_other: Floats
    other_to_one: Floats

    def dice(self, tolerance_mm: float) -> float | None:
        """Return the share of both borders that lies within the tolerance of the other; None: both masks are empty.

        0 when one is empty. Source: S. Nikolov et al. (2021), Clinically Applicable Segmentation of Head and Neck Anatomy
        (the surface Dice coefficient), counted by border voxels.
        """
        total = len(self.one_to_other) + len(self.other_to_one)
        if not total:
            return None
        near = (self.one_to_other <= tolerance_mm).sum() + (self.other_to_one <= tolerance_mm).sum()
        return float(near / total)

    def hausdorff_mm(self, percentile: float = 100.0) -> float | None:
        """Return the larger of both ways' percentile, 95 for HD95. None: a mask is empty, and nothing is any distance away."""
        ways = (self.one_to_other, self.other_to_one)
        if any(len(way) == 0 or not np.isfinite(way).all() for way in ways):
            return None
        return max(float(np.percentile(way, percentile)) for way in ways)


def surfaces(one: Mask, other: Mask, spacing_mm: Sequence[float]) -> Surfaces:
    """Return how far apart the borders are. A border voxel has a neighbour across a face that is outside, as has the edge.

    `spacing_mm` is the size of a voxel along each axis. Raises InvalidRecord: shapes differ, or a spacing is not positive.
    """
    stack = as_stack([one, other])
    if len(spacing_mm) != one.ndim or not all(size > 0 and np.isfinite(size) for size in spacing_mm):
        raise InvalidRecord(f"spacing {tuple(spacing_mm)} mm for {one.ndim} axes", "need a positive size for each axis")
    window = _window(stack)
    first, second = (np.pad(mask[window], 1) for mask in stack)
    here, there = (mask & ~ndimage.binary_erosion(mask) for mask in (first, second))
    return Surfaces(_apart(here, there, spacing_mm), _apart(there, here, spacing_mm))


def _window(stack: Mask) -> tuple[slice, ...]:
    """Return the smallest box that holds both masks: nothing outside changes any distance."""
    either = stack.any(axis=0)
    found = ndimage.find_objects(either.astype(np.uint8))
    return tuple(found[0]) if found else tuple(slice(0, 0) for _ in either.shape)


def _apart(border: Mask, other: Mask, spacing_mm: Sequence[float]) -> Floats:
    if not other.any():
        return np.full(int(border.sum()), np.inf)
    distance = ndimage.distance_transform_edt(~other, sampling=spacing_mm)
    return np.sort(np.asarray(distance, np.float64)[border])

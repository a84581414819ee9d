"""HOTA: detection and association weighed evenly, over all demands on the overlap of boxes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from yuelu.quality.resample import Floats
from yuelu.quality.tally import Tally
from yuelu.quality.tracks.seen import Overlaps

THRESHOLDS: Floats = np.arange(1, 20, dtype=np.float64) / 20
_STILL = np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True)
class Hota(Tally):
    """Tallies at each threshold, all of shape (thresholds,), which add over videos.

    `both` counts matched boxes; `association` sums over them how much of the two tracks' boxes are matched to each other.
    """

    both: Floats
    one_only: Floats
    other_only: Floats
    association: Floats

    @property
    def detection(self) -> float | None:
        """DetA, the mean over the thresholds of both / (both + the rest); None without any box."""
        return float(self._detection().mean()) if self._boxes() else None

    @property
    def associated(self) -> float | None:
        """AssA, the mean over the thresholds of how well the matched boxes' tracks go together; None without any box."""
        return float(self._associated().mean()) if self._boxes() else None

    @property
    def hota(self) -> float | None:
        """The mean over the thresholds of the geometric mean of detection and association; None without any box."""
        return float(np.sqrt(self._detection() * self._associated()).mean()) if self._boxes() else None

    def _boxes(self) -> bool:
        return bool((self.both + self.one_only + self.other_only).any())

    def _detection(self) -> Floats:
        return np.asarray(self.both / np.maximum(self.both + self.one_only + self.other_only, 1))

    def _associated(self) -> Floats:
        return np.asarray(self.association / np.maximum(self.both, 1))


def hota(seen: Overlaps, thresholds: Sequence[float] | Floats = THRESHOLDS) -> Hota:
    """Count at every threshold. In each frame, boxes are matched so that tracks that go well together stay together.

    Source: J. Luiten et al. (2021), HOTA: A Higher Order Metric for Evaluating Multi-object Tracking, IJCV 129.
    """
    together = _together(seen)
    cuts = np.asarray(thresholds, np.float64)
    paired = np.zeros((len(cuts), len(seen.one), len(seen.other)))
    for frame in seen.frames:
        if not frame.iou.size:
            continue
        rows, columns = linear_sum_assignment(together[np.ix_(frame.one, frame.other)] * frame.iou, maximize=True)
        enough = frame.iou[rows, columns][np.newaxis] >= cuts[:, np.newaxis] - _STILL
        paired[:, frame.one[rows], frame.other[columns]] += enough
    both = paired.sum(axis=(1, 2))
    either = seen.one[:, np.newaxis] + seen.other[np.newaxis] - paired
    association = (paired * paired / np.maximum(either, 1)).sum(axis=(1, 2))
    return Hota(both, seen.one.sum() - both, seen.other.sum() - both, association)


def _together(seen: Overlaps) -> Floats:
    """Return for each pair of tracks the share of their frames they could be the same in, by soft counts of overlap."""
    shared = np.zeros((len(seen.one), len(seen.other)))
    for frame in seen.frames:
        claimed = frame.iou.sum(axis=0)[np.newaxis] + frame.iou.sum(axis=1)[:, np.newaxis] - frame.iou
        shared[np.ix_(frame.one, frame.other)] += np.divide(
            frame.iou, claimed, out=np.zeros_like(frame.iou), where=claimed > _STILL
        )
    return np.asarray(shared / (seen.one[:, np.newaxis] + seen.other[np.newaxis] - shared))

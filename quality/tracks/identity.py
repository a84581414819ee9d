"""IDF1: how much of both annotators' boxes is explained by the best one-to-one pairing of whole tracks."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from yuelu.quality.tally import Tally
from yuelu.quality.tracks.seen import Overlaps


@dataclass(frozen=True, slots=True)
class Identity(Tally):
    """Boxes whose tracks are paired and that overlap (`both`), and those that are left; counts of disjoint videos add."""

    both: int
    one_only: int
    other_only: int

    @property
    def idf1(self) -> float | None:
        """2 both / (2 both + the rest): 1 when every box has its partner under one identity; None without any box."""
        boxes = 2 * self.both + self.one_only + self.other_only
        return 2 * self.both / boxes if boxes else None


def identity(seen: Overlaps, iou: float = 0.5) -> Identity:
    """Count the boxes that agree under the pairing of tracks that explains most of them.

    Source: E. Ristani et al. (2016), Performance Measures and a Data Set for Multi-target, Multi-camera Tracking.
    """
    shared = np.zeros((len(seen.one), len(seen.other)), np.int64)
    for frame in seen.frames:
        np.add.at(shared, np.ix_(frame.one, frame.other), frame.iou >= iou)
    both = int(shared[linear_sum_assignment(shared, maximize=True)].sum())
    return Identity(both, int(seen.one.sum()) - both, int(seen.other.sum()) - both)

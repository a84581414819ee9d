"""CLEAR MOT: boxes missed, boxes too many and identities that change, with the first annotator as the reference."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from yuelu.quality.tally import Tally
from yuelu.quality.tracks.seen import Frame, Overlaps

_FAR = 1e6  # more than any sum of distances in one frame


@dataclass(frozen=True, slots=True)
class Clear(Tally):
    """Counts over videos, which add. `overlap` sums the IoU of the `matched` boxes; `frames` counts frames with any box."""

    boxes: int
    matched: int
    missed: int
    extra: int
    switches: int
    frames: int
    overlap: float

    @property
    def mota(self) -> float | None:
        """1 less the errors for each reference box; below 0 when there are more errors than boxes, None without boxes."""
        return 1 - (self.missed + self.extra + self.switches) / self.boxes if self.boxes else None

    @property
    def mean_iou(self) -> float | None:
        """The mean IoU of matched boxes; None when nothing matches."""
        return self.overlap / self.matched if self.matched else None

    @property
    def switches_per_1000_frames(self) -> float | None:
        """Changes of identity for each 1,000 frames; None without frames."""
        return 1000 * self.switches / self.frames if self.frames else None


def clear(seen: Overlaps, iou: float = 0.5) -> Clear:
    """Count over all frames, in their order: a pair that matched last time and still overlaps stays a pair.

    Source: K. Bernardin, R. Stiefelhagen (2008), Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics.
    """
    partner: dict[int, int] = {}
    matched = switches = 0
    overlap = 0.0
    for frame in seen.frames:
        for at, to in _matches(frame, partner, iou):
            track, other = int(frame.one[at]), int(frame.other[to])
            switches += partner.get(track, other) != other
            partner[track] = other
            matched, overlap = matched + 1, overlap + float(frame.iou[at, to])
    boxes, others = int(seen.one.sum()), int(seen.other.sum())
    return Clear(boxes, matched, boxes - matched, others - matched, switches, len(seen.frames), overlap)


def _matches(frame: Frame, partner: Mapping[int, int], iou: float) -> list[tuple[int, int]]:
    """Return the matched positions in one frame: earlier partners first, then the most matches at the least distance."""
    at_other = {int(track): at for at, track in enumerate(frame.other)}
    kept: list[tuple[int, int]] = []
    for at, track in enumerate(frame.one):
        to = at_other.get(partner.get(int(track), -1))
        if to is not None and frame.iou[at, to] >= iou:
            kept.append((at, to))
            del at_other[int(frame.other[to])]  # an earlier partner of two tracks stays with one of them
    ones = np.setdiff1d(np.arange(len(frame.one)), [at for at, _ in kept])
    others = np.setdiff1d(np.arange(len(frame.other)), [to for _, to in kept])
    left = frame.iou[np.ix_(ones, others)]
    rows, columns = linear_sum_assignment(np.where(left >= iou, 1 - left, _FAR))
    return kept + [(int(ones[r]), int(others[c])) for r, c in zip(rows, columns, strict=True) if left[r, c] >= iou]

"""Stretches of time and of text, and tracks of objects through a video."""

from collections.abc import Callable, Sequence

import numpy as np

from yuelu.base.records import FrameRange, Segment
from yuelu.quality.coded import Codes
from yuelu.quality.kinds.compared import Measure, share
from yuelu.quality.kinds.regions import Placed, region_measures
from yuelu.quality.overlap import segment_iou
from yuelu.quality.resample import Floats

WITHIN_S = (0.05, 0.2)  # what boundaries of speech and of sound events are held to


def place_segments(regions: Sequence[Segment]) -> Placed:
    """Return stretches of sound or of a series, in s."""
    places = np.asarray([(each.start_s, each.end_s) for each in regions], np.float64).reshape(-1, 2)
    channels = np.asarray([-1 if each.channel is None else each.channel for each in regions], np.int64)
    within = {f"within_{bound:.2f}": _within(places, bound) for bound in WITHIN_S}
    matched = {"boundaries": lambda one, other: np.full(len(one), 2.0)}
    samples = {"boundary_s": lambda one, other: np.abs(places[one] - places[other])}
    return Placed(places, segment_iou, channels, [None] * len(regions), {**within, **matched}, samples)


def _within(places: Floats, bound: float) -> Callable[[Codes, Codes], Floats]:
    return lambda one, other: (np.abs(places[one] - places[other]) <= bound + 1e-9).sum(axis=1).astype(np.float64)


_NO_MATCH = "no two segments overlap by IoU 0.50 or more"
SEGMENTS = (
    *region_measures("segments"),
    Measure("boundary_s", None, _NO_MATCH, (0.0, np.inf)),
    *(Measure(f"boundaries_within_{bound:.2f}_s", share(f"within_{bound:.2f}", "boundaries"), _NO_MATCH) for bound in WITHIN_S),
)


def place_frames(regions: Sequence[FrameRange]) -> Placed:
    """Return ranges of frames, in frames from 0; the end is one past the last."""
    places = np.asarray([(each.first_frame - 1, each.last_frame) for each in regions], np.float64).reshape(-1, 2)
    samples = {"boundary_frames": lambda one, other: np.abs(places[one] - places[other])}
    return Placed(places, segment_iou, np.zeros(len(regions), np.int64), [None] * len(regions), {}, samples)


FRAMES = (
    *region_measures("ranges of frames"),
    Measure("boundary_frames", None, "no two ranges of frames overlap by IoU 0.50 or more", (0.0, np.inf)),
)

"""Stretches of time: of sound and series in seconds, of video in frames."""

from collections.abc import Callable, Sequence
from types import MappingProxyType

import numpy as np

from yuelu.base.records import FrameRange, Segment
from yuelu.quality.coded import Codes
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.compared import Compared, Measure, share
from yuelu.quality.kinds.pairwise import Found, Said, compare_pairs
from yuelu.quality.kinds.regions import Placed, compare_regions, region_measures
from yuelu.quality.overlap import segment_iou
from yuelu.quality.resample import Floats
from yuelu.quality.speech.diarization import diarization

COLLAR_S = 0.25
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


def compare_segments(answers: Sequence[Answer], _: Asked) -> Compared:
    """Return the tallies of segments as regions, and as turns of speakers: their labels, paired with the other's at best."""
    regions = compare_regions(answers, place_segments)
    turns = compare_pairs(answers, dict.fromkeys(_TURNS, ()), _turns)
    return Compared(
        regions.pairs, MappingProxyType({**regions.counts, **turns.counts}), regions.labels, regions.named, regions.samples
    )


_TURNS = ("speech", "errors", "speech_collar", "errors_collar", "speakers", "jaccard")


def _turns(one: Said, other: Said) -> Found:
    """Neither annotator is the reference, so each is once."""
    a, b = ([(each.label, each.start_s, each.end_s) for each in side if isinstance(each, Segment)] for side in (one, other))
    plain = diarization(a, b) + diarization(b, a)
    collar = diarization(a, b, collar_s=COLLAR_S) + diarization(b, a, collar_s=COLLAR_S)
    return Found(
        {
            "speech": plain.reference,
            "errors": plain.missed + plain.extra + plain.confused,
            "speech_collar": collar.reference,
            "errors_collar": collar.missed + collar.extra + collar.confused,
            "speakers": plain.speakers,
            "jaccard": plain.jaccard,
        }
    )


_FAR = (0.0, np.inf)
_NO_MATCH, _NO_SPEECH = "no two segments overlap by IoU 0.50 or more", "nobody drew any segments"
SEGMENTS = (
    *region_measures("segments"),
    Measure("boundary_s", None, _NO_MATCH, _FAR),
    *(Measure(f"boundaries_within_{bound:.2f}_s", share(f"within_{bound:.2f}", "boundaries"), _NO_MATCH) for bound in WITHIN_S),
    Measure("der", share("errors", "speech"), _NO_SPEECH, _FAR),
    Measure(f"der_collar_{COLLAR_S:.2f}_s", share("errors_collar", "speech_collar"), "no speech outside the collars", _FAR),
    Measure("jer", share("jaccard", "speakers"), _NO_SPEECH),
)


def place_frames(regions: Sequence[FrameRange]) -> Placed:
    """Return ranges of frames, in frames from 0; the end is one past the last."""
    places = np.asarray([(each.first_frame - 1, each.last_frame) for each in regions], np.float64).reshape(-1, 2)
    samples = {"boundary_frames": lambda one, other: np.abs(places[one] - places[other])}
    return Placed(places, segment_iou, np.zeros(len(regions), np.int64), [None] * len(regions), {}, samples)


FRAMES = (
    *region_measures("ranges of frames"),
    Measure("boundary_frames", None, "no two ranges of frames overlap by IoU 0.50 or more", _FAR),
)

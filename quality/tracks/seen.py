"""Two annotators' tracks of one video as arrays, and how much their boxes of each frame overlap."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yuelu.base.errors import InvalidRecord
from yuelu.quality.coded import Codes
from yuelu.quality.overlap import box_iou
from yuelu.quality.resample import Floats


@dataclass(frozen=True, slots=True)
class Tracks:
    """One annotator's boxes, row by row: `frame`, `track` of shape (boxes,), `boxes` of shape (boxes, 5).

    A box is x, y, width, height in px and rotation in degrees. A track has at most one box in a frame.
    """

    frame: Codes
    track: Codes
    boxes: Floats

    def __post_init__(self) -> None:
        if not len(self.frame) == len(self.track) == len(self.boxes) or self.boxes.shape[1:] != (5,):
            raise InvalidRecord(
                f"{len(self.frame)} frames, {len(self.track)} tracks, boxes of shape {self.boxes.shape}",
                "need one frame, one track and one box of 5 numbers a row",
            )
        if len(np.unique(np.stack([self.frame, self.track]), axis=1).T) != len(self.frame):
            raise InvalidRecord("a track has two boxes in one frame", "give each object of a frame a track of its own")


@dataclass(frozen=True, slots=True)
class Frame:
    """The overlaps in one frame: `iou` of shape (boxes of one, boxes of the other), with the tracks of either side."""

    one: Codes
    other: Codes
    iou: Floats


@dataclass(frozen=True, slots=True)
class Overlaps:
    """All frames in order, with tracks as codes from 0, and how many boxes each track has."""

    frames: tuple[Frame, ...]
    one: Codes
    other: Codes


def overlaps(one: Tracks, other: Tracks) -> Overlaps:
    """Return the overlaps of two annotators' boxes, frame by frame."""
    tracks_one, codes_one = np.unique(one.track, return_inverse=True)
    tracks_other, codes_other = np.unique(other.track, return_inverse=True)
    return Overlaps(
        tuple(_frames(one, codes_one, other, codes_other)),
        np.bincount(codes_one, minlength=len(tracks_one)),
        np.bincount(codes_other, minlength=len(tracks_other)),
    )


def _frames(one: Tracks, codes_one: NDArray[np.int64], other: Tracks, codes_other: NDArray[np.int64]) -> Iterator[Frame]:
    order_one, order_other = np.argsort(one.frame, kind="stable"), np.argsort(other.frame, kind="stable")
    sorted_one, sorted_other = one.frame[order_one], other.frame[order_other]
    for number in np.union1d(sorted_one, sorted_other):
        here = order_one[slice(*np.searchsorted(sorted_one, (number, number + 1)))]
        there = order_other[slice(*np.searchsorted(sorted_other, (number, number + 1)))]
        pairs = box_iou(np.repeat(one.boxes[here], len(there), axis=0), np.tile(other.boxes[there], (len(here), 1)))
        yield Frame(codes_one[here], codes_other[there], pairs.reshape(len(here), len(there)))

"""Tracks that most annotators followed: matched over their whole length, then a median box in every frame."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from yuelu.base.records import Keyframe, Track
from yuelu.base.tracks import frame_boxes
from yuelu.quality.consensus_shapes import median_box
from yuelu.quality.fusion.fused import Fused, Said, commonest, majority
from yuelu.quality.overlap import box_iou
from yuelu.quality.resample import Floats

LEAST = 0.5
_STILL = 1e-9


def fused_tracks(said: Said[Track], control: str = "") -> tuple[Fused, ...]:
    """Return the tracks that more than half of the annotators followed.

    Tracks are the same object when what their boxes share is half of what they cover together, over all frames. The object is
    there in the frames in which more than half of those who followed it have it, at the median of their corners; keyframes
    are where it does not go on evenly. The probability is the share that followed it with its label.
    """
    boxes = {id(track): _by_frame(track) for each in said for track in each}
    clusters = majority(said, lambda one, other: _overlap(boxes[id(one)], boxes[id(other)]), LEAST)
    found = []
    for cluster in clusters:
        label, votes = commonest([each.label for each in cluster])
        places = _medians([boxes[id(each)] for each in cluster])
        if places:
            track = replace(cluster[0], label=label, keyframes=_keyframes(places), frames=max(e.frames for e in cluster))
            found.append(Fused(track, len(cluster), len(said), votes / len(said)))
    return tuple(found)


def _by_frame(track: Track) -> dict[int, tuple[float, ...]]:
    return {e.frame: (e.x_px, e.y_px, e.width_px, e.height_px, e.rotation_deg) for e in frame_boxes(track)}


def _overlap(one: Mapping[int, tuple[float, ...]], other: Mapping[int, tuple[float, ...]]) -> float:
    """Return the area that two tracks share, over all frames, divided by the area that they cover."""
    common = sorted(one.keys() & other.keys())
    if not common:
        return 0.0
    a, b = (np.asarray([boxes[frame] for frame in common]) for boxes in (one, other))
    iou, areas = box_iou(a, b), a[:, 2] * a[:, 3] + b[:, 2] * b[:, 3]
    shared = float((areas * iou / (1 + iou)).sum())
    whole = sum(box[2] * box[3] for boxes in (one, other) for box in boxes.values())
    return shared / (whole - shared)


def _medians(tracks: list[dict[int, tuple[float, ...]]]) -> dict[int, Floats]:
    frames = sorted({frame for boxes in tracks for frame in boxes})
    given = {frame: [boxes[frame] for boxes in tracks if frame in boxes] for frame in frames}
    return {f: np.asarray(median_box(np.asarray(at))) for f, at in given.items() if 2 * len(at) > len(tracks)}


def _keyframes(places: Mapping[int, Floats]) -> tuple[Keyframe, ...]:
    """Return the frames between which the box changes evenly; the last of each unbroken stretch is not enabled."""
    kept = []
    for frame, box in places.items():
        before, after = places.get(frame - 1), places.get(frame + 1)
        if before is not None and after is not None and np.abs(after - 2 * box + before).max() < _STILL:
            continue
        x, y, width, height, rotation = box.tolist()
        kept.append(Keyframe(frame, after is not None, x, y, width, height, rotation))
    return tuple(kept)

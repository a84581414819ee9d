"""A video's box between its keyframes, as Label Studio draws it."""

from collections.abc import Iterator
from dataclasses import dataclass

from yuelu.base.records import Keyframe, Track


@dataclass(frozen=True, slots=True)
class FrameBox:
    """The box of a track in one frame of the proxy; `keyframe` says whether a person or a model set it there."""

    frame: int
    x_px: float
    y_px: float
    width_px: float
    height_px: float
    rotation_deg: float
    keyframe: bool


def frame_boxes(track: Track, frames: int | None = None) -> Iterator[FrameBox]:
    """Yield the boxes of a track, frame by frame.

    From a keyframe that is `enabled` the box goes on to the next one, changing evenly; from the last it stays as it is to the
    end of the video (`frames`, or as many as the editor counted). A keyframe that is not enabled is the last frame of its
    span: the box is there, and not in the frames after it.

    The editor turns a box the shorter way round, and so do we; the server's `interpolate_key_frames` and the SDK turn it by
    the plain difference, which is another way where that is more than 180 degrees.

    Source: `VideoRegion.isInLifespan`, `VideoRectangleRegion.getShape` and `interpolateProp` of Label Studio 1.23.2's editor.
    """
    last = track.frames if frames is None else frames
    for one, following in zip(track.keyframes, (*track.keyframes[1:], None), strict=True):
        if one.frame > last:
            return
        yield _between(one, one, one.frame)
        if not one.enabled:
            continue
        stop = min(last + 1, following.frame) if following else last + 1
        for frame in range(one.frame + 1, stop):
            yield _between(one, following or one, frame)


def _between(one: Keyframe, other: Keyframe, frame: int) -> FrameBox:
    share = (frame - one.frame) / (other.frame - one.frame) if other.frame != one.frame else 0.0
    turned = one.rotation_deg
    if share:
        turned = half_turn(turned + half_turn(other.rotation_deg - turned) * share)
    return FrameBox(
        frame,
        one.x_px + (other.x_px - one.x_px) * share,
        one.y_px + (other.y_px - one.y_px) * share,
        one.width_px + (other.width_px - one.width_px) * share,
        one.height_px + (other.height_px - one.height_px) * share,
        turned,
        frame == one.frame,
    )


def half_turn(angle_deg: float) -> float:
    """Return the same angle in (-180, 180]."""
    turned = angle_deg % 360.0
    return turned - 360.0 if turned > 180 else turned

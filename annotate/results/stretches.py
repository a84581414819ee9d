"""Stretches of sound, series and video, from what the editor sends, and back."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from yuelu.annotate.results.frame import DIGITS, Fields, Item, Part, size_of
from yuelu.annotate.results.pictures import edges
from yuelu.base.errors import InvalidRecord
from yuelu.base.records import FrameRange, Keyframe, Segment, Track

_SLACK_S = 0.1  # a lossy audio proxy is longer than its source by its padding
_EDGE_PX = 1.0  # the editor lets a video's box stand out of the picture by less than a pixel


def segment(part: Part) -> Segment:
    """Return a stretch of sound."""
    start, end = part.value.number("start"), _within(part, part.value.number("end"))
    channel = None if part.value.take("channel") is None else part.value.whole("channel", 0)
    return Segment(part.id, part.control.name, part.label(), start, end, channel)


def series_segment(part: Part) -> Segment:
    """Return a stretch of all channels. An instant, which the editor makes of a double click, is as long as one sample."""
    if part.value.take("channel") is not None:
        raise InvalidRecord(f"{part.id}: is of channel {part.value.take('channel')!r}, need a stretch of all channels")
    start, end = part.value.number("start"), part.value.number("end")
    rate = part.items[0].sampling_rate_hz if part.items else None
    if start == end and rate:
        end = start + 1 / rate
    return Segment(part.id, part.control.name, part.label(), start, _within(part, end))


def _within(part: Part, end_s: float) -> float:
    """Return the end of a stretch, no later than the recording's. Raises InvalidRecord: much later."""
    duration = part.items[0].duration_s if part.items else None
    if duration is None:
        return end_s
    if end_s > duration + _SLACK_S:
        raise InvalidRecord(f"{part.id}: ends at {end_s} s, the recording at {duration} s")
    return min(end_s, duration)


def frame_range(part: Part) -> FrameRange:
    """Return a range of frames."""
    ranges = part.value.take("ranges")
    if not isinstance(ranges, list) or len(ranges) != 1 or not isinstance(ranges[0], dict):
        raise InvalidRecord(f"{part.id}: ranges is {ranges!r}, need one range")
    read = Fields(ranges[0])
    first, last = read.whole("start"), read.whole("end")
    frames = part.items[0].frames if part.items else None
    if frames is not None and last > frames:
        raise InvalidRecord(f"{part.id}: ends at frame {last} of {frames}")
    return FrameRange(part.id, part.control.name, part.label(), first, last)


def track(part: Part) -> Track:
    """Return a box over time. Keyframes come in any order; no two are of one frame."""
    width, height = size_of(part.id, 0, part.items)
    counted, frames = part.value.whole("framesCount"), part.items[0].frames
    keyframes = sorted((_keyframe(part.id, each, width, height) for each in part.value.objects("sequence")), key=_frame)
    if frames is not None and keyframes and keyframes[-1].frame > frames:
        raise InvalidRecord(f"{part.id}: ends at frame {keyframes[-1].frame} of {frames}")
    return Track(part.id, part.control.name, part.label(), tuple(keyframes), counted)


def _frame(keyframe: Keyframe) -> int:
    return keyframe.frame


def _keyframe(region: str, found: Fields, width: int, height: int) -> Keyframe:
    x, across = (round(found.number(name) * width / 100, DIGITS) for name in ("x", "width"))
    y, down = (round(found.number(name) * height / 100, DIGITS) for name in ("y", "height"))
    rotation, enabled = found.number("rotation", 0.0), found.take("enabled", True)
    if not isinstance(enabled, bool):
        raise InvalidRecord(f"{region}: enabled is {enabled!r}, need true or false")
    left, top, right, bottom = edges(x, y, across, down, rotation)
    if left < -_EDGE_PX or top < -_EDGE_PX or right > width + _EDGE_PX or bottom > height + _EDGE_PX:
        raise InvalidRecord(f"{region}: {left}..{right} x {top}..{bottom} px is outside the picture of {width} x {height}")
    time = None if found.take("time") is None else found.number("time")
    return Keyframe(found.whole("frame"), enabled, x, y, across, down, rotation, time, found.rest())


STRETCH_READERS: Mapping[tuple[str, str], Callable[[Part], Segment | FrameRange | Track]] = MappingProxyType(
    {
        ("labels", "Audio"): segment,
        ("timeserieslabels", "TimeSeries"): series_segment,
        ("timelinelabels", "Video"): frame_range,
        ("videorectangle", "Video"): track,
    }
)


def stretch_part(region: Segment | FrameRange | Track, kind: str, items: Sequence[Item]) -> dict[str, Any]:
    """Return the frame and the value of a stretch's part of a result."""
    match region:
        case Segment():
            more: dict[str, Any] = {} if region.channel is None else {"channel": region.channel}
            if kind == "timeserieslabels":
                more |= {"instant": False}
            return {"value": {"start": region.start_s, "end": region.end_s, **more}}
        case FrameRange():
            return {"value": {"ranges": [{"start": region.first_frame, "end": region.last_frame}]}}
        case Track():
            return {"value": _track_value(region, items)}


def _track_value(track: Track, items: Sequence[Item]) -> dict[str, Any]:
    width, height = size_of(track.id, 0, items)
    sequence = [
        {
            "frame": each.frame,
            "enabled": each.enabled,
            "rotation": each.rotation_deg,
            "x": each.x_px * 100 / width,
            "y": each.y_px * 100 / height,
            "width": each.width_px * 100 / width,
            "height": each.height_px * 100 / height,
            **({} if each.time_s is None else {"time": each.time_s}),
            **each.extra,
        }
        for each in track.keyframes
    ]
    return {"framesCount": track.frames, "sequence": sequence}

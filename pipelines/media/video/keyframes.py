"""Small pictures of a video's key frames, without decoding anything else."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import THUMBNAIL_PX, Pixels, check_size
from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.media.streams import opened, packets, video_streams


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A key frame, at most 256 pixels on its longer side, RGB; `time_s` on the source's clock, None where it has none."""

    time_s: float | None
    pixels: Pixels


def keyframe_thumbnails(file: BinaryIO, count: int | None, demuxer: str = "", limits: Limits | None = None) -> list[KeyFrame]:
    """Return up to `count` key frames, evenly spread over the duration; None: all of them, in order of time.

    Raises Refused: no video, or none that can be decoded.
    """
    with opened(file, demuxer) as container:
        streams = video_streams(container)
        if not streams:
            raise Refused("no video in the container", "check the file at its origin")
        stream, small = streams[0], _Small(streams[0].sample_aspect_ratio, limits or Limits())
        stream.codec_context.skip_frame, stream.codec_context.thread_count = "NONKEY", 1
        length = container.duration
        if count is None or not length:
            frames = _frames(container, stream)
        else:
            start = container.start_time or 0
            frames = _spread(container, stream, [start + length * (2 * n + 1) // (2 * count) for n in range(count)])
        found = []
        for frame in frames:
            found.append(small.of(frame))
            if count is not None and len(found) == count:
                break
    if not found:
        raise Refused("a video without key frames that can be decoded", "check the file at its origin")
    return found


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    for packet in packets(container, [stream]):
        # The decoder of a broken stream may take any packet for a key frame; an empty packet flushes it.
        if packet.is_keyframe or not packet.size:
            with contextlib.suppress(av.FFmpegError):
                yield from packet.decode()


def _spread(container: Any, stream: Any, times: list[int]) -> Iterator[Any]:
    """Yield the key frame before each of `times` (microseconds), each once."""
    seen = set()
    for time in times:
        try:
            container.seek(time)
        except av.FFmpegError:
            return
        frame = next(_frames(container, stream), None)
        if frame is not None and frame.pts not in seen:
            seen.add(frame.pts)
            yield frame


class _Small:
    def __init__(self, aspect: Fraction | None, limits: Limits) -> None:
        self._aspect, self._limits, self._scaler = aspect or Fraction(1), limits, VideoReformatter()

    def of(self, frame: Any) -> KeyFrame:
        check_size(frame.width, frame.height, self._limits)
        wide = frame.width * self._aspect
        shrink = min(Fraction(1), Fraction(THUMBNAIL_PX) / max(wide, frame.height))
        size = max(1, round(wide * shrink)), max(1, round(frame.height * shrink))
        small = self._scaler.reformat(frame, *size, format="rgb24", interpolation=Interpolation.AREA, threads=1)
        pixels = np.asarray(small.to_ndarray(), np.uint8)
        turns = round((frame.rotation or 0) / 90) % 4
        if turns:
            pixels = np.ascontiguousarray(np.rot90(pixels, turns))
        return KeyFrame(None if frame.pts is None else float(frame.pts * frame.time_base), pixels)

"""A first look through a video file: timestamps of all packets, nothing decoded but the first of the sound."""

import contextlib
from array import array
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO

import av

from yuelu.pipelines.media.pictures import check_size
from yuelu.pipelines.media.reading import Context, Refused
from yuelu.pipelines.media.streams import opened, packets, video_streams
from yuelu.pipelines.media.video.timing import Timing, timing

_TRIES = 50  # packets of a sound stream that may fail to decode before it is given up


@dataclass(frozen=True, slots=True)
class Scan:
    """What the packets say. `video` and `sound` are indexes of streams; `end` is on the clock of the timestamps."""

    video: int
    sound: int | None
    packets: int
    timing: Timing
    end: Fraction
    video_streams: int
    sound_streams: int


def scan(file: BinaryIO, context: Context) -> Scan:
    """Return the first look at the video. Raises Refused: too large, or longer than the limits allow."""
    limits = context.limits
    with opened(file, context.demuxer) as container:
        streams = video_streams(container)
        if not streams:
            raise Refused("no video in the container", "check the file at its origin")
        video = streams[0]
        check_size(video.width or 0, video.height or 0, limits)
        sound = _Sound(container)
        pts = array("q")
        count, last = 0, 0
        for packet in packets(container, [video, *([sound.stream] if sound.stream else [])]):
            context.get_on()
            if packet.stream is not video:
                sound.listen(packet)
            elif not packet.is_discard and packet.size:
                count += 1
                if packet.pts is not None:
                    pts.append(packet.pts)
                    last = max(last, packet.pts + (packet.duration or 0))
                if count > limits.frames:
                    raise Refused(f"more than {limits.frames} frames", "cut the video first")
        stated = video.average_rate or video.guessed_rate
        found = timing(pts if len(pts) > count // 2 else (), video.time_base, stated, limits.frames)
        return Scan(
            video.index, sound.stream.index if sound.heard else None, count, found, last * Fraction(video.time_base),
            len(streams), len(container.streams.audio),
        )  # fmt: skip


class _Sound:
    """The sound stream that will go with the picture, if it can be decoded at all."""

    def __init__(self, container: Any) -> None:
        self.stream = container.streams.best("audio")
        self.heard, self._tries = False, 0

    def listen(self, packet: Any) -> None:
        if self.heard or self._tries >= _TRIES:
            return
        self._tries += 1
        with contextlib.suppress(av.FFmpegError, ValueError):
            self.heard = any(frame.samples for frame in packet.decode())

"""Video: the proxy is H.264 in MP4 at a constant frame rate, so that a frame's number means the same everywhere."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np
from av.codec.context import Flags
from av.stream import Disposition
from av.video.frame import PictureType

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import Pixels, check_size, probes, thumbnail
from yuelu.pipelines.media.reading import Context, Derived, Reading, Refused

WIDEST_PX = 1280
HIGHEST_RATE_HZ = Fraction(60)
# A key frame every 12 frames and no B frames: a browser that seeks lands on the frame it was asked for. One thread and
# no encoder's name in the file: the same input gives the same bytes.
_ENCODING = {"preset": "veryfast", "crf": "20", "g": "12", "bf": "0", "sc_threshold": "0", "threads": "1",
             "x264-params": "threads=1:lookahead-threads=1"}  # fmt: skip


@dataclass(slots=True)
class _Seen:
    """What was learnt while the frames went by."""

    frames: int = 0
    shown: Pixels | None = None  # the frame that stands for the video


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the video as a proxy without sound, a thumbnail from its middle, and its facts."""
    with av.open(file, format=context.demuxer, metadata_errors="ignore") as container:
        stream = next(s for s in container.streams.video if not s.disposition & Disposition.attached_pic)
        check_size(stream.width or 0, stream.height or 0, context.limits)
        stream.codec_context.thread_count = 1
        rate = frame_rate(stream.average_rate or stream.guessed_rate)
        seen = _Seen()
        middle = (stream.frames or 2) // 2
        steady = at_constant_rate(_upright(container, stream, seen, middle, context.limits), rate, context.limits)
        data, told = _encoded(steady, rate, stream.sample_aspect_ratio)
        sounds = len(container.streams.audio)
    if seen.shown is None:
        raise Refused("a video without frames", "check the file at its origin")
    facts = {
        "duration_s": told["duration_s"], "frame_rate_hz": float(rate), "frames": seen.frames,
        "width_px": seen.shown.shape[1], "height_px": seen.shown.shape[0], "sound_streams": sounds,
        "probes": probes(seen.shown),
    }  # fmt: skip
    proxy = Derived(Role.PROXY, Medium.VIDEO, "video/mp4", data, told)
    return Reading(Medium.VIDEO, context.media_type, facts, (proxy, thumbnail(seen.shown)))


def frame_rate(stated: Fraction | None) -> Fraction:
    """Return the rate of the proxy: the stated one where it is plausible, at most 60 Hz, 25 Hz where none is stated."""
    if not stated:
        return Fraction(25)
    return min(Fraction(stated).limit_denominator(1001), HIGHEST_RATE_HZ) or Fraction(1, 10)


def _upright(container: Any, stream: Any, seen: _Seen, middle: int, limits: Limits) -> Iterator[tuple[Fraction | None, Any]]:
    """Yield (seconds from the first frame, or None where the file does not say; frame turned upright)."""
    first: Fraction | None = None
    for frame in container.decode(stream):
        check_size(frame.width, frame.height, limits)  # each frame may say its own
        if turns := round((frame.rotation or 0) / 90) % 4:
            turned = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns)))
            turned.pts, turned.time_base = frame.pts, frame.time_base
            frame = turned  # noqa: PLW2901
        at = None if frame.pts is None else frame.pts * Fraction(frame.time_base)
        first = at if first is None else first
        if seen.frames in (0, middle):
            seen.shown = frame.to_ndarray(format="rgb24")
        seen.frames += 1
        if seen.frames > limits.frames:
            raise Refused(f"more than {limits.frames} frames", "cut the video first")
        yield (None if at is None or first is None else at - first), frame


def at_constant_rate(timed: Iterator[tuple[Fraction | None, Any]], rate: Fraction, limits: Limits) -> Iterator[Any]:
    """Yield one frame per 1/rate seconds: late frames leave their predecessor standing, crowded ones are dropped."""
    count, last = 0, None
    for at, frame in timed:
        index = count if at is None else max(0, round(at * rate))
        if index > min(limits.frames, limits.seconds * rate):
            raise Refused(f"longer than {limits.frames} frames or {limits.seconds:g} seconds", "cut the video first")
        while last is not None and count < index:
            yield last
            count += 1
        if index >= count:
            yield frame
            count += 1
        last = frame


def proxy_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Return width and height of the proxy: square pixels, at most 1280 wide, even as 4:2:0 needs."""
    wide = width * (aspect or 1)
    shrink = min(Fraction(1), Fraction(WIDEST_PX) / wide)
    return max(2, int(wide * shrink) // 2 * 2), max(2, int(height * shrink) // 2 * 2)


def _encoded(frames: Iterator[Any], rate: Fraction, aspect: Fraction | None) -> tuple[bytes, dict[str, Any]]:
    """Return the MP4 and its facts. It is built in memory but under a name: the index goes to its front at the end."""
    descriptor = os.memfd_create("proxy")
    try:
        count, size = _encode_to(f"/proc/self/fd/{descriptor}", frames, rate, aspect)
        with os.fdopen(os.dup(descriptor), "rb") as file:
            file.seek(0)
            data = file.read()
    finally:
        os.close(descriptor)
    told = {"width_px": size[0], "height_px": size[1], "duration_s": float(count / rate), "frame_rate_hz": float(rate)}
    return data, {**told, "frames": count}


def _encode_to(path: str, frames: Iterator[Any], rate: Fraction, aspect: Fraction | None) -> tuple[int, tuple[int, int]]:
    count, size = 0, (0, 0)
    with av.open(path, "w", format="mp4", options={"fflags": "+bitexact", "movflags": "+faststart"}) as out:
        stream: Any = out.add_stream("libx264", rate=rate, options=_ENCODING)
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", 1 / rate
        stream.codec_context.flags |= Flags.bitexact
        for frame in frames:
            if not count:
                size = proxy_size(frame.width, frame.height, aspect)
                stream.width, stream.height = size
            even = frame.reformat(*size, format="yuv420p")
            even.pts, even.time_base, even.pict_type = count, 1 / rate, PictureType.NONE
            out.mux(stream.encode(even))
            count += 1
        if count:
            out.mux(stream.encode(None))
    return count, size

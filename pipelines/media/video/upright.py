"""Frames as an annotator sees them: square pixels, upright, whole pictures (not two fields), on white, 8 bit 4:2:0, no HDR."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import check_size
from yuelu.pipelines.media.video.tone import FORMAT, ToneMap

LONGEST_PX = 1280
_PIXELS = "yuv420p"
# The same pixels from every processor, whatever its vector instructions; luma from 16 to 235, as browsers take for granted.
_SCALING = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


@dataclass(frozen=True, slots=True)
class Sourced:
    """A frame with its number in the source (from 0, in presentation order) and its timestamp there."""

    number: int
    pts: int | None
    duration: int
    frame: Any


def shown_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Return width and height of the proxy: square pixels, the longer side at most 1280, even as 4:2:0 needs."""
    wide = width * (aspect or 1)
    shrink = min(Fraction(1), Fraction(LONGEST_PX) / max(wide, height))
    return max(2, int(wide * shrink) // 2 * 2), max(2, int(height * shrink) // 2 * 2)


@dataclass(slots=True)
class Upright:
    """Turns decoded frames into shown ones, one for one and in order. What it learns on the way are facts."""

    aspect: Fraction | None
    limits: Limits
    size: tuple[int, int] | None = None  # of the proxy, set by the first frame: later ones are scaled to it
    interlaced: int = 0
    rotation_deg: int = 0
    tone: ToneMap | None = None  # of a stream of high dynamic range
    _deep_scaler: VideoReformatter = field(default_factory=VideoReformatter)
    _scaler: VideoReformatter = field(default_factory=VideoReformatter)  # one for all frames: setting it up is dear
    _weave: "_Deinterlacer | None" = None
    _waiting: deque[Sourced] = field(default_factory=deque)

    def push(self, sourced: Sourced) -> Iterator[Sourced]:
        """Yield what can be shown now; a deinterlacer keeps one frame back."""
        frame = sourced.frame
        check_size(frame.width, frame.height, self.limits)  # each frame may say its own
        self.interlaced += frame.interlaced_frame
        if self._weave is None and not frame.interlaced_frame:
            yield self._shown(sourced, frame)
            return
        if self._weave is not None and not self._weave.fits(frame):
            yield from self.flush()
        if self._weave is None:
            self._weave = _Deinterlacer(frame)
        self._waiting.append(sourced)
        for whole in self._weave.push(frame):
            yield self._shown(self._waiting.popleft(), whole)

    def flush(self) -> Iterator[Sourced]:
        """Yield what was kept back."""
        if self._weave is not None:
            for whole in self._weave.push(None):
                if self._waiting:
                    yield self._shown(self._waiting.popleft(), whole)
        while self._waiting:  # a filter that swallows frames must not shift those that follow
            sourced = self._waiting.popleft()
            yield self._shown(sourced, sourced.frame)
        self._weave = None

    def _shown(self, sourced: Sourced, frame: Any) -> Sourced:
        turns = round((sourced.frame.rotation or 0) / 90) % 4
        if self.size is None:
            self.rotation_deg = turns * 90
            self.size = shown_size(frame.width, frame.height, self.aspect)
            self.size = self.size[::-1] if turns % 2 else self.size
        if any(part.is_alpha for part in frame.format.components):
            frame = _on_white(frame)
        width, height = self.size[::-1] if turns % 2 else self.size
        matrix = None  # as the source has it
        if self.tone is not None:
            deep = self._deep_scaler.reformat(frame, width, height, format=FORMAT, interpolation=_SCALING, threads=1)
            frame, matrix = self.tone.apply(deep), Colorspace.ITU709
        even = self._scaler.reformat(
            frame, width, height, format=_PIXELS, dst_colorspace=matrix, interpolation=_SCALING, dst_color_range=1, threads=1
        )
        return Sourced(sourced.number, sourced.pts, sourced.duration, _turned(even, turns) if turns else even)


def _turned(frame: Any, turns: int) -> Any:
    """Return the 4:2:0 frame turned by so many quarters, counter-clockwise, plane by plane."""
    turned: Any = av.VideoFrame(*((frame.height, frame.width) if turns % 2 else (frame.width, frame.height)), _PIXELS)
    for old, new in zip(frame.planes, turned.planes, strict=True):
        pixels = np.frombuffer(old, np.uint8).reshape(old.height, old.line_size)[:, : old.width]
        room = np.frombuffer(new, np.uint8).reshape(new.height, new.line_size)
        room[:, : new.width] = np.rot90(pixels, turns)
    return turned


def _on_white(frame: Any) -> Any:
    pixels = frame.to_ndarray(format="rgba").astype(np.uint16)
    alpha = pixels[:, :, 3:]
    blended = (pixels[:, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return av.VideoFrame.from_ndarray(blended.astype(np.uint8), format="rgb24")


class _Deinterlacer:
    """bwdif, one frame for each frame; those that are not marked as interlaced pass unchanged."""

    def __init__(self, frame: Any) -> None:
        self._shape = (frame.width, frame.height, frame.format.name)
        self._count = 0
        self._graph = av.filter.Graph()
        self._graph.threads = 1
        width, height, pixels = self._shape
        source = self._graph.add_buffer(width=width, height=height, format=pixels, time_base=Fraction(1, 1000))
        weave = self._graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        self._source, self._sink = source, self._graph.add("buffersink")
        source.link_to(weave)
        weave.link_to(self._sink)
        self._graph.configure()

    def fits(self, frame: Any) -> bool:
        return self._shape == (frame.width, frame.height, frame.format.name)

    def push(self, frame: Any) -> Iterator[Any]:
        if frame is not None:
            # The filter wants a time on every frame; the source's own, or none, comes back from the queue.
            frame.pts, frame.time_base = self._count, Fraction(1, 1000)
            self._count += 1
        self._source.push(frame)
        while True:
            try:
                yield self._sink.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return

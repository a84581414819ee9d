"""The proxy of a video: H.264 in MP4 at a constant rate, sound as AAC; no metadata, and no more than one way to seek."""

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, BinaryIO

import av
from av.bitstream import BitStreamFilterContext
from av.codec.context import Flags
from av.video.frame import PictureType

from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.memory import memory_file
from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.media.video.upright import Sourced

# A key frame every 12 frames and no B frames: a browser that seeks lands on the frame it was asked for. One thread: the
# same input gives the same bytes. No closed captions: they are text, and somebody's.
_ENCODING = {"preset": "veryfast", "crf": "20", "g": "12", "bf": "0", "sc_threshold": "0", "threads": "1", "a53cc": "0",
             "x264-params": "threads=1:lookahead-threads=1"}  # fmt: skip
# Supplemental information (NAL units of type 6) is for notes: of the encoder about itself, of anyone about anything.
_WITHOUT_NOTES = "filter_units=remove_types=6"
_LIMITED_RANGE, _RGB, _BT709, _UNSPECIFIED, _BT601 = 1, 0, 1, 2, 6  # ITU-T H.273
_HD_HEIGHT_PX = 720  # from here on, players take pictures that state no matrix for BT.709


@dataclass(slots=True)
class Rows:
    """The rows of the frame table so far: for each proxy frame, number and timestamp of the source frame it shows."""

    source_frames: "array[int]" = field(default_factory=lambda: array("i"))
    pts: "array[int]" = field(default_factory=lambda: array("q"))


class Picture:
    """Encodes shown frames, each as often as it stands, and notes which source frame each proxy frame shows."""

    def __init__(self, out: Any, rate: Fraction, limits: Limits) -> None:
        self.rate, self.rows = rate, Rows()
        self._limits, self._out = limits, out.add_stream("libx264", rate=rate, options=dict(_ENCODING))
        self._notes: Any = None
        self._out.pix_fmt, self._out.codec_context.time_base = "yuv420p", 1 / rate
        self._out.codec_context.flags |= Flags.bitexact
        self._before: Sourced | None = None
        self._longest = min(limits.frames, int(limits.seconds * rate))
        self._tick = 1 / rate

    @property
    def count(self) -> int:
        """How many proxy frames there are."""
        return len(self.rows.pts)

    def begin(self, width: int, height: int, colours: tuple[int, int, int], source_height: int) -> None:
        """Set the size and the colours: matrix, primaries and transfer as ITU-T H.273 numbers them."""
        self._out.width, self._out.height = width, height
        context = self._out.codec_context
        matrix, primaries, transfer = colours
        if matrix == _UNSPECIFIED:
            matrix = _BT709 if source_height >= _HD_HEIGHT_PX else _BT601
        context.colorspace = _BT601 if matrix == _RGB else matrix  # what the scaler makes of RGB
        context.color_primaries, context.color_trc, context.color_range = primaries, transfer, _LIMITED_RANGE

    def show(self, sourced: Sourced, index: int) -> Iterator[Any]:
        """Yield packets; the frame first shows as proxy frame `index` (from 0), or right after the one before it."""
        if index > self._longest:
            limits = f"{self._limits.frames} frames or {self._limits.seconds:g} seconds"
            raise Refused(f"longer than {limits}", "cut the video first")
        while self._before is not None and self.count < index:
            yield from self._encode(self._before)
        yield from self._encode(sourced)
        self._before = sourced

    def _encode(self, sourced: Sourced) -> Iterator[Any]:
        if self.count >= self._limits.frames:
            raise Refused(f"more than {self._limits.frames} frames", "cut the video first")
        frame = sourced.frame
        frame.pts, frame.time_base, frame.pict_type = self.count, self._tick, PictureType.NONE
        self.rows.source_frames.append(sourced.number)
        self.rows.pts.append(sourced.pts or 0)
        yield from self._clean(self._out.encode(frame))

    def _clean(self, packets: list[Any] | None) -> Iterator[Any]:
        if packets and self._notes is None:
            self._notes = BitStreamFilterContext(_WITHOUT_NOTES, in_stream=self._out)
        for packet in [None] if packets is None else packets:
            for clean in self._notes.filter(packet) if self._notes else []:
                clean.stream = self._out
                yield clean

    def close(self) -> Iterator[Any]:
        """Yield the last packets."""
        if self.count:
            yield from self._clean(self._out.encode(None))
            yield from self._clean(None)


class Mp4:
    """An MP4 built in memory but under a name: the index goes to its front at the end."""

    def __init__(self) -> None:
        self._file = memory_file()
        options = {"fflags": "+bitexact", "movflags": "+faststart"}
        self.out = av.open(f"/proc/self/fd/{self._file.fileno()}", "w", format="mp4", options=options)

    def finished(self) -> BinaryIO:
        """Return the whole file, in memory once; whoever takes it may keep it."""
        self.out.close()
        return self._file


@contextmanager
def mp4() -> Iterator[Mp4]:
    """Give an empty MP4 to write to."""
    made = Mp4()
    try:
        yield made
    finally:
        made.out.close()

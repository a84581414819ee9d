"""Video: every frame of the source in a constant-rate proxy, and a table that says which one each proxy frame shows."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO

import av

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.pictures import thumbnail
from yuelu.pipelines.media.reading import Context, Derived, Reading, Refused
from yuelu.pipelines.media.streams import opened, packets
from yuelu.pipelines.media.video import frame_table
from yuelu.pipelines.media.video.facts import stream_facts
from yuelu.pipelines.media.video.probes import Watcher
from yuelu.pipelines.media.video.proxy import Picture, mp4
from yuelu.pipelines.media.video.scan import Scan, scan
from yuelu.pipelines.media.video.sound_track import SoundTrack
from yuelu.pipelines.media.video.tone import ToneMap
from yuelu.pipelines.media.video.upright import Sourced, Upright

_BT709 = (1, 1, 1)  # matrix, primaries and transfer by ITU-T H.273
_MOST_EARLY = 500  # packets of sound kept until the first frame tells where the clock starts


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the video as a proxy with its frame table, a poster as thumbnail, and facts.

    Raises Refused: too large or too long, or nothing in it can be decoded.
    """
    looked = scan(file, context)
    with opened(file, context.demuxer) as container, mp4() as made:
        job = _Job(container, looked, made.out, context)
        job.run()
        facts = stream_facts(job.stream, looked, job.upright)  # a closed container's streams are gone
        return job.reading(made.finished(), facts, context)


@dataclass(slots=True)
class _Clock:
    """Proxy frames since the first frame; one without timestamp follows the frame before. Whole numbers only."""

    step: Fraction  # proxy frames per tick of the time base
    trusted: bool
    first: int | None = None
    last: int = -1

    def stamp(self, pts: int | None) -> tuple[int, int]:
        """Return the timestamp to note for the frame, and the proxy frame (from 0) that is nearest to it."""
        if pts is None or not self.trusted:
            pts = (self.first or 0) + round((self.last + 1) / self.step)
        self.first = pts if self.first is None else self.first
        over, under = 2 * self.step.numerator, 2 * self.step.denominator
        self.last = ((pts - self.first) * over + self.step.denominator) // under
        return pts, self.last


class _Job:
    """One pass through the file: decode, turn upright, watch, encode."""

    def __init__(self, container: Any, looked: Scan, out: Any, context: Context) -> None:
        self.container, self.looked, self.out = container, looked, out
        self.stream = container.streams[looked.video]
        self.stream.codec_context.thread_count = 1
        self.sound = None if looked.sound is None else container.streams[looked.sound]
        if self.sound is not None:
            self.sound.codec_context.thread_count = 1
        rate = looked.timing.rate_hz
        # Where nothing in the file can be trusted to tell the time, frames count it.
        self.time_base = Fraction(self.stream.time_base) if looked.timing.timestamps else 1 / rate
        self.clock = _Clock(rate * self.time_base, looked.timing.timestamps)
        coded = self.stream.codec_context
        tone = ToneMap.of(int(coded.color_trc), int(coded.color_primaries))
        self.upright = Upright(self.stream.sample_aspect_ratio, context.limits, tone=tone)
        self.picture, self.watcher = Picture(out, rate, context.limits), Watcher(looked.packets)
        self.track: SoundTrack | None = None
        self._get_on = context.get_on
        self.broken, self.decoded, self._early = 0, 0, list[Any]()

    def run(self) -> None:
        """Write the proxy."""
        for packet in packets(self.container, [self.stream, *([self.sound] if self.sound else [])]):
            self._get_on()
            if packet.stream is self.stream:
                self._see(packet)
            elif self.clock.first is not None:
                self._hear(packet)
            elif len(self._early) < _MOST_EARLY:
                self._early.append(packet)
        for shown in self.upright.flush():
            self._show(shown)
        if not self.picture.count:
            raise Refused("a video without frames that can be decoded", "check the file at its origin")
        for closing in (self.picture.close(), self.track.close() if self.track else ()):
            for packet in closing:
                self.out.mux(packet)

    def _frames(self, packet: Any) -> Iterator[Any]:
        try:
            yield from packet.decode()
        except (av.FFmpegError, ValueError):
            self.broken += 1

    def _see(self, packet: Any) -> None:
        for frame in self._frames(packet):
            pts = frame.dts if frame.pts is None else frame.pts
            sourced = Sourced(self.decoded, pts, frame.duration or 0, frame)
            self.decoded += 1
            for shown in self.upright.push(sourced):
                self._show(shown)

    def _show(self, shown: Sourced) -> None:
        pts, index = self.clock.stamp(shown.pts)
        if not self.picture.count:
            self._begin(shown.frame)
        self.watcher.see(shown.frame)
        for packet in self.picture.show(Sourced(shown.number, pts, shown.duration, shown.frame), index):
            self._get_on()  # a frame may stand for an hour
            self.out.mux(packet)
        if self._early:
            early, self._early = self._early, []
            for packet in early:
                self._hear(packet)

    def _begin(self, frame: Any) -> None:
        context = self.stream.codec_context
        is_rgb = context.format is not None and context.format.is_rgb
        colours = (0 if is_rgb else context.colorspace, context.color_primaries, context.color_trc)
        if self.upright.tone is not None:
            colours = _BT709
        self.picture.begin(frame.width, frame.height, colours, context.height)
        if self.sound is not None and self.clock.first is not None:
            start = self.clock.first * self.time_base
            end = max(start + Fraction(1), self.looked.end)
            self.track = SoundTrack(self.out, self.sound, start, end)

    def _hear(self, packet: Any) -> None:
        if self.track is None:
            return
        with contextlib.suppress(ValueError):  # sound whose form changes on the way
            for frame in self._frames(packet):
                for done in self.track.push(frame):
                    self.out.mux(done)

    def reading(self, proxy: BinaryIO, stated: Mapping[str, Any], context: Context) -> Reading:
        """Return everything about the video."""
        rows, rate = self.picture.rows, self.picture.rate
        table = frame_table.frame_table(rows.source_frames, rows.pts, self.time_base)
        width, height = self.upright.size or (0, 0)
        told = {"width_px": width, "height_px": height, "duration_s": float(self.picture.count / rate),
                "frame_rate_hz": float(rate), "frames": self.picture.count, "sound": self.track is not None}  # fmt: skip
        parts = (
            Derived(Role.PROXY, Medium.VIDEO, "video/mp4", b"", told, proxy),
            thumbnail(self.watcher.poster()),
            Derived(Role.FRAME_TABLE, Medium.VIDEO, frame_table.MEDIA_TYPE, frame_table.table_bytes(table),
                    {"rows": table.num_rows}),
        )  # fmt: skip
        facts = {
            # The editor's clock and frames are the proxy's, so these three are too.
            **{name: told[name] for name in ("duration_s", "frame_rate_hz", "frames")},
            **stated,
            "source_frames": self.watcher.frames,
            "source_start_s": float(rows.pts[0] * self.time_base),
            "source_end_s": float(max(rows.pts) * self.time_base),
            "broken_packets": self.broken,
            "probes": self.watcher.probes(),
            "fingerprints": {"picture": self.watcher.fingerprints()},
        }
        return Reading(Medium.VIDEO, context.media_type, facts, parts)

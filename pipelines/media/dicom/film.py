"""Frames over time as a video proxy: one proxy frame for each source frame, and a table of when each was taken."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, BinaryIO

import av

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.dicom.film_times import FrameTimes
from yuelu.pipelines.media.fingerprints import picture_fingerprint
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import Pixels, enlargement, probes, thumbnail
from yuelu.pipelines.media.reading import Derived, Refused
from yuelu.pipelines.media.video import frame_table
from yuelu.pipelines.media.video.proxy import Picture, mp4
from yuelu.pipelines.media.video.upright import Sourced, Upright
from yuelu.pipelines.media.volumes.stack import samples

_COLOURS = (0, 2, 2)  # made from RGB or grey; primaries and transfer are not stated (ITU-T H.273)


@dataclass(frozen=True, slots=True)
class Film:
    """The proxy, the thumbnail of the middle frame and the frame table; `facts` of the whole for the labelled asset."""

    parts: tuple[Derived, ...]
    facts: dict[str, Any]


@dataclass(slots=True)
class _Seen:
    middle: Pixels | None = None
    fingerprints: list[str] = field(default_factory=list)


def film(pictures: Iterator[Pixels], times: FrameTimes, limits: Limits) -> Film:
    """Return the frames as a video that shows each of them once, at a constant rate.

    No frame is dropped or repeated, also where the source's rate varies or is higher than a screen's: frame n of the proxy
    is frame n of the source, and the table has its true time.
    """
    count, seen = len(times.at_us), _Seen()
    proxy, (shown_width, shown_height) = _encoded(_watched(pictures, count, seen), times.rate_hz, limits)
    if seen.middle is None:
        raise Refused("a film without frames", "check the file at its origin")
    height, width = seen.middle.shape[:2]
    told = {"width_px": shown_width, "height_px": shown_height, "duration_s": float(count / times.rate_hz),
            "frame_rate_hz": float(times.rate_hz), "frames": count, "sound": False}  # fmt: skip
    table = frame_table.frame_table(range(count), times.at_us, Fraction(1, 1_000_000))
    parts = (
        Derived(Role.PROXY, Medium.VIDEO, "video/mp4", b"", told, proxy),
        thumbnail(seen.middle),
        Derived(Role.FRAME_TABLE, Medium.VIDEO, frame_table.MEDIA_TYPE, frame_table.table_bytes(table), {"rows": count}),
    )
    facts = {
        "duration_s": told["duration_s"], "frame_rate_hz": told["frame_rate_hz"], "frames": count,
        "frame_times_from": times.stated_by, "width_px": width, "height_px": height, "scale": shown_width / width,
        "probes": probes(seen.middle), "fingerprints": {"picture": seen.fingerprints},
    }  # fmt: skip
    return Film(parts, facts)


def _encoded(frames: Iterator[Any], rate: Fraction, limits: Limits) -> tuple[BinaryIO, tuple[int, int]]:
    """Return the MP4, and its width and height; as for videos, but frame by frame: no clock decides what is shown."""
    upright = Upright(None, limits)
    with mp4() as made:
        picture = Picture(made.out, rate, limits)
        for index, frame in enumerate(frames):
            for shown in upright.push(Sourced(index, index, 1, frame)):
                if not picture.count:
                    picture.begin(shown.frame.width, shown.frame.height, _COLOURS, shown.frame.height)
                for packet in picture.show(shown, index):
                    made.out.mux(packet)
        for packet in picture.close():
            made.out.mux(packet)
        return made.finished(), upright.size or (0, 0)


def _watched(pictures: Iterator[Pixels], count: int, seen: _Seen) -> Iterator[Any]:
    for index, pixels in enumerate(pictures):
        if index == count // 2:
            seen.middle = pixels
        if index in samples(count):
            seen.fingerprints.append(picture_fingerprint(pixels))
        scale = enlargement(pixels.shape[1], pixels.shape[0])
        large = pixels.repeat(scale, axis=0).repeat(scale, axis=1) if scale > 1 else pixels
        yield av.VideoFrame.from_ndarray(large, format="gray" if large.ndim == 2 else "rgb24")

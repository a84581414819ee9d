"""What is honestly long may cost more than a picture; what only says that it is long may not."""

import struct
import time
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import psutil  # type: ignore[import-untyped]  # comes with Dask
import pytest

from yuelu.base.errors import Misconfigured
from yuelu.pipelines.isolation.allowance import limits_for
from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.limits import Limits, limits_of
from yuelu.pipelines.media.reading import Reading, Refused

REQUEST = {"reader": "yuelu.pipelines.media.container:read", "media_type": "video/mp4", "sha256": "0" * 64, "key": "00"}


def film(frames: int) -> bytes:
    """Return a small bar that moves, 25 frames a second."""
    file = BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "threads": "1"})
        stream.width = stream.height = 64
        for at in range(frames):
            pixels = np.full((64, 64, 3), 40, np.uint8)
            pixels[at // 4 % 60 : at // 4 % 60 + 4] = 200
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = at, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def read(data: bytes, path: Path, limits: Limits) -> tuple[Reading, float]:
    """Return what is made of the film, and the memory in MB that the decoder holds of its own after it."""
    path.write_bytes(data)
    decoders = Decoders(limits)
    try:
        with path.open("rb") as file, decoders.read({**REQUEST, "demuxer": "mov"}, file.fileno()) as reading:
            servers = [child for child in psutil.Process().children() if "isolation.fork_server" in " ".join(child.cmdline())]
            used = [decoder.memory_info() for server in servers for decoder in server.children()]
            return reading, max(one.rss - one.shared for one in used) / 1e6
    finally:
        decoders.close()


def test_a_long_film_may_take_longer_than_a_picture(tmp_path: Path) -> None:
    limits = Limits(frames=100, cpu_s=5)
    _, short_mb = read(film(90), tmp_path / "short.mp4", limits)
    made, long_mb = read(film(3000), tmp_path / "long.mp4", limits)
    assert (made.facts["frames"], made.facts["source_frames"]) == (3000, 3000)
    assert long_mb < short_mb + 8


@pytest.fixture
def boastful() -> bytes:
    """A few hundred bytes that say they are two million frames (ISO/IEC 14496-12, sections 8.6.1.2, 8.7.3.2 and 8.7.4)."""
    data, many = bytearray(film(3)), 2_000_000
    for box, at, values in (("stts", 8, (many,)), ("stsz", 4, (1, many)), ("stsc", 12, (many,))):
        place = data.index(box.encode()) + 4 + at
        data[place : place + 4 * len(values)] = struct.pack(f">{len(values)}I", *values)
    return bytes(data)


def test_a_small_file_that_says_it_is_long_is_refused_soon(boastful: bytes, tmp_path: Path) -> None:
    started = time.process_time()
    with pytest.raises(Refused, match="frames"):
        read(boastful, tmp_path / "boastful.mp4", Limits())
    assert time.process_time() - started < 20


STUCK = """
import time
from yuelu.base.records import Medium
from yuelu.pipelines.media.reading import Reading

def read(file, context):
    until = time.process_time() + 4
    while time.process_time() < until:
        if context.sha256 == "on":
            context.get_on()
    return Reading(Medium.VIDEO, "video/mp4", {}, ())
"""


@pytest.mark.parametrize("getting_on", ["on", "stuck"])
def test_what_does_not_get_on_is_ended_however_large_it_is(getting_on: str, tmp_path: Path) -> None:
    (tmp_path / "reader.py").write_text(STUCK)
    (tmp_path / "large").write_bytes(b"")
    with (tmp_path / "large").open("r+b") as large:
        large.truncate(1 << 30)
        decoders = Decoders(Limits(cpu_s=2), (str(tmp_path),))
        request = {**REQUEST, "reader": f"{tmp_path / 'reader.py'}:read", "sha256": getting_on, "demuxer": "mov"}
        try:
            if getting_on == "stuck":
                with pytest.raises(Refused, match="more than 2 s of processor time without getting on, or"):
                    decoders.read(request, large.fileno()).__enter__()
            else:
                with decoders.read(request, large.fileno()) as reading:
                    assert reading.media_type == "video/mp4"
        finally:
            decoders.close()


def test_limits_grow_with_a_film_and_with_nothing_else(tmp_path: Path) -> None:
    limits, hour = Limits(), 3600
    surgery = limits.for_film(4 * hour * 625_000)  # 4 hours at 5 Mbit/s
    assert surgery.frames >= 4 * hour * 60 > limits.for_film(1000).frames
    assert surgery.cpu_s >= 4 * hour * 2
    assert limits.for_film(10**12) == limits.for_film(10**11)
    assert limits.for_film(0) == limits
    (tmp_path / "some").write_bytes(bytes(1 << 20))
    with (tmp_path / "some").open("rb") as file:
        assert limits_for(limits, {"demuxer": ""}, file.fileno()) == limits
        assert limits.for_object(64 << 20) == limits
        slide = limits.for_object((64 << 20) + 300_000_000)  # of 300 MB more
        assert (slide.cpu_s, slide.wall_s) == (limits.cpu_s + 300, limits.wall_s + 600)
        assert replace(slide, cpu_s=limits.cpu_s, wall_s=limits.wall_s) == limits
        assert limits_for(limits, {"demuxer": "mov"}, file.fileno()).frames == limits.frames + 65536


def test_limits_are_set_by_name() -> None:
    assert limits_of(("seconds=28800", "file_bytes=1e9")) == Limits(seconds=28800.0, file_bytes=10**9)
    with pytest.raises(Misconfigured, match="there is no limit 'hours'"):
        limits_of(("hours=8",))
    with pytest.raises(Misconfigured, match="the limit seconds is 'long', no number"):
        limits_of(("seconds=long",))
    with pytest.raises(Misconfigured, match="the limit frames is -1"):
        limits_of(("frames=-1",))

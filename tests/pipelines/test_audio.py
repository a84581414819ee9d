import itertools
import re
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from scipy import signal

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media import container
from yuelu.pipelines.media.audio import reader as audio
from yuelu.pipelines.media.audio.fingerprint import SoundPrint
from yuelu.pipelines.media.audio.levels import Levels
from yuelu.pipelines.media.audio.loudness import Loudness
from yuelu.pipelines.media.audio.true_peak import PHASES, TruePeak
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context, Reading, Refused
from yuelu.pipelines.media.recognise import recognise

Contexts = Callable[..., Context]


def reading(data: bytes, context_for: Contexts, limits: Limits | None = None) -> Reading:
    return audio.read(BytesIO(data), context_for(data, limits))


def wav(samples: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", rate_hz: int = 8000, kind: str = "WAV") -> bytes:
    file = BytesIO()
    soundfile.write(file, samples, rate_hz, format=kind, subtype="PCM_16")
    return file.getvalue()


def test_proxy_holds_the_samples(fixtures: Path, context_for: Contexts) -> None:
    path = fixtures / "good_media/audiomentations/stereo_16bit.wav"
    made = reading(path.read_bytes(), context_for)
    proxy = made.derived[0]
    shown, rate_hz = soundfile.read(BytesIO(proxy.content()), dtype="int16")
    original, original_hz = soundfile.read(path, dtype="int16")
    assert (proxy.role, proxy.media_type, soundfile.info(BytesIO(proxy.content())).subtype) == (
        Role.PROXY,
        "audio/flac",
        "PCM_16",
    )
    assert rate_hz == original_hz == made.facts["sample_rate_hz"]
    assert (shown == original).all()
    assert made.facts["duration_s"] == pytest.approx(len(original) / rate_hz)
    assert made.facts["channels"] == 2


@pytest.mark.parametrize(
    ("name", "duration_s"),  # as soundfile.info or ffprobe report them
    [
        ("audiomentations/ms_adpcm.wav", 81.2319),
        ("audiomentations/mono_int24.wav", 0.0005),
        ("audiomentations/perfect-alley1.ogg", 9.0566),
        ("audiomentations/bus.opus", 0.7642),
        ("gradio_audio/cate_blanch.mp3", 7.884),
    ],
)
def test_formats(fixtures: Path, context_for: Contexts, name: str, duration_s: float) -> None:
    made = reading((fixtures / "good_media" / name).read_bytes(), context_for)
    assert made.medium is Medium.AUDIO
    assert made.facts["duration_s"] == pytest.approx(duration_s, abs=1e-3)


def test_sound_in_a_video_container_is_sound(fixtures: Path, context_for: Contexts) -> None:
    data = (fixtures / "good_media/audiomentations/testing.m4a").read_bytes()
    made = container.read(BytesIO(data), context_for(data))
    assert (made.medium, made.media_type) == (Medium.AUDIO, "audio/mp4")
    assert made.facts["duration_s"] == pytest.approx(3.204, abs=0.05)


def test_metadata_stays_behind(context_for: Contexts) -> None:
    file = BytesIO()
    with soundfile.SoundFile(file, "w", 8000, 1, "PCM_16", format="WAV") as sound:
        sound.artist = sound.title = "Zhang San"
        sound.write(np.zeros(8000))
    assert b"Zhang San" in file.getvalue()
    assert not [part for part in reading(file.getvalue(), context_for).derived if b"Zhang" in part.content()]


def test_probes(context_for: Contexts) -> None:
    samples = np.concatenate([np.zeros(4000), np.full(2000, 0.5), np.full(2000, 1.0)])
    probes = reading(wav(samples), context_for).facts["probes"]
    assert probes["silent_share"] == 0.5
    assert probes["clipped_share"] == 0.25
    assert probes["peak"] == pytest.approx(1, abs=1e-4)


def test_nothing_and_too_much_are_refused(context_for: Contexts) -> None:
    with pytest.raises(Refused, match="a sound without samples"):
        reading(wav(np.zeros(0)), context_for)
    with pytest.raises(Refused, match="more than 1 seconds of sound"):
        reading(wav(np.zeros(9000)), context_for, Limits(seconds=1))


def tone(level_dbfs: float, seconds: float, rate_hz: int = 48000, channels: int = 2) -> "np.ndarray[tuple[int, ...], Any]":
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.repeat((10 ** (level_dbfs / 20) * np.sin(2 * np.pi * 1000 * at))[:, None], channels, 1)


@pytest.mark.parametrize(
    ("parts", "loudness_lufs"),  # EBU Tech 3341, table 1, cases 1 to 5: stereo sine of 1 kHz, +-0.1 LU
    [
        ([(-23, 20)], -23.0),
        ([(-33, 20)], -33.0),
        ([(-36, 10), (-23, 60), (-36, 10)], -23.0),
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23.0),
    ],
)
def test_loudness_is_that_of_the_standard(parts: list[tuple[float, float]], loudness_lufs: float) -> None:
    meter = Loudness(16000, "stereo")
    for level, seconds in parts:
        meter.add(np.ascontiguousarray(tone(level, seconds, 16000).T, np.float32))
    assert meter.facts()["loudness_lufs"] == pytest.approx(loudness_lufs, abs=0.1)


def test_true_peak_lies_between_the_samples(context_for: Contexts) -> None:
    """EBU Tech 3341, case 16: a quarter of the sampling rate at 45 degrees; half scale at -6 dBTP, +0.2 -0.4 dB."""
    samples = 0.5 * np.sin(2 * np.pi * 0.25 * np.arange(48000) + np.pi / 4) * signal.windows.tukey(48000, 0.2)
    probes = reading(wav(np.stack([samples] * 2, 1), 48000), context_for).facts["probes"]
    assert probes["peak"] == pytest.approx(0.3536, abs=1e-3)
    assert -6.4 <= probes["true_peak_dbtp"] <= -5.8


def metered_by_libav(samples: "np.ndarray[tuple[int, ...], Any]", rate_hz: int) -> dict[str, float]:
    """Return integrated loudness, its range and the true peak by FFmpeg's ebur128 filter, which oversamples everything."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate_hz, format="flt", layout="stereo", time_base=Fraction(1, rate_hz))
    graph.link_nodes(source, graph.add("ebur128", "metadata=1:peak=true"), graph.add("abuffersink")).configure()
    frame = av.AudioFrame.from_ndarray(samples.astype(np.float32).reshape(1, -1), format="flt", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
    source.push(frame)
    source.push(None)
    said: dict[str, str] = {}
    while True:
        try:
            said = dict(graph.pull().metadata) or said
        except (av.error.BlockingIOError, av.error.EOFError):
            break
    found = {name: float(said[f"lavfi.r128.{name}"]) for name in ("I", "LRA", "true_peak")}
    return {**found, "true_peak": 20 * np.log10(found["true_peak"])}


def test_levels_are_those_of_ffmpeg(fixtures: Path, context_for: Contexts) -> None:
    samples, rate_hz = soundfile.read(fixtures / "good_media/gradio_audio/sax.wav", always_2d=True)
    long = np.concatenate([samples[:, :1] * gain for gain in (0.2, 1, 0.05, 0.6, 1, 0.3, 1)])[: 70 * rate_hz]
    both = np.concatenate([long, long[::-1] / 2], axis=1)
    probes, expected = reading(wav(both, rate_hz), context_for).facts["probes"], metered_by_libav(both, rate_hz)
    assert probes["loudness_lufs"] == pytest.approx(expected["I"], abs=0.1)
    assert probes["true_peak_dbtp"] == pytest.approx(expected["true_peak"], abs=0.2)
    assert probes["loudness_range_lu"] == pytest.approx(expected["LRA"], abs=0.1)


@pytest.mark.parametrize("block", [500, 1000, 4096, 50000])
def test_true_peak_is_the_same_when_nothing_is_left_out(block: int) -> None:
    """Against the published filter applied everywhere (ITU-R BS.1770-5, Annex 2), however the samples come in."""
    random = np.random.default_rng(block)
    samples = (random.normal(size=(3, 50000)) * np.geomspace(0.001, 0.4, 50000) * random.random((3, 1))).astype(np.float32)
    meter = TruePeak(48000)
    for at in range(0, 50000, block):
        meter.add(samples[:, at : at + block])
    stands = np.pad(samples, ((0, 0), (11, 11)), mode="edge")
    everywhere = max(np.abs(np.correlate(one, phase, "valid")).max() for one in stands for phase in PHASES)
    told = meter.facts()["true_peak_dbtp"]
    assert told == pytest.approx(20 * np.log10(max(everywhere, np.abs(samples).max())), abs=0.006)


@pytest.mark.parametrize(
    ("kind", "subtype", "media_type"),
    [("WAV", "ALAW", "audio/wav"), ("WAV", "ULAW", "audio/wav"), ("WAV", "PCM_U8", "audio/wav"), ("RF64", "PCM_24", "audio/wav"),
     ("WAV", "DOUBLE", "audio/wav"), ("WAVEX", "PCM_32", "audio/wav"), ("AIFF", "PCM_16", "audio/aiff"),
     ("FLAC", "PCM_24", "audio/flac"), ("AU", "PCM_16", "audio/basic"), ("CAF", "PCM_16", "audio/x-caf"),
     ("MP3", "MPEG_LAYER_III", "audio/mpeg"), ("OGG", "VORBIS", "audio/ogg"), ("OGG", "OPUS", "audio/ogg")],
)  # fmt: skip
def test_forms(kind: str, subtype: str, media_type: str, context_for: Contexts) -> None:
    file = BytesIO()
    soundfile.write(file, tone(-12, 2, 48000), 48000, format=kind, subtype=subtype)
    made = reading(file.getvalue(), context_for)
    assert (made.media_type, made.facts["channels"], made.facts["layout"]) == (media_type, 2, "stereo")
    assert made.facts["codec"] == {"MPEG_LAYER_III": "mp3"}.get(subtype, subtype.lower())
    assert made.facts["duration_s"] == pytest.approx(2, abs=0.06)
    assert made.facts["probes"]["loudness_lufs"] == pytest.approx(-12, abs=0.5)


def encoded(samples: "np.ndarray[tuple[int, ...], Any]", codec: str, container_name: str, rate_hz: int) -> bytes:
    file = BytesIO()
    with av.open(file, "w", format=container_name) as out:
        stream: Any = out.add_stream(codec, rate=rate_hz, layout="mono")
        out.metadata.update({"title": "Zhang San", "artist": "Zhang San", "location": "+28.1+112.9/"})
        size = stream.codec_context.frame_size or 160
        resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=rate_hz, frame_size=size)
        frame = av.AudioFrame.from_ndarray(samples.astype(np.float32)[None], format="flt", layout="mono")
        frame.sample_rate, frame.pts = rate_hz, 0
        for even in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(even))
        out.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(
    ("codec", "name", "rate_hz", "media_type"),
    [("libopencore_amrnb", "amr", 8000, "audio/amr"), ("aac", "adts", 48000, "audio/aac"), ("aac", "mp4", 48000, "audio/mp4"),
     ("libopus", "webm", 48000, "audio/x-matroska"), ("pcm_s16le", "matroska", 16000, "audio/x-matroska")],
)  # fmt: skip
def test_forms_that_libav_knows(codec: str, name: str, rate_hz: int, media_type: str, context_for: Contexts) -> None:
    data = encoded(tone(-12, 2, rate_hz, 1)[:, 0], codec, name, rate_hz)
    context = context_for(data)
    made = (audio if recognise(data[:4096]) in ("AMR", "AAC") else container).read(BytesIO(data), context)
    assert (made.media_type, made.facts["channels"], made.facts["layout"]) == (media_type, 1, "mono")
    assert made.facts["duration_s"] == pytest.approx(2, abs=0.15)
    assert not [part for part in made.derived if b"Zhang" in part.content() or b"112.9" in part.content()]
    assert "Zhang" not in str(made.facts)


def id3(frames: dict[str, bytes]) -> bytes:
    body = b"".join(name.encode() + len(data).to_bytes(4, "big") + b"\0\0" + data for name, data in frames.items())
    size = bytes(len(body) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + body


def test_covers_and_comments_stay_behind(context_for: Contexts) -> None:
    file = BytesIO()
    soundfile.write(file, tone(-12, 1), 48000, format="MP3", subtype="MPEG_LAYER_III")
    cover = b"\0image/png\0\3Zhang San\0\x89PNG\r\n\x1a\n"
    data = id3({"TIT2": b"\0Zhang San", "APIC": cover}) + file.getvalue() + b"TAG" + b"Zhang San".ljust(125, b"\0")
    made = reading(data, context_for)
    assert made.facts["duration_s"] == pytest.approx(1, abs=0.06)
    assert not [part for part in made.derived if b"Zhang" in part.content()]


def test_broadcast_description_stays_behind(context_for: Contexts) -> None:
    data = bytearray(wav(np.zeros(800)))
    bext = b"Zhang San, ward 7".ljust(602, b"\0")  # EBU Tech 3285
    data[12:12] = b"bext" + len(bext).to_bytes(4, "little") + bext
    data[4:8] = (len(data) - 8).to_bytes(4, "little")
    assert not [part for part in reading(bytes(data), context_for).derived if b"Zhang" in part.content()]


def test_levels_by_channel(context_for: Contexts) -> None:
    quiet, loud = np.full(8000, 0.1), np.concatenate([np.zeros(2000), np.full(4000, 0.5), np.zeros(2000)])
    probes = reading(wav(np.stack([quiet * 0, loud, quiet - 0.3], 1)), context_for).facts["probes"]
    assert probes["channel_peaks"] == pytest.approx([0, 0.5, 0.2], abs=1e-4)
    assert probes["dc_offsets"] == pytest.approx([0, 0.25, -0.2], abs=1e-4)
    alone = reading(wav(loud), context_for).facts["probes"]
    assert (alone["leading_silence_s"], alone["trailing_silence_s"]) == (0.25, 0.25)


def test_noise_floor(context_for: Contexts) -> None:
    hiss = 10 ** (-50 / 20) * np.random.default_rng(2).normal(size=80000)
    speech = tone(-10, 10, 8000, 1)[:, 0] * (np.arange(80000) // 8000 % 2)
    assert reading(wav(hiss + speech), context_for).facts["probes"]["noise_floor_dbfs"] == pytest.approx(-50, abs=0.5)


def test_more_channels_than_the_proxy_holds(context_for: Contexts) -> None:
    samples = np.arange(10)[None, :].repeat(4000, 0) / 20
    made = reading(wav(samples), context_for)
    shown, _ = soundfile.read(BytesIO(made.derived[0].content()))
    assert (made.facts["channels"], made.derived[0].facts["channels"]) == (10, 8)
    assert shown[100] == pytest.approx(samples[100, :8], abs=1e-4)


def test_a_slow_recording_keeps_its_times(context_for: Contexts) -> None:
    made = reading(wav(tone(-6, 4, 1000, 1)[:, 0] * 0 + 0.25, 1000), context_for)
    info = soundfile.info(BytesIO(made.derived[0].content()))
    assert (made.facts["sample_rate_hz"], info.samplerate, info.duration) == (1000, 3000, 4.0)
    assert made.facts["probes"]["loudness_lufs"] is None


def test_numbers_that_are_none(context_for: Contexts) -> None:
    file = BytesIO()
    soundfile.write(file, np.array([0.5, np.nan, np.inf, -np.inf] * 2000), 8000, format="WAV", subtype="FLOAT")
    probes = reading(file.getvalue(), context_for).facts["probes"]
    assert probes["peak"] == 1


def bits_apart(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def shared(some: list[str], others: list[str]) -> int:
    return sum(min(bits_apart(one, other) for other in others) <= 3 for one in some)


def altered(samples: "np.ndarray[tuple[int, ...], Any]", rate_hz: int, how: str) -> bytes:
    if how == "quieter":
        return wav(samples / 2, rate_hz)
    if how == "trimmed":
        return wav(samples[rate_hz // 3 :], rate_hz)
    if how == "half the rate":
        return encoded(signal.resample_poly(samples, 1, 2), "pcm_s16le", "wav", rate_hz // 2)
    file = BytesIO()
    kind, subtype = {"mp3": ("MP3", "MPEG_LAYER_III"), "opus": ("OGG", "OPUS"), "vorbis": ("OGG", "VORBIS")}[how]
    soundfile.write(file, samples, rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize("how", ["mp3", "opus", "vorbis", "quieter", "trimmed", "half the rate"])
def test_the_same_recording_shares_codes(how: str, fixtures: Path, context_for: Contexts) -> None:
    samples, rate_hz = soundfile.read(fixtures / "good_media/gradio_audio/sax.wav")
    codes = reading(wav(samples, rate_hz), context_for).facts["fingerprints"]["sound"]
    again = reading(altered(samples, rate_hz, how), context_for).facts["fingerprints"]["sound"]
    assert all(re.fullmatch("[0-9a-f]{16}", code) for code in codes)
    assert len(codes) >= 8
    assert shared(codes, again) >= 0.7 * len(codes)


def test_other_recordings_share_none(fixtures: Path, context_for: Contexts) -> None:
    names = ("gradio_audio/sax.wav", "gradio_audio/cate_blanch.mp3", "audiomentations/hens.ogg", "audiomentations/p286_011.wav")
    found = [reading((fixtures / "good_media" / name).read_bytes(), context_for).facts["fingerprints"]["sound"] for name in names]
    apart = [bits_apart(a, b) for one, other in itertools.combinations(found, 2) for a in one for b in other]
    assert min(apart) > 10


def test_codes_are_few_and_silence_has_none(context_for: Contexts) -> None:
    rng = np.random.default_rng(4)
    clicks = np.zeros(8000 * 60)
    for at in rng.integers(0, clicks.size - 400, 250):
        clicks[at : at + 400] += rng.normal(size=400) * np.linspace(0.3, 0, 400)
    assert 32 <= len(reading(wav(clicks.clip(-1, 1)), context_for).facts["fingerprints"]["sound"]) <= 64
    assert reading(wav(np.zeros(80000)), context_for).facts["fingerprints"]["sound"] == []


def test_what_is_kept_of_a_long_recording_is_small() -> None:
    """Only what is measured is kept, never the samples: 20 minutes of sound in blocks."""
    levels, printed, block = Levels(8000, 1), SoundPrint(8000), np.zeros((1, 8000), np.float32)
    tracemalloc.start()
    for _ in range(1200):
        levels.add(block)
    for _ in range(20):
        printed.add(block[0])
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert levels.samples == 1200 * 8000
    assert used < 4 << 20

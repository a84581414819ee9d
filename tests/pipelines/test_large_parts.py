"""Large derived parts lie in memory once, and the worker that stores them holds a piece at a time."""

import io
import os
import socket
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import pytest
import skimage
import soundfile

from yuelu.base.records import asset_key
from yuelu.base.workspace import Workspace
from yuelu.pipelines.ingest import examine
from yuelu.pipelines.ingest.records import Job
from yuelu.pipelines.isolation.frames import receive_reply, send_reply
from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media import container
from yuelu.pipelines.media.audio import reader as audio
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.memory import memory_file
from yuelu.pipelines.media.readers import Format
from yuelu.pipelines.media.reading import Context, Refused
from yuelu.pipelines.sources.folder import folder

LARGE_BYTES = 96 << 20
READER = f"""
from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.memory import memory_file
from yuelu.pipelines.media.reading import Derived, Reading

def read(file, context):
    large = memory_file()
    large.truncate({LARGE_BYTES})
    parts = (Derived(Role.PROXY, Medium.VIDEO, "video/mp4", b"", {{}}, large), Derived(Role.THUMBNAIL, Medium.IMAGE, "x/y", b"t"))
    return Reading(Medium.VIDEO, "video/mp4", {{}}, parts)
"""


def sent(*parts: bytes | BinaryIO) -> tuple[list[bytes], int]:
    """Return what arrives of the parts, and the number of the file that they arrive in."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send_reply(theirs, {}, parts)
        reply = receive_reply(ours, 1 << 20, time.monotonic() + 60)
    arrived = [os.pread(reply.descriptor, end - start, start) for start, end in reply.parts]
    inode = os.fstat(reply.descriptor).st_ino
    os.close(reply.descriptor)
    return arrived, inode


def test_a_file_in_memory_is_handed_over_and_not_copied(tmp_path: Path) -> None:
    first, second = memory_file(), memory_file()
    first.write(b"first" * 1000)
    second.write(b"second")
    (tmp_path / "disk").write_bytes(b"disk")
    with (tmp_path / "disk").open("rb") as disk:
        arrived, inode = sent(b"before", disk, first, second, b"")
    assert arrived == [b"before", b"disk", b"first" * 1000, b"second", b""]
    assert inode == os.fstat(first.fileno()).st_ino
    assert sent(b"a", b"", b"b")[0] == [b"a", b"", b"b"]


def test_the_worker_never_holds_a_large_part(
    make_workspace: Callable[[str], Workspace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reader.py").write_text(READER)
    (tmp_path / "media").mkdir()
    (tmp_path / "media/one.jpg").write_bytes((Path(skimage.__file__).parent / "data/rocket.jpg").read_bytes())
    monkeypatch.setattr(examine, "READERS", {"JPEG": Format(f"{tmp_path / 'reader.py'}:read", "image/jpeg")})
    workspace, source = make_workspace("one"), folder(tmp_path / "media")
    decoders = Decoders(Limits(), (str(tmp_path),))
    (listed,) = source.listed()
    tracemalloc.start()
    found = examine.examine(listed, Job({source.address: source}, workspace.store, b"k" * 32), decoders)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    decoders.close()
    assert [part.bytes for part in found.parts] == [LARGE_BYTES, 1]
    with workspace.store.open(asset_key(found.parts[0].sha256)) as stored:
        assert stored.seek(0, os.SEEK_END) == LARGE_BYTES
    assert most < LARGE_BYTES / 8


def context(name: str, demuxer: str, **limits: int) -> Context:
    return Context(Limits(**limits), b"k" * 32, "0" * 64, name, demuxer)


def noise() -> io.BytesIO:
    """Four seconds that no codec makes small."""
    file, chance = io.BytesIO(), np.random.default_rng(1)
    soundfile.write(file, chance.uniform(-1, 1, (4 * 48000, 2)), 48000, "PCM_16", format="WAV")
    file.seek(0)
    return file


def film() -> io.BytesIO:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        for value in range(25):
            pixels = np.full((64, 64, 3), value * 10, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode(None))
    file.seek(0)
    return file


def test_proxies_of_sound_and_video_stand_in_files() -> None:
    for made in (audio.read(noise(), context("audio/wav", "wav")), container.read(film(), context("video/mp4", "mov"))):
        assert made.derived[0].data == b""
        assert made.derived[0].file is not None
        assert len(made.derived[0].content()) > 1000


def test_sound_beyond_the_limit_is_refused() -> None:
    with pytest.raises(Refused, match="decoding gave more than the limit of 500000 bytes"):
        audio.read(noise(), context("audio/wav", "wav", reply_bytes=500_000))


def test_video_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.mp4").write_bytes(film().getvalue())
    decoders = Decoders(Limits(reply_bytes=2000))
    request = {"reader": "yuelu.pipelines.media.container:read", "media_type": "video/mp4", "demuxer": "mov"}
    with (
        (tmp_path / "one.mp4").open("rb") as file,
        pytest.raises(Refused, match="decoding gave more than the limit of 2000 bytes"),
        decoders.read({**request, "sha256": "0" * 64, "key": "00"}, file.fileno()),
    ):
        pass
    decoders.close()

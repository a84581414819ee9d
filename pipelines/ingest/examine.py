"""What a worker does with one object: hash it, have it read in isolation, store what was derived."""

import hashlib
import os
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from yuelu.base.canonical import sha256
from yuelu.base.records import asset_key
from yuelu.base.store.port import Store, create_once
from yuelu.pipelines.ingest.records import Found, Listed, Part
from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.readers import HEAD_BYTES, READERS, recognise
from yuelu.pipelines.media.reading import Reading, Refused

_CHUNK = 1 << 20


def examine(listed: Listed, decoders: Decoders, store: Store, key: bytes) -> Found:
    """Return what `listed` is. Only trouble with our own store raises; trouble with the object is a reason."""
    if listed.problem is not None:
        return Found(listed, None, listed.problem)
    try:
        descriptor = os.open(listed.location, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return Found(listed, None, f"cannot be read: {error.strerror}")
    try:
        return _examine_open(listed, descriptor, decoders, store, key)
    finally:
        os.close(descriptor)


def _examine_open(listed: Listed, descriptor: int, decoders: Decoders, store: Store, key: bytes) -> Found:
    digest = None
    try:
        _check_same(listed, descriptor)
        if not listed.bytes:
            raise Refused("an empty file")
        if listed.bytes > decoders.limits.file_bytes:
            raise Refused(f"{listed.bytes} bytes are more than the limit of {decoders.limits.file_bytes}")
        digest = _digest(descriptor)
        reading = _read(descriptor, digest, decoders, key)
        _check_same(listed, descriptor)
    except Refused as refusal:
        return Found(listed, digest, refusal.problem, hint=refusal.hint or None)
    except OSError as error:
        return Found(listed, None, f"cannot be read: {error.strerror}")
    return Found(
        listed, digest, None, reading.medium, reading.media_type, reading.facts, _stored(reading, store), reading.subject
    )


def _check_same(listed: Listed, descriptor: int) -> None:
    """Raise Refused: what is open is not, or no longer, what was listed."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise Refused("no longer a regular file")
    if (status.st_size, status.st_mtime_ns) != (listed.bytes, listed.modified_ns):
        raise Refused("changed while it was being read")
    # A folder on the way may have become a link since; ask the kernel where the open file really lies.
    if os.fsencode(Path(f"/proc/self/fd/{descriptor}").readlink()) != listed.location:
        raise Refused("moved while it was being read")


def _digest(descriptor: int) -> str:
    hashed, at = hashlib.sha256(), 0
    while chunk := os.pread(descriptor, _CHUNK, at):
        hashed.update(chunk)
        at += len(chunk)
    return hashed.hexdigest()


def _read(descriptor: int, digest: str, decoders: Decoders, key: bytes) -> Reading:
    name = recognise(os.pread(descriptor, HEAD_BYTES, 0))
    if name not in READERS:
        raise Refused(f"no reader for {name}")
    reader = READERS[name]
    request: dict[str, Any] = {
        "reader": reader.reader,
        "media_type": reader.media_type,
        "demuxer": reader.demuxer,
        "sha256": digest,
        "key": key.hex(),
    }
    return decoders.read(request, descriptor)


def _stored(reading: Reading, store: Store) -> tuple[Part, ...]:
    parts = []
    for made in reading.derived:
        digest = sha256(made.data)
        create_once(store, asset_key(digest), made.data)
        parts.append(Part(digest, made.role, made.medium, made.media_type, len(made.data), made.facts))
    return tuple(parts)


def examine_all(batch: tuple[Listed, ...], decoders: Decoders, store: Store, key: bytes) -> tuple[Found, ...]:
    """Return what each object of the batch is, in order."""
    return tuple(_timed(listed, decoders, store, key) for listed in batch)


def _timed(listed: Listed, decoders: Decoders, store: Store, key: bytes) -> Found:
    started = time.monotonic()
    found = examine(listed, decoders, store, key)
    return replace(found, seconds=time.monotonic() - started)

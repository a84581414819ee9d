"""What a worker does with one object: hash it, have it read in isolation, store what was derived."""

import hashlib
import os
from typing import Any

from yuelu.base.canonical import sha256
from yuelu.base.records import asset_key
from yuelu.base.store.port import Store, create_once
from yuelu.pipelines.ingest.records import Found, Job, Part
from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.readers import HEAD_BYTES, READERS, recognise
from yuelu.pipelines.media.reading import Reading, Refused
from yuelu.pipelines.sources.port import Listed

_CHUNK = 1 << 20


def examine(listed: Listed, job: Job, decoders: Decoders) -> Found:
    """Return what `listed` is. Only trouble with our own store raises; trouble with the object is a reason."""
    if listed.problem is not None:
        return Found(listed, None, listed.problem)
    source, digest = job.sources[listed.source], None
    try:
        with source.opened(listed) as opened:
            if not opened.bytes:
                raise Refused("an empty file")
            if opened.bytes > decoders.limits.file_bytes:
                raise Refused(f"{opened.bytes} bytes are more than the limit of {decoders.limits.file_bytes}")
            digest = _digest(opened.descriptor)
            reading = _read(opened.descriptor, digest, decoders, job.key)
    except Refused as refusal:
        return Found(listed, digest, refusal.problem)
    except OSError as error:
        return Found(listed, None, f"cannot be read: {error.strerror}")
    made, uri = _stored(reading, job.store), source.uri(listed)
    return Found(
        listed, digest, None, opened.bytes, uri, reading.medium, reading.media_type, reading.facts, made, reading.subject
    )


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


def examine_all(batch: tuple[Listed, ...], job: Job, decoders: Decoders) -> tuple[Found, ...]:
    """Return what each object of the batch is, in order."""
    return tuple(examine(listed, job, decoders) for listed in batch)

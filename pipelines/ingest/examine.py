"""What a worker does with one object: hash it, have it read in isolation, store what was derived."""

import errno
import hashlib
import io
import os
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, cast

from yuelu.base.errors import ServiceUnavailable
from yuelu.base.records import asset_key
from yuelu.base.store.port import Store, create_once
from yuelu.pipelines.ingest.records import Found, Job, Part
from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.readers import READERS, UNREAD
from yuelu.pipelines.media.reading import Derived, Refused
from yuelu.pipelines.media.recognise import HEAD_BYTES, recognise
from yuelu.pipelines.sources.port import Listed

_CHUNK = 1 << 16  # bytes hashed at a time: they stay in the processor's cache
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT})  # no object is to blame for these
_AGAIN = "make room, then run the same command again: what is recorded stays"


def examine(listed: Listed, job: Job, decoders: Decoders) -> Found:
    """Return what `listed` is. Trouble of our own (store, memory, descriptors) raises; trouble with the object is a reason."""
    if listed.problem is not None:
        return Found(listed, None, listed.problem)
    source, digest = job.sources[listed.source], None
    try:
        with ExitStack() as held:
            with source.opened(listed) as opened:  # on leaving, the source tells whether the object stayed the same
                if not opened.bytes:
                    raise Refused("an empty file")
                if opened.bytes > decoders.limits.file_bytes:
                    raise Refused(f"{opened.bytes} bytes are more than the limit of {decoders.limits.file_bytes}")
                digest = _digest(opened.descriptor)
                request = _request(opened.descriptor, digest, job)
                reading = held.enter_context(decoders.read(request, opened.descriptor))
            parts = tuple(_stored(part, job.store) for part in reading.derived)
    except Refused as refusal:
        return Found(listed, digest, refusal.problem, hint=refusal.hint or None)
    except OSError as error:
        if error.errno in _OURS:
            raise ServiceUnavailable(f"the worker is out of resources: {error.strerror}", _AGAIN) from error
        return Found(listed, None, f"cannot be read: {error.strerror}")
    return Found(
        listed, digest, None, opened.bytes, source.uri(listed), reading.medium, reading.media_type, reading.facts, parts,
        reading.subject,
    )  # fmt: skip


def _digest(descriptor: int) -> str:
    hashed, at = hashlib.sha256(), 0
    while chunk := os.pread(descriptor, _CHUNK, at):
        hashed.update(chunk)
        at += len(chunk)
    return hashed.hexdigest()


def _request(descriptor: int, digest: str, job: Job) -> dict[str, Any]:
    name = recognise(os.pread(descriptor, HEAD_BYTES, 0))
    if name not in READERS:
        raise Refused(f"no reader for {name}", UNREAD[name])
    reader = READERS[name]
    return {
        "reader": reader.reader,
        "media_type": reader.media_type,
        "demuxer": reader.demuxer,
        "sha256": digest,
        "key": job.key.hex(),
        "deid": job.deid,
        "detect": job.detect,
    }


def _stored(made: Derived, store: Store) -> Part:
    """Write what was derived to the store. Raises ServiceUnavailable: the store does not take it."""
    file = io.BytesIO(made.data) if made.file is None else made.file
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    digest = hashlib.file_digest(cast(io.BytesIO, file), "sha256", _bufsize=_CHUNK).hexdigest()
    try:
        create_once(store, asset_key(digest), file)
    except OSError as error:
        raise ServiceUnavailable(f"the store {store.address} takes no more: {error.strerror}", _AGAIN) from error
    return Part(digest, made.role, made.medium, made.media_type, size, made.facts)


def examine_all(batch: tuple[Listed, ...], job: Job, decoders: Decoders) -> tuple[Found, ...]:
    """Return what each object of the batch is, in order."""
    return tuple(_timed(listed, job, decoders) for listed in batch)


def _timed(listed: Listed, job: Job, decoders: Decoders) -> Found:
    started = time.monotonic()
    found = examine(listed, job, decoders)
    return replace(found, seconds=time.monotonic() - started)

"""What the decoding process makes of some bytes, with all that it derived in memory: for tests that look at it afterwards."""

import os
from dataclasses import replace
from pathlib import Path

from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.readers import READERS
from yuelu.pipelines.media.reading import Reading, Refused
from yuelu.pipelines.media.recognise import recognise


def isolated(decoders: Decoders, data: bytes, path: Path, name: str = "") -> Reading:
    """Return the reading of `data`, which `path` may hold; `name` is the content, where it is not to be recognised."""
    path.write_bytes(data)
    name = name or recognise(data[:4096])
    if name not in READERS:
        raise Refused(name)
    form = READERS[name]
    request = {"reader": form.reader, "media_type": form.media_type, "demuxer": form.demuxer, "sha256": "0" * 64, "key": "00"}
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with decoders.read(request, descriptor) as reading:
            parts = (part if part.file is None else replace(part, data=part.file.read(), file=None) for part in reading.derived)
            return replace(reading, derived=tuple(parts))
    finally:
        os.close(descriptor)

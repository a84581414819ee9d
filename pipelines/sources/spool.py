"""Bytes that do not lie in a file yet, put into a nameless one: nothing is ever written to disk under a name from outside."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from yuelu.base.errors import ServiceUnavailable
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.sources.port import Opened

_IN_MEMORY = 8 << 20  # larger objects go to the folder for temporary files, where they have no name either
LARGEST = Limits().file_bytes  # nothing larger is fetched, since it would be refused afterwards


@contextmanager
def spooled(chunks: Iterable[bytes], expected: int = 0, largest: int = LARGEST) -> Iterator[Opened]:
    """Yield the bytes as a file that vanishes when the block ends. `expected` bytes are announced; 0: nobody knows.

    Raises Refused: there are more than `largest`. Raises ServiceUnavailable: there is no room for them.
    """
    if expected > largest:
        raise Refused(f"{expected} bytes are more than the limit of {largest}")
    descriptor = _nameless(in_memory=0 < expected <= _IN_MEMORY)
    try:
        yield Opened(descriptor, _written(chunks, descriptor, expected, expected or largest))
    finally:
        os.close(descriptor)


def _nameless(*, in_memory: bool) -> int:
    if in_memory:
        return os.memfd_create("object", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())


def _written(chunks: Iterable[bytes], descriptor: int, expected: int, most: int) -> int:
    written = 0
    for chunk in chunks:
        written += len(chunk)
        if written > most:
            raise Refused(f"it holds more than the {most} bytes that were announced or are allowed")
        left = memoryview(chunk)
        while left:
            try:
                left = left[os.write(descriptor, left) :]
            except OSError as error:  # it says nothing about the object
                raise ServiceUnavailable(
                    f"no room for {expected or most} bytes in {tempfile.gettempdir()}: {error.strerror}",
                    "free some, or set TMPDIR to where there is room, and run again: it goes on where it stopped",
                ) from None
    return written

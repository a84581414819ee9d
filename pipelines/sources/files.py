"""One file on this machine, opened only as what was listed."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.sources.port import Listed, Opened


@contextmanager
def opened_file(listed: Listed) -> Iterator[Opened]:
    """Yield the file. Raises Refused: it is not, or no longer, what was listed; checked again when the block ends."""
    try:
        descriptor = os.open(listed.location, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}") from None
    try:
        _check_same(listed, descriptor)
        yield Opened(descriptor, listed.bytes)
        _check_same(listed, descriptor)
    finally:
        os.close(descriptor)


def _check_same(listed: Listed, descriptor: int) -> None:
    """Raise Refused: what is open is not, or no longer, what was listed."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise Refused("no longer a regular file")
    if (status.st_size, status.st_mtime_ns) != (listed.bytes, listed.modified_ns):
        raise Refused("changed while it was being read")
    # A folder on the way may have become a link since; ask the kernel where the open file really lies.
    if os.fsencode(os.readlink(f"/proc/self/fd/{descriptor}")) != listed.location:  # noqa: PTH115  a path costs more
        raise Refused("moved while it was being read")


def path_text(path: bytes) -> str:
    """Return the path as text; bytes that are no UTF-8 are written as \\xNN."""
    return path.decode("utf-8", "backslashreplace")

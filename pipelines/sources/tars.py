"""Tar archives, plain or compressed. The headers are read once, in order; a member is found by where its bytes lie.

A compressed archive has no directory and can only be read from its start. Each thread keeps the last one open where it
stopped, so members that are asked for in order cost one pass, and one that lies before costs another.
"""

import bz2
import lzma
import os
import tarfile
import threading
import zlib
from collections.abc import Callable, Generator, Iterator
from functools import partial
from types import MappingProxyType
from typing import Any, cast

from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.sources.entries import ENTRIES, TOTAL_BYTES, Entry, ratio_problem
from yuelu.pipelines.sources.inflate import Inflate

_CHUNK = 1 << 18
_HEADER_BYTES = 1 << 20  # of one header with all its extensions
_LZMA_MEMORY = 256 << 20  # `xz -9` needs 65 MiB

_DECOMPRESSORS: MappingProxyType[str, Callable[[], Any]] = MappingProxyType(
    {
        "gzip": partial(Inflate, zlib.MAX_WBITS | 16),
        "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY),
        "bzip2": bz2.BZ2Decompressor,
    }
)


class Unpacked:
    """The tar inside of a file, read forwards; it looks like a file to tarfile. Closing it leaves the descriptor open."""

    def __init__(self, descriptor: int, kind: str) -> None:
        self.descriptor, self.kind = descriptor, kind
        self._rewind()

    def _rewind(self) -> None:
        self.taken = self.position = 0  # bytes of the file, bytes of the tar
        self.ready = b""
        self.decompressor: Any = None if self.kind == "tar" else _DECOMPRESSORS[self.kind]()

    def tell(self) -> int:
        """Return where in the tar the next byte is read."""
        return self.position

    def seek(self, position: int) -> int:
        """Go to where a member begins. Raises Refused: the archive ends before, or a header points backwards."""
        if position < self.position:
            raise Refused("the archive's headers point backwards")
        if self.decompressor is None:
            self.position = position
        while self.position < position:
            if not self.some(position - self.position):
                raise Refused("the archive breaks off")
        return position

    def go(self, position: int) -> None:
        """Go anywhere; from the start again if need be."""
        if position < self.position:
            self._rewind()
        self.seek(position)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes. Raises Refused: more is asked than a header may have, or far more comes out than went in."""
        if not 0 <= size <= _HEADER_BYTES:
            raise Refused(f"a header of the archive is larger than {_HEADER_BYTES} bytes")
        if self.decompressor is None:
            data = os.pread(self.descriptor, size, self.position)
        else:
            while len(self.ready) < size and self._more():
                pass
            data, self.ready = self.ready[:size], self.ready[size:]
        self.position += len(data)
        return data

    def some(self, most: int) -> bytes:
        """Return what is at hand, without copying it together: at least a byte, unless the archive ends."""
        if self.decompressor is None:
            return self.read(min(most, _CHUNK))
        while not self.ready and self._more():
            pass
        data, self.ready = (self.ready, b"") if len(self.ready) <= most else (self.ready[:most], self.ready[most:])
        self.position += len(data)
        return data

    def _more(self) -> bool:
        """Unpack a little more; return whether there may be still more."""
        data = b""
        if self.decompressor.eof:  # several compressed streams may follow each other; padding ends them
            data = self.decompressor.unused_data or self._taken()
            if not data.strip(b"\0"):
                return False
            self.decompressor = _DECOMPRESSORS[self.kind]()
        elif self.decompressor.needs_input:
            data = self._taken()
        made = self.decompressor.decompress(data, _CHUNK)
        self.ready += made
        if problem := ratio_problem(self.taken, self.position + len(self.ready)):
            raise Refused(problem)
        if not made and not data and not self.decompressor.eof:
            raise Refused("the archive breaks off")
        return True

    def _taken(self) -> bytes:
        data = os.pread(self.descriptor, _CHUNK, self.taken)
        self.taken += len(data)
        return data


def entries(descriptor: int, kind: str) -> Iterator[Entry]:
    """Yield every member that is no folder, in the archive's order. Raises Refused, and what the libraries raise when broken."""
    count = total = 0
    with tarfile.TarFile(fileobj=cast(Any, Unpacked(descriptor, kind)), mode="r", encoding="utf-8") as archive:
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # it would keep them all
            problem = _problem(member)
            size = max(0, member.size) if problem is None else 0
            count, total = count + 1, total + size
            if count > ENTRIES:
                raise Refused(f"the archive has more members than the limit of {ENTRIES}")
            if total > TOTAL_BYTES:
                raise Refused(f"the archive's members hold more than {TOTAL_BYTES} bytes together")
            if not member.isdir():
                location = f"tar {kind} {member.offset_data} {member.size}".encode()
                yield Entry(_name(member), location, size, problem)


def _name(member: tarfile.TarInfo) -> str:
    try:
        return member.name.encode("utf-8", "surrogateescape").decode("gb18030" if _escaped(member.name) else "utf-8")
    except UnicodeDecodeError:
        return member.name


def _escaped(name: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in name)


def _problem(member: tarfile.TarInfo) -> str | None:
    if member.issym() or member.islnk():
        return "a symbolic link in an archive" if member.issym() else "a hard link in an archive"
    if member.issparse():
        return "a sparse file in an archive"
    if not member.isreg():
        return "no regular file in the archive"
    return "a negative size in the archive" if member.size < 0 else None


_last = threading.local()


def content(descriptor: int, location: bytes) -> Generator[bytes, None, None]:
    """Yield the member's bytes. Raises Refused: the archive breaks off."""
    kind, start, size = location.decode().split()[1:]
    stream, left = _stream(descriptor, kind), int(size)
    try:
        stream.go(int(start))
        while left:
            chunk = stream.some(left)
            if not chunk:
                raise Refused("the archive breaks off within it")
            left -= len(chunk)
            yield chunk
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
        _last.identity = None  # nobody knows where it stands
        raise Refused(f"broken in the archive: {error}") from None
    except Refused:
        _last.identity = None
        raise


def _stream(descriptor: int, kind: str) -> Unpacked:
    """Return the archive as this thread left it, if it is the one that it read last."""
    status = os.fstat(descriptor)
    identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, kind)
    if getattr(_last, "identity", None) != identity:
        _last.identity, _last.stream = identity, Unpacked(descriptor, kind)
    stream: Unpacked = _last.stream
    stream.descriptor = descriptor  # the one it was opened by is closed by now
    return stream

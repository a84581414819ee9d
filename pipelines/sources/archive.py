"""Archives: each member an object of its own, contained, and nothing unpacked under a name.

A member that must not be taken is one object with a reason, the others go on. An archive in an archive is not opened.
"""

import contextlib
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from yuelu.base.errors import Misconfigured, NotFound
from yuelu.pipelines.media.reading import Refused, clean_text
from yuelu.pipelines.sources import names, tars, zips
from yuelu.pipelines.sources.entries import TOTAL_BYTES, Entry
from yuelu.pipelines.sources.files import opened_file, path_text
from yuelu.pipelines.sources.port import Listed, Opened, storable
from yuelu.pipelines.sources.spool import spooled

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
_MAGICS = ((b"PK\3\4", "zip"), (b"PK\5\6", "zip"), (b"\x1f\x8b", "gzip"), (b"\xfd7zXZ\0", "xz"), (b"BZh", "bzip2"))
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, struct.error, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError,
    OverflowError, RecursionError, NotImplementedError, IndexError,
)  # fmt: skip
_MEMBER = b"\0\0"  # between where the archive lies and where the member lies in it


def kind_of(descriptor: int, name: str) -> str | None:
    """Return which kind of archive the file is, by its content; None: none, or its name does not say that it is one."""
    if not name.lower().endswith(SUFFIXES):
        return None
    head = os.pread(descriptor, 512, 0)
    for magic, kind in _MAGICS:
        if head.startswith(magic):
            return kind
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")  # its header has a checksum
    except tarfile.HeaderError:
        return None
    return "tar"


def members(archive: Listed, descriptor: int, kind: str, base: str) -> Iterator[Listed]:
    """Yield each member of the archive as an object, `base` before its name; what is wrong with the whole, as the archive."""
    found, problem = _entries(descriptor, kind)
    if problem is not None:
        yield replace(archive, problem=problem)
    clashing = names.clashes([one.name for one in found])
    told = set[str]()
    for one in found:
        if one.name in told:
            continue  # told once that there are several
        told.add(one.name)
        why = names.problem_of(one.name) or clashing.get(one.name) or one.problem
        location = b"%s%s%d %s" % (archive.location, _MEMBER, archive.bytes, one.location)
        yield Listed(archive.source, storable(base + one.name), location, one.bytes, archive.modified_ns, why)


def _entries(descriptor: int, kind: str) -> tuple[list[Entry], str | None]:
    found: list[Entry] = []
    try:
        for one in zips.entries(descriptor) if kind == "zip" else tars.entries(descriptor, kind):
            found.append(replace(one, name=names.plain(one.name)))
    except Refused as refusal:
        return ([] if kind == "zip" else found), refusal.problem
    except _BROKEN as error:
        return found, clean_text(f"a broken archive: {error or type(error).__name__}")[:200]
    if sum(one.bytes for one in found) > TOTAL_BYTES:
        return [], f"the archive's members hold more than {TOTAL_BYTES} bytes together"
    return found, None if found else "an archive without files"


def outer(listed: Listed) -> Listed | None:
    """Return the archive that the object is a member of; None: it is none."""
    location, separator, inner = listed.location.partition(_MEMBER)
    if not separator:
        return None
    return Listed(listed.source, listed.path, location, int(inner.split(b" ", 1)[0]), listed.modified_ns)


@contextmanager
def opened_member(archive: Opened, listed: Listed) -> Iterator[Opened]:
    """Yield one member of the open archive. Raises Refused."""
    inner = listed.location.partition(_MEMBER)[2].split(b" ", 1)[1]
    read = zips.content if inner.startswith(b"zip ") else tars.content
    with contextlib.closing(read(archive.descriptor, inner)) as chunks, spooled(chunks, listed.bytes) as opened:
        if kind_of(opened.descriptor, listed.path):
            raise Refused("an archive in an archive is not opened")
        yield opened


@dataclass(frozen=True, slots=True)
class ArchiveSource:
    """The members of one archive file."""

    file: bytes  # absolute and resolved

    @property
    def address(self) -> str:
        """The path of the archive."""
        return path_text(self.file)

    def listed(self) -> Iterator[Listed]:
        """Yield every member in the archive's order. Raises NotFound: no such file. Raises Misconfigured: no archive."""
        try:
            descriptor = os.open(self.file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            status = os.fstat(descriptor)
        except OSError as error:
            raise NotFound(f"no archive at {self.address}: {error.strerror}", "give the file that holds the media") from None
        try:
            if (kind := kind_of(descriptor, self.address)) is None:
                raise Misconfigured(f"{self.address} is no archive", f"known kinds: {', '.join(SUFFIXES)}")
            yield from members(Listed(self.address, ".", self.file, status.st_size, status.st_mtime_ns), descriptor, kind, "")
        finally:
            os.close(descriptor)

    @contextmanager
    def opened(self, listed: Listed) -> Iterator[Opened]:
        """Yield the member. Raises Refused: the archive is no longer what was listed, or the member is broken."""
        archive = outer(listed)
        if archive is None:
            raise Refused("it is the archive itself")
        with opened_file(archive) as file, opened_member(file, listed) as opened:
            yield opened

    def uri(self, listed: Listed) -> str:
        """Return the address of the archive, and the member behind a `#`."""
        return member_uri(Path(self.address).as_uri(), listed.path)


def member_uri(archive: str, name: str) -> str:
    """Return the address of a member: the archive's, and its name behind a `#`."""
    return f"{archive}#{quote(name)}"


def archive(path: Path) -> ArchiveSource:
    """Return the archive file as a source, links on the way to it resolved."""
    return ArchiveSource(os.path.realpath(os.fsencode(path)))

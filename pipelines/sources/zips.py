"""ZIP archives: the directory read under a cap, a member inflated by what was listed of it and checked against that.

Source: PKWARE APPNOTE.TXT 6.3.10. The standard library reads the directory; members are opened without reading it again.
"""

import bz2
import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.sources.entries import ENTRIES, Entry, ratio_problem
from yuelu.pipelines.sources.inflate import Inflate

_DIRECTORY_BYTES = 32 << 20  # of the central directory: ENTRIES with 300 bytes each
_CHUNK = 1 << 18
_UTF8, _ENCRYPTED, _PATCHED, _STRONG = 0x800, 0x1, 0x20, 0x40
_LOCAL = struct.Struct("<4s5H3I2H")  # local file header, section 4.3.7


class _Directory(io.FileIO):
    """The file as zipfile sees it: no single read takes more than a directory may have."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:  # it looks for the directory's end, within 64 KiB of the file's
            size = _DIRECTORY_BYTES
        if size > _DIRECTORY_BYTES:
            raise Refused(f"the archive's directory is larger than {_DIRECTORY_BYTES} bytes")
        return super().read(size) or b""


def entries(descriptor: int) -> Iterator[Entry]:
    """Yield every member that is no folder, in order of name. Raises Refused, and what zipfile raises for broken archives."""
    with _Directory(os.dup(descriptor)) as file, zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        directory = archive.start_dir
    if len(members) > ENTRIES:
        raise Refused(f"the archive has {len(members)} members, more than the limit of {ENTRIES}")
    members.sort(key=lambda member: member.header_offset)
    overlapping = _overlapping(members, directory)
    for index, member in enumerate(members):
        name = _name(member)
        if name.endswith("/") and not member.file_size:
            continue
        end = members[index + 1].header_offset if index + 1 < len(members) else directory
        problem = "its bytes overlap those of another member" if index in overlapping else _problem(member)
        sizes = f"{member.compress_size} {member.file_size} {member.CRC}"
        location = f"zip {member.header_offset} {end} {member.compress_type} {sizes}".encode()
        yield Entry(name, location, member.file_size, problem)


def _name(member: zipfile.ZipInfo) -> str:
    """The name: without the flag for UTF-8 it is in whatever its writer used, which in China is GB 18030 or UTF-8."""
    if member.flag_bits & _UTF8:
        return member.orig_filename
    raw = member.orig_filename.encode("cp437")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return member.orig_filename


def _overlapping(members: list[zipfile.ZipInfo], directory: int) -> set[int]:
    """Members whose bytes are also another's: how a small archive claims to hold petabytes (Fifield 2019)."""
    found: set[int] = set()
    reach, holder = 0, -1
    for index, member in enumerate(members):
        if member.header_offset < reach:
            found |= {index, holder}
        end = member.header_offset + _LOCAL.size + member.compress_size
        if end > directory:
            found.add(index)
        if end > reach:
            reach, holder = end, index
    return found


def _problem(member: zipfile.ZipInfo) -> str | None:
    mode = member.external_attr >> 16 if member.create_system == 3 else 0  # 3: Unix
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "a symbolic link in an archive" if stat.S_ISLNK(mode) else "no regular file in the archive"
    if member.flag_bits & (_ENCRYPTED | _STRONG):
        return "encrypted in the archive"
    if member.flag_bits & _PATCHED or member.compress_type not in _METHODS:
        return f"compressed by a method that is not read: {member.compress_type}"
    if member.header_offset < 0:
        return "its bytes lie outside of the archive"
    return ratio_problem(member.compress_size, member.file_size)


class _Stored:
    """The decompressor of what is not compressed."""

    eof, needs_input = False, True

    def decompress(self, data: bytes, most: int) -> bytes:
        return data


_METHODS: dict[int, Any] = {
    zipfile.ZIP_STORED: _Stored,
    zipfile.ZIP_DEFLATED: partial(Inflate, -zlib.MAX_WBITS),
    zipfile.ZIP_BZIP2: bz2.BZ2Decompressor,
}


def content(descriptor: int, location: bytes) -> Generator[bytes, None, None]:
    """Yield the member's bytes. Raises Refused: they are not what the directory said: longer, shorter, or another checksum."""
    offset, end, method, packed, size, checksum = (int(word) for word in location.split()[1:])
    header = os.pread(descriptor, _LOCAL.size, offset)
    if len(header) < _LOCAL.size or not header.startswith(b"PK\3\4"):
        raise Refused("the archive has no member where its directory says")
    fields = _LOCAL.unpack(header)
    start = offset + _LOCAL.size + fields[-2] + fields[-1]
    if start + packed > end:
        raise Refused("its bytes overlap those of another member")
    seen = crc = 0
    for chunk in _inflated(descriptor, start, packed, method, size):
        seen, crc = seen + len(chunk), zlib.crc32(chunk, crc)
        yield chunk
    if (seen, crc) != (size, checksum):
        raise Refused("its bytes are not those that the archive's directory describes")


def _inflated(descriptor: int, at: int, packed: int, method: int, size: int) -> Iterator[bytes]:
    decompressor, left, seen = _METHODS[method](), packed, 0
    while True:
        data = b""
        if left and decompressor.needs_input:
            data = os.pread(descriptor, min(_CHUNK, left), at)
            if not data:
                raise Refused("the archive breaks off within it")
            at, left = at + len(data), left - len(data)
        try:
            made = decompressor.decompress(data, _CHUNK)
        except (zlib.error, OSError, EOFError) as error:
            raise Refused(f"broken in the archive: {error}") from None
        seen += len(made)
        if seen > size:
            raise Refused(f"it holds more than the {size} bytes that the archive's directory says")
        if made:
            yield made
        if decompressor.eof or (not made and not left):
            return

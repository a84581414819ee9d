"""A DICOMDIR as a source: the files that a medium's directory refers to, in the folder that it lies in.

Source: DICOM PS3.3 Annex F (Basic Directory IOD), PS3.10 section 8 (file ids). pydicom's FileSet is not used: it opens
what a directory names without looking where that leads (CVE-2026-32711).
"""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from yuelu.base.errors import Misconfigured, NotFound
from yuelu.base.records import Medium
from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context, Reading, Refused
from yuelu.pipelines.sources.files import path_text
from yuelu.pipelines.sources.folder import FolderSource
from yuelu.pipelines.sources.port import Listed, Opened

DIRECTORY = "1.2.840.10008.1.3.10"  # Media Storage Directory Storage
_LARGEST = 256 << 20  # bytes of a DICOMDIR; a record takes a few hundred
_COMPONENT = re.compile(r"[^/\\\0:]+")


@dataclass(frozen=True, slots=True)
class DicomdirSource:
    """What a DICOMDIR lists; what it lists but is missing, and what lies there unlisted, are objects with a problem."""

    file: bytes  # absolute and resolved

    @property
    def address(self) -> str:
        """The path of the DICOMDIR."""
        return path_text(self.file)

    @property
    def _folder(self) -> FolderSource:
        return FolderSource(os.path.dirname(self.file))  # noqa: PTH120  bytes, as the system has them

    def listed(self) -> Iterator[Listed]:
        """Yield the files below the DICOMDIR's folder in order of path, then what is missing there.

        Raises NotFound: no such file. Raises Misconfigured: it is no DICOMDIR.
        """
        wanted = _referenced(self.file)
        own = path_text(os.path.basename(self.file))  # noqa: PTH119
        for path, problem in wanted.items():
            if problem is not None:
                yield Listed(self.address, f"{own}#{path}", b"", 0, 0, problem)  # no path of a file
        left = {path for path, problem in wanted.items() if problem is None}
        for listed in self._folder.listed():
            if listed.path == own:
                continue
            # ISO 9660 knows capitals only; what copied the medium may have written it in small letters.
            name = listed.path if listed.path in left else listed.path.upper()
            named = name in left
            left.discard(name)
            problem = listed.problem or (None if named else "there, but not listed in the DICOMDIR")
            yield replace(listed, source=self.address, problem=problem)
        for path in sorted(left):
            yield Listed(self.address, path, b"", 0, 0, "listed in the DICOMDIR, but not there")

    def opened(self, listed: Listed) -> AbstractContextManager[Opened]:
        """Return the file. Raises Refused: it is not, or no longer, what was listed."""
        return self._folder.opened(listed)

    def uri(self, listed: Listed) -> str:
        """Return the address of the file."""
        return self._folder.uri(listed)


def dicomdir(path: Path) -> DicomdirSource:
    """Return the DICOMDIR as a source, links on the way to it resolved."""
    return DicomdirSource(os.path.realpath(os.fsencode(path)))


def _referenced(file: bytes) -> dict[str, str | None]:
    """Return every file that the DICOMDIR names, and why it is not taken; decoded in a process of its own, like all DICOM."""
    request = {"reader": f"{__name__}:read", "media_type": "application/dicom", "demuxer": "", "sha256": "", "key": ""}
    decoders = Decoders(Limits(picture_bytes=_LARGEST))
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with decoders.read(request, descriptor) as reading:
                named: list[list[str]] = list(reading.facts["files"])
        finally:
            os.close(descriptor)
    except OSError as error:
        raise NotFound(f"no DICOMDIR at {path_text(file)}: {error.strerror}", "give the file itself") from None
    except Refused as refusal:
        raise Misconfigured(f"{path_text(file)}: {refusal.problem}", "give its folder to take the files without it") from None
    finally:
        decoders.close()
    return {"/".join(parts): _problem(parts) for parts in named}


def _problem(parts: list[str]) -> str | None:
    """Return why a file id is not followed. PS3.10 8.2 allows eight components of eight characters; real media hold more."""
    if any(part in (".", "..") or not _COMPONENT.fullmatch(part) for part in parts):
        return "the DICOMDIR refers to a file outside of its folder"
    return None


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the file ids of all records in use, as the fact `files`: lists of path components. Runs in isolation."""
    from pydicom import dcmread  # noqa: PLC0415  only the isolated process needs it

    if os.fstat(file.fileno()).st_size > context.limits.picture_bytes:
        raise Refused(f"a DICOMDIR of more than {context.limits.picture_bytes} bytes")
    dataset: Any = dcmread(file)
    if str(dataset.file_meta.get("MediaStorageSOPClassUID", "")) != DIRECTORY:
        raise Refused("no DICOM directory")
    records = dataset.get("DirectoryRecordSequence") or ()
    files = [_components(record) for record in records if "ReferencedFileID" in record and record.get("RecordInUseFlag") != 0]
    return Reading(Medium.IMAGE, context.media_type, {"files": [parts for parts in files if parts]}, ())


def _components(record: Any) -> list[str]:
    value = record.ReferencedFileID
    return [str(part) for part in ([value] if isinstance(value, str) else value or ())]

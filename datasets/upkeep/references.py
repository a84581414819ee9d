"""What the versions of a dataset refer to, and what the keys of its objects say."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from yuelu.base.errors import NotFound
from yuelu.datasets.layout import File, version_number
from yuelu.datasets.manifest import DELETED, Part
from yuelu.datasets.release import Release

_OBJECT = re.compile(r"datasets/[^/]+/(?:data|media)/([0-9a-f]{64})(?:\.[a-z]+)?")
_PAGE = re.compile(r"(?:datasets/[^/]+/notices|keys)/[0-9]{6,}\.json")
_LEASE = re.compile(r"datasets/[^/]+/leases/[^/]+\.json")


@dataclass(frozen=True, slots=True)
class Expected:
    """An object that something refers to: what its bytes must be. `sha256` is None where a signature tells that."""

    key: str
    sha256: str | None
    bytes: int | None


def sha256_of_key(key: str) -> str | None:
    """Return the SHA-256 that names an object of a dataset, None for any other key."""
    found = _OBJECT.fullmatch(key)
    return found[1] if found else None


def is_known(key: str) -> bool:
    """Return whether the key is of a shape that a dataset has: a manifest, a signed page, a lease, or a hashed object."""
    return version_number(key) is not None or any(shape.fullmatch(key) for shape in (_OBJECT, _PAGE, _LEASE))


def files_of(release: Release, seen: set[str]) -> Iterator[File]:
    """Yield the tables, documents and media that a version refers to; `seen` are keys that were told before and grows.

    The media of all assets parts are told, also of rows that a later part deletes: rather one too many than one too few.
    """
    manifest = release.manifest
    for file in (*(part.file for part in manifest.parts), *manifest.documents):
        if file.key not in seen:
            seen.add(file.key)
            yield file
            part = next((part for part in manifest.layers("assets") if part.file is file and part.kind != DELETED), None)
            if part is not None:
                yield from _media(release, part, seen)


def _media(release: Release, part: Part, seen: set[str]) -> Iterator[File]:
    alone = Release(release.manifest, release.source, release.signed, {"assets": part})
    try:
        for file in alone.media():
            if file.key not in seen:
                seen.add(file.key)
                yield file
    except NotFound:
        return  # the table itself is told of as missing, or was deleted for a withdrawal

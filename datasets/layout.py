"""Where the files of a release lie: keys in the store, paths in a pulled folder."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from yuelu.base.errors import IntegrityFailure, Misconfigured

MANIFEST = "manifest.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VERSION_KEY = re.compile(r"datasets/([^/]+)/versions/([0-9]{6,})\.json")
_DOCUMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.(md|json|jsonld|html)")

EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        "application/vnd.apache.parquet": "parquet",
        "audio/flac": "flac",
        "audio/mp4": "m4a",
        "audio/mpeg": "mp3",
        "audio/ogg": "ogg",
        "audio/wav": "wav",
        "audio/x-wav": "wav",
        "image/jpeg": "jpg",
        "image/png": "png",
        "image/tiff": "tif",
        "image/webp": "webp",
        "video/mp4": "mp4",
        "video/webm": "webm",
    }
)


@dataclass(frozen=True, slots=True)
class File:
    """One file of a release: its path in a pulled folder, its key in the store, what its bytes must be."""

    path: str
    key: str
    sha256: str
    bytes: int


def checked_name(name: str) -> str:
    """Return the name of a dataset. Raises Misconfigured: not lower-case letters, digits, '.', '_' and '-'."""
    if not _NAME.fullmatch(name):
        raise Misconfigured(f"{name!r} is no name for a dataset", "use up to 64 of a-z, 0-9, '.', '_', '-', such as 'chest-ct'")
    return name


def checked_sha256(value: object) -> str:
    """Return `value`. Raises IntegrityFailure: not 64 hex digits, so it may not become part of a path."""
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise IntegrityFailure(f"{value!r} is not a SHA-256", "the manifest or the assets table is damaged")
    return value


def version_key(name: str, number: int) -> str:
    """Return the key of a version's manifest."""
    return f"datasets/{name}/versions/{number:06}.json"


def version_number(key: str) -> int | None:
    """Return the number of the version whose manifest lies under `key`, None for any other object."""
    found = _VERSION_KEY.fullmatch(key)
    # one number has one key: 0000001.json is no second spelling of 000001.json
    return int(found[2]) if found and version_key(found[1], int(found[2])) == key else None


def table_file(name: str, table: str, sha256: str, size: int) -> File:
    """Return the file of one part of a table; its path is that of the whole table in a pulled folder."""
    return File(f"{table}.parquet", f"datasets/{name}/data/{checked_sha256(sha256)}.parquet", sha256, size)


def document_file(name: str, path: str, sha256: str, size: int) -> File:
    """Return the file of a document such as README.md. Raises IntegrityFailure: its path leaves the folder."""
    if not _DOCUMENT.fullmatch(path) or path == MANIFEST:
        raise IntegrityFailure(f"{path!r} is no path of a document", "the manifest is damaged, or not ours")
    return File(path, f"datasets/{name}/data/{checked_sha256(sha256)}.{path.rpartition('.')[2]}", sha256, size)


def media_file(name: str, sha256: str, media_type: str, size: int) -> File:
    """Return the file of a released medium."""
    return File(media_path(sha256, media_type), f"datasets/{name}/media/{checked_sha256(sha256)}", sha256, size)


def media_path(sha256: str, media_type: str) -> str:
    """Return the path of a released medium in a pulled folder."""
    return f"media/{sha256}.{EXTENSIONS.get(media_type, 'bin')}"

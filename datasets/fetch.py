"""Files of a release into a folder: each whole or not at all, by way of a folder for what is not finished."""

import hashlib
import os
from pathlib import Path

from yuelu.base.errors import IntegrityFailure
from yuelu.datasets.layout import File
from yuelu.datasets.release import Release

PARTS = ".yuelu-pull"  # unfinished files, and the paths that pulls into this folder wrote; gone once a pull is complete
_CHUNK = 1 << 20


def fetch(release: Release, file: File, dest: Path) -> bool:
    """Make `dest` hold `file`; return whether it had to be fetched. Raises IntegrityFailure: the store's copy is damaged."""
    target, part = dest / file.path, dest / PARTS / f"{file.sha256}.{os.getpid()}"
    if target.is_file() and not target.is_symlink() and hash_of(target) == file.sha256:
        return False
    hashed, size = hashlib.sha256(), 0
    with release.source.open(file) as source, part.open("wb") as written:
        while size <= file.bytes and (chunk := source.read(_CHUNK)):  # never more than promised, and one chunk
            hashed.update(chunk)
            size += len(chunk)
            written.write(chunk)
        written.flush()
        os.fsync(written.fileno())
    if hashed.hexdigest() != file.sha256:
        part.unlink()
        raise IntegrityFailure(
            f"{release.source.label(file)} is damaged in the store", "nothing of it was kept; ask the publisher to repair it"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)
    return True


def hash_of(path: Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

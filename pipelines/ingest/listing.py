"""Listing a folder: every object once, in order of path, with what cannot be read marked instead of skipped."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from yuelu.base.errors import NotFound
from yuelu.pipelines.ingest.records import Listed

BATCH_BYTES, BATCH_OBJECTS = 8 << 20, 16  # a second or so of work: enough to hide Dask's cost, small enough to redo

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISCHR, "a character device"),
)


def list_folder(source: Path) -> list[Listed]:
    """Return every object below the folder, hidden ones too, in order of path. Raises NotFound: no such folder."""
    if not source.is_dir():
        raise NotFound(f"no folder at {source}", "give the folder that holds the media")
    root = os.path.realpath(os.fsencode(source))
    address = _text(root)
    found = (_listed(address, root, location) for location in _walk(root))
    return sorted(found, key=lambda listed: listed.path)


def _walk(root: bytes) -> Iterator[tuple[bytes, str | None]]:
    """Yield (location, problem) of everything that is not a folder, and of folders that cannot be listed."""
    folders = [root]  # a stack of our own: folders may lie deeper than functions may call each other
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                listed = list(entries)
        except OSError as error:
            yield folder, f"the folder cannot be listed: {error.strerror}"
            continue
        for entry in listed:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            else:
                yield entry.path, None


def _listed(address: str, root: bytes, found: tuple[bytes, str | None]) -> Listed:
    location, problem = found
    path = _text(os.path.relpath(location, root))
    try:
        status = os.lstat(location)
    except OSError as error:
        return Listed(address, path, location, 0, 0, problem or f"cannot be read: {error.strerror}")
    target = location
    if stat.S_ISLNK(status.st_mode):
        target = os.path.realpath(location)
        problem = _link_problem(root, target)
        status = os.lstat(target) if problem is None else status
    elif problem is None and not stat.S_ISREG(status.st_mode):
        problem = f"not a regular file: {next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), 'unknown')}"
    return Listed(address, path, target, status.st_size, status.st_mtime_ns, problem)


def _link_problem(root: bytes, target: bytes) -> str | None:
    if not below(root, target):
        return "a symbolic link that leads out of the source"
    try:
        mode = os.lstat(target).st_mode
    except OSError as error:
        return f"a symbolic link to what cannot be read: {error.strerror}"
    if stat.S_ISREG(mode):
        return None
    return "a symbolic link to a folder" if stat.S_ISDIR(mode) else "a symbolic link to what is no regular file"


def below(root: bytes, location: bytes) -> bool:
    """Return whether the absolute, resolved location lies in the folder `root`."""
    return location.startswith(root.rstrip(b"/") + b"/")


def _text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def batches(objects: Sequence[Listed]) -> list[tuple[Listed, ...]]:
    """Return the objects in their order, cut into batches by bytes and count. The cuts depend on nothing else."""
    cut: list[tuple[Listed, ...]] = []
    batch: list[Listed] = []
    size = 0
    for listed in objects:
        if batch and (size + listed.bytes > BATCH_BYTES or len(batch) == BATCH_OBJECTS):
            cut.append(tuple(batch))
            batch, size = [], 0
        batch.append(listed)
        size += listed.bytes
    return [*cut, tuple(batch)] if batch else cut

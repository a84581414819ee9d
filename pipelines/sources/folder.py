"""A folder as a source: every object once, in order of path, with what cannot be read marked instead of skipped."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from yuelu.base.errors import NotFound
from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.sources.port import Listed, Opened

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISCHR, "a character device"),
)


@dataclass(frozen=True, slots=True)
class FolderSource:
    """Every object below a folder, hidden ones too. Nothing outside of it is ever opened."""

    root: bytes  # absolute and resolved

    @property
    def address(self) -> str:
        """The path of the folder."""
        return _text(self.root)

    def listed(self) -> Iterator[Listed]:
        """Yield every object below the folder in order of path. Raises NotFound: no such folder."""
        if not Path(os.fsdecode(self.root)).is_dir():
            raise NotFound(f"no folder at {self.address}", "give the folder that holds the media")
        return (_listed(self.address, self.root, location) for location in _walk(self.root))

    def count(self) -> int:
        """Return how many objects lie below the folder; none of them is looked at."""
        return sum(1 for _ in _walk(self.root))

    @contextmanager
    def opened(self, listed: Listed) -> Iterator[Opened]:
        """Yield the object. Raises Refused: it is not, or no longer, what was listed."""
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

    def uri(self, listed: Listed) -> str:
        """Return the address of the file."""
        return Path(self.address, listed.path).as_uri()


def folder(path: Path) -> FolderSource:
    """Return the folder as a source, links on the way to it resolved."""
    return FolderSource(os.path.realpath(os.fsencode(path)))


def _walk(root: bytes) -> Iterator[tuple[bytes, str | None]]:
    """Yield (location, problem) of everything that is not a folder, and of folders that cannot be listed, in order of path."""
    waiting: list[tuple[bytes, bool]] = [(root, True)]  # of our own: folders may lie deeper than functions may call each other
    while waiting:
        location, is_folder = waiting.pop()
        if not is_folder:
            yield location, None
            continue
        try:
            with os.scandir(location) as entries:
                found = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except OSError as error:
            yield location, f"the folder cannot be listed: {error.strerror}"
            continue
        # A folder sorts where the paths of its objects do: after "a.png" and before "a0" for a folder "a".
        waiting.extend(sorted(found, key=lambda one: one[0] + b"/" * one[1], reverse=True))


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


def _check_same(listed: Listed, descriptor: int) -> None:
    """Raise Refused: what is open is not, or no longer, what was listed."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise Refused("no longer a regular file")
    if (status.st_size, status.st_mtime_ns) != (listed.bytes, listed.modified_ns):
        raise Refused("changed while it was being read")
    # A folder on the way may have become a link since; ask the kernel where the open file really lies.
    if os.fsencode(Path(f"/proc/self/fd/{descriptor}").readlink()) != listed.location:
        raise Refused("moved while it was being read")

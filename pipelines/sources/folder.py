"""A folder as a source: every object once, in order of path, with what cannot be read marked instead of skipped.

An archive found in it is not an object but a folder of them: its members are listed as `path/to/archive.zip/member`.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from yuelu.base.errors import NotFound
from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.sources.archive import SUFFIXES, kind_of, member_uri, members, opened_member, outer
from yuelu.pipelines.sources.files import opened_file, path_text
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
        return path_text(self.root)

    def listed(self) -> Iterator[Listed]:
        """Yield every object below the folder in order of path. Raises NotFound: no such folder."""
        if not Path(os.fsdecode(self.root)).is_dir():
            raise NotFound(f"no folder at {self.address}", "give the folder that holds the media")
        return self._listed()

    def _listed(self) -> Iterator[Listed]:
        for location, problem, kind in _walk(self.root):
            listed = _listed_one(self.address, self.root, location, problem)
            if kind is None or listed.problem is not None:
                yield listed
            else:
                yield from _members(listed, kind)

    def count(self) -> int:
        """Return how many objects lie below the folder; none of them is looked at."""
        return sum(1 for _ in _walk(self.root))

    @contextmanager
    def opened(self, listed: Listed) -> Iterator[Opened]:
        """Yield the object. Raises Refused: it is not, or no longer, what was listed."""
        archive = outer(listed)
        if archive is None:
            with opened_file(listed) as opened:
                yield opened
            return
        with opened_file(archive) as file, opened_member(file, listed) as opened:
            yield opened

    def uri(self, listed: Listed) -> str:
        """Return the address of the file; of an archive's member, the archive's with the member behind a `#`."""
        archive = outer(listed)
        if archive is None:
            return Path(self.address, listed.path).as_uri()
        place = path_text(archive.location)
        return member_uri(Path(place).as_uri(), listed.path.removeprefix(f"{os.path.relpath(place, self.address)}/"))


def folder(path: Path) -> FolderSource:
    """Return the folder as a source, links on the way to it resolved."""
    return FolderSource(os.path.realpath(os.fsencode(path)))


def _walk(root: bytes) -> Iterator[tuple[bytes, str | None, str | None]]:
    """Yield (location, problem, kind of archive) of all but folders, and of folders that cannot be listed, in order of path."""
    waiting: list[tuple[bytes, str | None]] = [(root, "folder")]  # of our own: folders may lie deeper than calls may
    while waiting:
        location, kind = waiting.pop()
        if kind != "folder":
            yield location, None, kind
            continue
        try:
            with os.scandir(location) as entries:
                found = [(entry.path, _kind(entry)) for entry in entries]
        except OSError as error:
            yield location, f"the folder cannot be listed: {error.strerror}", None
            continue
        # A folder sorts where the paths of its objects do: after "a.png" and before "a0" for a folder "a".
        waiting.extend(sorted(found, key=lambda one: one[0] + b"/" * (one[1] is not None), reverse=True))


def _kind(entry: os.DirEntry[bytes]) -> str | None:
    """Return "folder", the kind of archive, or None for all else. A link to an archive is not followed into it."""
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    if not os.fsdecode(entry.name).lower().endswith(SUFFIXES) or not entry.is_file(follow_symlinks=False):
        return None
    try:
        descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None  # opening it as an object will say why
    try:
        return kind_of(descriptor, path_text(entry.name))
    finally:
        os.close(descriptor)


def _members(listed: Listed, kind: str) -> Iterator[Listed]:
    try:
        with opened_file(listed) as archive:
            yield from members(listed, archive.descriptor, kind, f"{listed.path}/")
    except Refused as refusal:
        yield replace(listed, problem=refusal.problem)


def _listed_one(address: str, root: bytes, location: bytes, problem: str | None) -> Listed:
    path = path_text(os.path.relpath(location, root))
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

"""A folder as a store."""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from yuelu.base.errors import KeyTaken, NotFound
from yuelu.base.store.port import Entry, checked_key

_PARTS = ".parts"  # unfinished writes live here, on the same file system, out of every listing
# Bytes written at a time. Pieces of this size come from the processor's cache, and the file system's own stay small: to fill
# one of several megabytes in one call can take it ten times as long.
_CHUNK = 1 << 18
_NEW = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC


class LocalStore:
    """Bytes by key below one folder. `create` is atomic and durable: the data, then the name, are flushed to disk."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._root = str(self.root)

    @property
    def address(self) -> str:
        """The folder."""
        return str(self.root)

    def path(self, key: str) -> Path:
        """Return where the bytes of `key` lie."""
        return self.root / checked_key(key)

    def _place(self, key: str) -> str:
        """Return the same as text: paths as objects cost more than most of what the kernel does for a small file."""
        return f"{self._root}/{checked_key(key)}"

    def create(self, key: str, data: bytes | BinaryIO) -> None:
        """Write `data` under a new key, whole or not at all. Raises KeyTaken."""
        path, part = self._place(key), f"{self._root}/{_PARTS}/{secrets.token_hex(8)}"
        descriptor = _new(part)
        try:
            try:
                _write(descriptor, data)
                os.fchmod(descriptor, 0o444)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            _link(part, path)
        except FileExistsError:
            raise KeyTaken(f"{key} already exists", "a key is written once; use a new one") from None
        finally:
            os.unlink(part)  # noqa: PTH108  see `_place`
        _sync_folder(path.rpartition("/")[0])

    def read(self, key: str) -> bytes:
        """Return the bytes. Raises NotFound."""
        with self.open(key) as file:
            return file.read()

    def open(self, key: str) -> BinaryIO:
        """Return a seekable reader. Raises NotFound."""
        try:
            return self.path(key).open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise NotFound(f"no {key} in {self.root}", "list the store to see what it holds") from None

    def exists(self, key: str) -> bool:
        """Return whether the key was written."""
        return os.path.isfile(self._place(key))  # noqa: PTH113  see `_place`

    def delete(self, key: str) -> None:
        """Remove the file, for good once this returns; one that is not there stays so."""
        path = self.path(key)
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return
        _sync_folder(str(path.parent))

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Yield the entries whose key starts with `prefix`, in order of their keys."""
        start = self.root / prefix.rpartition("/")[0]
        found = (path for path in start.rglob("*") if path.is_file())
        keys = ((path.relative_to(self.root).as_posix(), path) for path in found)
        for key, path in sorted(keys):
            if key.startswith(prefix) and not key.startswith(f"{_PARTS}/"):
                with suppress(FileNotFoundError):  # deleted since it was listed
                    found_here = path.stat()
                    yield Entry(key, found_here.st_size, datetime.fromtimestamp(found_here.st_mtime, UTC))


def _new(part: str) -> int:
    """Return the descriptor of a new file to write; its folder is made where there is none."""
    try:
        return os.open(part, _NEW, 0o600)
    except FileNotFoundError:
        Path(part).parent.mkdir(parents=True, exist_ok=True)
        return os.open(part, _NEW, 0o600)


def _write(descriptor: int, data: bytes | BinaryIO) -> None:
    for chunk in _chunks(data):
        left = chunk
        while left:  # the kernel may take less than it is given
            left = left[os.write(descriptor, left) :]


def _chunks(data: bytes | BinaryIO) -> Iterator[memoryview]:
    if isinstance(data, bytes):
        whole = memoryview(data)
        yield from (whole[at : at + _CHUNK] for at in range(0, len(whole), _CHUNK))
        return
    data.seek(0)
    while chunk := data.read(_CHUNK):
        yield memoryview(chunk)


def _link(part: str, path: str) -> None:
    """Give the part its name: atomic like a rename, but an existing one is not replaced. Raises FileExistsError."""
    try:
        os.link(part, path)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        os.link(part, path)


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

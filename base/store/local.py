"""A folder as a store."""

import os
import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from yuelu.base.errors import KeyTaken, NotFound
from yuelu.base.store.port import Entry, checked_key

_PARTS = ".parts"  # unfinished writes live here, on the same file system, out of every listing
_CHUNK = 1 << 20  # bytes copied at a time
_NEW = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC


class LocalStore:
    """Bytes by key below one folder. `create` is atomic and durable: the data, then the name, are flushed to disk."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @property
    def address(self) -> str:
        """The folder."""
        return str(self.root)

    def path(self, key: str) -> Path:
        """Return where the bytes of `key` lie."""
        return self.root / checked_key(key)

    def create(self, key: str, data: bytes | BinaryIO) -> None:
        """Write `data` under a new key, whole or not at all. Raises KeyTaken."""
        path, part = self.path(key), self.root / _PARTS / secrets.token_hex(8)
        try:
            descriptor = os.open(part, _NEW, 0o600)
        except FileNotFoundError:
            part.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(part, _NEW, 0o600)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                _write(file, data)
                os.fchmod(descriptor, 0o444)
                os.fsync(descriptor)
            _link(part, path)
        except FileExistsError:
            raise KeyTaken(f"{key} already exists", "a key is written once; use a new one") from None
        finally:
            part.unlink()
        _sync_folder(path.parent)

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
        return self.path(key).is_file()

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Yield the entries whose key starts with `prefix`, in order of their keys."""
        start = self.root / prefix.rpartition("/")[0]
        found = (path for path in start.rglob("*") if path.is_file())
        keys = ((path.relative_to(self.root).as_posix(), path) for path in found)
        for key, path in sorted(keys):
            if key.startswith(prefix) and not key.startswith(f"{_PARTS}/"):
                yield Entry(key, path.stat().st_size)


def _write(file: BinaryIO, data: bytes | BinaryIO) -> None:
    chunks = [data] if isinstance(data, bytes) else iter(partial(data.read, _CHUNK), b"")
    if not isinstance(data, bytes):
        data.seek(0)
    for chunk in chunks:
        left = memoryview(chunk)
        while left:  # the kernel may take less than it is given
            left = left[file.write(left) :]


def _link(part: Path, path: Path) -> None:
    """Give the part its name: atomic like a rename, but an existing one is not replaced. Raises FileExistsError."""
    try:
        os.link(part, path)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(part, path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

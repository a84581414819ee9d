"""What every store does, and how one is opened from its address."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol

from yuelu.base.errors import InvalidRecord, KeyTaken


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a store: its key and size in bytes, and when the store says that it was written."""

    key: str
    bytes: int
    written_at: datetime | None = field(default=None, compare=False)


class Store(Protocol):
    """Bytes by key. A key is written once; nothing ever replaces it. Deleting is for garbage and for withdrawals alone."""

    @property
    def address(self) -> str:
        """The address that `open_store` turns back into this store."""

    def create(self, key: str, data: bytes | BinaryIO) -> None:
        """Write `data` under a new key, whole or not at all. A file is written from its beginning, and never held whole.

        Raises KeyTaken: the key exists. Raises OutcomeUnknown: no clear answer came; read the key back.
        """

    def read(self, key: str) -> bytes:
        """Return the bytes. Raises NotFound."""

    def open(self, key: str) -> BinaryIO:
        """Return a seekable reader that fetches ranges as they are read. Raises NotFound."""

    def exists(self, key: str) -> bool:
        """Return whether the key was written."""

    def delete(self, key: str) -> None:
        """Remove the object; a key that is not there stays so."""

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Yield the entries whose key starts with `prefix`, in order of their keys."""


def checked_key(key: str) -> str:
    """Return `key`. Raises InvalidRecord: empty, absolute, a backslash, or a part that is empty or made of dots."""
    parts = key.split("/")
    if "\\" in key or "\0" in key or any(part in ("", ".", "..") for part in parts):
        raise InvalidRecord(f"{key!r} is not a key", "keys are like 'assets/ab/abcd', with no empty part and no '..'")
    return key


def create_once(store: Store, key: str, data: bytes | BinaryIO) -> bool:
    """Write content-addressed `data`; return whether this call wrote it. An existing key is the same content."""
    if store.exists(key):
        return False
    try:
        store.create(key, data)
    except KeyTaken:
        return False
    return True

"""A store that cannot create a key only once, made safe by a lock from elsewhere: for S3 look-alikes without `If-None-Match`."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

from yuelu.base.errors import KeyTaken
from yuelu.base.store.port import Entry, Store


class ArbitratedStore:
    """The same store, whose creates wait for `lock` and look first. All writers must share the lock, and none may go past it."""

    def __init__(self, store: Store, lock: Callable[[], AbstractContextManager[None]]) -> None:
        self.store, self.lock = store, lock

    @property
    def address(self) -> str:
        """The address of the store itself."""
        return self.store.address

    def create(self, key: str, data: bytes | BinaryIO) -> None:
        """Write `data` under a new key while nobody else writes. Raises KeyTaken, OutcomeUnknown."""
        with self.lock():
            if self.store.exists(key):
                raise KeyTaken(f"{key} already exists", "a key is written once; use a new one")
            self.store.create(key, data)

    def read(self, key: str) -> bytes:
        """Return the bytes. Raises NotFound."""
        return self.store.read(key)

    def open(self, key: str) -> BinaryIO:
        """Return a seekable reader. Raises NotFound."""
        return self.store.open(key)

    def exists(self, key: str) -> bool:
        """Return whether the key was written."""
        return self.store.exists(key)

    def delete(self, key: str) -> None:
        """Remove the object."""
        self.store.delete(key)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Yield the entries whose key starts with `prefix`, in order of their keys."""
        return self.store.list(prefix)

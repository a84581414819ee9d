"""A seekable reader over anything that can be read by ranges."""

import io
from collections.abc import Callable
from typing import Any


class Ranged(io.RawIOBase):
    """Reads `size` bytes through `fetch(start, end)`, which returns the bytes start..end-1."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        self.fetch, self.size, self.at = fetch, size, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to another place; return it."""
        self.at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence])
        return self.at

    def tell(self) -> int:
        """Return the place that is read next."""
        return self.at

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, all that is left without it. What is fetched is not copied again."""
        end = self.size if size < 0 else min(self.at + size, self.size)
        data = self.fetch(self.at, end) if end > self.at else b""
        self.at += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as there is something; return how far."""
        end = min(self.at + len(buffer), self.size)
        if end <= self.at:
            return 0
        data = self.fetch(self.at, end)
        buffer[: len(data)] = data
        self.at += len(data)
        return len(data)

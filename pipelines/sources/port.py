"""The seam to whatever delivers raw media: list every object once, open one of them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Listed:
    """One object of a source as it was listed. `problem` says why it cannot be read at all."""

    source: str  # the address of the source
    path: str  # below the source; bytes that are no UTF-8 are written as \\xNN
    location: bytes  # what the source itself opens it by
    bytes: int  # 0 where the source does not say; how many there are is known when it was opened
    modified_ns: int  # what the source says; with `bytes` it tells whether the object must be read again
    problem: str | None = None
    group: str | None = None  # a keyed hash of what a delivery sheet says; None: what the object itself says

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other object."""
        return self.source, self.path


@dataclass(frozen=True, slots=True)
class Opened:
    """The bytes of one object: a descriptor of a regular file, at any position, and how many bytes it holds."""

    descriptor: int
    bytes: int


class Source(Protocol):
    """A folder, a prefix, a server. It travels to workers, so it is made of plain values and connects when it is used."""

    @property
    def address(self) -> str:
        """What the ledger calls the source; two runs over the same source use the same address. It holds no credentials."""

    def listed(self) -> Iterator[Listed]:
        """Yield every object once, however many there are: nothing holds them all in memory.

        The order is the same in every run: by path in a folder or a prefix, an archive's own within it, a server's own.
        Raises NotFound: there is no such source. Raises ServiceUnavailable: it does not answer.
        """

    def opened(self, listed: Listed) -> AbstractContextManager[Opened]:
        """Return the object, open until the block ends; on leaving, it is checked that it did not change meanwhile.

        Raises Refused: it is not, or no longer, what was listed, or cannot be read; the reason of its quarantine.
        Raises ServiceUnavailable: the source does not answer. That says nothing about the object, so the run stops.
        """

    def uri(self, listed: Listed) -> str:
        """Return the address under which the object itself is found again."""


@runtime_checkable
class Counted(Protocol):
    """A source that tells how much there is before it lists it all."""

    def count(self) -> int:
        """Return how many objects `listed` yields, at a small part of its cost."""


def storable(text: str) -> str:
    """Return the text as every ledger can hold it: NUL and lone surrogates written as \\xNN."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()

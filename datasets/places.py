"""Where the files of a release are read from: a store, by key, or a pulled folder, by path."""

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from yuelu.base.errors import IntegrityFailure, NotFound
from yuelu.base.store.port import Store
from yuelu.datasets.layout import File


class Source(Protocol):
    """Where the files of a release are read from."""

    def open(self, file: File) -> BinaryIO:
        """Return a seekable reader. Raises NotFound."""

    def label(self, file: File) -> str:
        """Return the name under which people find the file there."""


@dataclass(frozen=True, slots=True)
class StoreSource:
    """The files lie in a store, by key."""

    store: Store

    def open(self, file: File) -> BinaryIO:
        """Return a reader that fetches ranges."""
        return self.store.open(file.key)

    def label(self, file: File) -> str:
        """Return the key."""
        return file.key


def open_regular(root: Path, name: str) -> BinaryIO:
    """Return a reader of a regular file; never follows a link, never waits for a pipe.

    Raises NotFound. Raises IntegrityFailure: something else lies in its place.
    """
    hint = "pull the release again"
    try:
        opened = os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotFound(f"no {name} in {root}: {error.strerror}", hint) from None
    except OSError as error:
        odd = "is a link" if error.errno == errno.ELOOP else f"cannot be opened: {error.strerror}"
        raise IntegrityFailure(f"{name} {odd}", hint) from None
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise IntegrityFailure(f"{name} is not a regular file", hint)
    return os.fdopen(opened, "rb")


@dataclass(frozen=True, slots=True)
class FolderSource:
    """The files lie in a pulled folder."""

    root: Path

    def open(self, file: File) -> BinaryIO:
        """Return a reader. Raises NotFound. Raises IntegrityFailure: a link, a pipe or a folder lies in the file's place."""
        return open_regular(self.root, file.path)

    def label(self, file: File) -> str:
        """Return the path in the folder."""
        return file.path

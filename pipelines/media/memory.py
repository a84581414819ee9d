"""Files in memory for what readers derive: no name, no disk, and a descriptor that the decoding process can pass on."""

import io
import os
from typing import BinaryIO, cast


class _MemoryFile(io.FileIO):
    """Readers hand it over and forget it: it closes without a warning when nobody holds it any more."""

    def __del__(self) -> None:
        self.close()


def memory_file() -> BinaryIO:
    """Return an empty file to write and read, which counts against the limit on files and not on memory."""
    return cast(BinaryIO, _MemoryFile(os.memfd_create("derived", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC), "w+b"))

"""zlib's decompressor with the manners of those of bz2 and lzma: it keeps what it has not looked at yet itself."""

import zlib
from typing import Any


class Inflate:
    """Deflated bytes, unpacked piece by piece; `window_bits` as zlib takes them: with the header of gzip, or bare."""

    def __init__(self, window_bits: int) -> None:
        self._inner: Any = zlib.decompressobj(window_bits)

    @property
    def eof(self) -> bool:
        """Whether the stream has come to its end."""
        return bool(self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the end of the stream."""
        return bytes(self._inner.unused_data)

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes out of what was given so far."""
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, most: int) -> bytes:
        """Return at most `most` bytes of what `data` and what was kept hold."""
        return bytes(self._inner.decompress(self._inner.unconsumed_tail + data, most))

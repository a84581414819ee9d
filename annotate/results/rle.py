"""Label Studio's run-length code for brush masks, both ways, exactly as its editor writes it.

The code is `@thi.ng/rle-pack`: 32 bits for the number of values, 5 for the bits of a value, four times 4 for the bits of a
length; then runs (1, which length, length - 1, value) and literal chunks (0, which length, length - 1, values). The values are
the picture's RGBA bytes, of which the editor sets all four to the mask's opacity.
"""

import numpy as np
from numpy.typing import NDArray

from yuelu.base.errors import InvalidRecord

_SIZES = (3, 4, 8, 16)  # bits of a length, as the editor writes them
_LONGEST = 1 << _SIZES[-1]
_CHANNELS = 4
MOST_CELLS = 1 << 27


def encode_rle(levels: NDArray[np.uint8]) -> list[int]:
    """Return the code of a mask's `levels` (any shape, read row by row), repeated over four channels."""
    values = levels.ravel()
    starts = np.flatnonzero(np.diff(values, prepend=np.uint8(~values[0]) if values.size else 0))
    lengths = np.diff(starts, append=values.size) * _CHANNELS
    bits = [f"{values.size * _CHANNELS:032b}", f"{7:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    for value, length in zip(values[starts].tolist(), lengths.tolist(), strict=True):
        bits += _runs(value, length)
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))


def _runs(value: int, length: int) -> list[str]:
    whole, rest = divmod(length - 1, _LONGEST)
    lengths = [_LONGEST - 1] * whole + [rest]
    kinds = [next(kind for kind, size in enumerate(_SIZES) if each < 1 << size) for each in lengths]
    return [f"1{kind:02b}{each:0{_SIZES[kind]}b}{value:08b}" for kind, each in zip(kinds, lengths, strict=True)]


def decode_rle(code: object, width: int, height: int) -> NDArray[np.uint8]:
    """Return the RGBA bytes that the code holds, shape (height, width, 4).

    Raises InvalidRecord: no code, cut short, or of a picture of another size.
    """
    data = _bytes(code)
    cells = width * height * _CHANNELS
    if not 0 < cells <= MOST_CELLS * _CHANNELS:
        raise InvalidRecord(f"a mask of {width} x {height} is empty or too large")
    reader = _Bits(data)
    count, word = reader.read(32), reader.read(5) + 1
    sizes = [reader.read(4) + 1 for _ in _SIZES]
    if (count, word) != (cells, 8):
        raise InvalidRecord(f"a mask of {count} values of {word} bits, the picture of {width} x {height} has {cells} of 8")
    out = np.zeros(count, np.uint8)
    place = 0
    while place < count:
        run = reader.read(1)
        end = place + 1 + reader.read(sizes[reader.read(2)])
        if end > count:
            raise InvalidRecord(f"a mask's run ends at value {end} of {count}")
        out[place:end] = reader.read(8) if run else reader.words(end - place)
        place = end
    return out.reshape(height, width, _CHANNELS)


def _bytes(code: object) -> bytes:
    if not isinstance(code, list) or not all(type(each) is int and 0 <= each <= 255 for each in code):
        raise InvalidRecord("rle is no list of bytes")
    return bytes(code)


class _Bits:
    """Reads whole numbers off a row of bytes, most significant bit first."""

    def __init__(self, data: bytes) -> None:
        self._text = bin(int.from_bytes(b"\1" + data, "big"))[3:]
        self._at = 0

    def read(self, size: int) -> int:
        return int(self._take(size), 2)

    def words(self, count: int) -> NDArray[np.uint8]:
        bits = np.frombuffer(self._take(8 * count).encode(), np.uint8) & 1
        return np.packbits(bits)

    def _take(self, size: int) -> str:
        found = self._text[self._at : self._at + size]
        if len(found) != size:
            raise InvalidRecord("a mask's code is cut short")
        self._at += size
        return found

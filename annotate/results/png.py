"""The opacity of a PNG data URL, which is how the editor sends a bitmask: 8 bits, with an alpha channel, not interlaced.

Source: W3C PNG (Third Edition), sections 7.3 and 9.2. Codecs live in another room; of PNG this is all that a mask needs.
"""

import base64
import binascii
import struct
import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from yuelu.annotate.results.rle import MOST_CELLS
from yuelu.base.errors import InvalidRecord

_HEAD, _MAGIC = "data:image/png;base64,", b"\x89PNG\r\n\x1a\n"
_CHANNELS = {4: 2, 6: 4}  # grey and alpha, RGB and alpha


def decode_alpha(url: object) -> NDArray[np.uint8]:
    """Return the alpha channel of a PNG data URL, shape (height, width). Raises InvalidRecord: no such PNG."""
    if not isinstance(url, str) or not url.startswith(_HEAD):
        raise InvalidRecord("imageDataURL is no data URL of a PNG")
    try:
        data = base64.b64decode(url[len(_HEAD) :], validate=True)
        return _alpha(data)
    except (binascii.Error, struct.error, zlib.error, IndexError) as error:
        raise InvalidRecord(f"imageDataURL holds a broken PNG: {error}") from None


def _alpha(data: bytes) -> NDArray[np.uint8]:
    if not data.startswith(_MAGIC):
        raise InvalidRecord("imageDataURL holds no PNG")
    chunks = _chunks(data)
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks["IHDR"][:13])
    if depth != 8 or colour not in _CHANNELS or interlaced:
        raise InvalidRecord(f"a PNG of colour type {colour}, {depth} bits, interlaced {interlaced}: need 8 bits with alpha")
    if not 0 < width * height <= MOST_CELLS:
        raise InvalidRecord(f"a mask of {width} x {height} is empty or too large")
    channels = _CHANNELS[colour]
    size = height * (1 + width * channels)
    rows = zlib.decompressobj().decompress(chunks.get("IDAT", b""), size)
    if len(rows) != size:
        raise InvalidRecord(f"a PNG of {width} x {height} with {len(rows)} of {size} bytes")
    table = np.frombuffer(rows, np.uint8).reshape(height, -1)
    # Filters look one pixel back, never across channels: the last channel can be read alone.
    return _unfiltered(table[:, 0], table[:, channels::channels])


def _chunks(data: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    at = len(_MAGIC)
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        key = name.decode("latin-1")
        found[key] = found.get(key, b"") + data[at + 8 : at + 8 + length]
        at += 12 + length
    if "IHDR" not in found:
        raise InvalidRecord("imageDataURL holds a PNG without a header")
    return found


def _unfiltered(filters: NDArray[np.uint8], rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    out = np.zeros_like(rows)
    above: NDArray[np.uint8] = np.zeros(rows.shape[1], np.uint8)
    for place, (kind, row) in enumerate(zip(filters.tolist(), rows, strict=True)):
        above = out[place] = _row(kind, row, above)
    return out


def _row(kind: int, row: NDArray[np.uint8], above: NDArray[np.uint8]) -> NDArray[np.uint8]:
    match kind:
        case 0:
            return row
        case 1:
            return np.cumsum(row, dtype=np.uint8)
        case 2:
            return row + above
        case 3 | 4 if not row.any() and not above.any():
            return row
        case 3 | 4:
            return _predicted(row.tolist(), above.tolist(), _average if kind == 3 else _paeth)
    raise InvalidRecord(f"a PNG with the row filter {kind}")


def _predicted(row: list[int], above: list[int], predict: Callable[[int, int, int], int]) -> NDArray[np.uint8]:
    left = corner = 0
    out = bytearray(len(row))
    for place, (value, up) in enumerate(zip(row, above, strict=True)):
        left = out[place] = (value + predict(left, up, corner)) & 255
        corner = up
    return np.frombuffer(bytes(out), np.uint8)


def _average(left: int, up: int, _: int) -> int:
    return (left + up) >> 1


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    far = abs(guess - left), abs(guess - up), abs(guess - corner)
    return left if far[0] <= far[1] and far[0] <= far[2] else up if far[1] <= far[2] else corner


def encode_alpha(levels: NDArray[np.uint8]) -> str:
    """Return a PNG data URL that is black with that opacity; `levels` have the shape (height, width)."""
    height, width = levels.shape
    rows = np.zeros((height, 1 + 4 * width), np.uint8)
    rows[:, 4::4] = levels
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes())),
        (b"IEND", b""),
    ]
    data = _MAGIC + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    return _HEAD + base64.b64encode(data).decode()

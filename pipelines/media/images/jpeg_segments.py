"""The segments of a JPEG: what they say of the picture, and the coded picture without what they say of people.

Source: ISO/IEC 10918-1 (ITU-T T.81) annex B; JFIF (T.871); Adobe's APP14 (Adobe Technical Note 5116); ICC.1 annex B.4.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yuelu.pipelines.media.reading import Refused

BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
ARITHMETIC = (0xC9, 0xCA)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_KEPT = frozenset({0xC4, 0xCC, 0xDB, 0xDD})  # Huffman and arithmetic tables, quantisation tables, restart interval
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
_SOI, _EOI, _SOS, _APP0, _APP1, _APP2, _APP14 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE
_FILL = b"\xff"  # may stand before any marker (B.1.1.2)
_EXIF, _ICC = b"Exif\0\0", b"ICC_PROFILE\0"
_JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"  # says "YCbCr", no density, no thumbnail
_ADOBE = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0"  # one byte follows: the colour transformation
_WITHIN_SCAN = np.isin(np.arange(256), (0x00, 0xFF, *range(0xD0, 0xD8)))  # after 0xFF: stuffing, fill bytes, restarts


@dataclass(frozen=True, slots=True)
class Coded:
    """A JPEG taken apart. `copy` is the picture alone: tables, frame, scans, and what tells a decoder its colours.

    JFIF and Adobe segments are written anew where the file has them, since decoders conclude the colours from them; no other
    application segment, no comment, nothing between segments and nothing after the end is in the copy. Where it would be the
    file itself, a fill byte is added, which means nothing to a decoder: one asset cannot derive from itself.
    """

    process: int
    bits: int
    width: int
    height: int
    components: int
    exif: bytes
    icc: bytes
    copy: bytes


def take_apart(data: bytes) -> Coded:
    """Return what the segments say. Raises Refused: no picture, or it stops before its end."""
    parts: list[bytes | memoryview] = [b"\xff\xd8"]
    told, view, at = _Told(), memoryview(data), 2  # slices of the view are no copies
    ends: NDArray[np.intp] | None = None  # of scans, once there is one
    same = True  # so far, the copy is the file
    while (marker := _marker(data, at)) is not None:
        code, start = marker
        if code == _EOI:
            filled = [_FILL] if same and start == at + 2 == len(data) else []
            return told.coded(b"".join([parts[0], *filled, *parts[1:], b"\xff\xd9"]))
        if code in _ALONE:
            at, same = start, False
            continue
        end = start + int.from_bytes(data[start : start + 2], "big")
        if end < start + 2 or end > len(data) or code == _SOI:
            break
        if code == _SOS:
            ends = _ends_of_scans(data) if ends is None else ends
            after = ends[np.searchsorted(ends, end) :]
            same = same and start == at + 2
            at = int(after[0]) if after.size else len(data)
            parts += (b"\xff\xda", view[start:at])
            continue
        kept = told.kept(code, data[start:end])
        parts.append(kept)
        at, same = end, same and kept == data[at:end]
    raise Refused("cannot be decoded: the JPEG stops before its end", "fetch the file again from its origin")


def _marker(data: bytes, at: int) -> tuple[int, int] | None:
    """Return the next marker's code and where what follows it starts; None at the end of the data."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] not in (0, 0xFF):
            return data[at + 1], at + 2
        at += 1
    return None


def _ends_of_scans(data: bytes) -> NDArray[np.intp]:
    """Return in order where entropy-coded data would end: at every marker but those that may stand among them."""
    codes = np.frombuffer(data, np.uint8)
    found = np.flatnonzero(codes[:-1] == 0xFF)
    return found[~_WITHIN_SCAN[codes[found + 1]]]


class _Told:
    """What was learnt while the segments went by."""

    def __init__(self) -> None:
        self.frame: tuple[int, int, int, int, int] | None = None
        self.exif = b""
        self.icc: dict[int, bytes] = {}
        self.seen: set[int] = set()

    def kept(self, code: int, segment: bytes) -> bytes:
        """Return what stays of the segment (its length in front); most of them, nothing."""
        content = segment[2:]
        if code in _FRAMES and len(content) >= 6:
            height, width = int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
            self.frame = (code, content[0], width, height, content[5])
            return bytes((0xFF, code)) + segment
        if code in _KEPT:
            return bytes((0xFF, code)) + segment
        if code == _APP1 and content.startswith(_EXIF) and not self.exif:
            self.exif = content
        if code == _APP2 and content.startswith(_ICC) and len(content) > 14:
            self.icc.setdefault(content[12], content[14:])
        return self._colours(code, content)

    def _colours(self, code: int, content: bytes) -> bytes:
        first = code not in self.seen
        if code == _APP0 and content.startswith(b"JFIF\0") and first:
            self.seen.add(code)
            return _JFIF
        if code == _APP14 and content.startswith(b"Adobe") and len(content) >= 12 and first:
            self.seen.add(code)
            return _ADOBE + content[11:12]
        return b""

    def coded(self, copy: bytes) -> Coded:
        if self.frame is None:
            raise Refused("cannot be decoded: a JPEG without a frame", "check the file at its origin")
        process, bits, width, height, components = self.frame
        icc = b"".join(self.icc[number] for number in sorted(self.icc))
        return Coded(process, bits, width, height, components, self.exif, icc, copy)

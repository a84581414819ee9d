"""De-identification of a whole DICOM file, byte by byte: what stays is copied as it stands, what changes is written anew.

It gives what `engine.deidentify` and pydicom's writer give, several times faster, for files in the common form: little
endian, attributes in order, values as their VR says. It raises Odd for every other file, which then goes the slow way.
Source: DICOM PS3.5 sections 7.1 (elements), 7.5 (sequences) and A.4 (fragments), PS3.10 section 7.1 (the file's header).
"""

import io
import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache, lru_cache
from struct import Struct, error
from typing import Any

from pydicom import dcmwrite
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset
from pydicom.uid import UID

from yuelu.pipelines.deid.engine import (
    IMPLEMENTATION_UID,
    Cleaner,
    claims,
    clean_frames,
    evidence,
)
from yuelu.pipelines.deid.options import Options
from yuelu.pipelines.deid.rules import CODE_MEANING, PIXELS, whole_verdict
from yuelu.pipelines.deid.words import meaning

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_SCHEME, _CODE_VALUE, _SOP_CLASS, _SOP_INSTANCE = 0x00080102, 0x00080100, 0x00080016, 0x00080018
_OPEN = 0xFFFFFFFF  # a length that is not told
_DEEPEST = 40
_MOST_VERDICTS = 16384  # remembered; a hostile file may name more attributes than there are
_TAG, _LONG, _SHORT, _HEAD = Struct("<HH"), Struct("<I"), Struct("<H"), Struct("<HH2sH")


def _named(coded: bytes) -> Mapping[bytes, str]:
    return {vr: vr.decode() for vr in coded.split()}


_LONG_VRS = _named(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV")
_SHORT_VRS = _named(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US")
_WIDTHS: Mapping[str, int] = {"US": 2, "SS": 2, "AT": 4, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "UV": 8, "SV": 8}
_UNSPLIT = frozenset({"LT", "ST", "UT", "UR"})
_CHECKED = frozenset({"AS", "DA", "DT", "TM"})  # kept values of these are read and written anew
_PLAIN = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UI", "UR", "UT"})  # copied as they stand where kept
_BYTES = frozenset({"OB", "OW"})
_NUMBERS = {
    "DS": re.compile(rb"(?: *[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)? *(?:\\|$))*"),
    "IS": re.compile(rb"(?: *[+-]?[0-9]+ *(?:\\|$))*"),
}


class Odd(Exception):
    """The file is not of the common form."""


def walked(data: bytes, dataset: Dataset, cleaner: Cleaner, pixel_bytes: int | None = None) -> tuple[bytes, dict[str, Any]]:
    """Return the de-identified copy of the file `data`, and the evidence as JSON values.

    `dataset` is the same file as pydicom read it. Native pixels are cut behind `pixel_bytes`. Raises Odd.
    """
    try:
        return _walked(data, dataset, cleaner, pixel_bytes)
    except error:  # a header is cut in two
        raise Odd from None


def _walked(data: bytes, dataset: Dataset, cleaner: Cleaner, pixel_bytes: int | None) -> tuple[bytes, dict[str, Any]]:
    if data[128:132] != b"DICM":
        raise Odd
    syntax, at = _header(data)
    if not syntax.is_transfer_syntax or not syntax.is_little_endian or syntax.is_deflated:
        raise Odd
    walker = _Walker(data, cleaner, dataset, syntax, pixel_bytes)
    parts, end = walker.elements(at, len(data), 0)
    if end != len(data) or _SOP_CLASS not in parts or _SOP_INSTANCE not in parts:
        raise Odd
    for (tag, action, depth), times in walker.noted.items():
        cleaner.note(tag, action, depth, times)
    parts.update(_claims(cleaner.options, syntax.is_implicit_VR))
    uids = (walker.value_of(parts[_SOP_CLASS]), walker.value_of(parts[_SOP_INSTANCE]))
    body = (parts[tag] for tag in sorted(parts))
    return b"".join((bytes(128), b"DICM", _new_header(*uids, syntax), *body)), evidence(cleaner, None)


def _header(data: bytes) -> tuple[UID, int]:
    """Return the transfer syntax, and where the data set starts."""
    at, syntax = 132, b""
    while data[at : at + 2] == b"\x02\0":
        tag, vr = data[at : at + 4], data[at + 4 : at + 6]
        head, length = (12, _LONG.unpack_from(data, at + 8)[0]) if vr in _LONG_VRS else (8, _SHORT.unpack_from(data, at + 6)[0])
        if tag == b"\x02\0\x10\0":
            syntax = data[at + head : at + head + length]
        at += head + length
    return UID(syntax.rstrip(b"\0 ").decode("ascii", "replace")), at


def _new_header(sop_class: bytes, sop_instance: bytes, syntax: UID) -> bytes:
    def element(number: int, vr: bytes, value: bytes) -> bytes:
        return _TAG.pack(2, number) + vr + _SHORT.pack(len(value)) + value

    said = b"".join(
        (
            b"\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01",
            element(2, b"UI", sop_class),
            element(3, b"UI", sop_instance),
            element(0x10, b"UI", _even(syntax.encode(), b"\0")),
            element(0x12, b"UI", _even(IMPLEMENTATION_UID.encode(), b"\0")),
            element(0x13, b"SH", b"YUELU "),
        )
    )
    return element(0, b"UL", _LONG.pack(len(said))) + said


def _even(value: bytes, pad: bytes = b" ") -> bytes:
    return value + pad if len(value) % 2 else value


@cache
def _claims(options: Options, implicit: bool) -> Mapping[int, bytes]:
    """Return the encoded elements that say what was done, by tag."""
    written = {}
    for element in claims(options, checked=False):
        one, file = Dataset(), io.BytesIO()
        one.add(element)
        dcmwrite(file, one, implicit_vr=implicit, little_endian=True)
        written[int(element.tag)] = file.getvalue()
    return written


@cache
def _verdicts(options: Options) -> dict[tuple[int, str, bool], str]:
    """Return where the verdicts of these options are remembered, by tag, VR and nesting: at most one per attribute and VR."""
    return {}


@lru_cache(8192)
def _dictionary_vr(tag: int) -> str:
    if tag >> 16 & 1 or not tag & 0xFFFF or not dictionary_has_tag(tag):
        return "UN"
    return str(dictionary_VR(tag))


class _Walker:
    def __init__(self, data: bytes, cleaner: Cleaner, dataset: Dataset, syntax: UID, pixel_bytes: int | None) -> None:
        self.data, self.cleaner, self.dataset, self.syntax = data, cleaner, dataset, syntax
        self.pixel_bytes, self.implicit = pixel_bytes, syntax.is_implicit_VR
        self.most_whole = _OPEN if pixel_bytes is None else pixel_bytes
        self.noted = defaultdict[tuple[int, str, int], int](int)  # how often each (tag, action, depth) was

    def head(self, at: int) -> tuple[int, str, int, int]:
        """Return tag, VR, where the value starts and its length."""
        data = self.data
        group, element, coded, length = _HEAD.unpack_from(data, at)
        tag = group << 16 | element
        if group == 0xFFFE or self.implicit:
            return tag, "" if group == 0xFFFE else _dictionary_vr(tag), at + 8, _LONG.unpack_from(data, at + 4)[0]
        if (vr := _SHORT_VRS.get(coded)) is not None:
            return tag, vr, at + 8, length
        if (vr := _LONG_VRS.get(coded)) is not None:
            return tag, vr, at + 12, _LONG.unpack_from(data, at + 8)[0]
        raise Odd

    def elements(self, at: int, end: int, depth: int) -> tuple[dict[int, bytes], int]:
        """Return the elements as they are to be written, by tag, and where they end: at `end`, or behind an item's end."""
        if depth > _DEEPEST:
            raise Odd
        data, noted, nested, verdicts = self.data, self.noted, depth > 0, _verdicts(self.cleaner.options)
        parts: dict[int, bytes] = {}
        last = -1
        while at < end:
            tag, vr, start, length = self.head(at)
            if tag == _ITEM_END:
                at = start
                break
            if tag <= last or (vr == "UN" and not tag >> 16 & 1 and _dictionary_vr(tag) != "UN"):
                raise Odd
            last = tag
            action = verdicts.get((tag, vr, nested))
            if action is None:
                action = whole_verdict(tag, vr, nested, self.cleaner.options)
                if len(verdicts) < _MOST_VERDICTS:
                    verdicts[tag, vr, nested] = action
            noted[tag & 0xFFFF0000 if action == "removed_private" else tag, action, depth] += 1  # as `Cleaner.note` tells them
            if length == _OPEN or (vr == "SQ" and action in ("kept", "cleaned")):
                at = self.long_value(parts, tag, vr, action, start, length, depth)
                continue
            stop = start + length
            if stop > end:
                raise Odd
            if action == "kept" and (vr in _PLAIN or (vr in _BYTES and 0 < length <= self.most_whole)):
                parts[tag] = data[at:stop]  # in one piece: to put a slice's pixels together again takes a twentieth of it all
            elif not action.startswith("removed"):
                parts[tag] = self.written(tag, vr, action, data[at:start], data[start:stop], depth)
            at = stop
        if CODE_MEANING in parts:
            self.code_meaning(parts)
        return parts, at

    def written(  # noqa: PLR0917
        self, tag: int, vr: str, action: str, head: bytes, value: bytes, depth: int
    ) -> bytes:
        """Return the element with its new value."""
        if action == "emptied" or vr == "SQ" or not value:
            return self.element(tag, vr, head, b"")
        if action == "kept" and vr not in _CHECKED:
            if tag in PIXELS and not depth and self.pixel_bytes is not None and len(value) > self.pixel_bytes:
                return self.element(tag, vr, head, value[: self.pixel_bytes])
            if vr in _WIDTHS and len(value) % _WIDTHS[vr]:
                raise Odd
            if vr in _NUMBERS and not _NUMBERS[vr].fullmatch(value.rstrip(b"\0 ")):
                raise Odd
            return head + value
        if not value.isascii():
            raise Odd
        text = value.decode("ascii").rstrip("\0 ")
        olds = [text] if vr in _UNSPLIT else text.split("\\")
        new = "\\".join([self.cleaner.text(action, tag, vr, old) for old in olds]) if text else ""
        return self.element(tag, vr, head, _even(new.encode("ascii"), b"\0" if vr == "UI" else b" "))

    def element(self, tag: int, vr: str, head: bytes, value: bytes) -> bytes:
        """Return `head` with another length, and the value."""
        if self.implicit or len(head) == 12:
            return head[:-4] + _LONG.pack(len(value)) + value
        if len(value) > 0xFFFF:
            raise Odd
        return head[:6] + _SHORT.pack(len(value)) + value

    def long_value(  # noqa: PLR0917
        self, parts: dict[int, bytes], tag: int, vr: str, action: str, start: int, length: int, depth: int
    ) -> int:
        """Take a sequence that is kept, or a value of unknown length; return where it ends."""
        removed = action.startswith("removed")
        head = _TAG.pack(tag >> 16, tag & 0xFFFF) + (b"" if self.implicit else vr.encode() + b"\0\0")
        if tag in PIXELS and not depth and length == _OPEN:
            end = self.fragments_end(start)
            frames = clean_frames(self.data[start : end - 8], self.dataset, self.syntax)
            parts[tag] = head + _LONG.pack(_OPEN) + frames + b"\xfe\xff\xdd\xe0\0\0\0\0"
            return end
        if vr != "SQ" and not (self.implicit and removed):
            raise Odd
        if removed or action == "emptied":
            if not removed:
                parts[tag] = head + bytes(4)
            return self.skipped(start, depth)
        body, end = self.items(start, length, depth)
        parts[tag] = head + _LONG.pack(len(body)) + body
        return end

    def items(self, at: int, length: int, depth: int) -> tuple[bytes, int]:
        """Return the cleaned items of a sequence, and where it ends."""
        end = len(self.data) if length == _OPEN else at + length
        if end > len(self.data):
            raise Odd
        written: list[bytes] = []
        while at < end:
            tag, _, start, size = self.head(at)
            if tag == _SEQUENCE_END and length == _OPEN:
                return b"".join(written), start
            if tag != _ITEM or (size != _OPEN and start + size > end):
                raise Odd
            inner, at = self.elements(start, end if size == _OPEN else start + size, depth + 1)
            if size != _OPEN and at != start + size:
                raise Odd
            body = b"".join(inner.values())
            written += (b"\xfe\xff\x00\xe0", _LONG.pack(len(body)), body)
        if length == _OPEN:
            raise Odd
        return b"".join(written), at

    def skipped(self, at: int, depth: int) -> int:
        """Return where a sequence of unknown length ends."""
        if depth > _DEEPEST:
            raise Odd
        while True:
            tag, _, start, size = self.head(at)
            if tag == _SEQUENCE_END:
                return start
            if tag != _ITEM:
                raise Odd
            at = start + size if size != _OPEN else self.skipped_item(start, depth)

    def skipped_item(self, at: int, depth: int) -> int:
        while True:
            tag, vr, start, size = self.head(at)
            if tag == _ITEM_END:
                return start
            if size == _OPEN and vr not in ("SQ", "UN"):
                raise Odd
            at = start + size if size != _OPEN else self.skipped(start, depth + 1)

    def fragments_end(self, at: int) -> int:
        while True:
            tag, _, start, size = self.head(at)
            if tag == _SEQUENCE_END:
                return start
            if tag != _ITEM or size == _OPEN or start + size > len(self.data):
                raise Odd
            at = start + size

    def value_of(self, element: bytes) -> bytes:
        """Return the value of a short element."""
        return element[8:]

    def code_meaning(self, parts: dict[int, bytes]) -> None:
        """Write what the code means anew."""
        said = [self.value_of(parts.get(tag, b"")) for tag in (_SCHEME, _CODE_VALUE, CODE_MEANING)]
        if not all(value.isascii() for value in said):
            raise Odd
        new = meaning(*(value.decode("ascii").rstrip("\0 ") for value in said))
        if not new.isascii():
            raise Odd  # micro signs and the like are written in the object's own character set
        parts[CODE_MEANING] = self.element(CODE_MEANING, "LO", parts[CODE_MEANING][:8], _even(new.encode("ascii")))

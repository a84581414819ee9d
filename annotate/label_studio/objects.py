"""A file that is one JSON array, an object at a time: memory holds one part of the file and never the whole."""

import json
from collections.abc import Iterator
from typing import IO, Any

from yuelu.base.errors import InvalidRecord

_PART = 1 << 20  # characters
# The server writes numbers that JSON has not; text they can be kept as, and told apart from numbers.
_AFTER = " \t\r\n,]"
_decoder = json.JSONDecoder(parse_constant=str)


def objects(file: IO[str]) -> Iterator[Any]:
    """Yield the elements of the array in `file`. Raises InvalidRecord: it is no whole array."""
    text, at = file.read(_PART).lstrip(), 0
    if not text.startswith("["):
        raise InvalidRecord(f"a list of tasks begins with {text[:20]!r}", "read it again; see the server's log")
    at, first = 1, True
    while True:
        text, at = _skipped(file, text, at)
        if text.startswith("]", at):
            return
        if not first:
            if not text.startswith(",", at):
                raise _cut(text, at)
            text, at = _skipped(file, text, at + 1)
        element, text, at = _element(file, text, at)
        first = False
        yield element
        if at > _PART:
            text, at = text[at:], 0


def _element(file: IO[str], text: str, at: int) -> tuple[Any, str, int]:
    more = _PART
    while True:
        try:
            element, end = _decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            end = len(text)
        else:
            if end < len(text) and text[end] in _AFTER:  # a number could go on
                return element, text, end
        added = file.read(more)
        if not added:
            raise _cut(text, at)
        text, at, more = text[at:] + added, 0, more * 2  # twice as much each time, so that a long one is not read in vain


def _skipped(file: IO[str], text: str, at: int) -> tuple[str, int]:
    """Return the text and the place of the next character that is no blank. Raises InvalidRecord: the file ends before it."""
    while True:
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
        if at < len(text):
            return text, at
        text, at = file.read(_PART), 0
        if not text:
            raise _cut(text, at)


def _cut(text: str, at: int) -> InvalidRecord:
    return InvalidRecord(f"a list of tasks is cut off or damaged at {text[at : at + 40]!r}", "read it again")

"""Parts of a file: what a browser asks for when somebody jumps in a recording. Source: RFC 9110, section 14."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))")


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes start..end-1 of a file."""

    start: int
    end: int


class Unsatisfiable(ValueError):
    """No byte of the file is in the range."""


def part(header: str | None, size: int) -> Part | None:
    """Return the part that a Range header asks for, or None: the whole file. Raises Unsatisfiable.

    Several ranges, other units and what makes no sense are answered with the whole file, as the RFC lets a server do.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None:
        return None
    first, last, tail = found.groups()
    if tail is not None:
        start, end = max(0, size - int(tail)), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise Unsatisfiable(header)
    return Part(start, end)


def same(header: str | None, tag: str) -> bool:
    """Tell whether an If-None-Match header names the tag of what we have."""
    return header is not None and any(each.strip().removeprefix("W/") in (tag, "*") for each in header.split(","))

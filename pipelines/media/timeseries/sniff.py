"""Where a table of numbers starts in a text, and how its cells are parted. Pure."""

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from yuelu.pipelines.media.timeseries.channels import Channel, parted
from yuelu.pipelines.media.timeseries.names import names_time

_DELIMITERS = ("\t", ";", "|", ",")  # a comma comes last: it may be the decimal sign
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+|\d{1,3}(\.\d{3})+,\d+|\d{1,3}(,\d{3})+\.\d+)([eE][+-]?\d+)?")
_TIME_LIKE = re.compile(r"[\d.:/年月日T +Z-]{4,40}([aApP][mM])?")
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+([eE][+-]?\d+)?")
_DECIMAL_POINT = re.compile(r"[+-]?\d+\.\d+([eE][+-]?\d+)?")
_RUN, _LOOKED_AT = 3, 400  # lines
_NUMERIC = 0.5


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read a table: its cells are parted by `delimiter` and start in line `first_line`, counted from 0."""

    delimiter: str
    decimal_comma: bool
    first_line: int
    headers: tuple[Channel, ...]


def text_encoding(head: bytes) -> str:
    """Return the encoding of a text: UTF-8, UTF-16 with its mark, GB 18030, or Windows' Western one."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
        return encoding
    return "cp1252"


def layout_of(head: str) -> Layout | None:
    """Return how the table in the text is laid out; None when there is none.

    The table is the first run of lines that have equally many cells, at least two, most of them numbers or times. A line
    above it with as many cells has the names; where there are two such lines, the lower one has the units.
    """
    lines = head.splitlines()[:_LOOKED_AT]
    for delimiter in _DELIMITERS:
        rows = [_cells(line, delimiter) for line in lines]
        first = _first_data(rows)
        if first is not None:
            above = [row for row in rows[:first] if any(row)][-2:]
            data = [row for row in rows[first:] if len(row) == len(rows[first])]
            return Layout(delimiter, delimiter != "," and _has_decimal_comma(data), first, _headers(above, len(rows[first])))
    return None


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _first_data(rows: Sequence[list[str]]) -> int | None:
    for first in range(len(rows)):
        following = [row for row in rows[first : first + 2 * _RUN] if any(row)][:_RUN]
        if len(following) == _RUN and all(len(row) == len(rows[first]) and _is_data(row) for row in following):
            return _with_flawed(rows, first)
    return None


def _with_flawed(rows: Sequence[list[str]], first: int) -> int:
    """Return the first data row where those just above `first` start like data, too: words in one are a missing value."""
    while first and len(rows[first - 1]) == len(rows[first]) and _starts(rows[first - 1]):
        first -= 1
    return first


def _is_data(row: Sequence[str]) -> bool:
    """Return whether a row starts with a number or a time, and half of what it says are numbers."""
    said = [cell for cell in row if cell]
    if len(row) < 2 or not _starts(row):
        return False
    numbers = sum(_NUMBER.fullmatch(cell) is not None for cell in said)
    times = sum(_TIME_LIKE.fullmatch(cell) is not None and _NUMBER.fullmatch(cell) is None for cell in said[:2])
    return numbers + times >= max(2, _NUMERIC * len(said)) and numbers > 0


def _starts(row: Sequence[str]) -> bool:
    """Return whether the first cell is a number or a time."""
    cell = row[0] if row else ""
    written = bool(cell) and cell[-1].isalnum() and any(sign.isdigit() for sign in cell)
    return written and bool(_NUMBER.fullmatch(cell) or _TIME_LIKE.fullmatch(cell))


def _has_decimal_comma(rows: Sequence[Sequence[str]]) -> bool:
    cells = [cell for row in rows for cell in row]
    commas = sum(_DECIMAL_COMMA.fullmatch(cell) is not None for cell in cells)
    return commas > sum(_DECIMAL_POINT.fullmatch(cell) is not None for cell in cells)


def _headers(above: Sequence[Sequence[str]], width: int) -> tuple[Channel, ...]:
    """Return what the columns are called by the two lines above them; a line with other cells, such as a title, says nothing."""
    if not above or len(above[-1]) != width:
        return tuple(Channel("time" if place == 0 else f"channel {place}", None) for place in range(width))
    named = [parted(name) for name in above[0]]
    has_units = len(above) == 2 and len(named) == width and any(names_time(each.name) for each in named)
    if not has_units:
        return tuple(parted(name) for name in above[-1])
    units = [cell.strip("[]()（）") or None for cell in above[1]]
    return tuple(Channel(one.name, one.unit or unit) for one, unit in zip(named, units, strict=True))

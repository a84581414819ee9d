"""Series written as text: which lines are the table, what parts its cells, and what its columns hold.

Rows before the table and columns of text are left out whatever they say: they may name who measured what for whom.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from yuelu.pipelines.media.reading import Context, Reading, Refused, bytes_of
from yuelu.pipelines.media.timeseries.calendar import calendar_ns, whole_ns
from yuelu.pipelines.media.timeseries.channels import Channel
from yuelu.pipelines.media.timeseries.clock import Clock, from_calendar, from_numbers
from yuelu.pipelines.media.timeseries.names import names_time
from yuelu.pipelines.media.timeseries.parquet import floats
from yuelu.pipelines.media.timeseries.series import Column, check_cells, reading_of
from yuelu.pipelines.media.timeseries.sniff import Layout, layout_of, text_encoding

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
# A number with its thousands set apart, by the sign that is not the decimal one: 1.234,5 or 1,234.5.
_GROUPED = {",": r"^[+-]?\d{1,3}(\.\d{3})+,\d+$", ".": r"^[+-]?\d{1,3}(,\d{3})+\.\d+$"}
_MISSING = ("", "nan", "na", "n/a", "#n/a", "null", "none", "-", "--", "inf", "-inf", "无", "缺失")
_SPELT = [spelt for word in _MISSING for spelt in sorted({word, word.upper(), word.capitalize()})]
_NUMERIC = 0.95  # of the cells that are not empty; below, a column is text
_HEAD_BYTES = 1 << 18
_MOST_BROKEN = 0.01  # of the rows


@dataclass(frozen=True, slots=True)
class _Cells:
    """One column: numbers, truth values or times where all its cells are, else text without blanks around it."""

    channel: Channel
    cells: pa.ChunkedArray

    @property
    def text(self) -> pa.ChunkedArray:
        """The column as text; empty where nothing is said."""
        return pc.fill_null(pc.utf8_trim_whitespace(pc.cast(self.cells, pa.string())), "")


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the series in a text file. Raises Refused: no table of numbers, no time, or too many values."""
    data = bytes_of(file, context.limits.series_bytes)
    if len(data) > context.limits.series_bytes:
        raise Refused(f"more than {context.limits.series_bytes} bytes in one series", "cut the series first")
    encoding = text_encoding(data[:_HEAD_BYTES])
    head = data[:_HEAD_BYTES].decode(encoding, errors="ignore")
    layout = layout_of(head)
    if layout is None:
        raise Refused("text that is no table of numbers", "give a table of numbers with a time in each row")
    check_cells(max(data.count(b"\n"), data.count(b"\r")), len(layout.headers), context)
    above = sum(map(len, head.splitlines(keepends=True)[: layout.first_line]))
    columns = _parsed(data.decode(encoding, errors="replace")[above:], layout)
    clock, rest = _clock(columns, layout)
    return reading_of(clock, [_column(each, values) for each, values in rest], context)


def _parsed(body: str, layout: Layout) -> list[_Cells]:
    """Return the columns of the table; rows with another number of cells are left out, unless they are many."""
    width, broken = len(layout.headers), 0

    def skip(_: Any) -> str:
        nonlocal broken
        broken += 1
        return "skip"

    names = [str(number) for number in range(width)]
    table = pyarrow.csv.read_csv(
        pa.py_buffer(body.encode()),
        read_options=pyarrow.csv.ReadOptions(column_names=names, use_threads=False, block_size=1 << 24),
        parse_options=pyarrow.csv.ParseOptions(delimiter=layout.delimiter, invalid_row_handler=skip),
        convert_options=pyarrow.csv.ConvertOptions(
            null_values=_SPELT, strings_can_be_null=True, decimal_point="," if layout.decimal_comma else "."
        ),
    )
    if broken > max(1, _MOST_BROKEN * table.num_rows):
        raise Refused(f"{broken} of {table.num_rows + broken} rows have not {width} cells", "export the table again")
    headers = layout.headers
    return [_Cells(headers[number], table.column(number)) for number in range(width)]


def _numbers(cells: _Cells, layout: Layout) -> tuple[NDArray[np.float64], float]:
    """Return the column's numbers (NaN elsewhere), and which share of the cells that say something are numbers."""
    kind = cells.cells.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return floats(pc.cast(cells.cells, pa.float64(), safe=False)), 1.0
    if not pa.types.is_string(kind):
        return np.full(len(cells.cells), np.nan), 0.0
    text = _plain(cells.text, "," if layout.decimal_comma else ".")
    numeric = pc.match_substring_regex(text, _NUMBER)
    bare = pc.replace_substring_regex(text, r"^\+", "")
    values = pc.cast(pc.if_else(numeric, bare, pa.scalar(None, pa.string())), pa.float64())
    said = len(text) - int(pc.sum(pc.is_in(pc.utf8_lower(text), pa.array(_MISSING))).as_py() or 0)
    found = int(pc.sum(numeric).as_py() or 0)
    return floats(values), found / said if said else 0.0


def _plain(text: pa.ChunkedArray, decimal: str) -> pa.ChunkedArray:
    """Return the cells with a point for their decimal sign, and without the signs that set thousands apart, if any does."""
    if pc.any(pc.match_substring_regex(text, _GROUPED[decimal])).as_py():
        text = pc.replace_substring(text, "." if decimal == "," else ",", "")
    return pc.replace_substring(text, ",", ".") if decimal == "," else text


def _column(cells: _Cells, values: NDArray[np.float64]) -> Column:
    return Column(cells.channel, values)


def _clock(columns: Sequence[_Cells], layout: Layout) -> tuple[Clock, list[tuple[_Cells, NDArray[np.float64]]]]:
    """Return the clock and the columns of numbers that are left. Raises Refused: no column tells the time."""
    numbers = [_numbers(each, layout) for each in columns]
    named = [place for place, each in enumerate(columns) if names_time(each.channel.name)]
    clock = _named_clock(named, columns, numbers) if named else _first_clock(columns[0], *numbers[0])
    times = named or [0]
    left = [(each, values) for place, (each, (values, share)) in enumerate(zip(columns, numbers, strict=True))
            if place not in times and share >= _NUMERIC]  # fmt: skip
    return clock, left


def _named_clock(named: Sequence[int], columns: Sequence[_Cells], numbers: Sequence[tuple[NDArray[np.float64], float]]) -> Clock:
    clock = _date_and_time([columns[place] for place in named[:2]])
    for place in named:
        clock = clock or _clock_of(columns[place], *numbers[place])
    if clock is None:
        raise Refused(f"no time can be read from the column {columns[named[0]].channel.name!r}", "give seconds or ISO 8601 times")
    return clock


def _first_clock(cells: _Cells, values: NDArray[np.float64], share: float) -> Clock:
    """Return the clock of the first column, which no name calls the time."""
    with suppress(Refused):
        if (clock := _clock_of(cells, values, share)) is not None:
            return clock
    raise Refused("no column tells the time", "name one 'time [s]', or give ISO 8601 times in the first column")


def _clock_of(cells: _Cells, values: NDArray[np.float64], share: float) -> Clock | None:
    if share >= _NUMERIC:
        return from_numbers(values, cells.channel.name, cells.channel.unit)
    if pa.types.is_timestamp(cells.cells.type):
        return from_calendar(*whole_ns(cells.cells))
    found = calendar_ns(cells.text)
    return None if found is None else from_calendar(*found)


def _date_and_time(columns: Sequence[_Cells]) -> Clock | None:
    """Return the clock of a date in one column and the time of day in the next."""
    if len(columns) < 2:
        return None
    found = calendar_ns(pc.binary_join_element_wise(columns[0].text, columns[1].text, " "))
    return None if found is None else from_calendar(*found)

"""Series in Parquet. Only columns of numbers, truth values and times are ever decoded."""

from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from yuelu.pipelines.media.reading import Context, Reading, Refused
from yuelu.pipelines.media.timeseries.calendar import calendar_ns, whole_ns
from yuelu.pipelines.media.timeseries.channels import Channel, parted
from yuelu.pipelines.media.timeseries.clock import Clock, from_calendar, from_numbers
from yuelu.pipelines.media.timeseries.names import names_time
from yuelu.pipelines.media.timeseries.series import Column, check_cells, reading_of

_FOOTER_BYTES, _FOOTER_ENTRIES = 1 << 24, 1_000_000


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the series in a Parquet file. Raises Refused: no time, no numbers, or too many."""
    parquet = pq.ParquetFile(
        file, pre_buffer=False, thrift_string_size_limit=_FOOTER_BYTES, thrift_container_size_limit=_FOOTER_ENTRIES
    )
    schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
    channels = [_channel(field) for field in schema]
    usable = [place for place, field in enumerate(schema) if _is_number(field.type) or pa.types.is_temporal(field.type)]
    time = _time_place(schema, channels, usable)
    numbers = [place for place in usable if place != time and _is_number(schema.field(place).type)]
    check_cells(rows, len(numbers) + 1, context)
    clock = _clock(parquet.read([schema.names[time]], use_threads=False).column(0), channels[time])
    columns = [Column(channels[place], _values(parquet, schema.names[place])) for place in numbers]
    return reading_of(clock, columns, context)


def _channel(field: pa.Field) -> Channel:
    told, unit = parted(field.name), (field.metadata or {}).get(b"unit")
    return Channel(told.name, told.unit or (unit.decode("utf-8", "replace") if unit else None))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal(kind))


def _time_place(schema: pa.Schema, channels: list[Channel], usable: list[int]) -> int:
    """Return which column tells the time: one of a name that says so, else the first of calendar times, else the first of all."""
    if len(set(schema.names)) != len(schema.names):
        raise Refused("two columns of one name", "give each column a name of its own")
    named = [place for place, channel in enumerate(channels) if names_time(channel.name)]
    calendar = [place for place in usable if pa.types.is_timestamp(schema.field(place).type)]
    texts = [place for place in named if pa.types.is_string(schema.field(place).type)]
    found = [place for place in named if place in usable] or calendar or texts or usable
    if not found:
        raise Refused("no column of numbers or times", "give a table of numbers with a time in each row")
    return found[0]


def _clock(column: pa.ChunkedArray, channel: Channel) -> Clock:
    if _is_number(column.type):
        return from_numbers(floats(pc.cast(column, pa.float64(), safe=False)), channel.name, channel.unit)
    if pa.types.is_duration(column.type):
        column = pc.cast(pc.cast(column, pa.duration("ns")), pa.int64())
        return from_numbers(floats(pc.cast(column, pa.float64(), safe=False)), channel.name, "ns")
    if pa.types.is_string(column.type):
        found = calendar_ns(pc.fill_null(column, ""))
        if found is None:
            raise Refused("no column tells the time", "name one 'time [s]', or give ISO 8601 times in the first column")
        return from_calendar(*found)
    if pa.types.is_time(column.type):
        column = pc.cast(pc.cast(column, pa.time64("ns")), pa.int64())
    return from_calendar(*whole_ns(pc.cast(column, pa.timestamp("ns", tz=getattr(column.type, "tz", None)))))


def _values(parquet: pq.ParquetFile, name: str) -> NDArray[np.float64]:
    return floats(pc.cast(parquet.read([name], use_threads=False).column(0), pa.float64(), safe=False))


def floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return a column of numbers as one array; what is missing becomes not a number."""
    return np.asarray(column.combine_chunks().to_numpy(zero_copy_only=False), np.float64)

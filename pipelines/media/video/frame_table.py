"""The frame table of a video proxy: which source frame each proxy frame shows, and when the source presents it.

One row per proxy frame, stored as Parquet beside the proxy. Proxy frames count from 1, as Label Studio counts them;
source frames from 0, in presentation order, as libav decodes them. `pts` and its time base are the source's own and
exact; `time_s` is their product. A browser shows proxy frame n at `currentTime = (n - 0.5) / rate`.
"""

import io
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from yuelu.base.errors import InvalidRecord

MEDIA_TYPE = "application/vnd.apache.parquet"
SCHEMA = pa.schema(
    [
        pa.field("proxy_frame", pa.int32(), nullable=False),  # from 1
        pa.field("source_frame", pa.int32(), nullable=False),  # from 0
        pa.field("pts", pa.int64(), nullable=False),
        pa.field("time_base_numerator", pa.int32(), nullable=False),
        pa.field("time_base_denominator", pa.int32(), nullable=False),
        pa.field("time_s", pa.float64(), nullable=False, metadata={"unit": "s"}),
    ],
    metadata={"table": "frames", "version": "1"},
)


def frame_table(source_frames: Sequence[int], pts: Sequence[int], time_base: Fraction) -> pa.Table:
    """Return the table of a proxy whose frame n shows `source_frames[n - 1]`, presented at `pts[n - 1] * time_base`."""
    count = len(source_frames)
    times = np.asarray(pts, np.float64) * time_base.numerator / time_base.denominator
    return pa.table(
        [
            pa.array(np.arange(1, count + 1, dtype=np.int32)),
            pa.array(np.asarray(source_frames, np.int32)),
            pa.array(np.asarray(pts, np.int64)),
            pa.array(np.full(count, time_base.numerator, np.int32)),
            pa.array(np.full(count, time_base.denominator, np.int32)),
            pa.array(times),
        ],
        schema=SCHEMA,
    )


def table_bytes(table: pa.Table) -> bytes:
    """Return the table as Parquet; the same table gives the same bytes."""
    file = io.BytesIO()
    # What counts up packs to nearly nothing as differences; the time base is one value.
    packed = dict.fromkeys(("proxy_frame", "source_frame", "pts"), "DELTA_BINARY_PACKED")
    encodings = {**packed, "time_s": "BYTE_STREAM_SPLIT"}
    repeated = ["time_base_numerator", "time_base_denominator"]
    parquet.write_table(table, file, compression="zstd", use_dictionary=repeated, column_encoding=encodings)
    return file.getvalue()


def read_table(data: bytes) -> pa.Table:
    """Return the table that `table_bytes` wrote. Raises InvalidRecord: it is another one."""
    try:
        table = parquet.read_table(io.BytesIO(data))
    except pa.ArrowException as error:
        raise InvalidRecord(f"not a frame table: {error}", "ingest the video again") from None
    if not table.schema.equals(SCHEMA):
        raise InvalidRecord(f"not a frame table: columns {', '.join(table.column_names)}", "need those of frame_table.SCHEMA")
    if table["proxy_frame"].to_pylist() != list(range(1, table.num_rows + 1)):
        raise InvalidRecord("not a frame table: its proxy frames are not 1, 2, 3…", "ingest the video again")
    return table


def source_time(table: pa.Table, proxy_frame: int) -> Fraction:
    """Return when the source presents what proxy frame `proxy_frame` (from 1) shows: exact seconds on the source's clock."""
    if not 1 <= proxy_frame <= table.num_rows:
        raise InvalidRecord(f"proxy frame {proxy_frame} of {table.num_rows}", "proxy frames count from 1")
    row = table.slice(proxy_frame - 1, 1).to_pylist()[0]
    return Fraction(row["pts"] * row["time_base_numerator"], row["time_base_denominator"])


def source_time_s(table: pa.Table, proxy_frame: int) -> float:
    """Return `source_time` in seconds. Raises InvalidRecord: no such proxy frame."""
    return float(source_time(table, proxy_frame))


def source_span_s(table: pa.Table, first_frame: int, last_frame: int) -> tuple[float, float]:
    """Return start and end on the source's clock of what proxy frames `first_frame` to `last_frame` show.

    The end is when the source presents the next other picture; after the last one, a proxy frame's length later.
    """
    start, last = source_time_s(table, first_frame), source_time_s(table, last_frame)
    shown = table["source_frame"].to_numpy()
    later = np.flatnonzero(shown[last_frame:] > shown[last_frame - 1])
    if later.size:
        return start, max(last, source_time_s(table, last_frame + 1 + int(later[0])))
    times = table["time_s"].to_numpy()
    return start, last + (float(times[-1] - times[0]) / (table.num_rows - 1) if table.num_rows > 1 else 0.0)


def proxy_frame_at(table: pa.Table, time_s: float) -> int:
    """Return the first proxy frame (from 1) that shows the source frame presented closest to `time_s`."""
    if not table.num_rows:
        raise InvalidRecord("a frame table without frames", "make the proxy again")
    return int(np.abs(table["time_s"].to_numpy() - time_s).argmin()) + 1

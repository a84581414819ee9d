"""Calendar times as text: ISO 8601 with its usual deviations, German dates, and bare times of day."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_KNOWN = 0.99  # of the rows that say something
# Into `YYYY-MM-DD hh:mm:ss.fraction` with an optional offset. A date such as 03/04/2024 can mean two days: it is not read.
_REWRITES = (
    (r"^(\d{4})[/.年](\d{1,2})[/.月](\d{1,2})日?", r"\1-\2-\3"),
    (r"^(\d{1,2})\.(\d{1,2})\.(\d{4})", r"\3-\2-\1"),
    (r"^(\d{4})-(\d)-", r"\1-0\2-"),
    (r"^(\d{4}-\d\d)-(\d)([ T]|$)", r"\1-0\2\3"),
    (r"^(\d{1,2}:\d\d)", r"1970-01-01 \1"),
    (r"[ T](\d):", r" 0\1:"),
    (r"T", r" "),
    (r"(\d\d:\d\d:\d\d),(\d)", r"\1.\2"),
    (r"(\.\d{9})\d+", r"\1"),
    (r"\s+(Z|[+-]\d\d)", r"\1"),
    (r"([+-]\d\d)(\d\d)$", r"\1:\2"),
    (r"(\d\d:\d\d\.?\d*[+-]\d\d)$", r"\1:00"),
)
_ZONED = r"\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:\d\d)$"
_CALENDAR = r"^\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$"


def calendar_ns(text: pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.bool_]] | None:
    """Return the times in nanoseconds and which rows have one; None when the column holds no calendar times.

    Times of day count from midnight. Times with and without an offset from UTC cannot be compared: None.
    """
    said = pc.not_equal(text, "")
    for found, written in _REWRITES:
        text = pc.replace_substring_regex(text, found, written)
    known = pc.and_(said, pc.match_substring_regex(text, _CALENDAR))
    many, rows = int(pc.sum(known).as_py() or 0), int(pc.sum(said).as_py() or 0)
    if many < 2 or many < _KNOWN * rows:
        return None
    zoned = int(pc.sum(pc.and_(known, pc.match_substring_regex(text, _ZONED))).as_py() or 0)
    if zoned not in (0, many):
        return None
    kind = pa.timestamp("ns", tz="UTC") if zoned else pa.timestamp("ns")
    try:
        times = pc.cast(pc.if_else(known, text, pa.scalar(None, pa.string())), kind)
    except pa.ArrowInvalid:  # the 31st of February, or a year out of range
        return None
    return whole_ns(times)


def whole_ns(times: pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return timestamps in nanoseconds, and which rows have one."""
    whole = pc.cast(pc.cast(times, pa.timestamp("ns", tz=times.type.tz)), pa.int64())
    known = pc.is_valid(times).combine_chunks().to_numpy(zero_copy_only=False)
    return np.asarray(pc.fill_null(whole, 0).combine_chunks().to_numpy(), np.int64), np.asarray(known, np.bool_)

"""What becomes of a series: a Parquet copy of every row, a JSON for the editor, and a small picture.

Label Studio's editor takes a file `{"time_s": [...], "ch0": [...], ...}`. It takes an empty value for a zero, in its axes and
in its overview, so missing values are bridged by the straight line that it draws anyway.
"""

import io
import json
from collections.abc import Sequence

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.pictures import png
from yuelu.pipelines.media.reading import Derived
from yuelu.pipelines.media.timeseries.channels import Channel
from yuelu.pipelines.media.timeseries.clock import Clock

Values = NDArray[np.float64]

PARQUET, JSON = "application/vnd.apache.parquet", "application/json"
# Of more rows than ten screens are wide the editor draws only some, whichever they are, until one zooms in: 1280 x 10 here.
MOST_ROWS = 12_000
_DIGITS = 7  # significant ones, of the values that are shown
_PICTURE_PX = (256, 144)
_MOST_DRAWN = 4


def full_copy(clock: Clock, channels: Sequence[Channel], values: Sequence[Values]) -> Derived:
    """Return every row as Parquet: `time_s` and one column for each channel, its unit in the metadata."""
    arrays = [pa.array(clock.times_s), *(pa.array(each, from_pandas=True) for each in values)]
    fields = [pa.field("time_s", pa.float64(), nullable=False, metadata={"unit": "s"})]
    fields += [pa.field(each.name, pa.float64(), metadata={"unit": each.unit} if each.unit else None) for each in channels]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), out, compression="zstd", use_dictionary=False)
    return Derived(Role.DEIDENTIFIED, Medium.TIMESERIES, PARQUET, out.getvalue())


def proxy(clock: Clock, values: Sequence[Values]) -> Derived:
    """Return what the editor shows: real rows under their own times; of a long series those with the peaks."""
    bridged = [_bridged(clock.times_s, each) for each in values]
    rows = shown_rows(bridged)
    shown = {"time_s": clock.times_s[rows].tolist()}
    shown |= {f"ch{number}": _rounded(each[rows]) for number, each in enumerate(bridged)}
    data = json.dumps(shown, separators=(",", ":"), allow_nan=False).encode()
    return Derived(Role.PROXY, Medium.TIMESERIES, JSON, data, {"rows": len(rows), "channels": len(values)})


def shown_rows(values: Sequence[Values], most: int = MOST_ROWS) -> NDArray[np.int64]:
    """Return the rows to show: all, or of equal stretches those where a channel is lowest or highest, and both ends.

    At most `most` rows and the two ends; each stretch keeps every channel's peaks, so nothing that stands out is lost.
    """
    rows, channels = len(values[0]), len(values)
    if rows <= most:
        return np.arange(rows)
    stretches = max(1, most // (2 * channels))
    edges = np.linspace(0, rows, stretches + 1).astype(np.int64)
    picked = [np.array([0, rows - 1])]
    for each in values:
        length = int(np.diff(edges).max())
        places = np.minimum(edges[:-1, None] + np.arange(length), edges[1:, None] - 1)
        stretch = each[places]
        picked += [places[np.arange(stretches), stretch.argmin(axis=1)], places[np.arange(stretches), stretch.argmax(axis=1)]]
    return np.asarray(np.unique(np.concatenate(picked)), np.int64)


def _bridged(times_s: Values, values: Values) -> Values:
    known = ~np.isnan(values)
    return values if known.all() else np.interp(times_s, times_s[known], values[known])


def _rounded(values: Values) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in values]


def thumbnail(clock: Clock, values: Sequence[Values]) -> Derived:
    """Return a small picture of the first channels, one below the other, each over its own range."""
    width, height = _PICTURE_PX
    pixels = np.full((height, width, 3), 255, np.uint8)
    drawn = values[:_MOST_DRAWN]
    band = height // len(drawn)
    across = np.round(clock.times_s / clock.times_s[-1] * (width - 1)).astype(np.int64)
    for number, each in enumerate(drawn):
        _draw(pixels[number * band : (number + 1) * band], across, each)
    return Derived(Role.THUMBNAIL, Medium.IMAGE, "image/png", png(pixels), {"width_px": width, "height_px": height})


def _draw(band: NDArray[np.uint8], across: NDArray[np.int64], values: Values) -> None:
    """Draw one channel into its band: in each column of pixels from its lowest to its highest value."""
    known = ~np.isnan(values)
    low, high = float(values[known].min()), float(values[known].max())
    height, width = band.shape[:2]
    down = np.round((high - values[known]) / ((high - low) or 1.0) * (height - 9)).astype(np.int64) + 4
    top, bottom = np.full(width, height), np.full(width, -1)
    np.minimum.at(top, across[known], down)
    np.maximum.at(bottom, across[known], down)
    columns = np.flatnonzero(bottom >= 0)
    outline = [(int(x), int(y)) for x in columns for y in (top[x], bottom[x])]
    cv2.polylines(band, [np.array(outline, np.int32)], isClosed=False, color=(160, 90, 30), thickness=1, lineType=cv2.LINE_AA)

"""Series in MATLAB files of version 5, through SciPy. Only arrays of numbers are ever decoded, never objects or text."""

import math
from typing import Any, BinaryIO

import numpy as np
import scipy.io

from yuelu.pipelines.media.reading import Context, Reading, Refused
from yuelu.pipelines.media.timeseries.channels import Channel
from yuelu.pipelines.media.timeseries.clock import from_numbers, from_rate
from yuelu.pipelines.media.timeseries.names import names_time
from yuelu.pipelines.media.timeseries.series import FEWEST_ROWS, Column, check_cells, reading_of

_NUMERIC = frozenset({"double", "single", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "logical"})
_RATES = frozenset(
    {"fs", "fsamp", "fsample", "samplerate", "samplingrate", "samplefrequency", "samplingfrequency", "srate", "sr"}
)


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the longest variables of equal length as a series. Raises Refused: they have no common clock."""
    opened: Any = file  # which SciPy takes, though its stubs do not
    told = [(name, shape) for name, shape, kind in scipy.io.whosmat(opened) if kind in _NUMERIC and len(shape) == 2]
    rows = max((max(shape) for _, shape in told), default=0)
    arrays = {name: shape for name, shape in told if rows >= FEWEST_ROWS and rows in shape}
    single = [name for name, shape in told if math.prod(shape) == 1 and _bare(name) in _RATES]
    if not arrays:
        raise Refused("no array of numbers in the file", f"a series has {FEWEST_ROWS} rows")
    check_cells(rows, sum(min(shape) for shape in arrays.values()), context)
    file.seek(0)
    values = scipy.io.loadmat(opened, variable_names=[*arrays, *single[:1]])
    columns = [column for name in arrays for column in _columns(name, np.asarray(values[name]), rows)]
    time = next((column for column in columns if names_time(column.channel.name)), None)
    if time is not None:
        clock = from_numbers(time.values, time.channel.name, None)
    elif single:
        clock = from_rate(rows, float(np.asarray(values[single[0]]).item()))
    else:
        raise Refused("neither times nor a sampling rate in the file", "save a variable 'time' in seconds or 'fs' in Hz with it")
    return reading_of(clock, [column for column in columns if column is not time], context)


def _bare(name: str) -> str:
    """Return the name as it is compared: `Sampling_Rate_Hz` is `samplingrate`."""
    return name.lower().removesuffix("_hz").removesuffix("hz").replace("_", "")


def _columns(name: str, array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], rows: int) -> list[Column]:
    tall = np.asarray(array if array.shape[0] == rows else array.T, np.float64)
    names = [name] if tall.shape[1] == 1 else [f"{name} {number}" for number in range(1, tall.shape[1] + 1)]
    return [Column(Channel(each, None), tall[:, place]) for place, each in enumerate(names)]

"""Series in ASAM MDF (MF4 and MDF 3), through asammdf, which is installed only where it is wanted."""

import importlib
from typing import Any, BinaryIO

import numpy as np

from yuelu.pipelines.media.memory import memory_file
from yuelu.pipelines.media.reading import Context, Reading, Refused
from yuelu.pipelines.media.timeseries.channels import Channel
from yuelu.pipelines.media.timeseries.clock import from_numbers
from yuelu.pipelines.media.timeseries.series import Column, check_cells, reading_of


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the largest channel group as a series: the channels that were recorded together, under their own clock.

    Raises Refused: asammdf is not installed, or the file has no channel of numbers.
    """
    try:
        asammdf: Any = importlib.import_module("asammdf")
    except ImportError:
        raise Refused("reading MDF needs asammdf", "pip install 'yuelu[mdf]' on every worker, then retry") from None
    for version in ("mdf_v3", "mdf_v4"):  # each opens a temporary file, of which only the ends of loose blocks are made
        vars(importlib.import_module(f"asammdf.blocks.{version}"))["NamedTemporaryFile"] = _in_memory
    with asammdf.MDF(file, process_bus_logging=False) as mdf:
        groups = [(group.channel_group.cycles_nr, len(group.channels), place) for place, group in enumerate(mdf.groups)]
        if not groups:
            raise Refused("no channel group in the file", "check the file at its origin")
        rows, width, place = max(groups, key=lambda each: (each[0] * each[1], -each[2]))
        check_cells(rows, width, context)
        master = mdf.masters_db.get(place)
        signals = [mdf.get(group=place, index=index, ignore_invalidation_bits=False) for index in range(width) if index != master]
    numeric = [each for each in signals if each.samples.dtype.kind in "iufb" and each.samples.ndim == 1 and len(each.samples)]
    if not numeric:
        raise Refused("no channel of numbers in the file", "check the file at its origin")
    clock = from_numbers(np.asarray(numeric[0].timestamps, np.float64), "time", "s")
    return reading_of(clock, [_column(each) for each in numeric if len(each.samples) == len(numeric[0].samples)], context)


def _in_memory(dir: object = None) -> BinaryIO:
    """Return what stands in for a temporary file: the process that decodes may write no other."""
    return memory_file()


def _column(signal: Any) -> Column:
    values = np.asarray(signal.samples, np.float64)
    if signal.invalidation_bits is not None:
        values = np.where(np.asarray(signal.invalidation_bits, np.bool_), np.nan, values)
    return Column(Channel(str(signal.name), str(signal.unit) or None), values)

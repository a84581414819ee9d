"""A recorded series: channels over one clock, and the reading that every reader of such files makes of it.

Absolute times can tell who worked when, so the clock starts at 0 s with the first row and nothing else of it is kept; the
source, which stays where it is, still knows. What is labelled and released is a Parquet copy of every sample under its
relative time; what annotators see is a smaller JSON of real samples out of it, under the same clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yuelu.base.records import Medium
from yuelu.pipelines.media.reading import Context, Reading, Refused
from yuelu.pipelines.media.timeseries.channels import Channel, identifies, published
from yuelu.pipelines.media.timeseries.clock import Clock
from yuelu.pipelines.media.timeseries.facts import channel_facts, clock_facts
from yuelu.pipelines.media.timeseries.shown import full_copy, proxy, thumbnail

Values = NDArray[np.float64]  # shape (rows,), NaN where a value is missing

FEWEST_ROWS = 8  # fewer are no series anybody can label
MOST_CHANNELS = 64  # the editor draws one plot for each


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file as it was read, before it is known to be the time or a channel."""

    channel: Channel
    values: Values


def check_cells(rows: int, columns: int, context: Context) -> None:
    """Raise Refused: more values than the limit. Called before they are decoded."""
    if rows * columns > context.limits.cells:
        raise Refused(f"{rows} x {columns} values are more than the limit of {context.limits.cells}", "cut the series first")


def reading_of(clock: Clock, columns: Sequence[Column], context: Context) -> Reading:
    """Return the reading of `columns` under `clock`. Raises Refused: too few rows, no channel, or too many."""
    kept = [(column.channel, column.values[clock.order]) for column in columns if not identifies(column.channel)]
    kept = [(channel, values) for channel, values in kept if np.isfinite(values).sum() > 1]
    channels = published([channel for channel, _ in kept])
    rows = len(clock.times_s)
    if rows < FEWEST_ROWS or not channels:
        raise Refused(f"{len(channels)} channels of numbers and {rows} rows", f"a series has a channel and {FEWEST_ROWS} rows")
    if len(channels) > MOST_CHANNELS:
        raise Refused(f"{len(channels)} channels; at most {MOST_CHANNELS} are shown at once", "split the series by channels")
    values = [np.where(np.isfinite(values), values, np.nan) for _, values in kept]
    facts = {
        **clock_facts(clock),
        "channels": len(channels),
        "channel_names": [channel.name for channel in channels],
        "channel_units": [channel.unit for channel in channels],
        "probes": {"channels": [channel_facts(each, clock) for each in values]},
    }
    copy = full_copy(clock, channels, values)
    return Reading(Medium.TIMESERIES, context.media_type, facts, (copy, proxy(clock, values), thumbnail(clock, values)))

"""Scoring a table of labels that memory does not hold: dealt into parts by task, tallied by Dask, added as a tree."""

import operator
from collections.abc import Sequence
from contextlib import ExitStack
from functools import reduce
from pathlib import Path
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from dask.base import compute
from dask.delayed import delayed
from pyarrow import parquet

from yuelu.base.schemas import LABELS
from yuelu.quality.label_parts import names_of, score_parts, tally_part
from yuelu.quality.labels import Level
from yuelu.quality.resample import Sampling
from yuelu.quality.score import Score

_ROWS = 1 << 17  # read at a time
_SPLIT = 8  # tallies added at each node of the tree


def deal_by_task(table: Path, folder: Path, parts: int) -> tuple[Path, ...]:
    """Write the labels of the Parquet file `table` into `parts` files in `folder`, all answers to a task into one; return them.

    Rows are read a hundred thousand at a time, so memory does not grow with the table.
    """
    paths = tuple(folder / f"part-{number:05}.parquet" for number in range(parts))
    with ExitStack() as open_:
        writers = [open_.enter_context(parquet.ParquetWriter(path, LABELS)) for path in paths]
        source = open_.enter_context(parquet.ParquetFile(table))
        for batch in source.iter_batches(_ROWS, columns=LABELS.names):
            rows = pa.Table.from_batches([batch]).cast(LABELS)
            tasks = pc.dictionary_encode(rows["task"].combine_chunks())
            home = np.fromiter((crc32(name.encode()) % parts for name in tasks.dictionary.to_pylist()), np.int64)
            of_row = home[tasks.indices.to_numpy()]
            order = np.argsort(of_row, kind="stable")
            ends = np.searchsorted(of_row[order], np.arange(parts + 1))
            for number in np.unique(of_row).tolist():
                writers[number].write_table(rows.take(pa.array(order[ends[number] : ends[number + 1]])))
    return paths


def table_scores(parts: Sequence[Path], level: Level = "nominal", sampling: Sampling | None = None) -> tuple[Score, ...]:
    """Return the agreement of the labels in `parts` (Parquet, schema LABELS), each task's answers in one of them.

    Runs where Dask's current scheduler is: threads here, or the workers of a cluster. See `label_parts.score_parts` for what
    it shares with the scores of one table. Raises as `label_parts.tally_part`.
    """
    read = delayed(_read)
    names = reduce(operator.or_, compute(*(delayed(names_of)(read(path)) for path in parts)))  # type: ignore[no-untyped-call]
    level_of = [delayed(tally_part)(read(path), names, level) for path in parts]
    while len(level_of) > 1:  # a tree, so that no worker holds more than a few tallies
        groups = [level_of[at : at + _SPLIT] for at in range(0, len(level_of), _SPLIT)]
        level_of = [delayed(_sum)(group) for group in groups]
    (whole,) = compute(*level_of)  # type: ignore[no-untyped-call]
    return score_parts(whole, names, level, sampling)


def _read(path: Path) -> pa.Table:
    return parquet.read_table(path, columns=LABELS.names)


def _sum(tallies: Sequence[object]) -> object:
    return reduce(operator.add, tallies)

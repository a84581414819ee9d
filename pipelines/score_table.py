"""Scoring a table of labels that memory does not hold: dealt into parts by task, tallied by Dask, added as a tree."""

import operator
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from dask.delayed import delayed
from pyarrow import parquet

from yuelu.base.errors import NotFound, SchemaMismatch
from yuelu.base.schemas import LABELS
from yuelu.pipelines.computing import computed, each_part
from yuelu.quality.label_parts import Names, Parted, names_of, score_parts, tally_part
from yuelu.quality.labels import Level
from yuelu.quality.resample import Sampling
from yuelu.quality.score import Score
from yuelu.quality.tables import groups_of, label_batches

_SPLIT = 8  # tallies added at each node of the tree
_BYTES = 8 << 20  # of the files for one part: about a million answers
_MOST = 512  # parts: each is a file that is open while a table is dealt
_TABLES = (".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class TableScores:
    """The scores of a table in parts, and what they were made of."""

    scores: tuple[Score, ...]
    files: int
    parts: int
    answers: int


def tables_at(named: str) -> tuple[Path, ...]:
    """Return the tables that a path names: a file, all CSV and Parquet files of a folder, or those that a pattern fits.

    Raises NotFound: none.
    """
    path = Path(named)
    if path.is_dir():
        found = [each for each in path.rglob("*") if each.suffix in _TABLES and each.is_file()]
    else:
        found = [path] if path.is_file() else [each for each in _fitting(path) if each.is_file()]
    if not found:
        raise NotFound(
            f"no table at {named}", "give a .csv or .parquet file, a folder of them, or a pattern such as 'answers/*.csv'"
        )
    return tuple(sorted(found))


def _fitting(pattern: Path) -> list[Path]:
    return list(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))


def parts_for(tables: Sequence[Path], workers: int = 1) -> int:
    """Return how many parts the tables make: one for every 8 MiB, and at least one for each worker."""
    size = sum(path.stat().st_size for path in tables)
    return min(max(-(-size // _BYTES), workers, 1), _MOST)


def score_tables(
    tables: Sequence[Path],
    folder: Path,
    parts: int,
    level: Level = "nominal",
    *,
    order: tuple[str, ...] | None = None,
    without: frozenset[str] = frozenset(),
    sampling: Sampling | None = None,
) -> TableScores:
    """Return the agreement of the labels in `tables` together, but for those of the annotators `without`.

    An answer may be in any of the tables. They are dealt into `parts` in `folder`, which all workers see. Values and
    intervals do not depend on the number of parts. Raises as `tables.read_labels` and `label_parts.tally_part`.
    """
    dealt = deal_by_task(tables, folder, parts, without=without)
    answers = sum(parquet.read_metadata(file).num_rows for part in dealt for file in part.iterdir())
    return TableScores(table_scores(dealt, level, sampling, order=order), len(tables), len(dealt), answers)


def deal_by_task(tables: Sequence[Path], folder: Path, parts: int, *, without: frozenset[str] = frozenset()) -> tuple[Path, ...]:
    """Deal the labels of the files `tables` into `parts` folders in `folder`, all answers to a task into one; return these.

    Each file is read a hundred thousand rows at a time, so memory does not grow with the table. Raises SchemaMismatch: some
    of the files have a column `group`, and others do not.
    """
    homes = tuple(folder / f"part-{number:05}" for number in range(parts))
    for home in homes:
        home.mkdir()
    deal = partial(_deal, homes=homes, without=without)
    grouped = each_part(deal, list(enumerate(tables)))
    if len({each for each in grouped if each is not None}) > 1:
        has, lacks = (next(t.name for t, each in zip(tables, grouped, strict=True) if each is value) for value in (True, False))
        raise SchemaMismatch(f"{has} has a column group and {lacks} has none", "give all tables of one set the same columns")
    return homes


def _deal(numbered: tuple[int, Path], *, homes: tuple[Path, ...], without: frozenset[str]) -> bool | None:
    """Deal one file; return whether it has groups, None for a file without a row."""
    number, table = numbered
    grouped: bool | None = None
    writers: list[parquet.ParquetWriter] = []
    with ExitStack() as open_:
        for batch in label_batches(table):
            if grouped is None:
                grouped = "group" in batch.column_names
                file = f"{number:05}.parquet"
                writers = [open_.enter_context(parquet.ParquetWriter(home / file, batch.schema)) for home in homes]
            for home, rows in _by_home(_of_people(batch, without), len(homes)):
                writers[home].write_table(rows)
    return grouped


def _of_people(rows: pa.Table, without: frozenset[str]) -> pa.Table:
    if not without:
        return rows
    return rows.filter(pc.invert(pc.is_in(rows["annotator"], value_set=pa.array(sorted(without)))))


def _by_home(rows: pa.Table, parts: int) -> list[tuple[int, pa.Table]]:
    tasks = pc.dictionary_encode(rows["task"].combine_chunks())
    home = np.fromiter((crc32(name.encode()) % parts for name in tasks.dictionary.to_pylist()), np.int64)
    of_row = home[tasks.indices.to_numpy()]
    order = np.argsort(of_row, kind="stable")
    ends = np.searchsorted(of_row[order], np.arange(parts + 1))
    return [(number, rows.take(pa.array(order[ends[number] : ends[number + 1]]))) for number in np.unique(of_row).tolist()]


def table_scores(
    parts: Sequence[Path],
    level: Level = "nominal",
    sampling: Sampling | None = None,
    *,
    order: tuple[str, ...] | None = None,
) -> tuple[Score, ...]:
    """Return the agreement of the labels in `parts` (Parquet files or folders of them), each task's answers in one of them.

    Runs where Dask's current scheduler is: threads here, or the workers of a cluster (`computing`). See
    `label_parts.score_parts` for what it shares with the scores of one table. Raises as `label_parts.tally_part`.
    """
    names = reduce(operator.or_, each_part(_names, parts))
    tally = delayed(partial(_tallied, level=level, order=order))
    shared = delayed(names)
    tree = [tally(path, shared) for path in parts]
    while len(tree) > 1:  # so that no worker holds more than a few tallies
        groups = [tree[at : at + _SPLIT] for at in range(0, len(tree), _SPLIT)]
        tree = [delayed(_sum)(group) for group in groups]
    whole: Parted = computed(tree)[0]
    return score_parts(whole, names, level, sampling, order=order)


def _names(path: Path) -> Names:
    return names_of(_read(path)[0])


def _tallied(path: Path, names: Names, *, level: Level, order: tuple[str, ...] | None) -> Parted:
    labels, groups = _read(path)
    return tally_part(labels, names, level, groups, order=order)


def _read(path: Path) -> tuple[pa.Table, dict[str, str] | None]:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    table = pa.concat_tables([parquet.read_table(file) for file in files]) if files else LABELS.empty_table()
    groups = groups_of(table["task"], table["group"]) if "group" in table.column_names else None
    return table.select(LABELS.names).cast(LABELS), groups


def _sum(tallies: Sequence[Parted]) -> Parted:
    add: Callable[[Parted, Parted], Parted] = operator.add
    return reduce(add, tallies)

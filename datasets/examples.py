"""Items of a pulled release by number: a map-style dataset, as PyTorch's DataLoader and many other loaders take it."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from yuelu.base.errors import Misconfigured
from yuelu.datasets.release import open_folder
from yuelu.datasets.selection import EMBEDDED
from yuelu.datasets.tables import Row

_INSIDE = frozenset([*EMBEDDED, *(f"{kind}s" for kind in EMBEDDED)])


class Examples:
    """The items of a release, of one split or of all, in the order of their ids. It can be sent to other processes.

    Each example is the item's row; every entry of its `media` also has the file's bytes as `data`, wherever the pull put
    them; of a folder that was pulled with `embed` each jump reads a row group, so what is shuffled is better pulled without.
    `transform` makes of it what the model wants.
    """

    def __init__(self, folder: Path | str, split: str | None = None, transform: Callable[[Row], Any] | None = None) -> None:
        self.folder, self.transform = Path(folder), transform
        manifest = open_folder(self.folder).manifest
        if split is not None and split not in manifest.splits:
            raise Misconfigured(f"{manifest.title} has no split {split!r}", f"its splits are {', '.join(manifest.splits)}")
        with self._file() as file:
            names = file.schema_arrow.names
            items = file.read([name for name in names if name not in _INSIDE])
            sizes = [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]
        self._inside = [name for name in names if name in _INSIDE]
        self._starts = [0, *accumulate(sizes)]
        self._held: tuple[int, pa.Table] | None = None  # one row group of embedded media
        wanted = pa.array(range(items.num_rows), pa.int64())
        self._places = wanted if split is None else wanted.filter(pc.equal(items.column("split"), split).combine_chunks())
        self._items: pa.Table = items.take(self._places)

    def _file(self) -> pq.ParquetFile:
        return pq.ParquetFile(self.folder / "items.parquet", page_checksum_verification=True)

    def __len__(self) -> int:
        return int(self._items.num_rows)

    def __iter__(self) -> Iterator[Any]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> Any:
        if not -len(self) <= number < len(self):
            raise IndexError(number)  # what ends a loop over a sequence
        number %= len(self)
        (row,) = self._items.slice(number, 1).to_pylist()
        cells = self._cells(self._places[number].as_py()) if self._inside else {}
        inside = {kind: iter(_listed(cells, kind)) for kind in EMBEDDED}
        for medium in row["media"]:
            cell = next(inside.get(medium["media_type"].partition("/")[0], iter(())), None)
            medium["data"] = cell["bytes"] if cell else (self.folder / medium["path"]).read_bytes()
        return self.transform(row) if self.transform else row

    def _cells(self, place: int) -> Row:
        """Return what stands in the columns of embedded media of a row; reads its row group, and keeps that one."""
        group = bisect_right(self._starts, place) - 1
        if self._held is None or self._held[0] != group:
            with self._file() as file:
                self._held = group, file.read_row_group(group, self._inside)
        (cells,) = self._held[1].slice(place - self._starts[group], 1).to_pylist()
        return dict(cells)


def _listed(cells: Row, kind: str) -> list[Row]:
    one = cells.get(kind)
    return [one] if one else cells.get(f"{kind}s") or []

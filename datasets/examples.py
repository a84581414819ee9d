"""Items of a pulled release by number: a map-style dataset, as PyTorch's DataLoader and many other loaders take it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from yuelu.base.errors import Misconfigured
from yuelu.datasets.release import open_folder
from yuelu.datasets.selection import EMBEDDED
from yuelu.datasets.tables import Row


class Examples:
    """The items of a release, of one split or of all, in the order of their ids. It can be sent to other processes.

    Each example is the item's row; every entry of its `media` also has the file's bytes as `data`, wherever the pull put
    them. `transform` makes of it what the model wants.
    """

    def __init__(self, folder: Path | str, split: str | None = None, transform: Callable[[Row], Any] | None = None) -> None:
        self.folder, self.transform = Path(folder), transform
        release = open_folder(self.folder)
        items = release.table("items")
        if split is not None:
            items = items.filter(pc.equal(items.column("split"), split))
            if split not in release.manifest.splits:
                known = ", ".join(release.manifest.splits)
                raise Misconfigured(f"{release.manifest.title} has no split {split!r}", f"its splits are {known}")
        self._items: pa.Table = items

    def __len__(self) -> int:
        return int(self._items.num_rows)

    def __iter__(self) -> Iterator[Any]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> Any:
        if not -len(self) <= number < len(self):
            raise IndexError(number)  # what ends a loop over a sequence
        (row,) = self._items.slice(number % len(self), 1).to_pylist()
        inside = {kind: iter(_cells(row, kind)) for kind in EMBEDDED}
        for medium in row["media"]:
            cell = next(inside.get(medium["media_type"].partition("/")[0], iter(())), None)
            medium["data"] = cell["bytes"] if cell else (self.folder / medium["path"]).read_bytes()
        return self.transform(row) if self.transform else row


def _cells(row: Row, kind: str) -> list[Row]:
    """Take the column of embedded media out of the row, and return what stood in it."""
    one, many = row.pop(kind, None), row.pop(f"{kind}s", None)
    return [one] if one else many or []

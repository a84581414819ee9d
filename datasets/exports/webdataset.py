"""WebDataset (https://github.com/webdataset/webdataset): `<split>-000000.tar`, one sample per item.

A sample is the item's files, in their order, and its row as JSON; nothing is lost but the single answers. The same release
gives the same bytes: samples by id, and no times, names or rights of whoever writes.
"""

import io
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from yuelu.base.canonical import canonical
from yuelu.datasets.exports.pictures import LABELS, Reader, extension
from yuelu.datasets.exports.report import Tally
from yuelu.datasets.selection import EMBEDDED

SHARD = 1 << 30  # bytes of a shard, about
_INSIDE = frozenset([*EMBEDDED, *(f"{kind}s" for kind in EMBEDDED)])


class _Shards:
    """The shards of one split, written one after another."""

    def __init__(self, dest: Path, split: str, stack: ExitStack) -> None:
        self.dest, self.split, self.stack = dest, split, stack
        self.number = self.size = 0
        self.tar: tarfile.TarFile | None = None

    def add(self, files: dict[str, bytes]) -> None:
        if self.tar is None or self.size >= SHARD:
            if self.tar is not None:
                self.tar.close()
            path = self.dest / f"{self.split}-{self.number:06}.tar"
            self.tar = tarfile.TarFile.open(path, "w", format=tarfile.PAX_FORMAT)
            self.stack.enter_context(self.tar)
            self.number, self.size = self.number + 1, 0
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            self.tar.addfile(entry, io.BytesIO(data))
            self.size += len(data)


def write(reader: Reader, dest: Path, tally: Tally, *, media: bool, shard: type[_Shards] = _Shards) -> Iterator[str]:
    """Write the release, yielding the id of each item."""
    dest.mkdir(parents=True, exist_ok=True)
    shards: dict[str, _Shards] = {}
    with ExitStack() as stack:
        for row in reader.items():
            files = {}
            for place, medium in enumerate(row["media"] if media else []):
                number = f"{place}." if len(row["media"]) > 1 else ""
                files[f"{row['id']}.{number}{extension(medium)}"] = reader.read(row, place)
            told = {name: value for name, value in row.items() if name not in _INSIDE}
            files[f"{row['id']}.json"] = canonical(told)
            if row["split"] not in shards:
                shards[row["split"]] = shard(dest, row["split"], stack)
            shards[row["split"]].add(files)
            for column in LABELS:
                tally.written[column] += len(row[column])
            yield row["id"]

"""One Parquet file of a table's layers, in a folder that a pull writes: only layers that are not in it yet are fetched."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from yuelu.base.errors import IntegrityFailure, YueluError
from yuelu.datasets.fetch import PARTS, fetch, hash_of
from yuelu.datasets.layers import Layer, merged
from yuelu.datasets.manifest import DELETED, Manifest, Part
from yuelu.datasets.plain import Known, layered, pulled_selection, tell, told
from yuelu.datasets.release import Release
from yuelu.datasets.schemas import KEYS
from yuelu.datasets.tables import open_table, read_batches, write_sorted


class Assembly:
    """The plain tables of one pull into `dest`."""

    def __init__(self, release: Release, dest: Path) -> None:
        self.release, self.dest = release, dest
        try:
            self._known: Known = {} if pulled_selection(dest) else told(dest)  # a selection has not all rows
        except YueluError:
            self._known = {}  # none yet, or damaged: all is made anew

    def make(self, table: str) -> int | None:
        """Make the file of a table that is in layers; return the bytes that were fetched, None where it was there."""
        layers = self.release.manifest.layers(table)
        hashes, target = [part.file.sha256 for part in layers], self.dest / layers[0].file.path
        there = self._there(table, target, hashes)
        if there == len(layers):
            return None
        needed = [replace(part.file, path=f"{PARTS}/{part.file.sha256}.parquet") for part in layers[there:]]
        fetched = sum(file.bytes for file in needed if fetch(self.release, file, self.dest))
        paths = [*([target] if there else []), *(self.dest / file.path for file in needed)]
        kinds = [part.kind for part in (layers[:1] if there else ()) + layers[there:]]
        self._write(table, target, paths, kinds, layers[-1])
        self._note(table, target, hashes)
        for file in needed:
            (self.dest / file.path).unlink(missing_ok=True)  # two layers may be the same bytes
        return fetched

    def _there(self, table: str, target: Path, hashes: Sequence[str]) -> int:
        """Return how many of the layers, from the base on, the file that lies there is made of."""
        if not target.is_file() or target.is_symlink():
            return 0
        here, known = hash_of(target), self._known.get(table)
        if known and here == known["sha256"] and known["parts"] == list(hashes[: len(known["parts"])]):
            return len(known["parts"])
        return int(here == hashes[0])

    def _write(self, table: str, target: Path, paths: Sequence[Path], kinds: Sequence[str], newest: Part) -> None:
        new = self.dest / PARTS / f"{table}.new"
        base, *above = (_rows(path) for path in paths)
        layers = [Layer(rows, kind == DELETED) for rows, kind in zip(above, kinds[1:], strict=True)]
        with new.open("wb") as sink:
            rows = write_sorted(sink, table, merged(base, layers, KEYS[table]))
            sink.flush()
            os.fsync(sink.fileno())
        if rows != newest.total:
            raise IntegrityFailure(f"{table}: its parts make {rows} rows, not {newest.total}", "ask the publisher")
        new.replace(target)

    def _note(self, table: str, target: Path, hashes: Sequence[str]) -> None:
        self._known[table] = {"sha256": hash_of(target), "bytes": target.stat().st_size, "parts": list(hashes)}
        tell(self.dest, self.dest / PARTS, self._known)

    def complete(self, manifest: Manifest) -> None:
        """Forget the tables that are not in layers any more."""
        known = {table: self._known[table] for table in layered(manifest)}
        tell(self.dest, self.dest / PARTS, known)


def _rows(path: Path) -> Iterator[pa.Table]:
    with path.open("rb") as file:
        yield from read_batches(open_table(file, path.name), path.name)

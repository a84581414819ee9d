"""The tables of a pull that leaves something out: made from the whole tables, which lie aside while it runs."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from yuelu.base.errors import NotFound, YueluError
from yuelu.datasets.assemble import Assembly
from yuelu.datasets.fetch import PARTS, fetch, hash_of
from yuelu.datasets.layout import File, media_file
from yuelu.datasets.manifest import Manifest
from yuelu.datasets.plain import Known, layered, pulled_selection, tell, told
from yuelu.datasets.release import Release
from yuelu.datasets.schemas import TABLES, schema_digest
from yuelu.datasets.selection import Selection, chosen_items, embedded_fields, embedded_kind, kept_schema, labels_of
from yuelu.datasets.tables import ROW_GROUP, cut, open_table, read_batches, write_sorted

ASIDE = f"{PARTS}/whole"  # the whole tables, and media that go into rows, while a pull runs
_EMBEDDED_GROUP = 64 << 20  # bytes of media that one row group holds: what a reader must take at once


@dataclass(frozen=True, slots=True)
class Chosen:
    """The ids that a selection keeps: sorted items, and their files; `largest` is the most files of a kind in one item."""

    items: pa.Array
    assets: pa.Array
    largest: Mapping[str, int]
    group: int


class Selecting:
    """The tables of one pull of a part of a release into `dest`."""

    def __init__(self, release: Release, dest: Path, selection: Selection) -> None:
        self.release, self.dest, self.selection = release, dest, selection
        self.aside = dest / ASIDE
        self.there = self._all_right()  # the folder holds the tables of this selection already
        self.fetched = 0  # bytes
        self._known: Known = {}
        self._chosen: Chosen | None = None

    def _all_right(self) -> bool:
        try:
            selection, known = pulled_selection(self.dest), told(self.dest)
            if selection is None or selection.to_json() != self.selection.to_json():
                return False
            return all(self._right(table, known[table]) for table in TABLES)
        except (YueluError, OSError, KeyError):
            return False

    def _right(self, table: str, entry: Mapping[str, Any]) -> bool:
        layers = [part.file.sha256 for part in self.release.manifest.layers(table)]
        return bool(entry["parts"] == layers and hash_of(self.dest / _path(table)) == entry["sha256"])

    def choose(self) -> None:
        """Fetch the whole tables and choose among their rows, unless all is there. Raises NotFound: no row is left."""
        if self.there:
            return
        (self.aside / PARTS).mkdir(parents=True, exist_ok=True)
        manifest = self.release.manifest
        assembly, layers = Assembly(self.release, self.aside), layered(manifest)
        for table in TABLES:
            file = manifest.layers(table)[0].file
            if table in layers:
                self.fetched += assembly.make(table) or 0
            else:
                self.fetched += file.bytes * fetch(self.release, file, self.aside)
        items = pa.concat_tables(chosen_items(some, self.selection) for some in self._whole("items"))
        if not items.num_rows:
            raise NotFound(f"no item of {manifest.title} is left: {self._asked()}", self._hint())
        self._chosen = self._of(items)

    def _asked(self) -> str:
        asked = {"split": self.selection.splits, "label": self.selection.labels}
        return "; ".join(f"{name} {', '.join(wanted)}" for name, wanted in asked.items() if wanted) or "it has none"

    def _hint(self) -> str:
        known: set[str] = set()
        for some in self._whole("items"):
            known.update(labels_of(some))
        return f"its labels are {', '.join(sorted(known)[:20]) or 'none'}"

    def _of(self, items: pa.Table) -> Chosen:
        sizes = {row["id"]: (row["bytes"], row["media_type"]) for row in self._rows("assets", ["id", "bytes", "media_type"])}
        largest: dict[str, int] = {}
        heaviest = 1
        for media in items.column("media").to_pylist():
            inside = [sizes[medium["sha256"]] for medium in media if self.selection.embeds(medium["media_type"])]
            kinds = [media_type.partition("/")[0] for _, media_type in inside]
            largest |= {kind: max(kinds.count(kind), largest.get(kind, 0)) for kind in kinds}
            heaviest = max(heaviest, sum(size for size, _ in inside))
        ids = pc.struct_field(pc.list_flatten(items.column("media")), "sha256").unique()
        return Chosen(items.column("id").combine_chunks(), ids, largest, max(1, min(ROW_GROUP, _EMBEDDED_GROUP // heaviest)))

    @property
    def chosen(self) -> Chosen:
        """What `choose` chose."""
        if self._chosen is None:
            raise RuntimeError("choose first")
        return self._chosen

    def inside(self) -> Iterator[File]:
        """Yield the media that go into rows, to be fetched aside."""
        for row in self._rows("assets", ["id", "bytes", "media_type"], keep=self.chosen.assets):
            if self.selection.embeds(row["media_type"]):
                file = media_file(self.release.manifest.name, row["id"], row["media_type"], row["bytes"])
                yield File(f"{ASIDE}/{file.path}", file.key, file.sha256, file.bytes)

    def outside(self) -> int:
        """Return the number of media files that do not go into rows; the tables are there."""
        types = pq.read_table(self.dest / _path("assets"), columns=["media_type"]).column("media_type").to_pylist()
        return sum(not self.selection.embeds(media_type) for media_type in types)

    def write(self) -> None:
        """Write the tables, then what was left out; the media that go into rows lie aside."""
        for table in TABLES:
            self._write(table)
        tell(
            self.dest,
            self.dest / PARTS,
            self._known,
            self.selection,
            left_out(self.release.manifest, self.selection, self._known),
        )

    def _write(self, table: str) -> None:
        target, new = self.dest / _path(table), self.dest / PARTS / f"{table}.new"
        added = embedded_fields(self.chosen.largest) if table == "items" else []
        rows = self._kept(table)
        group = self.chosen.group if added else ROW_GROUP
        first = next(rows)
        schema = kept_schema(first.schema, self.selection.dropped(table), added)
        with new.open("wb") as sink:
            whole = chain((first,), rows)
            made = (self._made(some, schema) for some in cut(whole, group))
            count = write_sorted(sink, table, made, schema=schema, group=group)
            sink.flush()
            os.fsync(sink.fileno())
        new.replace(target)
        layers = [part.file.sha256 for part in self.release.manifest.layers(table)]
        self._known[table] = {
            "sha256": hash_of(target), "bytes": target.stat().st_size, "parts": layers,
            "rows": count, "schema_hash": schema_digest(schema),
        }  # fmt: skip

    def _kept(self, table: str) -> Iterator[pa.Table]:
        """Yield the rows of a table that are wanted; evidence stays whole, for the Merkle root is over all of it."""
        column = {"items": "id", "annotations": "item", "assets": "id"}.get(table)
        wanted = self.chosen.assets if table == "assets" else self.chosen.items
        for some in self._whole(table):
            yield some if column is None else some.filter(pc.is_in(some.column(column), value_set=wanted))

    def _made(self, some: pa.Table, schema: pa.Schema) -> pa.Table:
        columns = []
        for field in schema:
            if field.name in some.column_names:
                columns.append(some.column(field.name))
            else:
                cells = [self._cell(media, field) for media in some.column("media").to_pylist()]
                columns.append(pa.chunked_array([pa.array(cells, field.type)]))
        return pa.Table.from_arrays(columns, schema=schema)

    def _cell(self, media: Iterable[Mapping[str, str]], field: pa.Field) -> Any:
        kind = embedded_kind(field.name)
        files = [
            {"bytes": (self.aside / medium["path"]).read_bytes(), "path": medium["path"].rpartition("/")[2]}
            for medium in media
            if medium["media_type"].partition("/")[0] == kind
        ]
        return files if pa.types.is_list(field.type) else (files[0] if files else None)

    def _whole(self, table: str) -> Iterator[pa.Table]:
        path = self.aside / _path(table)
        with path.open("rb") as file:
            yield from read_batches(open_table(file, path.name), path.name)

    def _rows(self, table: str, columns: list[str], keep: pa.Array | None = None) -> Iterator[dict[str, Any]]:
        for some in self._whole(table):
            kept = some if keep is None else some.filter(pc.is_in(some.column("id"), value_set=keep))
            yield from kept.select(columns).to_pylist()


def _path(table: str) -> str:
    return f"{table}.parquet"


def left_out(manifest: Manifest, selection: Selection, known: Known) -> dict[str, Any]:
    """Return how many rows of each table, and which columns, a selection leaves out."""
    rows = {table: manifest.layers(table)[-1].total - entry["rows"] for table, entry in known.items()}
    columns = {table: list(selection.dropped(table)) for table in known if selection.dropped(table)}
    return {"rows": {table: count for table, count in rows.items() if count}, "columns": columns}

"""Items as an export takes them: rows with the facts of their files, pictures with what is drawn on them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa

from yuelu.base.errors import InvalidRecord
from yuelu.datasets.exports.report import Tally
from yuelu.datasets.exports.shapes import DRAWN, labels
from yuelu.datasets.layout import media_file
from yuelu.datasets.release import Release
from yuelu.datasets.schemas import ANNOTATIONS
from yuelu.datasets.selection import EMBEDDED
from yuelu.datasets.tables import Row

# columns of labels: lists of structs that say which control they answer, or, relations, which regions they join
LABELS = tuple(field.name for field in ANNOTATIONS if pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type))


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of an item; `place` is its number among the item's media, `name` tells it from all others."""

    item: str
    place: int
    split: str
    medium: Row
    width: int | None
    height: int | None
    drawn: tuple[tuple[str, Row], ...]
    several: bool

    @property
    def name(self) -> str:
        """The item's id, with the place where the item has several files."""
        return f"{self.item}-{self.place}" if self.several else self.item

    @property
    def file_name(self) -> str:
        """The name with the file's extension."""
        return f"{self.name}.{extension(self.medium)}"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height. Raises InvalidRecord: not known."""
        if not self.width or not self.height:
            raise InvalidRecord(f"the size of {self.medium['path']} is not known", "export another format, or ingest it again")
        return self.width, self.height


class Reader:
    """The items of a release, and their files, wherever they lie."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.assets: Mapping[str, Row] = {row["id"]: row for row in release.rows("assets")}

    def items(self) -> Iterator[Row]:
        """Yield the rows of items; a column of labels that was left out by the pull, or is of a newer schema, is empty."""
        # a table with media inside is too large to be read at once; its pages have checksums
        for row in self.release.rows("items", checked=self.release.selection.embed):
            yield {**{name: [] for name in LABELS}, **row}

    def classes(self, columns: Sequence[str]) -> dict[str, int]:
        """Return the labels in those columns, in order of text, numbered from 0: the same release has the same numbers."""
        names = {name for row in self.items() for column in columns for region in row[column] for name in labels(region)}
        return {name: number for number, name in enumerate(sorted(names))}

    def facts(self, medium: Row) -> Row:
        """Return the row of the file."""
        return self.assets[medium["sha256"]]

    def open(self, row: Row, place: int) -> "BinaryIO | pa.BufferReader":
        """Return a reader of one file of an item."""
        medium = row["media"][place]
        if self.release.selection.embeds(medium["media_type"]):
            return pa.BufferReader(self._inside(row, place))
        size = self.facts(medium)["bytes"]
        return self.release.source.open(media_file(self.release.manifest.name, medium["sha256"], medium["media_type"], size))

    def read(self, row: Row, place: int) -> bytes:
        """Return the bytes of one file of an item."""
        with self.open(row, place) as opened:
            return bytes(opened.read())

    @staticmethod
    def _inside(row: Row, place: int) -> bytes:
        kind = row["media"][place]["media_type"].partition("/")[0]
        same = [number for number, medium in enumerate(row["media"]) if medium["media_type"].partition("/")[0] == kind]
        assert kind in EMBEDDED  # noqa: S101  # or it would not be embedded
        found: Any = row[kind] if row.get(kind) else row[f"{kind}s"][same.index(place)]
        return bytes(found["bytes"])


def pictures(reader: Reader, row: Row, tally: Tally, reason: str, *, carried: Sequence[str] = DRAWN) -> Iterator[Picture]:
    """Yield the pictures of an item, with what is drawn on each; what is in no column of `carried` is counted as left out."""
    tally.leave(row, LABELS, carried, reason)
    for place, medium in enumerate(row["media"]):
        if not medium["media_type"].startswith("image/"):
            continue
        facts = reader.facts(medium)
        drawn = tuple((column, region) for column in DRAWN for region in row[column] if region["item"] == place)
        several = len(row["media"]) > 1
        yield Picture(row["id"], place, row["split"], medium, facts["width_px"], facts["height_px"], drawn, several)


def extension(medium: Row) -> str:
    """Return how the file's name ends."""
    return str(medium["path"].rpartition(".")[2])

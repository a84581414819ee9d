"""Which part of a release a pull writes: some splits, columns or labels, and media inside the tables. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from yuelu.base.errors import Misconfigured
from yuelu.base.schemas import TOGETHER
from yuelu.datasets.fields import FIELD_ID
from yuelu.datasets.manifest import Manifest
from yuelu.datasets.schemas import ANNOTATIONS, ITEMS

ALWAYS = ("id", "project", "medium", "split", "group", "media")  # without these a row of items cannot be placed
LABELLED = tuple(name for name in ITEMS.names if name in ANNOTATIONS.names and pa.types.is_list(ITEMS.field(name).type))
EMBEDDED: Mapping[str, str] = {"image": "Image", "audio": "Audio"}  # kind of media type -> feature of Hugging Face
_FILE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])  # what both features decode
_FIRST_ID = 900


@dataclass(frozen=True, slots=True)
class Selection:
    """What is wanted of a release. Empty `splits` and `labels`: all of them; `columns` None: all.

    `columns` are of the items; label columns that are left out are left out of annotations, too. An item has a label when
    one of its choices or regions has it. `embed`: images and sound stand in the items' rows and not in `media/`.
    """

    splits: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    labels: tuple[str, ...] = ()
    embed: bool = False

    def __post_init__(self) -> None:
        odd = sorted(set(self.columns or ()) - set(ITEMS.names))
        if odd:
            known = ", ".join(name for name in ITEMS.names if name not in ALWAYS)
            raise Misconfigured(f"items have no column {', '.join(odd)}", f"choose among {known}")

    @property
    def whole(self) -> bool:
        """Whether nothing is left out and nothing is added."""
        return self == Selection()

    @property
    def all_items(self) -> bool:
        """Whether no item is left out."""
        return not self.splits and not self.labels

    def dropped(self, table: str) -> tuple[str, ...]:
        """Return the columns of `table` that are left out."""
        if self.columns is None or table not in ("items", "annotations"):
            return ()
        droppable = [name for name in ITEMS.names if name not in ALWAYS] if table == "items" else LABELLED
        return tuple(name for name in droppable if name not in self.columns)

    def embeds(self, media_type: str) -> bool:
        """Return whether files of this type stand in the items' rows."""
        return self.embed and media_type.partition("/")[0] in EMBEDDED

    def check(self, manifest: Manifest) -> None:
        """Raise Misconfigured where the release has no such split."""
        if odd := sorted(set(self.splits) - set(manifest.splits)):
            raise Misconfigured(f"{manifest.title} has no split {', '.join(odd)}", f"its splits are {', '.join(manifest.splits)}")

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values; the order of names says nothing."""
        columns = None if self.columns is None else sorted(set(self.columns))
        return {
            "splits": sorted(set(self.splits)), "columns": columns, "labels": sorted(set(self.labels)), "embed": self.embed,
        }  # fmt: skip

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Selection":
        """Return the selection that `to_json` wrote. Raises TypeError: it was not."""
        splits, columns, labels = data["splits"], data["columns"], data["labels"]
        read = Selection(tuple(splits), None if columns is None else tuple(columns), tuple(labels), data["embed"])
        if read.to_json() != data:
            raise TypeError(f"{data!r} is no selection")
        return read


def chosen_items(items: pa.Table, selection: Selection) -> pa.Table:
    """Return the rows of items that are wanted, with all their columns."""
    if selection.splits:
        items = items.filter(pc.is_in(items.column("split"), value_set=pa.array(selection.splits, pa.string())))
    if selection.labels:
        items = items.combine_chunks()
        items = items.filter(_labelled(items, pa.array(selection.labels, pa.string())))
    return items


def labels_of(items: pa.Table) -> list[str]:
    """Return every label that stands in a column of labels, sorted."""
    found = pa.chunked_array([said for _, said in _said(items.combine_chunks())], pa.string())
    return sorted(label for label in found.unique().to_pylist() if label)


def _labelled(items: pa.Table, wanted: pa.Array) -> pa.Array:
    rows = [row.filter(pc.is_in(said, value_set=wanted)) for row, said in _said(items)]
    return pc.is_in(pa.array(range(items.num_rows), pa.int64()), value_set=pa.chunked_array(rows, pa.int64()).combine_chunks())


def _said(items: pa.Table) -> list[tuple[pa.Array, pa.Array]]:
    """Return of each column of labels the rows and what they say, side by side."""
    found = []
    for name in items.column_names:
        kind = items.schema.field(name).type
        if name not in LABELLED or not pa.types.is_struct(kind.value_type):
            continue
        members = {kind.value_type.field(place).name for place in range(kind.value_type.num_fields)}
        if not members & {"label", "labels"} or not items.num_rows:
            continue
        column = items.column(name).chunk(0)
        parents, regions = pc.list_parent_indices(column), pc.list_flatten(column)
        if "labels" in members:
            lists = pc.struct_field(regions, "labels")
        else:
            lists = pc.split_pattern(pc.struct_field(regions, "label"), TOGETHER)
        found.append((pc.cast(parents.take(pc.list_parent_indices(lists)), pa.int64()), pc.list_flatten(lists)))
    return found


def kept_schema(schema: pa.Schema, dropped: Sequence[str], added: Sequence[pa.Field] = ()) -> pa.Schema:
    """Return the schema without the columns `dropped` and with those `added`, for Arrow and for Hugging Face alike."""
    fields = [field for field in schema if field.name not in dropped]
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    kept = {field.name: features[field.name] for field in fields} | {field.name: _feature(field) for field in added}
    hugging_face = json.dumps({"info": {"features": kept}}, separators=(",", ":")).encode()
    return pa.schema([*fields, *added], metadata=dict(schema.metadata) | {b"huggingface": hugging_face})


def embedded_fields(kinds: Mapping[str, int]) -> list[pa.Field]:
    """Return the columns of embedded media; `kinds` has the largest number of files of one item for each kind.

    `image` where no item has more than one, else the list `images`; likewise `audio` and `audios`.
    """
    fields = []
    for place, kind in enumerate(EMBEDDED):
        many = kinds.get(kind, 0) > 1
        if kinds.get(kind, 0):
            metadata = {FIELD_ID: str(_FIRST_ID + place)}
            fields.append(pa.field(f"{kind}s" if many else kind, pa.list_(_FILE) if many else _FILE, metadata=metadata))
    return fields


def embedded_kind(name: str) -> str:
    """Return the kind of media that stands in that column."""
    return name.removesuffix("s")


def _feature(field: pa.Field) -> Any:
    one = {"_type": EMBEDDED[embedded_kind(field.name)]}
    return [one] if pa.types.is_list(field.type) else one

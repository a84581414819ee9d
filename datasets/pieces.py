"""A range of items as Arrow tables: what a release is built of, piece by piece, here or on the workers of a cluster."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from yuelu.datasets.labelled import LabelledItem
from yuelu.datasets.rows import rows_of
from yuelu.datasets.schemas import schema_of
from yuelu.datasets.tables import Row, packed

PIECE = 1_024  # items; rows as Python has them are ten times as large as in Arrow


@dataclass(frozen=True, slots=True)
class Piece:
    """The rows of some items: sorted by their keys, but for `assets`, which are in the order of their items."""

    items: pa.Table
    annotations: pa.Table
    evidence: pa.Table
    assets: pa.Table


def piece_of(items: Iterable[LabelledItem]) -> Piece:
    """Return the rows of `items`, which come sorted by id. Raises SchemaMismatch: a value that does not fit."""
    told: dict[str, list[Row]] = {"items": [], "annotations": [], "evidence": [], "assets": []}
    for item in items:
        rows = rows_of(item)
        told["items"].append(rows.item)
        told["annotations"].extend(rows.annotations)
        told["evidence"].append(rows.evidence)
        told["assets"].extend(rows.assets)
    return Piece(**{table: packed(table, rows, schema_of(table)) for table, rows in told.items()})


def pieces(items: Iterable[LabelledItem], size: int = PIECE) -> Iterator[Piece]:
    """Yield the pieces of `items`, one in memory at a time."""
    return (piece_of(some) for some in ranges(items, size))


def ranges(items: Iterable[LabelledItem], size: int = PIECE) -> Iterator[list[LabelledItem]]:
    """Yield the items by ranges of their ids."""
    coming = iter(items)
    while some := list(islice(coming, size)):
        yield some

"""A table as layers: a base, and what later versions changed in it. Pure: Arrow tables in the order of their key, in and out.

The newest layer wins, key by key. All of it goes window by window: a window is a range of keys, and holds no more than
one batch of each stream, so that memory does not grow with the table.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from yuelu.datasets.fields import empty_lists

_BETWEEN = "\0"  # below every character of an id, so that joined keys sort as their parts do


@dataclass(frozen=True, slots=True)
class Layer:
    """Rows of one part. `deleted`: the rows are keys alone, of rows that are no more."""

    rows: Iterable[pa.Table]
    deleted: bool = False


def merged(base: Iterable[pa.Table], layers: Sequence[Layer], keys: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the rows of the table, by rising key, that `base` and the layers over it make together.

    Each stream has one table at least, be it an empty one: it tells the columns.
    """
    for below, *above in _windows([base, *(layer.rows for layer in layers)], keys):
        rows, added = below, False
        for layer, part in zip(layers, above, strict=True):
            if part.num_rows:
                rows = rows.filter(pc.invert(pc.is_in(_key(rows, keys), value_set=_key(part, keys))))
                if not layer.deleted:
                    rows, added = pa.concat_tables([rows, _widened(part, rows.schema)]), True
        yield rows.take(pc.sort_indices(_key(rows, keys))) if added else rows


def _widened(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the rows with all columns of their table: a part leaves those out in which no row of it says anything."""
    if len(rows.column_names) == len(schema.names):
        return rows
    there = set(rows.column_names)
    columns = [rows.column(each.name) if each.name in there else empty_lists(rows.num_rows, each.type) for each in schema]
    return pa.Table.from_arrays(columns, schema=schema)


@dataclass(frozen=True, slots=True)
class Difference:
    """Within one window: the rows that are new or were changed, and the keys (columns of the key alone) of rows that went."""

    changed: pa.Table
    deleted: pa.Table


def difference(old: Iterable[pa.Table], new: Iterable[pa.Table], keys: Sequence[str]) -> Iterator[Difference]:
    """Yield what makes `new` of `old`, window by window; both have the same columns, and one table at least."""
    for before, after in _windows([old, new], keys):
        was, now = _key(before, keys), _key(after, keys)
        stayed, known = pc.is_in(was, value_set=now), pc.is_in(now, value_set=was)
        common = pc.indices_nonzero(known)
        places = list(_unequal(before.filter(stayed), after.take(common), 0))
        wanted = pa.concat_arrays([pc.indices_nonzero(pc.invert(known)), common.take(pa.array(places, pa.uint64()))])
        deleted = before.select(list(keys)).filter(pc.invert(stayed))
        if len(wanted) or deleted.num_rows:
            yield Difference(after.take(wanted.take(pc.sort_indices(wanted))), deleted)


def _unequal(one: pa.Table, other: pa.Table, at: int) -> Iterator[int]:
    """Yield the places of rows that differ, by halving: Arrow compares tables of nested columns, and not their rows."""
    if one.equals(other):
        return
    if one.num_rows == 1:
        yield at
        return
    half = one.num_rows // 2
    yield from _unequal(one.slice(0, half), other.slice(0, half), at)
    yield from _unequal(one.slice(half), other.slice(half), at + half)


def _windows(streams: Sequence[Iterable[pa.Table]], keys: Sequence[str]) -> Iterator[list[pa.Table]]:
    """Yield the streams' rows range of keys by range of keys; a stream without rows in a range gives an empty table."""
    waiting = [_Stream(iter(stream), keys) for stream in streams]
    while True:
        ends = [stream.end() for stream in waiting if stream.fill()]
        if not ends:
            return
        until = min(ends)
        yield [stream.take(until) for stream in waiting]


class _Stream:
    """Tables of one stream, of which the front can be taken away."""

    def __init__(self, tables: Iterator[pa.Table], keys: Sequence[str]) -> None:
        self._tables, self._names = tables, keys
        self._next()

    def _next(self) -> bool:
        rows = next(self._tables, None)
        if rows is not None:
            self._rows = rows.combine_chunks()
            self._keys = _key(self._rows, self._names)
        return rows is not None

    def fill(self) -> bool:
        """Return whether there are rows, after reading on where there are none."""
        while not len(self._keys):
            if not self._next():
                return False
        return True

    def end(self) -> str:
        """Return the last key that is here."""
        return str(self._keys[-1].as_py())

    def take(self, until: str) -> pa.Table:
        """Return the rows up to that key, which leave."""
        count = pc.sum(pc.less_equal(self._keys, until)).as_py() or 0
        front = self._rows.slice(0, count)
        self._rows, self._keys = self._rows.slice(count), self._keys.slice(count)
        return front


def _key(rows: pa.Table, names: Sequence[str]) -> pa.Array:
    columns = [rows.column(name).combine_chunks() for name in names]
    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, _BETWEEN)

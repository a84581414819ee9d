from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yuelu.datasets.layers import Layer, difference, merged

_REGION = pa.list_(pa.struct([("label", pa.string()), ("x", pa.float64())]))
_PLAIN = pa.schema([("id", pa.string()), ("value", pa.int64()), ("regions", _REGION)])
_PAIRED = pa.schema([("item", pa.string()), ("id", pa.string()), ("value", pa.int64()), ("regions", _REGION)])
# Ids that sort apart from each other by length, by case, beyond ASCII and beyond the first plane of Unicode.
_IDS = ["", "a", "a!", "aa", "ab", "b", "Z", "é", "\uffee", "\U0001f600", "~"]

Rows = dict[tuple[str, ...], dict[str, Any]]

_regions = st.lists(
    st.fixed_dictionaries({"label": st.sampled_from(["p", "q"]), "x": st.sampled_from([0.5, 1.0, None])}), max_size=2
)
_values = st.fixed_dictionaries({"value": st.sampled_from([0, 1, None]), "regions": st.none() | _regions})


def _keys(width: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.tuples(*[st.sampled_from(_IDS)] * width)


def _table(rows: Rows, schema: pa.Schema, names: tuple[str, ...]) -> pa.Table:
    listed = [{**dict(zip(names, key, strict=True)), **rows[key]} for key in sorted(rows)]
    return pa.Table.from_pylist(listed, schema=schema)


def _cut(table: pa.Table, size: int) -> Iterator[pa.Table]:
    yield from (table.slice(at, size) for at in range(0, max(1, table.num_rows), size))


def _back(tables: Iterator[pa.Table], names: tuple[str, ...]) -> tuple[list[tuple[str, ...]], Rows]:
    listed = [row for table in tables for row in table.to_pylist()]
    keys = [tuple(row[name] for name in names) for row in listed]
    return keys, {key: {"value": row["value"], "regions": row["regions"]} for key, row in zip(keys, listed, strict=True)}


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from([1, 2]), st.integers(1, 5))
def test_layers_over_a_base_are_what_a_dictionary_becomes(data: st.DataObject, width: int, size: int) -> None:
    schema, names = (_PLAIN, ("id",)) if width == 1 else (_PAIRED, ("item", "id"))
    rows = st.dictionaries(_keys(width), _values, max_size=8)
    base = data.draw(rows)
    expected, layers = dict(base), []
    for _ in range(data.draw(st.integers(1, 4))):
        if data.draw(st.booleans()):
            gone = data.draw(st.sets(_keys(width), max_size=4))
            expected = {key: row for key, row in expected.items() if key not in gone}
            keys = pa.schema([schema.field(name) for name in names])
            layers.append(Layer(_cut(_table({key: {} for key in gone}, keys, names), size), deleted=True))
        else:
            changed = data.draw(rows)
            expected |= changed
            layers.append(Layer(_cut(_table(changed, schema, names), size)))
    keys_found, found = _back(merged(_cut(_table(base, schema, names), size), layers, names), names)
    assert keys_found == sorted(expected)
    assert found == expected


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from([1, 2]), st.integers(1, 5))
def test_a_difference_names_what_a_comparison_of_dictionaries_names(data: st.DataObject, width: int, size: int) -> None:
    schema, names = (_PLAIN, ("id",)) if width == 1 else (_PAIRED, ("item", "id"))
    rows = st.dictionaries(_keys(width), _values, max_size=8)
    old = data.draw(rows)
    # Half of the new rows are old ones, so that there is something that did not change.
    new = {key: row for key, row in old.items() if data.draw(st.booleans())} | data.draw(rows)
    found = list(difference(_cut(_table(old, schema, names), size), _cut(_table(new, schema, names), size), names))
    keys, changed = _back((window.changed for window in found), names)
    assert keys == sorted(keys)
    assert changed == {key: row for key, row in new.items() if old.get(key) != row}
    deleted = [tuple(row[name] for name in names) for window in found for row in window.deleted.to_pylist()]
    assert deleted == sorted(old.keys() - new.keys())


@pytest.mark.parametrize("changed", [0, 1, 4095, 8191])
def test_one_changed_row_of_many_is_found(changed: int) -> None:
    table = pa.table({"id": [f"{n:05}" for n in range(8192)], "value": list(range(8192))})
    values = table.column("value").to_pylist()
    values[changed] = -1
    other = table.set_column(1, "value", pa.array(values))
    (window,) = difference([table], [other], ("id",))
    assert window.changed.to_pylist() == [{"id": f"{changed:05}", "value": -1}]
    assert window.deleted.num_rows == 0


def test_what_is_equal_makes_no_difference() -> None:
    table = pa.table({"id": ["a", "b"], "value": [1, None]})
    assert list(difference([table], _cut(table, 1), ("id",))) == []

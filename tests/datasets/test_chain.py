"""What a publisher could do wrong and then sign: the bytes are right, the rows are not."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from yuelu.base.canonical import sha256
from yuelu.datasets.manifest import write_manifest
from yuelu.datasets.tables import Row, TableWriter, open_table, read_rows
from yuelu.datasets.verify import verify


def _rewrite(folder: Path, key: Any, table: str, content: list[Row], **claims: Any) -> None:
    """Put other rows into a table, and sign a manifest that says they belong there."""
    writer = TableWriter(table)
    for row in content:
        writer.add(row)
    made = writer.finish()
    document = json.loads((folder / "manifest.json").read_bytes())["manifest"]
    entry = next(entry for entry in document["content"]["objects"] if entry["table"] == table)
    entry |= {"sha256": made.sha256, "bytes": made.size, "rows": made.rows, **claims}
    (folder / f"{table}.parquet").write_bytes(made.data)
    (folder / "manifest.json").write_bytes(write_manifest(document, key))


def _rows(folder: Path, table: str) -> list[Row]:
    data = pa.BufferReader((folder / f"{table}.parquet").read_bytes())
    return list(read_rows(open_table(data, table), table))


def _without_first(rows: list[Row]) -> list[Row]:
    return rows[1:]


def _first_changed(**values: Any) -> Any:
    return lambda rows: [{**rows[0], **values}, *rows[1:]]


@pytest.mark.parametrize(
    ("table", "change", "found"),
    [
        ("items", _first_changed(probability=0.1), ("items.parquet", "is not what its evidence says")),
        ("items", _without_first, ("evidence.parquet", "does not have one row for each item")),
        ("annotations", _first_changed(lead_time_s=1.0), ("annotations.parquet", "is not what its evidence says")),
        ("annotations", _without_first, ("annotations.parquet", "is not what its evidence says")),
        ("assets", _first_changed(width_px=1), ("assets.parquet", "is not what its evidence says")),
        ("evidence", _first_changed(leaf=sha256(b"")), ("evidence.parquet", "is not what its evidence says")),
        ("evidence", _first_changed(decision="x"), ("evidence.parquet", "is not what its evidence says")),
        (
            "annotations",
            lambda rows: [*rows, {**rows[-1], "item": "z"}],
            ("annotations.parquet", "answers to items that are not"),
        ),
    ],
)
def test_rows_that_do_not_fit_are_found(shop: Any, make: Any, table: str, change: Any, found: tuple[str, str]) -> None:
    shop.publish([make.item(number) for number in range(3)])
    folder = shop.pull()
    _rewrite(folder, make.KEY, table, change(_rows(folder, table)))
    (problem,) = verify(folder, make.KEY.public).problems
    assert problem.path == found[0]
    assert found[1] in problem.problem


@pytest.mark.parametrize(
    ("claims", "problem"),
    [({"rows": 7}, "has 3 rows, not 7"), ({"schema_hash": "x"}, "has other columns than the manifest says")],
)
def test_false_claims_about_a_table_are_found(shop: Any, make: Any, claims: dict[str, Any], problem: str) -> None:
    shop.publish([make.item(number) for number in range(3)])
    folder = shop.pull()
    _rewrite(folder, make.KEY, "items", _rows(folder, "items"), **claims)
    (found,) = verify(folder, make.KEY.public).problems
    assert (found.path, found.problem) == ("items.parquet", problem)


@pytest.mark.parametrize(
    ("part", "claim", "found"),
    [
        ("content", {"merkle": {"root": "0" * 64, "leaves": 3}}, ("evidence.parquet", "Merkle root")),
        ("splits", {"parts": {}}, ("items.parquet", "splits are not those of the manifest")),
    ],
)
def test_false_claims_about_the_whole_are_found(
    shop: Any, make: Any, part: str, claim: dict[str, Any], found: tuple[str, str]
) -> None:
    shop.publish([make.item(number) for number in range(3)])
    folder = shop.pull()
    document = json.loads((folder / "manifest.json").read_bytes())["manifest"]
    document[part] |= claim
    (folder / "manifest.json").write_bytes(write_manifest(document, make.KEY))
    (problem,) = verify(folder, make.KEY.public).problems
    assert problem.path == found[0]
    assert found[1] in problem.problem


def test_a_path_in_the_assets_table_cannot_leave_the_folder(shop: Any, make: Any) -> None:
    shop.publish([make.item(0)])
    folder = shop.pull()
    _rewrite(folder, make.KEY, "assets", [{**_rows(folder, "assets")[0], "path": "../../etc/passwd"}])
    (found,) = (problem for problem in verify(folder, make.KEY.public).problems if problem.path == "assets.parquet")
    assert "'../../etc/passwd' is not that of" in found.problem

"""Pulls of a part of a release. What is kept must be what a whole pull has; what is not must be told."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from PIL import Image

from yuelu.base.canonical import canonical, sha256
from yuelu.base.errors import IntegrityFailure, Misconfigured, NotFound
from yuelu.datasets import deltas
from yuelu.datasets.labelled import Medium
from yuelu.datasets.pull import PullReport, pull
from yuelu.datasets.receipt import read_receipt, usage, write_receipt
from yuelu.datasets.release import open_folder
from yuelu.datasets.selection import Selection
from yuelu.datasets.verify import verify

COUNT = 12


def _picture(number: int) -> bytes:
    shades = np.arange(64 * 48 * 3, dtype=np.uint32).reshape(48, 64, 3) * (number + 1)
    written = io.BytesIO()
    Image.fromarray((shades % 251).astype(np.uint8)).save(written, "PNG")
    return written.getvalue()


@pytest.fixture
def stocked(shop: Any, make: Any) -> Any:
    """A shop with one release of pictures, published twice so that its tables are in layers."""

    def item(number: int) -> Any:
        data = _picture(number)
        shop.known[sha256(data)] = data
        facts = {"width_px": 64, "height_px": 48}
        medium = Medium(sha256(data), "image", "image/png", len(data), sha256(b"source %d" % number), False, facts)
        label = ("scratch", "dent", "dent + scratch")[number % 3]
        regions = (make.choice("good" if number % 2 else "bad", probability=0.9), make.box(label, support=1.0))
        judgement = make.item(number, regions).judgement
        return make.item(number, media=(medium,), judgement=judgement)

    items = [item(number) for number in range(COUNT)]
    shop.publish(items)
    return shop


def _take(shop: Any, to: str = "part", **wanted: Any) -> tuple[Path, PullReport]:
    dest = shop.root / to
    return dest, pull(shop.store, "boards", None, dest, selection=Selection(**wanted))


def _items(folder: Path) -> pa.Table:
    return pq.read_table(folder / "items.parquet", page_checksum_verification=True)


def test_a_split_is_what_the_whole_has_of_it(stocked: Any, make: Any) -> None:
    whole = _items(stocked.pull(to="whole"))
    folder, report = _take(stocked, splits=("train",))
    expected = whole.filter(pc.equal(whole["split"], "train"))
    assert 0 < expected.num_rows < COUNT
    assert _items(folder).equals(expected)
    assert report.items == expected.num_rows
    kept = {medium["path"] for row in expected["media"].to_pylist() for medium in row}
    assert {f"media/{path.name}" for path in (folder / "media").iterdir()} == kept
    assert set(pq.read_table(folder / "annotations.parquet")["item"].to_pylist()) == set(expected["id"].to_pylist())
    assert pq.read_table(folder / "evidence.parquet").num_rows == COUNT  # the Merkle root is over all of it
    found = verify(folder, make.KEY.public)
    assert (found.ok, found.authentic, found.problems) == (True, True, ())
    missing = COUNT - expected.num_rows
    assert found.left_out == {"rows": {"items": missing, "annotations": 3 * missing, "assets": missing}, "columns": {}}
    assert json.loads((folder / "plain.json").read_bytes())["left_out"] == found.left_out


def test_a_label_is_found_in_choices_and_in_joined_labels(stocked: Any) -> None:
    folder, _ = _take(stocked, labels=("dent",))
    labels = [row[0]["label"] for row in _items(folder)["boxes"].to_pylist()]
    assert sorted(labels) == ["dent"] * 4 + ["dent + scratch"] * 4
    folder, _ = _take(stocked, labels=("bad",), to="bad")
    assert {row[0]["labels"][0] for row in _items(folder)["choices"].to_pylist()} == {"bad"}
    assert _items(folder).num_rows == COUNT / 2
    with pytest.raises(NotFound, match=r"label ghost\n  try: its labels are bad, dent, good, scratch"):
        _take(stocked, labels=("ghost",), to="none")
    assert not any((stocked.root / "none").glob("*"))


def test_columns_that_are_left_out_are_told_and_not_claimed(stocked: Any, make: Any) -> None:
    folder, _ = _take(stocked, columns=("choices",))
    table = _items(folder)
    assert table.column_names == ["id", "project", "medium", "split", "group", "media", "choices"]
    assert list(json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]) == table.column_names
    assert "boxes" not in pq.read_table(folder / "annotations.parquet").column_names
    found = verify(folder, make.KEY.public)
    assert found.ok
    assert "boxes" in found.left_out["columns"]["annotations"]
    with pytest.raises(Misconfigured, match="items have no column boxen\n  try: choose among choices"):
        _take(stocked, columns=("boxen",), to="x")
    with pytest.raises(Misconfigured, match="has no split traim"):
        _take(stocked, splits=("traim",), to="x")


def test_embedded_pictures_are_the_very_bytes(stocked: Any, make: Any) -> None:
    folder, report = _take(stocked, embed=True)
    table = _items(folder)
    for row in table.to_pylist():
        assert sha256(row["image"]["bytes"]) == row["media"][0]["sha256"]
        assert Image.open(io.BytesIO(row["image"]["bytes"])).size == (64, 48)
    assert not (folder / "media").exists()
    assert json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]["image"] == {"_type": "Image"}
    assert verify(folder, make.KEY.public).ok
    assert report.items == COUNT
    again = pull(stocked.store, "boards", None, folder, selection=Selection(embed=True))
    assert (again.fetched, again.bytes) == (0, 0)


@pytest.mark.parametrize("wanted", [{"splits": ("train",)}, {"embed": True}, {"columns": ("choices",), "labels": ("dent",)}])
def test_a_part_killed_anywhere_resumes_and_one_part_becomes_another(stocked: Any, make: Any, wanted: Any) -> None:
    class Killed(Exception):
        pass

    expected, _ = _take(stocked, to="expected", **wanted)
    folder = stocked.root / "killed"
    for after in (1, 6, 14):

        def stop(done: int, total: int, after: int = after) -> None:
            if done == after:
                raise Killed

        try:
            pull(stocked.store, "boards", None, folder, selection=Selection(**wanted), progress=stop)
        except Killed:
            assert not (folder / "manifest.json").exists()
    pull(stocked.store, "boards", None, folder, selection=Selection(**wanted))
    assert _bytes(folder) == _bytes(expected)
    pull(stocked.store, "boards", None, folder)  # and becomes the whole
    assert _bytes(folder) == _bytes(stocked.pull(to="whole"))
    pull(stocked.store, "boards", None, folder, selection=Selection(**wanted))  # and a part again
    assert _bytes(folder) == _bytes(expected)
    assert verify(folder, make.KEY.public).ok


def _bytes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256(path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def test_a_selection_from_layers(stocked: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deltas, "LARGEST", 100.0)
    stocked.publish([make.item(number) for number in range(40)])
    stocked.publish([make.item(number) for number in range(41)])
    assert len(open_folder(stocked.pull(to="whole")).manifest.layers("items")) > 1
    folder, _ = _take(stocked, splits=("train",))
    expected = _items(stocked.root / "whole").filter(pc.field("split") == "train")
    assert _items(folder).equals(expected)
    assert verify(folder, make.KEY.public).ok
    assert stocked.pull(to="part") == folder
    assert verify(folder, make.KEY.public).left_out == {}


def test_forged_rows_of_a_part_do_not_fit_the_signed_root(stocked: Any, make: Any) -> None:
    """Whoever forges a row can forge `plain.json`, too: it is not signed."""
    folder, _ = _take(stocked, splits=("train",), embed=True)
    for table, column, value in (("items", "entropy", 0.0), ("annotations", "lead_time_s", 1.0), ("assets", "width_px", 1)):
        for name in ("plain.json", f"{table}.parquet"):
            (folder / f"{name}.kept").write_bytes((folder / name).read_bytes())
        forged = pq.read_table(folder / f"{table}.parquet")
        place = forged.schema.get_field_index(column)
        cells = pa.array([value] * forged.num_rows, forged.schema.field(column).type)
        _forge(folder, table, forged.set_column(place, forged.schema.field(column), cells))
        problems = [problem for problem in verify(folder, make.KEY.public).problems if not problem.path.endswith(".kept")]
        assert [problem.path for problem in problems] == [f"{table}.parquet"]
        assert "is not what its evidence says" in problems[0].problem
        for name in ("plain.json", f"{table}.parquet"):
            (folder / f"{name}.kept").replace(folder / name)
    items = _items(folder)
    cells = [{"bytes": _picture(77), "path": "x.png"}] * items.num_rows
    place = items.schema.get_field_index("image")
    _forge(
        folder, "items", items.set_column(place, items.schema.field("image"), pa.array(cells, items.schema.field("image").type))
    )
    assert [problem.path for problem in verify(folder, make.KEY.public).problems] == ["items.parquet"]


def _forge(folder: Path, table: str, rows: pa.Table) -> None:
    pq.write_table(rows, folder / f"{table}.parquet", write_page_checksum=True)
    told = json.loads((folder / "plain.json").read_bytes())
    data = (folder / f"{table}.parquet").read_bytes()
    told["tables"][table] |= {"sha256": sha256(data), "bytes": len(data)}
    (folder / "plain.json").write_bytes(canonical(told))


def test_what_was_left_out_cannot_be_denied(stocked: Any, make: Any) -> None:
    folder, _ = _take(stocked, splits=("train",))
    told = json.loads((folder / "plain.json").read_bytes())
    told["left_out"]["rows"]["items"] -= 1
    (folder / "plain.json").write_bytes(canonical(told))
    assert [each.path for each in verify(folder, make.KEY.public).problems] == ["plain.json"]


def test_a_receipt_tells_what_was_pulled_and_is_counted_once(stocked: Any, make: Any) -> None:
    folder, report = _take(stocked, splits=("train",))
    path = write_receipt(folder, report, "2026-05-06T07:08:09+00:00", selection=Selection(splits=("train",)))
    assert write_receipt(folder, report, "2026-06-06T07:08:09+00:00", selection=Selection(splits=("train",))) == path
    told = read_receipt(path)
    assert (told["pulled_at"], told["selected"]["splits"]) == ("2026-05-06T07:08:09+00:00", ["train"])
    assert told["release"] == {"name": "boards", "version": "1.0.0", "digest": report.digest}
    (row,) = usage([told, told])
    assert (row["release"], row["pulls"], row["in_part"]) == ("boards@1.0.0", 1, 1)
    assert verify(folder, make.KEY.public).ok
    path.write_bytes(path.read_bytes().replace(b"2026-05-06", b"2026-05-07"))
    assert [each.path for each in verify(folder).problems] == ["receipt.json"]
    with pytest.raises(IntegrityFailure, match=r"receipt\.json is damaged"):
        read_receipt(path)

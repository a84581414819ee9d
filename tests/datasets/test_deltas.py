import random
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from yuelu.base.canonical import sha256
from yuelu.datasets import deltas
from yuelu.datasets.deltas import MOST
from yuelu.datasets.manifest import BASE, DELETED, DELTA, Manifest
from yuelu.datasets.pull import pull
from yuelu.datasets.release import open_folder, open_release
from yuelu.datasets.schemas import TABLES
from yuelu.datasets.verify import verify, verify_stored

_FEW = 12


@pytest.fixture
def items(make: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A few items; layers over them are not too heavy here, although they are for tables this small."""
    monkeypatch.setattr(deltas, "LARGEST", 100.0)
    return _items(make, _FEW)


def _items(make: Any, count: int) -> list[Any]:
    """Items of 10 media, so that a test writes few files."""
    return [make.item(number, media=(make.medium(number % 10),)) for number in range(count)]


def _changed(make: Any, items: list[Any], at: int, label: str = "bad") -> list[Any]:
    """Return the items, one of them with another label."""
    return [make.item(n, (make.choice(label),), media=one.media) if n == at else one for n, one in enumerate(items)]


def _kinds(manifest: Manifest) -> dict[str, list[str]]:
    return {table: [part.kind for part in manifest.layers(table)] for table in TABLES}


def _elsewhere(shop: Any, items: list[Any], tmp_path: Path) -> Path:
    """Return what a pull of these items gives where they are a first release: files without any layer."""
    other = type(shop)(tmp_path / "elsewhere")
    other.publish(items)
    return Path(other.pull())


def _same_tables(one: Path, other: Path) -> None:
    for table in TABLES:
        assert (one / f"{table}.parquet").read_bytes() == (other / f"{table}.parquet").read_bytes(), table


def test_a_change_of_one_row_costs_a_few_kilobytes(shop: Any, make: Any) -> None:
    items = _items(make, 600)
    first = shop.publish(items).release.manifest
    before = {entry.key for entry in shop.store.list()}
    second = shop.publish(_changed(make, items, 7)).release.manifest
    # The label is of the judgement: the answers, and so their table, stand as they did; so do the media.
    assert _kinds(second) == {"items": [BASE, DELTA], "annotations": [BASE], "assets": [BASE], "evidence": [BASE, DELTA]}
    assert [part.rows for part in second.layers("evidence")] == [600, 1]
    new = [entry for entry in shop.store.list() if entry.key not in before and "/data/" in entry.key]
    assert len(new) == 5  # two layers, the README and the notes in two languages
    assert second.layers("evidence")[1].file.bytes < first.layers("evidence")[0].file.bytes / 10


def test_what_was_added_changed_and_removed_is_read_back(shop: Any, make: Any, items: list[Any], tmp_path: Path) -> None:
    shop.publish(items[:-2])
    later = _changed(make, items, 5)[3:]
    manifest = shop.publish(later).release.manifest
    assert _kinds(manifest)["items"] == [BASE, DELETED, DELTA]
    assert [part.rows for part in manifest.layers("items")] == [_FEW - 2, 3, 3]
    assert manifest.layers("items")[-1].total == manifest.rows == _FEW - 3
    release = open_release(shop.store, "boards", key=make.KEY.public)
    whole = _elsewhere(shop, later, tmp_path)
    for table in TABLES:
        expected = pq.read_table(whole / f"{table}.parquet")
        assert release.table(table).equals(expected)
        assert list(release.rows(table)) == expected.to_pylist()


def test_a_pull_gives_the_very_files_of_a_release_without_layers(shop: Any, make: Any, items: list[Any], tmp_path: Path) -> None:
    shop.publish(items)
    later = _changed(make, items, 5)[3:]
    shop.publish(later)
    _same_tables(shop.pull(), _elsewhere(shop, later, tmp_path))


def test_the_same_rows_in_other_layers_are_nothing_new(shop: Any, make: Any, items: list[Any]) -> None:
    shop.publish(items)
    changed = _changed(make, items, 7)
    assert shop.publish(changed).new
    keys = list(shop.store.list())
    assert not shop.publish(changed, nonce="again").new
    assert list(shop.store.list()) == keys


def test_going_back_and_forth_uses_the_same_objects(shop: Any, make: Any, items: list[Any], tmp_path: Path) -> None:
    changed = _changed(make, items, 7)
    for these in (items, changed, items, changed):
        manifest = shop.publish(these).release.manifest
    hashes = [part.file.sha256 for part in manifest.layers("items")]
    assert len(hashes) == 4
    assert hashes[1] == hashes[3]
    folder = shop.pull()
    _same_tables(folder, _elsewhere(shop, changed, tmp_path))
    assert verify(folder, make.KEY.public).ok


@pytest.mark.parametrize(("every", "kinds"), [(4, [BASE]), (40, [BASE, DELTA])])
def test_layers_above_a_fifth_of_the_base_become_a_base(shop: Any, make: Any, every: int, kinds: list[str]) -> None:
    items = _items(make, 400)
    shop.publish(items)
    changed = [make.item(n, (make.choice("bad"),), media=one.media) if n % every == 0 else one for n, one in enumerate(items)]
    assert _kinds(shop.publish(changed).release.manifest)["evidence"] == kinds


def test_many_layers_become_one(shop: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deltas, "LARGEST", 100.0)
    items = _items(make, MOST + 4)
    shop.publish(items)
    counts = []
    for number in range(MOST + 3):
        items = _changed(make, items, number)
        counts.append(len(shop.publish(items).release.manifest.layers("items")))
    assert counts == [*range(2, MOST + 2), 2, 3, 4]
    release = open_release(shop.store, "boards")
    assert release.manifest.layers("items")[1].rows == MOST + 1
    bad = {item.id for item in items[: MOST + 3]}
    assert {row["id"] for row in release.rows("items") if row["choices"][0]["labels"] == ["bad"]} == bad


def test_the_same_work_over_the_same_release_gives_the_same_bytes(shop: Any, make: Any, items: list[Any], tmp_path: Path) -> None:
    other = type(shop)(tmp_path / "elsewhere")
    for each in (shop, other):
        each.publish(items)
        each.publish(_changed(make, items, 7))
    here, there = ({entry.key: entry.bytes for entry in each.store.list() if "/data/" in entry.key} for each in (shop, other))
    assert here == there
    digests = [open_release(each.store, "boards").manifest.digest for each in (shop, other)]
    assert digests[0] == digests[1]


@pytest.fixture
def layered(shop: Any, make: Any, items: list[Any]) -> Path:
    """A folder with the newest of two releases; it was pulled as such."""
    shop.publish(items[1:])
    shop.publish(_changed(make, items, 7)[:-1])
    return Path(shop.pull())


def test_a_pulled_folder_verifies_offline(layered: Path, make: Any) -> None:
    found = verify(layered, make.KEY.public)
    names = [path for path in layered.rglob("*") if path.is_file()]
    assert (found.ok, found.checked, found.authentic) == (True, len(names), True)


def test_every_change_of_a_byte_is_found(layered: Path, make: Any) -> None:
    draw = random.Random(1)
    for name in ("manifest.json", "plain.json", "items.parquet", "annotations.parquet", "evidence.parquet"):
        whole = (layered / name).read_bytes()
        for place in {0, len(whole) - 1, *draw.sample(range(len(whole)), 10)}:
            (layered / name).write_bytes(whole[:place] + bytes([whole[place] ^ (1 << draw.randrange(8))]) + whole[place + 1 :])
            found = verify(layered, make.KEY.public)
            # A wrong hash in plain.json is seen at the table that it is said to be of.
            paths = {problem.path for problem in found.problems}
            assert not found.ok
            assert name in paths or (name == "plain.json" and len(paths) == 1), (name, place)
        (layered / name).write_bytes(whole)
    assert verify(layered, make.KEY.public).ok


def test_rows_that_were_altered_with_their_hash_break_the_chain(layered: Path, make: Any) -> None:
    path = layered / "items.parquet"
    was = sha256(path.read_bytes())
    table = pq.read_table(path)
    rounds, at = [2, *table.column("round").to_pylist()[1:]], table.schema.get_field_index("round")
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array(rounds, table.schema.field(at).type)), path)
    text = (layered / "plain.json").read_text()
    size = str(len(path.read_bytes()))
    assert was in text
    old_size = str(open_folder(layered).parts("items")[0].file.bytes)
    (layered / "plain.json").write_text(text.replace(was, sha256(path.read_bytes())).replace(f":{old_size},", f":{size},"))
    found = verify(layered, make.KEY.public)
    assert [problem.path for problem in found.problems] == ["items.parquet"]
    assert "is not what its evidence says" in found.problems[0].problem


@pytest.mark.parametrize("content", [b"", b"{}", b'{"tables":{}}', b"[]", b"null"])
def test_plain_json_must_tell_of_each_table_in_layers(layered: Path, make: Any, content: bytes) -> None:
    (layered / "plain.json").write_bytes(content)
    assert [problem.path for problem in verify(layered, make.KEY.public).problems] == ["plain.json"]


def test_a_missing_plain_json_is_named(layered: Path, make: Any) -> None:
    (layered / "plain.json").unlink()
    assert [(p.path, p.problem) for p in verify(layered, make.KEY.public).problems] == [("plain.json", "is missing")]


def test_plain_json_of_another_version_does_not_fit(shop: Any, make: Any, items: list[Any], layered: Path) -> None:
    shop.publish(_changed(make, items, 9))
    newer = shop.pull(to="newer")
    shutil.copy(layered / "plain.json", newer / "plain.json")
    (problem,) = verify(newer, make.KEY.public).problems
    assert problem.path == "plain.json"
    assert "another version" in problem.problem


def test_a_release_without_layers_has_no_plain_json(shop: Any, make: Any) -> None:
    shop.publish([make.item(0)])
    folder = shop.pull()
    (folder / "plain.json").write_bytes(b'{"tables":{}}')
    assert [problem.path for problem in verify(folder, make.KEY.public).problems] == ["plain.json"]


def test_a_newer_version_in_the_same_folder_fetches_its_layers_alone(shop: Any, make: Any, items: list[Any]) -> None:
    folder = shop.root / "pulled"
    steps = [items, _changed(make, items, 7), _changed(make, _changed(make, items, 7), 8)[1:]]
    known = set[str]()
    for number, these in enumerate(steps):
        manifest = shop.publish(these).release.manifest
        report = pull(shop.store, "boards", None, folder, key=make.KEY.public)
        assert verify(folder, make.KEY.public).ok
        if number:
            newest = sum(part.file.bytes for part in manifest.parts if part.file.sha256 not in known)
            assert report.bytes == newest + sum(each.bytes for each in manifest.documents)
        known = {part.file.sha256 for part in manifest.parts}
    again = pull(shop.store, "boards", None, folder, key=make.KEY.public)
    assert (again.fetched, again.bytes) == (0, 0)


def test_an_older_version_in_the_same_folder_is_what_it_was(shop: Any, make: Any, items: list[Any], tmp_path: Path) -> None:
    shop.publish(items)
    shop.publish(_changed(make, items, 7))
    shop.publish(_changed(make, items, 8))
    folder = shop.pull()
    shop.pull("1.0.1")
    assert verify(folder, make.KEY.public).ok
    shop.pull("1.0.0")
    assert verify(folder, make.KEY.public).ok
    _same_tables(folder, _elsewhere(shop, items, tmp_path))
    assert not (folder / "plain.json").exists()


class Stopped(Exception):
    pass


@pytest.mark.parametrize("after", range(1, 7))
def test_a_pull_that_was_stopped_goes_on(shop: Any, make: Any, items: list[Any], after: int) -> None:
    shop.publish(items)
    folder = shop.pull()
    shop.publish(_changed(make, items, 7)[1:])

    def stop(done: int, total: int) -> None:
        if done == after:
            raise Stopped

    with pytest.raises(Stopped):
        pull(shop.store, "boards", None, folder, key=make.KEY.public, progress=stop)
    assert not verify(folder).ok
    shop.pull()
    assert verify(folder, make.KEY.public).ok
    assert not (folder / ".yuelu-pull").exists()


@pytest.mark.parametrize("kind", [DELTA, DELETED])
def test_a_damaged_layer_in_the_store_is_named_and_not_kept(shop: Any, make: Any, items: list[Any], kind: str) -> None:
    shop.publish(items)
    manifest = shop.publish(_changed(make, items, 7)[1:]).release.manifest
    part = next(part for part in manifest.layers("items") if part.kind == kind)
    path = shop.root / "store" / part.file.key
    whole = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(whole[:50] + bytes([whole[50] ^ 1]) + whole[51:])
    # Keys that went from items and from evidence are the same bytes, and so one object.
    assert {problem.path for problem in verify_stored(shop.store, "boards").problems} == {part.file.key}
    with pytest.raises(Exception, match="is damaged in the store"):
        shop.pull()
    assert not (shop.root / "pulled" / "items.parquet").exists()


def test_a_delta_leaves_out_columns_that_say_nothing_and_readers_put_them_back(shop: Any, make: Any, items: list[Any]) -> None:
    shop.publish(items)
    segment = {"kind": "segment", "id": "s", "control": "when", "label": "noise", "start_s": 0.5, "end_s": 1.5}
    third = [make.item(n, (segment,), media=one.media) if n == 3 else one for n, one in enumerate(items)]
    newest = shop.publish(third).release
    delta = newest.manifest.layers("items")[-1]
    names = pq.read_schema(shop.root / "store" / delta.file.key).names
    assert {"segments", "media", "id"} <= set(names)
    assert not {"boxes", "choices", "masks"} & set(names)
    row = next(row for row in newest.rows("items") if row["id"] == third[3].id)
    assert (row["boxes"], len(row["segments"])) == ([], 1)
    assert verify_stored(shop.store, "boards", key=make.KEY.public).ok

import os
import random
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from yuelu.base.errors import Conflict, IntegrityFailure, NotFound
from yuelu.base.signing import SigningKey
from yuelu.datasets.fetch import PARTS
from yuelu.datasets.layout import version_number
from yuelu.datasets.pull import pull
from yuelu.datasets.release import open_folder, version_numbers
from yuelu.datasets.verify import raise_unless_ok, verify, verify_stored

FIXED = {
    "manifest.json",
    "README.md",
    "NOTES.md",
    "NOTES_zh.md",
    "items.parquet",
    "annotations.parquet",
    "assets.parquet",
    "evidence.parquet",
}


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def pulled(shop: Any, make: Any) -> Path:
    shop.publish([make.item(number) for number in range(4)])
    return Path(shop.pull())


def test_a_pulled_release_is_whole(pulled: Path, make: Any) -> None:
    names = _files(pulled)
    assert set(names) > FIXED
    assert {name for name in names if name not in FIXED} == {f"media/{make.medium(n).sha256}.png" for n in range(4)}
    assert [(pulled / f"media/{make.medium(n).sha256}.png").read_bytes() for n in range(4)] == list(
        map(make.media_bytes, range(4))
    )
    found = verify(pulled, make.KEY.public)
    assert (found.ok, found.checked, found.problems, found.authentic) == (True, len(names), (), True)
    assert found.to_json() == {
        "ok": True, "checked": 12, "problems": [], "authentic": True,
        "recomputed": {"items": 4, "scores": 0, "not_shown": 0},
    }  # fmt: skip


def test_without_a_key_authenticity_is_not_claimed(pulled: Path) -> None:
    found = verify(pulled)
    assert (found.ok, found.authentic) == (True, None)


def test_another_publishers_key_fails(pulled: Path) -> None:
    found = verify(pulled, SigningKey(b"o" * 32).public)
    assert (found.ok, found.authentic) == (False, False)
    assert [problem.path for problem in found.problems] == ["manifest.json"]


def test_every_flipped_byte_is_found_and_its_file_named(pulled: Path, make: Any) -> None:
    draw = random.Random(1)
    for name in _files(pulled):
        path = pulled / name
        whole = path.read_bytes()
        for place in {0, len(whole) - 1, *draw.sample(range(len(whole)), 22)}:
            path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << draw.randrange(8))]) + whole[place + 1 :])
            found = verify(pulled, make.KEY.public)
            assert [problem.path for problem in found.problems] == [name], (name, place)
        path.write_bytes(whole)
    assert verify(pulled, make.KEY.public).ok


@pytest.mark.parametrize("size", [0, 1, -1])
def test_every_truncated_file_is_found(pulled: Path, make: Any, size: int) -> None:
    for name in _files(pulled):
        whole = (pulled / name).read_bytes()
        (pulled / name).write_bytes(whole[:size])
        assert [problem.path for problem in verify(pulled, make.KEY.public).problems] == [name]
        (pulled / name).write_bytes(whole)


def test_swapped_files_are_found(pulled: Path, make: Any) -> None:
    names = _files(pulled)
    for one, other in pairwise(names):
        (pulled / one).rename(pulled / "aside")
        (pulled / other).rename(pulled / one)
        (pulled / "aside").rename(pulled / other)
        assert not verify(pulled, make.KEY.public).ok
        (pulled / one).rename(pulled / "aside")
        (pulled / other).rename(pulled / one)
        (pulled / "aside").rename(pulled / other)
    assert verify(pulled, make.KEY.public).ok


def test_missing_and_extra_files_are_named(pulled: Path, make: Any) -> None:
    gone = f"media/{make.medium(2).sha256}.png"
    (pulled / gone).unlink()
    (pulled / "media/notes.txt").write_text("mine")
    (pulled / "link").symlink_to(pulled / "items.parquet")
    problems = {problem.path: problem.problem for problem in verify(pulled, make.KEY.public).problems}
    assert problems == {gone: "is missing", "media/notes.txt": "is not part of the release", "link": "is not part of the release"}


def test_a_missing_table_is_one_problem(pulled: Path, make: Any) -> None:
    (pulled / "assets.parquet").unlink()
    found = verify(pulled, make.KEY.public)
    assert [(problem.path, problem.problem) for problem in found.problems] == [("assets.parquet", "is missing")]
    with pytest.raises(IntegrityFailure, match=r"assets\.parquet is missing"):
        raise_unless_ok(found)


def test_an_older_signed_manifest_does_not_fit(shop: Any, make: Any, pulled: Path) -> None:
    shop.publish([make.item(number) for number in range(5)])
    newer = shop.pull(to="newer")
    shutil.copy(pulled / "manifest.json", newer / "manifest.json")
    paths = {problem.path for problem in verify(newer, make.KEY.public).problems}
    assert paths == FIXED - {"manifest.json"}


def test_no_release_at_all_is_said(tmp_path: Path) -> None:
    found = verify(tmp_path)
    assert not found.ok
    assert "no release in" in found.problems[0].problem


def test_pull_fetches_only_what_is_missing(shop: Any, make: Any, pulled: Path) -> None:
    seen: list[tuple[int, int]] = []

    def again() -> tuple[int, int]:
        seen.clear()
        report = pull(shop.store, "boards", None, pulled, key=make.KEY.public, progress=lambda *at: seen.append(at))
        return report.fetched, report.kept

    assert again() == (0, 11)
    assert seen[-1] == (11, 11)
    (pulled / "items.parquet").write_bytes(b"damaged")
    (pulled / f"media/{make.medium(1).sha256}.png").unlink()
    assert again() == (2, 9)
    assert verify(pulled, make.KEY.public).ok


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("after", range(1, 10))
def test_an_interrupted_pull_is_visible_and_resumes(shop: Any, make: Any, after: int) -> None:
    shop.publish([make.item(number) for number in range(4)])
    dest = shop.root / "pulled"

    def stop(done: int, total: int) -> None:
        if done == after:
            raise Interrupted

    with pytest.raises(Interrupted):
        pull(shop.store, "boards", None, dest, progress=stop)
    assert not verify(dest).ok
    report = pull(shop.store, "boards", None, dest, key=make.KEY.public)
    assert report.kept >= after
    assert verify(dest, make.KEY.public).ok
    assert not (dest / PARTS).exists()


@pytest.mark.parametrize("after", [0, 1, 5, 7])
def test_a_folder_becomes_another_version(shop: Any, make: Any, pulled: Path, after: int) -> None:
    shop.publish([make.item(number) for number in (0, 1, 5)])

    def stop(done: int, total: int) -> None:
        if done == after:
            raise Interrupted

    if after:
        with pytest.raises(Interrupted):
            pull(shop.store, "boards", None, pulled, progress=stop)
    report = pull(shop.store, "boards", None, pulled, key=make.KEY.public)
    assert (report.version, report.removed) == ("2.0.0", 2)  # media of items 2 and 3
    assert verify(pulled, make.KEY.public).ok
    assert pull(shop.store, "boards", "1.0.0", pulled).removed == 1
    assert verify(pulled, make.KEY.public).ok


def test_pull_leaves_strangers_alone(shop: Any, make: Any, pulled: Path) -> None:
    (pulled / "notes.txt").write_text("mine")
    shop.publish([make.item(0)])
    shop.pull()
    assert (pulled / "notes.txt").read_text() == "mine"


def test_pull_refuses_folders_that_hold_something_else(shop: Any, make: Any, pulled: Path) -> None:
    (shop.root / "thesis").mkdir()
    (shop.root / "thesis/README.md").write_text("precious")
    with pytest.raises(Conflict, match="holds files and no release"):
        shop.pull(to="thesis")
    shop.publish([make.item(0)], name="chairs")
    with pytest.raises(Conflict, match=r"holds boards@1\.0\.0"):
        pull(shop.store, "chairs", None, pulled)
    assert verify(pulled, make.KEY.public).ok  # and is left as it was
    (shop.root / "file").write_text("x")
    with pytest.raises(Conflict, match="is a file"):
        shop.pull(to="file")


def test_pull_refuses_damage_in_the_store(shop: Any, make: Any) -> None:
    shop.publish([make.item(0)])
    key = f"datasets/boards/media/{make.medium(0).sha256}"
    path = shop.root / "store" / key
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole + b"x" * (3 << 20), bytes([whole[0] ^ 1]) + whole[1:]):
        path.chmod(0o644)
        path.write_bytes(damaged)
        with pytest.raises(IntegrityFailure, match=f"{key} is damaged in the store"):
            shop.pull()
        assert not (shop.root / "pulled/manifest.json").exists()
        assert [problem.path for problem in verify_stored(shop.store, "boards", key=make.KEY.public).problems] == [key]


def test_pull_refuses_another_publisher(shop: Any, make: Any) -> None:
    shop.publish([make.item(0)])
    with pytest.raises(IntegrityFailure, match="no valid signature"):
        pull(shop.store, "boards", None, shop.root / "pulled", key=SigningKey(b"o" * 32).public)
    assert not (shop.root / "pulled").exists()


def test_a_stored_release_is_checked_with_its_history(shop: Any, make: Any) -> None:
    for count in (1, 2, 3):
        shop.publish([make.item(number) for number in range(count)])
    assert verify_stored(shop.store, "boards", "1.1.0", make.KEY.public).ok
    (shop.root / "store/datasets/boards/versions/000001.json").unlink()
    found = verify_stored(shop.root / "store", "boards@^1.0", key=make.KEY.public)
    assert [problem.problem for problem in found.problems] == ["datasets/boards/versions/000001.json is missing"]
    with pytest.raises(NotFound, match="no release of chairs"):
        verify_stored(shop.store, "chairs")


def test_open_folder_reads_tables_it_has_checked(pulled: Path, make: Any) -> None:
    release = open_folder(pulled, key=make.KEY.public)
    assert release.table("items").num_rows == 4
    (pulled / "items.parquet").write_bytes(b"damaged")
    with pytest.raises(IntegrityFailure, match=r"items\.parquet is damaged"):
        release.table("items")


@pytest.mark.parametrize("name", ["items.parquet", "manifest.json"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_regular_file_is_named_and_not_waited_for(pulled: Path, make: Any, name: str, kind: str) -> None:
    path, aside = pulled / name, pulled.parent / "aside"
    path.rename(aside)
    if kind == "link":
        path.symlink_to(aside)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    (problem,) = verify(pulled, make.KEY.public).problems
    assert problem.path == name
    assert ("is a link" if kind == "link" else "is not a regular file") in problem.problem


def test_an_empty_folder_is_a_stranger(pulled: Path, make: Any) -> None:
    (pulled / "media/more/deep").mkdir(parents=True)
    (problem,) = verify(pulled, make.KEY.public).problems
    assert (problem.path, problem.problem) == ("media/more/deep", "is not part of the release")


def test_two_pulls_into_one_folder_at_once(shop: Any, make: Any) -> None:
    shop.publish([make.item(number) for number in range(4)])
    dest, refused = shop.root / "pulled", []

    def meanwhile(done: int, total: int) -> None:
        with pytest.raises(Conflict, match=r"another pull into .* is running\n  try: wait until it has ended"):
            pull(shop.store, "boards", None, dest)
        refused.append(done)

    pull(shop.store, "boards", None, dest, progress=meanwhile)
    assert refused
    assert verify(dest, make.KEY.public).ok
    assert pull(shop.store, "boards", None, dest).fetched == 0
    assert not (dest / PARTS).exists()


def test_a_second_spelling_of_a_version_is_no_version(shop: Any, make: Any) -> None:
    shop.publish([make.item(0)])
    shop.store.create("datasets/boards/versions/0000001.json", shop.store.read("datasets/boards/versions/000001.json"))
    assert version_numbers(shop.store, "boards") == [1]
    assert version_number("datasets/boards/versions/1000000.json") == 1_000_000
    assert version_number("elsewhere/boards/versions/000001.json") is None
    assert verify_stored(shop.store, "boards", key=make.KEY.public).ok

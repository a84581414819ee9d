import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuelu.base.errors import NotFound
from yuelu.pipelines.ingest.batches import BATCH_BYTES, BATCH_OBJECTS, batches
from yuelu.pipelines.sources.folder import folder
from yuelu.pipelines.sources.port import Listed


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    (root / "b/.hidden").mkdir(parents=True)
    (root / "b/.hidden/x").write_bytes(b"12")
    (root / "a").write_bytes(b"1")
    (root / "B").write_bytes(b"")
    (tmp_path / "outside").write_bytes(b"secret")
    (tmp_path / "source-too").mkdir()
    (tmp_path / "source-too/x").write_bytes(b"secret")
    (root / "link-in").symlink_to("b/.hidden/x")
    (root / "link-out").symlink_to(tmp_path / "outside")
    (root / "link-near").symlink_to("../source-too/x")
    (root / "link-folder").symlink_to("b")
    (root / "link-up").symlink_to("..")
    (root / "link-loop").symlink_to("link-loop")
    (root / "link-none").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    return root


def test_everything_is_listed_once_in_order(source: Path) -> None:
    listed = list(folder(source).listed())
    assert [one.path for one in listed] == [
        "B", "a", "b/.hidden/x", "link-folder", "link-in", "link-loop", "link-near", "link-none", "link-out", "link-up", "pipe",
    ]  # fmt: skip
    assert {one.path for one in listed if one.problem is None} == {"B", "a", "b/.hidden/x", "link-in"}
    assert {one.source for one in listed} == {str(source.resolve())}


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("link-out", "a symbolic link that leads out of the source"),
        ("link-near", "a symbolic link that leads out of the source"),
        ("link-up", "a symbolic link that leads out of the source"),
        ("link-folder", "a symbolic link to a folder"),
        ("link-none", "a symbolic link to what cannot be read: No such file or directory"),
        ("pipe", "not a regular file: a named pipe"),
    ],
)
def test_what_is_not_followed_has_a_reason(source: Path, path: str, problem: str) -> None:
    assert {one.path: one.problem for one in folder(source).listed()}[path] == problem


def test_names_that_are_no_utf8_are_listed(tmp_path: Path) -> None:
    location = os.fsencode(tmp_path) + b"/" + "肺.png".encode("gb18030")
    Path(os.fsdecode(location)).write_bytes(b"1")
    (one,) = list(folder(tmp_path).listed())
    assert (one.path, one.location, one.problem) == ("\\xb7\\xce.png", os.path.realpath(location), None)


def test_no_folder_no_listing(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no folder at"):
        list(folder(tmp_path / "nowhere").listed())


@given(st.lists(st.integers(0, 2 * BATCH_BYTES), max_size=100))
def test_batches_keep_all_objects_in_order_and_stay_small(sizes: list[int]) -> None:
    objects = [Listed("/s", f"{n:04}", b"", size, 0) for n, size in enumerate(sizes)]
    cut = list(batches(objects))
    assert [one for batch in cut for one in batch] == objects
    assert all(1 <= len(batch) <= BATCH_OBJECTS for batch in cut)
    assert all(len(batch) == 1 or sum(one.bytes for one in batch) <= BATCH_BYTES for batch in cut)


def test_folders_may_lie_deeper_than_the_system_takes_paths(tmp_path: Path) -> None:
    deep = os.open(tmp_path, os.O_RDONLY)
    for _ in range(2500):  # 2 bytes each: more than the 4096 that one path may have
        os.mkdir("d", dir_fd=deep)
        inner = os.open("d", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    os.close(deep)
    (tmp_path / "a").write_bytes(b"1")
    listed = list(folder(tmp_path).listed())
    assert [one.problem for one in listed if one.path == "a"] == [None]
    assert [one.problem for one in listed if one.path != "a"] == ["the folder cannot be listed: File name too long"]
    subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # pytest's own cleaning up calls itself too deep

"""A release is the same bytes however its items are cut into pieces, and wherever those are made."""

from typing import Any

import dask
import pytest

from yuelu.base import merkle
from yuelu.datasets import tables
from yuelu.datasets.build import Built, build, join
from yuelu.datasets.pieces import pieces
from yuelu.pipelines.released_pieces import built_by_dask


@pytest.fixture
def items(make: Any) -> list[Any]:
    # files shared by several items, and so by several pieces
    return sorted((make.item(n, media=(make.medium(n % 7), make.medium(7 + n % 3))) for n in range(24)), key=lambda item: item.id)


def _same(one: Built, other: Built) -> None:
    assert [table.data for table in one.tables] == [table.data for table in other.tables]
    assert [table.sha256 for table in one.tables] == [table.sha256 for table in other.tables]
    assert (one.merkle_root, one.leaves, one.splits) == (other.merkle_root, other.leaves, other.splits)
    assert (one.media_files, one.media_bytes) == (other.media_files, other.media_bytes)


@pytest.mark.parametrize(("size", "row_group"), [(1, 8_192), (7, 5), (24, 10)])
def test_pieces_of_any_size_make_the_same_files(
    items: list[Any], size: int, row_group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "ROW_GROUP", row_group)
    _same(join(pieces(items, size)), build(items))


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_dask_makes_the_same_files_of_many_partitions(items: list[Any], scheduler: str) -> None:
    with dask.config.set(scheduler=scheduler, num_workers=2):
        _same(built_by_dask(items, size=5), build(items))


def test_leaves_that_come_one_by_one_have_the_root_of_rfc_6962() -> None:
    # the eight leaves of Certificate Transparency's own tests, and the roots of the first so many of them
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    tree = merkle.Growing()
    assert tree.root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    roots = []
    for leaf in leaves:
        tree.add(merkle.leaf_hash(bytes.fromhex(leaf)))
        roots.append(tree.root().hex())
    assert roots[0] == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert roots[1] == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    assert roots[7] == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"

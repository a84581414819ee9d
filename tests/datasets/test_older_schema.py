"""A dataset whose two versions were published when a release held choices, boxes, segments and frame ranges only.

`schema-1.zip` is its store as it was then written: six items, of which the second version changed one (in layers).
"""

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from yuelu.datasets.diff import diff
from yuelu.datasets.proof import check_proof, prove
from yuelu.datasets.pull import pull
from yuelu.datasets.release import open_folder, open_release
from yuelu.datasets.verify import verify, verify_stored

# What that reader's pull wrote.
PULLED = {
    "items": "8bd327573177e0f39271d06d729bf30eb28a859a50eee52bf0808b8ace3b1c17",
    "annotations": "ebaf3f8741bb769460690bdd04028a58a7da1fc5fb7ac470017ca4f8c607f52c",
    "assets": "31134224d84e9e9aa80abbf07fc0c3cbd1585f4ef4ab40d38c0e01a340b6f42a",
    "evidence": "3709230064a4b98b322d02ed4810d7eb71c489435acbc433062fc09cea96fac8",
}
DIGEST = "696e34bde2e33de92505aeacdfcb8cb54a48122cde41bc9b5e25b19869de346b"


@pytest.fixture
def older(shop: Any) -> Any:
    zipfile.ZipFile(Path(__file__).with_name("schema-1.zip")).extractall(shop.root / "store")
    return shop


def test_it_is_pulled_byte_for_byte_and_verifies(older: Any, make: Any) -> None:
    dest = older.pull()
    found = {name: hashlib.sha256((dest / f"{name}.parquet").read_bytes()).hexdigest() for name in PULLED}
    assert found == PULLED
    assert open_folder(dest).manifest.digest == DIGEST
    assert verify(dest, make.KEY.public).ok
    assert verify_stored(older.store, "boards", key=make.KEY.public).ok


def test_a_row_of_it_is_proved(older: Any, make: Any) -> None:
    release = open_release(older.store, "boards")
    proof = prove(release, make.item(2).id)
    assert check_proof(proof, make.KEY.public).manifest.digest == DIGEST


def test_the_same_items_published_over_it_differ_in_nothing_but_the_schema(older: Any, make: Any) -> None:
    items = [make.item(n, media=(make.medium(n % 2),)) for n in range(6)]
    items[2] = make.item(2, (make.choice("bad"),), media=(make.medium(0),))
    before = open_release(older.store, "boards")
    committed = older.publish(items)
    assert committed.release.manifest.title == "boards@1.0.2"
    assert (committed.changes.added, committed.changes.removed, committed.changes.changed) == (0, 0, 0)
    assert committed.release.manifest.previous == DIGEST
    assert not diff(before, committed.release).changed
    dest = older.root / "newer"
    pull(older.store, "boards", None, dest)
    assert verify(dest, make.KEY.public).ok


def test_a_label_changed_over_it_is_the_only_change(older: Any, make: Any) -> None:
    before = open_release(older.store, "boards", "1.0.0")
    items = [make.item(n, media=(make.medium(n % 2),)) for n in range(6)]
    items[4] = make.item(4, (make.choice("bad"), make.box(support=1.0)), media=(make.medium(0),))
    found = diff(before, older.publish(items).release)
    assert [(each.item, each.before, each.after) for each in found.relabelled] == [(items[4].id, ("good",), ("bad",))]
    assert found.changed == (items[4].id,)

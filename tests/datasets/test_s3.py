"""Releases on a real S3 server: the same contract as on a folder, races included."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from yuelu.base.errors import Conflict
from yuelu.base.store.address import open_store
from yuelu.datasets.release import history
from yuelu.datasets.upkeep.collect import collect
from yuelu.datasets.upkeep.fsck import Progress, check
from yuelu.datasets.upkeep.units import dataset_units
from yuelu.datasets.verify import verify, verify_stored

pytestmark = pytest.mark.integration


@pytest.fixture
def far(shop: Any, bucket: str) -> Any:
    shop.store = open_store(bucket)
    return shop


def test_publish_pull_and_verify(far: Any, make: Any) -> None:
    first = far.publish([make.item(0), make.item(1)])
    assert not far.publish([make.item(0), make.item(1)]).new
    second = far.publish([make.item(0), make.item(1), make.item(2)])
    assert [str(each.release.manifest.version) for each in (first, second)] == ["1.0.0", "1.1.0"]
    assert verify_stored(far.store, "boards", key=make.KEY.public).ok
    folder = far.pull("1.0.0")
    checked = verify(folder, make.KEY.public)
    assert (checked.ok, checked.authentic) == (True, True)
    far.pull("1.1.0")
    assert verify(folder, make.KEY.public).ok
    assert len(list((folder / "media").iterdir())) == 3


def test_the_same_release_as_on_a_folder(far: Any, shop: Any, make: Any, tmp_path: Any) -> None:
    near = type(shop)(tmp_path / "near")
    assert near.publish([make.item(0)]).release.manifest.digest == far.publish([make.item(0)]).release.manifest.digest


def test_of_eight_publishers_at_once_each_version_has_one(far: Any, make: Any) -> None:
    def insist(number: int) -> int:
        while True:
            try:
                return int(far.publish([make.item(number)], nonce=str(number)).release.manifest.number)
            except Conflict:
                continue

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(insist, range(8)))
    assert sorted(numbers) == list(range(1, 9))
    assert len(history(far.store, "boards", key=make.KEY.public)) == 8


def test_of_32_publishers_of_one_version_one_wins(far: Any, make: Any) -> None:
    def attempt(number: int) -> bool:
        try:
            return bool(far.publish([make.item(number)], nonce=str(number)).release.manifest.number == 1)
        except Conflict:
            return False

    with ThreadPoolExecutor(32) as pool:
        won = sum(pool.map(attempt, range(32)))
    numbers = [release.manifest.number for release in history(far.store, "boards", key=make.KEY.public)]
    assert won == 1  # whoever came later, and saw the first, made a version after it
    assert numbers == list(range(1, len(numbers) + 1))


def test_checking_and_clearing_a_bucket(far: Any, make: Any) -> None:
    far.publish([make.item(0), make.item(1)])
    left = "datasets/boards/data/" + "0" * 64 + ".parquet"
    far.store.create(left, b"left over")
    medium = f"datasets/boards/media/{make.medium(0).sha256}"
    far.store.delete(medium)
    progress = Progress("now", full=True)
    assert check(far.store, dataset_units(far.store, make.KEY.public), progress, save=lambda _: None, clock=lambda: 0.0)
    assert {each.key: each.kind for each in progress.findings} == {left: "unreferenced", medium: "missing"}
    assert collect(far.store, "boards", datetime.now(UTC), act=True).young == 1
    assert [entry.key for entry in collect(far.store, "boards", datetime.now(UTC) + timedelta(days=8), act=True).objects] == [
        left
    ]
    assert not far.store.exists(left)

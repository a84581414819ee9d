"""Checking, clearing and repairing a store of releases."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from yuelu.base.errors import Conflict, InvalidRecord, KeyTaken, OutcomeUnknown
from yuelu.base.store.local import LocalStore
from yuelu.datasets.layout import version_key
from yuelu.datasets.release import open_release
from yuelu.datasets.upkeep import fsck
from yuelu.datasets.upkeep.collect import LEAST_GRACE, collect
from yuelu.datasets.upkeep.fsck import Finding, Progress, check
from yuelu.datasets.upkeep.leases import collecting, leased, leases_in
from yuelu.datasets.upkeep.repair import repair
from yuelu.datasets.upkeep.units import dataset_units
from yuelu.datasets.verify import verify_stored

LATER = datetime.now(UTC) + timedelta(days=30)
DATA = "datasets/boards/data/" + "0" * 64 + ".parquet"


def checked(shop: Any, make: Any, *, full: bool = True) -> list[Finding]:
    progress = Progress("now", full)
    assert check(shop.store, dataset_units(shop.store, make.KEY.public), progress, save=lambda _: None, clock=lambda: 0.0)
    return progress.findings


def kinds(findings: list[Finding]) -> dict[str, str]:
    return {each.key: each.kind for each in findings}


@pytest.fixture
def full(shop: Any, make: Any) -> Any:
    shop.publish([make.item(number) for number in range(3)])
    shop.publish([make.item(number) for number in range(4)])
    return shop


def _overwrite(shop: Any, key: str, data: bytes) -> None:
    path = shop.root / "store" / key
    path.chmod(0o644)
    path.write_bytes(data)


def test_a_sound_store_has_no_findings(full: Any, make: Any) -> None:
    assert checked(full, make) == []
    assert checked(full, make, full=False) == []


def test_each_kind_of_trouble_is_told_apart(full: Any, make: Any) -> None:
    medium = [f"datasets/boards/media/{make.medium(number).sha256}" for number in range(4)]
    full.store.delete(medium[0])
    data = full.store.read(medium[1])
    _overwrite(full, medium[1], data[:-1])
    _overwrite(full, medium[2], bytes([data[0] ^ 1]) + make.media_bytes(2)[1:])
    full.store.create(DATA, b"left over")
    full.store.create("datasets/boards/notes.txt", b"mine")
    expected = {medium[0]: "missing", medium[1]: "corrupt", DATA: "unreferenced", "datasets/boards/notes.txt": "extra"}
    assert kinds(checked(full, make, full=False)) == expected  # a flipped bit has the right size
    assert kinds(checked(full, make)) == {**expected, medium[2]: "corrupt"}


@pytest.mark.parametrize("number", [1, 2])
def test_lost_and_altered_manifests_are_found(full: Any, make: Any, number: int) -> None:
    key = version_key("boards", number)
    whole = full.store.read(key)
    _overwrite(full, key, whole.replace(b'"active"', b'"passed"'))
    assert kinds(checked(full, make))[key] == "corrupt"
    full.store.delete(key)
    if number == 1:
        assert kinds(checked(full, make))[key] == "missing"


def test_a_check_that_was_killed_goes_on(full: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fsck, "EVERY_OBJECTS", 2)
    saved: list[dict[str, Any]] = []
    units = dataset_units(full.store, make.KEY.public)
    whole = Progress("now", full=True)
    check(full.store, units, whole, save=lambda _: None, clock=lambda: 0.0)

    class Killed(Exception):
        pass

    for _ in range(whole.checked):  # each run does two objects, and is killed when it has saved that
        progress = Progress.of(saved[-1]) if saved else Progress("now", full=True)

        def save(each: Progress) -> None:
            saved.append(each.to_json())
            raise Killed

        try:
            check(full.store, units, progress, save=save, clock=lambda: 0.0)
        except Killed:
            if progress.checked == whole.checked:
                break
    assert progress.checked == whole.checked
    assert progress.bytes == whole.bytes
    assert len(saved) >= whole.checked // 2


def test_a_check_saves_after_minutes_too_and_stops_when_told(full: Any, make: Any) -> None:
    ticks, saved = iter(range(0, 100_000, 200)), []
    progress = Progress("now", full=True)
    units = dataset_units(full.store, None)
    done = check(full.store, units, progress, save=lambda each: saved.append(each.checked), clock=lambda: float(next(ticks)),
                 until=lambda: progress.checked == 5)  # fmt: skip
    assert not done
    assert saved == [2, 4, 5]  # every 400 of 300 seconds, and at the end


def test_what_is_damaged_is_put_back_from_a_proved_copy(full: Any, make: Any, tmp_path: Path) -> None:
    shutil.copytree(full.root / "store", tmp_path / "copy")
    copy = LocalStore(tmp_path / "copy")
    release = open_release(full.store, "boards").manifest
    keys = [
        release.parts[0].file.key,
        version_key("boards", 1),
        *(f"datasets/boards/media/{make.medium(n).sha256}" for n in (0, 1)),
    ]
    full.store.delete(keys[2])
    for key in (*keys[:2], keys[3]):
        _overwrite(full, key, b"damaged")
    bad = tmp_path / "copy" / keys[3]
    bad.chmod(0o644)
    bad.write_bytes(b"damaged too")
    done = {each.key: each.why for each in repair(full.store, copy, checked(full, make), make.KEY.public)}
    assert {key: why for key, why in done.items() if why is None} == dict.fromkeys(keys[:3])
    assert "the copy's SHA-256 is" in str(done[keys[3]])
    assert kinds(checked(full, make)) == {keys[3]: "corrupt"}
    assert sum(entry.key.startswith("quarantine/") for entry in full.store.list()) == 2


def test_only_what_is_old_and_unneeded_is_cleared(full: Any, make: Any) -> None:
    full.store.create(DATA, b"left over")
    before = {entry.key for entry in full.store.list()}
    assert collect(full.store, "boards", datetime.now(UTC), act=True).young == 1
    found = collect(full.store, "boards", LATER)
    assert [entry.key for entry in found.objects] == [DATA]
    assert {entry.key for entry in full.store.list()} == before  # a dry run
    collect(full.store, "boards", LATER, act=True)
    assert {entry.key for entry in full.store.list()} == before - {DATA}
    assert verify_stored(full.store, "boards", key=make.KEY.public).ok
    with pytest.raises(InvalidRecord, match="too short a grace"):
        collect(full.store, "boards", LATER, grace=timedelta(days=6))
    assert timedelta(days=7) == LEAST_GRACE


class Silent:
    """A store that gives no clear answer about manifests: they land, and nobody is told."""

    def __init__(self, store: LocalStore) -> None:
        self.store, self.address = store, store.address

    def create(self, key: str, data: bytes) -> None:
        self.store.create(key, data)
        if "/versions/" in key:
            raise OutcomeUnknown("timeout", "")

    def read(self, key: str) -> bytes:
        if "/versions/" in key:
            raise OutcomeUnknown("timeout", "")
        return self.store.read(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def test_an_unknown_outcome_holds_everything_back(shop: Any, make: Any) -> None:
    real = shop.store
    shop.store = Silent(real)
    with pytest.raises(OutcomeUnknown):
        shop.publish([make.item(0)])
    real.create(DATA, b"left over")
    found = collect(real, "boards", datetime.now(UTC), act=True)
    assert "an outcome is unknown" in str(found.held)
    assert real.exists(DATA)
    assert [entry.key for entry in collect(real, "boards", LATER, act=True).objects] == [DATA]  # decided long ago
    assert leases_in(real, "boards") == []
    assert verify_stored(real, "boards").ok


def test_publishers_and_collectors_keep_out_of_each_others_way(full: Any, make: Any) -> None:
    with collecting(full.store, "boards", datetime.now(UTC)):
        with pytest.raises(Conflict, match="being cleared of what nobody needs"):
            full.publish([make.item(9)])
        with pytest.raises(Conflict, match="cleared by somebody else"), collecting(full.store, "boards", datetime.now(UTC)):
            pass
    assert leases_in(full.store, "boards") == []
    with leased(full.store, "boards", "pull", "someone"):
        assert collect(full.store, "boards", datetime.now(UTC)).held
    assert full.publish([make.item(9)]).new
    assert leases_in(full.store, "boards") == []


def test_a_killed_collector_is_in_nobodys_way_for_long(full: Any, make: Any) -> None:
    key = "datasets/boards/leases/collector.json"
    full.store.create(key, b"{}")
    past = (datetime.now(UTC) - timedelta(hours=2)).timestamp()
    os.utime(full.root / "store" / key, (past, past))
    assert full.publish([make.item(9)]).new
    assert collect(full.store, "boards", datetime.now(UTC), act=True).held is None
    assert not full.store.exists(key)


def test_a_lease_is_written_once(full: Any) -> None:
    with leased(full.store, "boards", "publish", "one"), pytest.raises(KeyTaken, match="already exists"):
        full.store.create("datasets/boards/leases/publish-one.json", b"")

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

import pytest

from yuelu.base.errors import Conflict, IntegrityFailure, KeyTaken, NotFound, OutcomeUnknown, ServiceUnavailable
from yuelu.base.store.local import LocalStore
from yuelu.base.store.port import Entry
from yuelu.datasets.layout import version_key
from yuelu.datasets.release import history, names, open_release, summary
from yuelu.datasets.version import Changes


class Faulty:
    """A store whose creates of manifests fail as told: "lost" before it is applied, "applied" after."""

    def __init__(self, store: LocalStore, faults: list[str], *, blind: bool = False) -> None:
        self.store, self.faults, self.blind = store, faults, blind
        self.address = store.address

    def create(self, key: str, data: bytes) -> None:
        fault = self.faults.pop(0) if "/versions/" in key and self.faults else ""
        if fault == "lost":
            raise OutcomeUnknown("timeout", "read back")
        self.store.create(key, data)
        if fault == "applied":
            raise OutcomeUnknown("timeout", "read back")
        if fault == "applied, and a retry of the client met it":
            raise KeyTaken("412", "")

    def read(self, key: str) -> bytes:
        if self.blind and "/versions/" in key:
            raise ServiceUnavailable("no answer", "")
        return self.store.read(key)

    def open(self, key: str) -> BinaryIO:
        return self.store.open(key)

    def exists(self, key: str) -> bool:
        return self.store.exists(key)

    def delete(self, key: str) -> None:
        self.store.delete(key)

    def list(self, prefix: str = "") -> Any:
        return self.store.list(prefix)


def _keys(shop: Any) -> list[Entry]:
    return list(shop.store.list())


def test_first_release(shop: Any, make: Any) -> None:
    committed = shop.publish([make.item(number) for number in range(4)])
    manifest = committed.release.manifest
    assert (manifest.title, manifest.number, manifest.previous, manifest.rows) == ("boards@1.0.0", 1, None, 4)
    assert (committed.new, committed.changes) == (True, Changes(added=4))
    assert version_key("boards", 1) == "datasets/boards/versions/000001.json"
    stored = {entry.key.split("/")[2] for entry in _keys(shop)}
    assert stored == {"versions", "data", "media"}
    assert names(shop.store) == ("boards",)


def test_a_second_run_changes_nothing(shop: Any, make: Any) -> None:
    items = [make.item(0), make.item(1)]
    first = shop.publish(items, nonce="one")
    before = _keys(shop)
    second = shop.publish(items[::-1], nonce="two")
    assert not second.new
    assert second.release.signed == first.release.signed
    assert _keys(shop) == before


def test_the_same_work_elsewhere_has_the_same_digest(shop: Any, make: Any, tmp_path: Any) -> None:
    other = type(shop)(tmp_path / "elsewhere")
    items = [make.item(0), make.item(1)]
    here, there = shop.publish(items, nonce="one"), other.publish(items, nonce="two")
    assert here.release.manifest.digest == there.release.manifest.digest
    data = [[entry for entry in _keys(each) if "/versions/" not in entry.key] for each in (shop, other)]
    assert data[0] == data[1]


def test_versions_follow_from_what_changed(shop: Any, make: Any) -> None:
    one, two, three = make.item(0), make.item(1), make.item(2)
    corrected = make.item(0, (make.choice("bad"),))
    steps = [
        ([one], {}, "1.0.0"),
        ([one, two], {}, "1.1.0"),
        ([corrected, two], {}, "1.1.1"),
        ([corrected, two], {"publisher": "the base"}, "1.1.2"),
        ([corrected, two, three], {}, "1.2.0"),
        ([corrected, three], {}, "2.0.0"),
        ([corrected, three], {"config": "e" * 64}, "3.0.0"),
    ]
    assert [str(shop.publish(items, **how).release.manifest.version) for items, how, _ in steps] == [step[2] for step in steps]
    log = history(shop.store, "boards")
    assert [release.manifest.number for release in log] == list(range(1, 8))
    assert [release.manifest.previous for release in log[1:]] == [release.manifest.digest for release in log[:-1]]


def test_a_version_costs_what_changed(shop: Any, make: Any) -> None:
    shop.publish([make.item(0), make.item(1)])
    media = [entry for entry in _keys(shop) if "/media/" in entry.key]
    shop.publish([make.item(0), make.item(1, (make.choice("bad"),))])
    tables = [entry for entry in _keys(shop) if entry.key.endswith(".parquet")]
    assert [entry for entry in _keys(shop) if "/media/" in entry.key] == media
    assert len(tables) == 6  # items and evidence anew, annotations and assets shared


def test_selectors_find_their_release(shop: Any, make: Any) -> None:
    items = [make.item(number) for number in range(5)]
    for chosen in (items[:1], items[:2], items[:3], items[1:3], items[1:4]):  # 1.0.0, 1.1.0, 1.2.0, 2.0.0, 2.1.0
        shop.publish(chosen)

    def found(name: str, version: str | None = None) -> str:
        return str(open_release(shop.store, name, version, key=make.KEY.public).manifest.version)

    assert found("boards") == "2.1.0"
    assert found("boards@^1.0") == "1.2.0"
    assert found("boards@1.1.0") == "1.1.0"
    assert found("boards", "^2") == "2.1.0"
    assert str(open_release(shop.root / "store", "boards").manifest.version) == "2.1.0"
    for missing in ("boards@1.1.1", "boards@^3.0", "boards@^1.3", "boards@0.1.0"):
        with pytest.raises(NotFound, match="no version of boards"):
            found(missing)
    with pytest.raises(NotFound, match="no release of chairs"):
        found("chairs")


def test_summary_is_what_a_list_shows(shop: Any, make: Any) -> None:
    release = shop.publish([make.item(0)]).release
    shown = summary(release)
    assert (shown["name"], shown["version"], shown["rows"], shown["digest"]) == ("boards", "1.0.0", 1, release.manifest.digest)
    assert shown["changes"] == {"added": 1, "removed": 0, "changed": 0}


@pytest.mark.parametrize(
    "faults", [["lost"], ["applied"], ["applied, and a retry of the client met it"], ["lost", "lost"], ["lost", "applied"]]
)
def test_an_unclear_answer_is_read_back(shop: Any, make: Any, faults: list[str]) -> None:
    real = shop.store
    shop.store = Faulty(real, list(faults))
    committed = shop.publish([make.item(0)])
    assert committed.new
    assert not shop.store.faults  # they did happen
    assert open_release(real, "boards").signed == committed.release.signed


def test_no_clear_answer_at_all_is_said(shop: Any, make: Any) -> None:
    shop.store = Faulty(shop.store, ["lost"] * 9)
    with pytest.raises(OutcomeUnknown, match=r"no clear answer about datasets/boards/versions/000001\.json"):
        shop.publish([make.item(0)])


def test_what_cannot_be_read_back_stays_unknown_and_a_second_run_finds_it(shop: Any, make: Any) -> None:
    real = shop.store
    shop.store = Faulty(real, ["applied"], blind=True)
    with pytest.raises(OutcomeUnknown, match="reading it back: no answer"):
        shop.publish([make.item(0)])
    shop.store = real
    assert not shop.publish([make.item(0)], nonce="second run").new


def test_damaged_media_are_not_published(shop: Any, make: Any) -> None:
    shop.known[make.medium(0).sha256] = b"something else"
    with pytest.raises(IntegrityFailure, match=r"media/.* has SHA-256"):
        shop.publish([make.item(0)])
    assert not any("/versions/" in entry.key for entry in _keys(shop))


class Racing(Faulty):
    """A store that lets all publishers reach the commit point before the first may pass."""

    def __init__(self, store: LocalStore, barrier: threading.Barrier) -> None:
        super().__init__(store, [])
        self.barrier = barrier

    def create(self, key: str, data: bytes) -> None:
        if "/versions/" in key:
            self.barrier.wait(timeout=60)
        super().create(key, data)


@pytest.mark.parametrize("publishers", [2, 8, 32])
def test_of_racing_publishers_one_wins(shop: Any, make: Any, publishers: int) -> None:
    racing = type(shop)(shop.root)
    racing.store = Racing(shop.store, threading.Barrier(publishers))

    def attempt(number: int) -> str:
        try:
            return str(racing.publish([make.item(number)], nonce=str(number)).release.manifest.version)
        except Conflict as conflict:
            return conflict.hint

    with ThreadPoolExecutor(publishers) as pool:
        outcomes = list(pool.map(attempt, range(publishers)))
    assert sorted(outcomes) == ["1.0.0", *["publish again: it rebases on that release"] * (publishers - 1)]
    assert len(history(shop.store, "boards")) == 1


def test_racing_publishers_of_the_same_content_agree(shop: Any, make: Any) -> None:
    racing = type(shop)(shop.root)
    racing.store = Racing(shop.store, threading.Barrier(4))
    with ThreadPoolExecutor(4) as pool:
        committed = list(pool.map(lambda number: racing.publish([make.item(0)], nonce=str(number)), range(4)))
    assert sum(each.new for each in committed) == 1
    assert len({each.release.signed for each in committed}) == 1


def test_publishers_that_rebase_all_get_in_and_history_is_linear(shop: Any, make: Any) -> None:
    publishers = 8
    wins: list[tuple[int, int]] = []

    def insist(number: int) -> None:
        while True:
            try:
                committed = shop.publish([make.item(number)], nonce=str(number))
            except Conflict:
                continue
            assert committed.new
            wins.append((committed.release.manifest.number, number))
            return

    with ThreadPoolExecutor(publishers) as pool:
        list(pool.map(insist, range(publishers)))
    assert sorted(number for number, _ in wins) == list(range(1, publishers + 1))  # one winner for each version
    log = history(shop.store, "boards", key=make.KEY.public)  # checks that each names the one before
    assert len({release.manifest.digest for release in log}) == publishers
    assert {next(release.rows("items"))["id"] for release in log} == {make.item(number).id for number in range(publishers)}


def test_a_replayed_manifest_is_refused(shop: Any, make: Any) -> None:
    shop.publish([make.item(0)])
    shop.publish([make.item(0), make.item(1)])
    folder = shop.root / "store/datasets/boards/versions"
    (folder / "000002.json").unlink()
    (folder / "000002.json").write_bytes((folder / "000001.json").read_bytes())
    with pytest.raises(IntegrityFailure, match=r"000002\.json holds boards@1\.0\.0, number 1"):
        open_release(shop.store, "boards", key=make.KEY.public)


def test_a_hole_in_the_history_is_found(shop: Any, make: Any) -> None:
    for count in (1, 2, 3):
        shop.publish([make.item(number) for number in range(count)])
    (shop.root / "store/datasets/boards/versions/000002.json").unlink()
    with pytest.raises(IntegrityFailure, match=r"versions/000002\.json is missing"):
        history(shop.store, "boards")

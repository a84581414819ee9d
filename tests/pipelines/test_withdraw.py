"""Withdrawals over a small ledger: what they touch, what stands afterwards, and that a kill at any step is made good."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from published import PEOPLE, PROXY, RAW, SECRET, Filled, item_id
from sqlalchemy import select

from yuelu.base.canonical import keyed, sha256
from yuelu.base.errors import InvalidRecord, NotAllowed, NotFound
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.media import AssetRow
from yuelu.base.ledger.releases import ReleaseRow
from yuelu.base.store.local import LocalStore
from yuelu.datasets.pull import pull
from yuelu.datasets.release import history, open_release
from yuelu.datasets.signed.document import read_trusted
from yuelu.datasets.signed.notices import notices
from yuelu.datasets.verify import verify, verify_stored
from yuelu.pipelines.fsck import REPORT, fsck
from yuelu.pipelines.publish import publish
from yuelu.pipelines.released_items import pseudonym
from yuelu.pipelines.tags import Change, say
from yuelu.pipelines.withdraw import Said, plan, withdraw
from yuelu.pipelines.withdrawn import Withdrawal

SAID = Said("curator", "consent withdrawn")
ASSET = Withdrawal("asset", RAW[3])


@pytest.fixture
def published(filled: Filled) -> Filled:
    publish(filled.workspace, "all", ["ct", "boards"])
    publish(filled.workspace, "other", ["boards"])
    return filled


def everything(filled: Filled) -> set[str]:
    return {entry.key for entry in filled.workspace.store.list()}


def test_the_impact_is_told_first_and_nothing_is_changed(published: Filled) -> None:
    before = everything(published)
    found, files = plan(published.workspace, Withdrawal("asset", RAW[0]))
    assert {each.release.manifest.title: each.items for each in found} == {
        "all@1.0.0": (item_id(0),),
        "other@1.0.0": (keyed(SECRET, "item:other", RAW[0]),),
    }
    assert [each.annotations for each in found] == [3, 3]
    assert sha256(PROXY[0]) in files.keys
    assert everything(published) == before
    with pytest.raises(NotFound, match="the ledger knows no asset 'abc'"):
        plan(published.workspace, Withdrawal("asset", "abc"))
    with pytest.raises(InvalidRecord, match="nothing of kind 'planet'"):
        Withdrawal("planet", "mars")


def test_a_withdrawn_asset_is_gone_from_everything(published: Filled) -> None:
    workspace, key = published.workspace, published.workspace.signing_key.public
    say(workspace, "all", Change("tag", "1.0.0", "stable"), "curator")
    old = open_release(workspace.store, "all")
    gone = {part.file.key for part in old.parts("items")} | {f"datasets/all/media/{sha256(PROXY[3])}"}
    (done,) = withdraw(workspace, ASSET, SAID)
    assert (done.name, done.versions, done.instead) == ("all", ("1.0.0",), "2.0.0")
    assert not gone & everything(published)
    assert not any(sha256(PROXY[3]) in each for each in everything(published))
    new = open_release(workspace.store, "all", key=key)
    assert {row["id"] for row in new.rows("items")} == {item_id(number) for number in range(3)}
    assert verify_stored(workspace.store, "all", key=key).ok
    with pytest.raises(NotAllowed, match=r"all@1\.0\.0 was withdrawn: consent withdrawn\n  try: use all@2\.0\.0"):
        open_release(workspace.store, "all@1.0.0")
    with pytest.raises(NotFound, match="has no tag 'stable'"):
        open_release(workspace.store, "all@stable")
    assert str(open_release(workspace.store, "other").manifest.version) == "1.0.0"  # has nothing of it
    report = fsck(workspace)
    assert [each for each in report.progress.findings if each.key.startswith("datasets/")] == []
    assert [row.version for row in published.read(select(ReleaseRow).where(ReleaseRow.dataset == "all"))] == ["1.0.0", "2.0.0"]
    assert not publish(workspace, "all", ["ct", "boards"]).new  # it would not go out again: nothing has changed


def test_the_proof_of_deletion_is_signed_and_complete(published: Filled) -> None:
    workspace, key = published.workspace, published.workspace.signing_key.public
    before = {entry.key: entry.bytes for entry in workspace.store.list()}
    (done,) = withdraw(workspace, ASSET, SAID)
    assert done.proof is not None
    proof = read_trusted("page", done.proof, key)
    told = {entry["key"]: entry["bytes"] for entry in proof["objects"]}
    assert told == {name: size for name, size in before.items() if name not in everything(published) and name in told}
    assert {name for name in before if name.startswith("datasets/all/")} - everything(published) == set(told)
    assert done.deleted == len(told)
    assert [page.said["action"] for page in notices(workspace.store, "all", key)] == ["withdraw", "deleted"]
    assert {row.action for row in published.read(select(EventRow))} >= {
        "withdraw",
        "notice.withdraw",
        "notice.deleted",
        "media.delete",
    }
    stored = {row.sha256: row.store_key for row in published.read(select(AssetRow))}
    assert stored[sha256(PROXY[3])] is None
    assert stored[sha256(PROXY[0])] is not None


def test_what_is_kept_can_be_pulled_by_a_reason(published: Filled, tmp_path: Any) -> None:
    workspace = published.workspace
    before = everything(published)
    (done,) = withdraw(workspace, ASSET, SAID, keep=True)
    assert (done.deleted, done.proof) == (0, None)
    assert before < everything(published)
    pull(workspace.store, "all", "1.0.0", tmp_path / "old", withdrawn="the court asked")
    assert verify(tmp_path / "old").ok
    assert withdraw(workspace, ASSET, SAID, keep=True)[0].versions == ()  # says nothing twice
    assert len(notices(workspace.store, "all")) == 1
    assert withdraw(workspace, ASSET, SAID)[0].deleted > 0  # and now for good


def test_everything_of_an_annotator_goes(published: Filled) -> None:
    workspace = published.workspace
    done = withdraw(workspace, Withdrawal("annotator", PEOPLE[0]), SAID)
    assert {each.name: each.instead for each in done} == {"all": None, "other": None}  # ann answered everything
    pid = pseudonym(SECRET, "all", PEOPLE[0])
    assert not any(pid.encode() in workspace.store.read(key) for key in everything(published) if key.endswith(".parquet"))
    with pytest.raises(NotFound, match="all that is accepted was withdrawn"):
        publish(workspace, "all", ["ct", "boards"])


@pytest.mark.parametrize(("kind", "value"), [("owner", "clinic")])
def test_everything_of_a_contributor_goes(published: Filled, kind: str, value: str) -> None:
    (done,) = withdraw(published.workspace, Withdrawal(kind, value), SAID)
    assert (done.name, done.instead) == ("all", "2.0.0")
    assert {row["project"] for row in open_release(published.workspace.store, "all").rows("items")} == {"boards"}
    sources = open_release(published.workspace.store, "all").manifest.document["sources"]
    assert [source["assets"] for source in sources if source["collection"] == "ct"] == [0]


def test_media_that_a_living_version_needs_stay_and_are_named(filled: Filled) -> None:
    workspace = filled.workspace
    publish(workspace, "all", ["ct", "boards"])
    (done,) = withdraw(workspace, Withdrawal("asset", RAW[0]), SAID)
    assert done.proof is not None
    page = json.loads(done.proof)["document"]
    assert page["still_needed"] == {}
    left = {file.sha256 for file in open_release(workspace.store, "all").media()}
    assert left == {sha256(PROXY[number]) for number in (1, 2, 3)}
    assert {file.key for file in open_release(workspace.store, "all").media()} <= everything(filled)


class Killed(Exception):
    pass


class Dying(LocalStore):
    """A store whose process dies before the change of that number, or right after it."""

    left = 10**9
    after = False

    def _step(self, change: Callable[[], None]) -> None:
        Dying.left -= 1
        if Dying.left == 0 and not Dying.after:
            raise Killed
        change()
        if Dying.left == 0:
            raise Killed

    def create(self, key: str, data: Any) -> None:
        self._step(lambda: LocalStore.create(self, key, data))

    def delete(self, key: str) -> None:
        self._step(lambda: LocalStore.delete(self, key))


@pytest.mark.parametrize(("step", "after"), [(1, False), (9, True), (10, False), (13, True), (18, False), (20, True)])
def test_a_withdrawal_killed_anywhere_is_completed(published: Filled, step: int, after: bool) -> None:
    whole = published.workspace
    dying = replace(whole, store=Dying(whole.store.root))  # type: ignore[attr-defined]
    Dying.left, Dying.after = step, after
    try:
        withdraw(dying, ASSET, SAID)
    except Killed:
        collector = "datasets/all/leases/collector.json"
        whole.store.delete(collector)  # an hour later
    finally:
        Dying.left = 10**9
    withdraw(whole, ASSET, SAID)
    assert [release.manifest.number for release in history(whole.store, "all")] == [1, 2]
    pages = notices(whole.store, "all", whole.signing_key.public)
    deleted = {entry["key"] for page in pages if page.said["action"] == "deleted" for entry in page.said["objects"]}
    assert f"datasets/all/media/{sha256(PROXY[3])}" in deleted
    assert not deleted & everything(published)
    assert not any(sha256(PROXY[3]) in key for key in everything(published))
    assert verify_stored(whole.store, "all", key=whole.signing_key.public).ok


def test_the_report_of_a_check_is_signed(published: Filled) -> None:
    found = fsck(published.workspace, full=False)
    told = read_trusted(REPORT, found.report, published.workspace.signing_key.public)
    assert (told["mode"], told["complete"], told["checked"]) == ("fast", True, found.progress.checked)
    assert told["counts"] == {"missing": 2, "corrupt": 0, "extra": 0, "unreferenced": 0}  # two files that the fixture never made


def test_a_store_that_went_back_is_noticed(published: Filled) -> None:
    workspace = published.workspace
    workspace.store.delete("datasets/other/versions/000001.json")
    problems = {each.key: each.problem for each in fsck(workspace).progress.findings}
    assert "the store went back" in problems["datasets/other/versions/000001.json"]


def test_a_check_of_a_workspace_goes_on_where_it_stopped(published: Filled) -> None:
    whole = fsck(published.workspace)
    ticks = iter(range(10**6))
    first = fsck(published.workspace, seconds=20, clock=lambda: float(next(ticks)))
    assert not first.complete
    assert 0 < first.progress.checked < whole.progress.checked
    second = fsck(published.workspace, incremental=True)
    assert second.complete
    assert second.progress.checked == whole.progress.checked
    assert {(each.kind, each.key) for each in second.progress.findings} == {(e.kind, e.key) for e in whole.progress.findings}

"""The flow over listings that nobody could hold, and over trouble on the way."""

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, ClassVar

import pytest
from PIL import Image
from sqlalchemy import func, select

from yuelu.base.errors import Interrupted, ServiceUnavailable
from yuelu.base.ledger.engine import Transaction
from yuelu.base.ledger.media import ListingRow, RunRow
from yuelu.base.store.local import LocalStore
from yuelu.base.workspace import Workspace
from yuelu.pipelines.ingest.batches import TASK_BATCHES, Pace
from yuelu.pipelines.ingest.flow import ingest
from yuelu.pipelines.ingest.records import Collection, Known
from yuelu.pipelines.ingest.rows import register
from yuelu.pipelines.ingest.tally import Tally
from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.sources.folder import folder as at
from yuelu.pipelines.sources.port import Listed, Opened

Make = Callable[[str], Workspace]
COLLECTION = Collection("trial", "base", "consent", "internal", "research only")


@dataclass(frozen=True, slots=True)
class MadeUp:
    """A source of objects that only exist in its listing."""

    address: str
    size: int
    fails_after: int | None = None

    def listed(self) -> Iterator[Listed]:
        for number in range(self.size):
            if number == self.fails_after:
                raise ServiceUnavailable("the source does not answer", "wait")
            yield Listed(self.address, f"{number:09}", b"", 1000, 1, "made up")

    def opened(self, listed: Listed) -> AbstractContextManager[Opened]:
        raise NotImplementedError

    def uri(self, listed: Listed) -> str:
        raise NotImplementedError


def runs(workspace: Workspace) -> list[tuple[bool, int, int]]:
    """Return of each run: whether it ended, how many objects it settled, and how many of them were known."""
    with workspace.ledger.reading() as session:
        rows = session.scalars(select(RunRow).order_by(RunRow.id))
        return [(r.finished_at is not None, r.accepted + r.duplicate + r.quarantined, r.already) for r in rows]


class Alive(Listed):
    """An object of a listing that counts how many of its kind there are at once."""

    __slots__ = ()
    now: ClassVar[int] = 0
    most: ClassVar[int] = 0

    def __new__(cls, *_: object) -> "Alive":
        Alive.now += 1
        Alive.most = max(Alive.most, Alive.now)
        return super().__new__(cls)

    def __del__(self) -> None:
        Alive.now -= 1


class Long(MadeUp):
    """A source whose objects are counted while they live."""

    __slots__ = ()

    def listed(self) -> Iterator[Listed]:
        return (Alive(self.address, f"{number:09}", b"", 1000, 1, "made up") for number in range(self.size))


def test_nothing_holds_the_listing(make_workspace: Make) -> None:
    workspace, source = make_workspace("one"), Long("/a", 8000)
    known = {"collection": "trial", "outcome": "quarantined", "reason": "made up", "listed_at": workspace.ledger.now()}
    register(workspace.ledger, COLLECTION, "test")
    with workspace.ledger.transaction("test") as t:
        rows = [{"source": o.source, "path": o.path, "bytes": o.bytes, "modified_ns": o.modified_ns} for o in source.listed()]
        t.add_new(ListingRow, [{**known, "sha256": None, **row} for row in rows])
    Alive.most = 0
    assert ingest(workspace, [source], COLLECTION, workers=1).already == 8000
    assert 0 < Alive.most <= 2 * 512 + 16  # two looks into the ledger, and a batch


def test_progress_counts_what_is_known_and_grows_with_the_listing(make_workspace: Make) -> None:
    workspace, seen = make_workspace("one"), []
    ingest(workspace, [MadeUp("/a", 1000)], COLLECTION, workers=1)
    report = ingest(workspace, [MadeUp("/a", 1500)], COLLECTION, workers=1, progress=lambda *now: seen.append(now))
    assert (report.listed, report.already, report.quarantined) == (1500, 1000, 1500)
    assert seen == sorted(seen)
    assert all(done <= total for done, total in seen)
    assert (1000, 1024) in seen  # what an earlier run recorded is told of at once
    assert seen[-1] == (1500, 1500)


def test_the_bar_of_a_folder_knows_its_end(make_workspace: Make, tmp_path: Path) -> None:
    workspace, seen = make_workspace("one"), []
    (tmp_path / "media/deep").mkdir(parents=True)
    for number in range(40):
        (tmp_path / "media/deep" / str(number)).touch()
    ingest(workspace, [at(tmp_path / "media")], COLLECTION, workers=1, progress=lambda *now: seen.append(now))
    assert {total for _, total in seen} == {40}


@dataclass(frozen=True, slots=True)
class Stalled(MadeUp):
    """Its first object is not to be had before there is the file `gate`."""

    gate: str = ""

    def listed(self) -> Iterator[Listed]:
        first, *others = MadeUp.listed(self)
        yield from (replace(first, problem=None), *others)

    def opened(self, listed: Listed) -> AbstractContextManager[Opened]:
        last = time.monotonic() + 60
        while not Path(self.gate).exists() and time.monotonic() < last:
            time.sleep(0.01)
        raise Refused("late")


def test_progress_tells_what_is_examined_behind_a_slow_object(make_workspace: Make, tmp_path: Path) -> None:
    workspace, seen = make_workspace("one"), list[tuple[int, int, int]]()

    def watch(done: int, total: int) -> None:
        with workspace.ledger.reading() as session:
            seen.append((done, total, session.scalar(select(func.count()).select_from(ListingRow)) or 0))
        if done == 84:
            (tmp_path / "gate").touch()

    source = Stalled("/a", 100, gate=str(tmp_path / "gate"))
    report = ingest(workspace, [source], COLLECTION, workers=2, progress=watch)
    assert (84, 100, 0) in seen  # all but the batch of the first, and none of them is recorded before it
    assert seen == sorted(seen)
    assert seen[-1] == (100, 100, 100)
    assert report.reasons == {"late": 1, "made up": 99}


def test_what_is_no_longer_listed_does_not_count(make_workspace: Make) -> None:
    workspace = make_workspace("one")
    ingest(workspace, [MadeUp("/a", 100)], COLLECTION, workers=1)
    report = ingest(workspace, [MadeUp("/a", 10)], COLLECTION, workers=1)
    assert (report.listed, report.already, report.bytes) == (10, 10, 10_000)


def test_a_listing_that_breaks_off_leaves_what_was_recorded(make_workspace: Make) -> None:
    workspace = make_workspace("one")
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        ingest(workspace, [MadeUp("/a", 2000, fails_after=1500)], COLLECTION, workers=1)
    ended, settled, _ = runs(workspace)[0]
    assert not ended
    report = ingest(workspace, [MadeUp("/a", 2000)], COLLECTION, workers=1)
    assert (report.listed, report.quarantined) == (2000, 2000)
    assert report.already == settled > 0


def test_reasons_cannot_fill_the_memory() -> None:
    tally = Tally()
    tally.listed = 5000
    for number in range(5000):
        tally.known(Known(1, 1, "quarantined", f"reason {number}", None, None))
    report = tally.report("trial", 1.0)
    assert len(report.reasons) == 1001
    assert report.reasons["other"] == 4000


def test_tasks_last_about_a_second() -> None:
    pace = Pace()
    assert pace.batches == 1
    pace.took(0.5, 1)
    assert pace.batches == 2
    for _ in range(50):
        pace.took(0.016, 16)
    assert pace.batches == TASK_BATCHES
    for _ in range(50):
        pace.took(30.0, 1)
    assert pace.batches == 1


def pictures(folder: Path, count: int) -> Path:
    """Make PNG files of one pixel each, all of another grey."""
    folder.mkdir()
    for grey in range(count):
        Image.new("L", (1, 1), grey).save(folder / f"{grey:03}.png")
    return folder


def test_ctrl_c_ends_at_once_and_tells_how_to_go_on(
    make_workspace: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, folder, event, written = make_workspace("one"), pictures(tmp_path / "media", 100), Transaction.event, list[str]()

    def pressing(self: Transaction, action: str, subject: str, **more: str | None) -> None:
        if action == "ingest batch":
            written.append(subject)
            if len(written) == 2:
                raise KeyboardInterrupt  # what Python makes of SIGINT, whatever an earlier test left of its handler
        event(self, action, subject, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "event", pressing)
        with pytest.raises(Interrupted, match=r"stopped: 16 of 100 objects are recorded\n.*same command again; it goes on"):
            ingest(workspace, [at(folder)], COLLECTION, workers=1)
    assert runs(workspace) == [(False, 16, 0)]
    report = ingest(workspace, [at(folder)], COLLECTION, workers=1)
    assert (report.listed, report.already, report.accepted) == (100, 16, 100)
    assert runs(workspace)[1] == (True, 100, 16)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_store_that_fails_stops_the_run_and_nothing_is_lost(
    make_workspace: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    workspace, folder = make_workspace("one"), pictures(tmp_path / "media", 100)
    create, written = LocalStore.create, list[str]()

    def failing(self: LocalStore, key: str, data: bytes | BinaryIO) -> None:
        if len(written) == 60:
            raise OSError(error, "it is broken")
        written.append(key)
        create(self, key, data)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "create", failing)
        with pytest.raises(ServiceUnavailable, match=r"the store .* takes no more: it is broken\n.*the same command again"):
            ingest(workspace, [at(folder)], COLLECTION, workers=1)
    with workspace.ledger.reading() as session:
        assert {row.outcome for row in session.scalars(select(ListingRow))} <= {"accepted"}  # no object is blamed for it
    report = ingest(workspace, [at(folder)], COLLECTION, workers=1)
    assert (report.listed, report.accepted) == (100, 100)


def test_a_ledger_that_is_full_stops_the_run_and_nothing_is_lost(make_workspace: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, event, written = make_workspace("one"), Transaction.event, list[str]()

    def filling(self: Transaction, action: str, subject: str, **more: str | None) -> None:
        if action == "ingest batch":
            written.append(subject)
            pages = self.session.connection().exec_driver_sql("PRAGMA page_count").scalar_one()
            most = pages if len(written) > 20 else pages + (1 << 20)
            self.session.connection().exec_driver_sql(f"PRAGMA max_page_count={most}")  # SQLite's own full disk
        event(self, action, subject, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "event", filling)
        with pytest.raises(ServiceUnavailable, match=r"the ledger .*full\n.*make room"):
            ingest(workspace, [MadeUp("/a", 3000)], COLLECTION, workers=1)
    workspace.ledger.close()  # the limit was one of the connection
    report = ingest(workspace, [MadeUp("/a", 3000)], COLLECTION, workers=1)
    assert report.already > 0
    assert report.quarantined == 3000

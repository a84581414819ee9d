"""Bytes made to harm: whatever they do, every object has its outcome, and nothing is left behind but what the store keeps."""

import os
import random
import shutil
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import PIL
import pydicom
import pytest
import skimage
from small_media import package_files, small_media
from sqlalchemy import select

from yuelu.base.ledger.media import ListingRow
from yuelu.base.records import Outcome
from yuelu.base.workspace import Workspace
from yuelu.pipelines.ingest.examine import examine
from yuelu.pipelines.ingest.flow import ingest
from yuelu.pipelines.ingest.records import Collection, Job
from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.sources.folder import folder as at

COLLECTION = Collection("trial", "base", "consent", "internal", "research only")
LIMITS = Limits(wall_s=60.0, cpu_s=20, pixels=20_000_000, frames=300)
MUTATIONS = int(os.environ.get("YUELU_MUTATIONS", "4"))  # of each good file
SEED = int(os.environ.get("YUELU_SEED", "1"))
LEDGER = {"ledger.sqlite3", "ledger.sqlite3-shm", "ledger.sqlite3-wal"}
_PACKAGES = Path(sysconfig.get_path("purelib"))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One small good file per format, as they come in installed packages, or as its library writes it."""
    files, pictures = Path(pydicom.__file__).parent / "data/test_files", Path(skimage.__file__).parent / "data"
    named = {
        path.name: path.read_bytes() for path in (files / "MR_small.dcm", files / "MR_small_RLE.dcm", files / "JPEG2000.dcm")
    }
    named |= {path.name: path.read_bytes() for path in (pictures / "color.png", pictures / "multipage.tif") if path.exists()}
    folder = tmp_path_factory.mktemp("good")
    with PIL.Image.open(pictures / "camera.png") as image:
        small = image.resize((64, 64))
    for kind in ("png", "jpg", "tif", "bmp", "webp"):
        small.save(folder / f"small.{kind}")
        named[f"small.{kind}"] = (folder / f"small.{kind}").read_bytes()
    return named | small_media()


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return the bytes with some bits flipped, an end cut off, a piece doubled, or pieces exchanged."""
    made = bytearray(data)
    kind = chance.choice(("flip", "flip early", "cut", "double", "fill", "number"))
    at_ = chance.randrange(len(made))
    if kind.startswith("flip"):
        for _ in range(chance.choice((1, 4, 32))):
            made[chance.randrange(len(made) if kind == "flip" else min(512, len(made)))] ^= 1 << chance.randrange(8)
    if kind == "cut":
        del made[at_:]
    if kind == "double":
        made[at_:at_] = made[chance.randrange(len(made)) :][: chance.choice((1, 16, 4096))]
    if kind == "fill":
        made[at_ : at_ + chance.choice((1, 8, 512))] = bytes([chance.choice((0, 255))]) * 8
    if kind == "number":
        made[at_ : at_ + 4] = chance.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0"))
    return bytes(made)


@pytest.mark.integration
def test_mutations_are_accepted_or_refused(
    good: dict[str, bytes], make_workspace: Callable[[str], Workspace], tmp_path: Path
) -> None:
    chance, source = random.Random(SEED), tmp_path / "source"
    source.mkdir()
    for name, data in good.items():
        for number in range(MUTATIONS):
            (source / f"{number:05}-{name}").write_bytes(mutated(data, chance))
    workspace = make_workspace("one")
    place, decoders = at(source), Decoders(LIMITS)
    job, endings, slowest = Job({place.address: place}, workspace.store, b"k" * 32), Counter[str](), ("", 0.0)
    for listed in place.listed():
        started = time.monotonic()
        found = examine(listed, job, decoders)
        slowest = max(slowest, (listed.path, time.monotonic() - started), key=lambda one: one[1])
        endings["refused" if found.reason else "accepted"] += 1
        assert "Traceback" not in (found.reason or "")
    decoders.close()
    print(f"seed {SEED}: {dict(endings)}, slowest {slowest}")
    assert endings.total() == len(good) * MUTATIONS
    assert endings["refused"] > 0
    assert slowest[1] < LIMITS.wall_s, f"seed {SEED}: {slowest}"


def harmful(folder: Path, fixtures: Path) -> Path:
    """Gather what was made to harm decoders, and what is broken among the packages' own test files."""
    shutil.copytree(fixtures / "hostile_media", folder / "hostile")
    bad = [path for path in (Path(pydicom.__file__).parent / "data/test_files").rglob("*") if path.is_file()]
    for path in (path for path in bad if path.stat().st_size < 1 << 20):
        shutil.copy(path, folder / f"pydicom-{path.name}")
    for number, path in enumerate(package_files(_PACKAGES)):
        shutil.copy(path, folder / f"package-{number}-{path.name}")
    return folder


def tree(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore")
def test_hostile_corpora_end_in_the_ledger_and_nowhere_else(
    make_workspace: Callable[[str], Workspace], fixtures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("source", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))  # where decoders stand, and Dask keeps its folder
    folder, workspace = harmful(tmp_path / "source", fixtures), make_workspace("one")
    before = tree(folder)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    report = ingest(workspace, [at(folder)], COLLECTION, limits=LIMITS)
    assert report.listed == len(files) == report.accepted + report.duplicate + report.quarantined
    with workspace.ledger.reading() as session:
        rows = session.scalars(select(ListingRow)).all()
        assert {row.path for row in rows} == files
        assert all(row.reason for row in rows if row.outcome == Outcome.QUARANTINED)
    assert tree(folder) == before
    assert {name.partition("/")[0] for name in tree(tmp_path)} == {"source", "temporary", "one"}
    assert {name.partition("/")[0] for name in tree(tmp_path / "temporary")} <= {"dask-scratch-space"}
    assert {name.partition("/")[0] for name in tree(tmp_path / "one")} == {"store", "secrets", *LEDGER}

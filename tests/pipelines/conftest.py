import hashlib
import importlib.metadata
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pydicom
import pytest
from published import Filled
from sqlalchemy import select

from yuelu.annotate.packets import lease
from yuelu.annotate.projects import create_project
from yuelu.annotate.tasks import create_tasks, item_key, move
from yuelu.annotate.templates import Template, load_template
from yuelu.base.canonical import sha256
from yuelu.base.ledger.engine import Transaction
from yuelu.base.ledger.judgement import ConsensusRow, CorrectionRow, DecisionRow, ScoreRow
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.ledger.types import Table
from yuelu.base.ledger.work import AnnotationRow, AnnotatorRow, CompanyRow, SiteRow, TaskRow
from yuelu.base.records import Annotation, Region, region_to_json
from yuelu.base.settings import Settings
from yuelu.base.workspace import Workspace, init
from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.readers import READERS
from yuelu.pipelines.media.reading import Context
from yuelu.pipelines.media.recognise import recognise
from yuelu.quality.policy import default_policy

KEY = b"k" * 32
MADE = datetime(2026, 1, 2, tzinfo=UTC)
PEOPLE = ("ann", "bob", "cat")


@pytest.fixture(scope="session")
def fixtures() -> Path:
    folder = Path(os.environ.get("YUELU_FIXTURES", Path(__file__).resolve().parents[3] / "shared/fixtures"))
    if not folder.is_dir():
        pytest.skip("the shared fixtures are not here; set YUELU_FIXTURES")
    return folder


@pytest.fixture(scope="session")
def dicom_files() -> Path:
    return Path(pydicom.__file__).parent / "data/test_files"


@pytest.fixture(scope="session")
def pydicom_data() -> Path:
    """pydicom's larger test files, which come as a package of their own."""
    return Path(str(importlib.metadata.distribution("pydicom-data").locate_file("data_store"))) / "data"


@pytest.fixture
def context_for() -> Callable[[bytes], Context]:
    """What the reader of these bytes would be told."""

    def make(data: bytes, limits: Limits | None = None) -> Context:
        known = READERS[recognise(data[:4096])]
        return Context(limits or Limits(), KEY, hashlib.sha256(data).hexdigest(), known.media_type, known.demuxer)

    return make


@pytest.fixture
def make_workspace(tmp_path: Path) -> Iterator[Callable[[str], Workspace]]:
    opened = []

    def make(name: str) -> Workspace:
        workspace = init(Settings(tmp_path / name), secret=b"s" * 32, signing_seed=b"g" * 32)
        opened.append(workspace)
        return workspace

    yield make
    for workspace in opened:
        workspace.ledger.close()


@pytest.fixture
def small_decoders() -> Iterator[Decoders]:
    """Decoders whose limits a test reaches quickly."""
    decoders = Decoders(Limits(wall_s=120.0, cpu_s=1, memory_bytes=1 << 30, reply_bytes=1 << 20))
    yield decoders
    decoders.close()


class Lab:
    """A workspace with one project whose tasks are leased to `ann`, `bob` and `cat`; the test plays Label Studio."""

    def __init__(self, workspace: Workspace, template: str | Template, names: Sequence[str], **facts: Any) -> None:
        self.workspace, self.ledger = workspace, workspace.ledger
        self.ledger.now = lambda: MADE
        made = load_template(template) if isinstance(template, str) else template
        self.hashes = {name: sha256(name.encode()) for name in names}
        with self.ledger.transaction("test") as t:
            row = {"name": "c", "owner": "o", "legal_basis": "b", "grade": "g", "terms": "t", "created_at": MADE}
            t.add_new(CollectionRow, [row])
            t.add_new(SiteRow, [{"name": "site", "url": "u", "version": "v"}])
            t.add_new(CompanyRow, [{"name": "ash"}])
            t.add_new(AnnotatorRow, [{"id": name, "company": "ash", "scripted": True} for name in PEOPLE])
            for name, digest in self.hashes.items():
                proxy = sha256(f"proxy of {name}".encode())
                asset = {"medium": made.medium.value, "media_type": "x/y", "bytes": 1, "group": digest, "store_key": None}
                t.add_new(AssetRow, [{**asset, "sha256": digest, "role": "source", "derived_from": None}
                                     | {"facts": {**facts, "proxy": proxy}}])  # fmt: skip
                t.add_new(AssetRow, [{**asset, "sha256": proxy, "role": "proxy", "derived_from": digest, "facts": facts}])
                listing = {"collection": "c", "source": "s", "path": name, "bytes": 1, "modified_ns": 1, "reason": None}
                t.add_new(ListingRow, [{**listing, "outcome": "accepted", "sha256": digest, "listed_at": MADE}])
        policy = default_policy()
        terms: dict[str, Any] = {"overlap": 3, "policy": policy.name, "policy_digest": policy.digest}
        create_project(self.ledger, "test", name="p", collection="c", template=made, **terms)
        create_tasks(self.ledger, "test", "p")

    def key(self, name: str, round_: int = 1) -> str:
        """Return the key of the task that shows the asset of that name."""
        return item_key("p", self.hashes[name], round_)

    def answer(self, name: str, *answers: Sequence[Region], round_: int = 1) -> None:
        """Let the annotators answer a task that nobody has answered yet, and submit it."""
        key = self.key(name, round_)
        lease(self.ledger, "test", "p", PEOPLE)
        with self.ledger.transaction("test") as t:
            for who, regions in zip(PEOPLE, answers, strict=False):
                self._add(t, Annotation(f"{key} {who}", key, who, MADE, MADE, tuple(regions)), 1)
            for state in ("dispatched", "submitted"):
                move(t, key, state)

    def change(self, name: str, who: str, regions: Sequence[Region]) -> None:
        """Let somebody change what they answered in the first round."""
        key, later = self.key(name), MADE + timedelta(minutes=1)
        with self.ledger.transaction("test") as t:
            self._add(t, Annotation(f"{key} {who}", key, who, MADE, later, tuple(regions)), 2)

    def _add(self, t: Transaction, given: Annotation, version: int) -> None:
        row = AnnotationRow(
            uid=given.uid, version=version, item_key=given.item_key, annotator=given.annotator, site="site",
            server_annotation=1, created_at=given.created_at, updated_at=given.updated_at, lead_time_s=None, cancelled=False,
            vanished=False, content=given.content, regions=[region_to_json(region) for region in given.regions], raw=[],
        )  # fmt: skip
        t.session.add(row)

    def states(self) -> dict[str, list[str]]:
        """Return the states of each asset's tasks, by round."""
        names = {digest: name for name, digest in self.hashes.items()}
        with self.ledger.reading() as session:
            tasks = session.execute(select(TaskRow.subject, TaskRow.state).order_by(TaskRow.round)).all()
        return {name: [state for subject, state in tasks if names[subject] == name] for name in self.hashes}

    def all(self, table: type[Table]) -> list[dict[str, Any]]:
        """Return all rows of a table, as values."""
        columns = table.__table__.columns
        with self.ledger.reading() as session:
            found = session.execute(select(*columns).order_by(*table.__table__.primary_key)).all()
        return [dict(row._mapping) for row in found]

    def judged(self) -> dict[str, list[dict[str, Any]]]:
        """Return all that scoring writes, the log included."""
        tables: tuple[type[Table], ...] = (TaskRow, ScoreRow, ConsensusRow, DecisionRow, CorrectionRow, EventRow)
        return {table.__tablename__: self.all(table) for table in tables}


@pytest.fixture
def make_lab(make_workspace: Callable[[str], Workspace]) -> Callable[..., Lab]:
    """A lab on a SQLite ledger of its own."""

    def make(*names: str, template: str | Template = "image-boxes", place: str = "lab", **facts: Any) -> Lab:
        return Lab(make_workspace(place), template, names, **(facts or {"width_px": 640, "height_px": 480}))

    return make


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    """Three pictures to label, on either kind of ledger."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_ledger")
    workspace = init(Settings(tmp_path / "work", ledger=url), secret=b"s" * 32, signing_seed=b"g" * 32)
    yield Lab(workspace, "image-boxes", ("cat", "coins", "chair"), width_px=640, height_px=480)
    workspace.ledger.close()


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    return Filled(tmp_path / "workspace")

"""A real Label Studio for the whole test session, and workspaces that work on it."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select

from yuelu.annotate.label_studio.accounts import provision, record_accounts
from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.environment import find
from yuelu.annotate.label_studio.service import running_service, start, stop
from yuelu.annotate.label_studio.site import Site
from yuelu.annotate.packets import lease
from yuelu.annotate.people import Annotator
from yuelu.annotate.places import holders
from yuelu.annotate.projects import create_project
from yuelu.annotate.tasks import batch_id, create_tasks
from yuelu.annotate.templates import load_template
from yuelu.base.canonical import sha256
from yuelu.base.errors import ServiceUnavailable
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.ledger.places import PlaceRow
from yuelu.base.ledger.work import AnnotatorRow, CompanyRow, TaskRow
from yuelu.base.records import asset_key
from yuelu.base.settings import Settings
from yuelu.base.store.port import create_once
from yuelu.base.workspace import Workspace, init
from yuelu.quality.policy import Policy

ANNOTATORS = tuple(
    Annotator(name, company, scripted=name != "d") for name, company in zip("abcd", ("ash", "ash", "oak", "oak"), strict=True)
)
SITE = "embedded"
FACTS: Mapping[str, Any] = {
    "width_px": 200, "height_px": 100, "duration_s": 4.0, "frames": 100, "frame_rate_hz": 25.0, "sampling_rate_hz": 8.0,
    "channel_names": ["speed", "torque"], "channel_units": ["m/s", None],
}  # fmt: skip
MADE = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="session")
def label_studio_env() -> Path:
    env = Settings.from_env(os.environ).label_studio
    try:
        find(env)
    except ServiceUnavailable as error:
        pytest.skip(str(error))
    return env


@pytest.fixture(scope="session")
def label_studio(label_studio_env: Path) -> Iterator[Site]:
    """One server for the whole session. Tests make projects of their own names on it."""
    root = Path(tempfile.mkdtemp(prefix="yuelu-site-"))
    accounts = provision(label_studio_env, root / "data", ANNOTATORS)
    service = start(label_studio_env, root / "data", root / "media")
    yield Site(SITE, service, accounts)
    stop(running_service(service.data) or service)  # a test may have started it again
    shutil.rmtree(root)


@dataclass(frozen=True)
class Bench:
    """A workspace whose media are served by the session's server, with one project of each medium to make at will."""

    workspace: Workspace
    site: Site
    name: str  # tells this test's server projects from the others'

    @property
    def media(self) -> Path:
        return self.site.service.media_root

    def admin(self) -> Client:
        return self.site.admin()

    def annotator(self, name: str) -> Client:
        return self.site.annotator(name)

    def project(
        self, template: str, assets: int = 2, overlap: int = 2, *, pictures: int = 1, policy: Policy | None = None
    ) -> str:
        """Make a project with so many assets, planned and leased; return its name. `pictures` show each of them."""
        name, made = f"{self.name}-{template}", load_template(template)
        with self.workspace.ledger.transaction("test") as t:
            row = {"owner": "o", "legal_basis": "b", "grade": "g", "terms": "t", "created_at": MADE}
            t.add_new(CollectionRow, [{"name": name, **row}])
            for number in range(assets):
                told = dict(FACTS)
                source = self._asset(f"{name} {number}".encode(), made.medium.value, "source", told, None)
                shown = [f"proxy of {name} {number}" + (f" {place}" if place else "") for place in range(pictures)]
                proxies = [self._asset(each.encode(), made.medium.value, "proxy", told, source["sha256"]) for each in shown]
                source["facts"] = {**told, "proxy": proxies[0]["sha256"]}
                if pictures > 1:
                    source["facts"]["frames"] = [proxy["sha256"] for proxy in proxies]
                t.add_new(AssetRow, [source, *proxies])
                listing = {"collection": name, "source": "s", "path": str(number), "bytes": 1, "modified_ns": 1}
                ended = {"outcome": "accepted", "sha256": source["sha256"], "reason": None, "listed_at": MADE}
                t.add_new(ListingRow, [{**listing, **ended}])
        create_project(
            self.workspace.ledger,
            "test",
            name=name,
            collection=name,
            template=made,
            overlap=overlap,
            policy=policy.name if policy else "p",
            policy_digest=policy.digest if policy else "d" * 64,
        )
        create_tasks(self.workspace.ledger, "test", name)
        lease(self.workspace.ledger, "test", name, [annotator.id for annotator in ANNOTATORS])
        return name

    def tasks(self, project: str) -> list[TaskRow]:
        """Return the project's tasks, in order of their keys."""
        with self.workspace.ledger.reading() as session:
            rows = list(session.scalars(select(TaskRow).where(TaskRow.batch == batch_id(project)).order_by(TaskRow.item_key)))
            session.expunge_all()
        return rows

    def server_project(self, project: str) -> int:
        """Return the server project of the project's first batch."""
        return int(next(row.server_project for row in self.rows(PlaceRow) if row.batch == batch_id(project)))

    def leased(self, item_key: str) -> list[str]:
        """Return who is to answer a task."""
        with self.workspace.ledger.reading() as session:
            return sorted(holders(session, [item_key]).get(item_key, ()))

    def rows(self, table: type[Any], *order: Any) -> list[Any]:
        """Return all rows of a table."""
        with self.workspace.ledger.reading() as session:
            rows = list(session.scalars(select(table).order_by(*order)))
            session.expunge_all()
        return rows

    def _asset(self, data: bytes, medium: str, role: str, facts: dict[str, Any], source: str | None) -> dict[str, Any]:
        digest = sha256(data)
        create_once(self.workspace.store, asset_key(digest), data)
        kinds = {"image": "image/png", "audio": "audio/flac", "video": "video/mp4", "timeseries": "application/json"}
        return {
            "sha256": digest,
            "medium": medium,
            "media_type": kinds[medium],
            "bytes": len(data),
            "role": role,
            "group": digest,
            "derived_from": source,
            "store_key": asset_key(digest),
            "facts": facts,
        }


@pytest.fixture
def far_bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A workspace without a server of its own: its work goes to external sites."""
    workspace = init(Settings(workspace=tmp_path))
    with workspace.ledger.transaction("test") as t:
        t.add_new(CompanyRow, [{"name": name} for name in ("ash", "oak")])
        t.add_new(AnnotatorRow, [{"id": each.id, "company": each.company, "scripted": True} for each in ANNOTATORS])
    yield Bench(workspace, cast(Site, None), sha256(request.node.nodeid.encode())[:12])
    workspace.ledger.close()


@pytest.fixture
def bench(label_studio: Site, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    workspace = init(Settings(workspace=tmp_path))
    (tmp_path / "label-studio").mkdir()
    workspace.media_root.symlink_to(label_studio.service.media_root)  # the server serves one folder for all tests
    record_accounts(workspace.ledger, SITE, label_studio.service.url, ANNOTATORS, label_studio.accounts)
    yield Bench(workspace, label_studio, sha256(request.node.nodeid.encode())[:12])
    workspace.ledger.close()

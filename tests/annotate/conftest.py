"""A ledger with a collection of assets, without any server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from shutil import copy2
from typing import Any

import psycopg
import pytest
from sqlalchemy import select

from yuelu.annotate.tasks import batch_id
from yuelu.base.canonical import sha256
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.ledger.places import PlaceRow
from yuelu.base.ledger.work import AnnotatorRow, BatchRow, CompanyRow, ProjectRow, SiteRow, TaskRow

MADE = datetime(2026, 1, 2, tzinfo=UTC)


class Books:
    """A ledger and short ways to fill it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def asset(self, name: str, role: str = "source", medium: str = "image", source: str | None = None, **facts: Any) -> str:
        """Add an asset; a source is also listed in collection `c`. Return its hash."""
        digest = sha256(name.encode())
        row = {"sha256": digest, "medium": medium, "media_type": "x/y", "bytes": 1, "role": role, "group": "g"}
        with self.ledger.transaction("test") as t:
            t.add_new(AssetRow, [{**row, "derived_from": source, "store_key": None, "facts": facts}])
            if role == "source":
                self.listed(t, name, digest)
            if source is not None:
                origin = t.session.get_one(AssetRow, source)
                origin.facts = {**origin.facts, role: digest}
        return digest

    def listed(self, t: Any, name: str, digest: str, outcome: str = "accepted") -> None:
        row = {"collection": "c", "source": "s", "path": name, "bytes": 1, "modified_ns": 1, "reason": None}
        t.add_new(ListingRow, [{**row, "outcome": outcome, "sha256": digest, "listed_at": MADE}])


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite3")
    ledger.migrate()
    with ledger.transaction("test") as t:
        row = {"owner": "o", "legal_basis": "b", "grade": "g", "terms": "t", "created_at": MADE}
        t.add_new(CollectionRow, [{"name": "c", **row}])
        t.add_new(SiteRow, [{"name": "site", "url": "u", "version": "v"}])
        t.add_new(CompanyRow, [{"name": "ash"}])
        t.add_new(AnnotatorRow, [{"id": name, "company": "ash", "scripted": True} for name in "abcdef"])
    yield Books(ledger)
    ledger.close()


class Job:
    """A ledger with projects of any size, on a clock that the test sets."""

    def __init__(self, url: str) -> None:
        self._now, self._numbers = MADE, count()
        self.ledger = Ledger(url, now=self.now)
        with self.ledger.transaction("test") as t:
            row = {"owner": "o", "legal_basis": "b", "grade": "g", "terms": "t", "created_at": MADE}
            t.add_new(CollectionRow, [{"name": "c", **row}])
            t.add_new(SiteRow, [{"name": "site", "url": "u", "version": "v"}])
            t.add_new(CompanyRow, [{"name": "ash"}, {"name": "oak"}])
            t.add_new(AnnotatorRow, [{"id": name, "company": "ash", "scripted": False} for name in "abcdef"])

    def now(self) -> datetime:
        return self._now

    def later(self, by: timedelta) -> None:
        self._now += by

    def project(self, tasks: int, overlap: int) -> str:
        """Add a project whose tasks are dispatched; return its name."""
        name = f"p{next(self._numbers)}"
        more = ("template", "template_version", "template_digest", "description_version", "description_digest", "policy_digest")
        row = {"name": name, "collection": "c", "medium": "image", "overlap": overlap, "policy": "x", "created_at": MADE}
        with self.ledger.transaction("test") as t:
            t.add_new(ProjectRow, [{**row, **dict.fromkeys(more, "d")}])
            batch = batch_id(name)
            t.add_new(BatchRow, [{"id": batch, "project": name, "number": 1}])
            place = {"batch": batch, "site": "site", "server_project": 1 + next(self._numbers), "config_digest": "d"}
            t.add_new(PlaceRow, [place])
            plan = {
                "batch": batch,
                "items": [],
                "group": "g",
                "round": 1,
                "state": "dispatched",
                "site": "site",
                "server_task": None,
            }
            keys = [sha256(f"{name} {number}".encode()) for number in range(tasks)]
            t.add_new(TaskRow, [{"item_key": key, "subject": key, **plan} for key in keys])
        return name

    def keys(self, project: str) -> list[str]:
        """Return the keys of its tasks."""
        with self.ledger.reading() as session:
            return list(session.scalars(select(TaskRow.item_key).where(TaskRow.batch == batch_id(project))))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger on SQLite, to be copied: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "ledger.sqlite3"
    ledger = Ledger(f"sqlite:///{path}")
    ledger.migrate()
    ledger.close()
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres: str) -> str:
    """The address of a server with an empty ledger called `migrated`, to be copied."""
    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE migrated")
    ledger = Ledger(f"{postgres}/migrated")
    ledger.migrate()
    ledger.close()
    return postgres


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def job(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Job]:
    if request.param == "sqlite":
        copy2(request.getfixturevalue("migrated"), tmp_path)
        url = f"sqlite:///{tmp_path}/ledger.sqlite3"
    else:
        server, name = request.getfixturevalue("migrated_postgres"), f"j{sha256(request.node.nodeid.encode())[:16]}"
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE migrated".encode())
        url = f"{server}/{name}"
    made = Job(url)
    yield made
    made.ledger.close()

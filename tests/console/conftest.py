"""A workspace as the commands make it, stage by stage; each test works on a copy of its own."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom
import pytest
import skimage
from click.testing import CliRunner, Result
from sqlalchemy import select

from yuelu.annotate.packets import lease
from yuelu.annotate.tasks import move
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.work import AnnotationRow, AnnotatorRow, CompanyRow, SiteRow, TaskRow
from yuelu.base.records import Annotation, Choice, Region, region_to_json
from yuelu.console.main import main

MADE = datetime(2026, 1, 2, tzinfo=UTC)
PEOPLE = ("ann", "bob", "cat")
WAIVED = ("--waive", "the slice is still in review", "--owner", "curator")
TERMS = ("--collection", "trial", "--owner", "base", "--legal-basis", "licence", "--terms", "research")


@dataclass(frozen=True)
class Door:
    """The command line in front of one workspace."""

    workspace: Path
    address: str | None = None  # of a ledger outside the workspace

    def __call__(self, *args: object, code: int = 0) -> Result:
        """Run a command and hold it to its exit code."""
        env = {"YUELU_LANGUAGE": "en", "YUELU_LEDGER": self.address, "YUELU_STORE": None, "COLUMNS": "80"}
        env["YUELU_STATE"] = str(self.workspace.parent / "state")
        done = CliRunner(env=env).invoke(main, ["-w", str(self.workspace), *map(str, args)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done

    def json(self, *args: object, code: int = 0) -> Any:
        """Run a command with --json and return what it printed."""
        return json.loads(self(*args, "--json", code=code).stdout, parse_constant=pytest.fail)

    def ledger(self) -> Ledger:
        return Ledger(f"sqlite:///{self.workspace / 'ledger.sqlite3'}")

    def tasks(self, *states: str) -> list[str]:
        """Return the keys of the tasks in those states."""
        ledger = self.ledger()
        with ledger.reading() as session:
            keys = list(session.scalars(select(TaskRow.item_key).where(TaskRow.state.in_(states)).order_by(TaskRow.item_key)))
        ledger.close()
        return keys

    def answer(self, project: str, answers: Callable[[TaskRow], Sequence[Sequence[Region]]]) -> None:
        """Let the annotators answer every new task, as if it had been dispatched and synced."""
        ledger = self.ledger()
        lease(ledger, "test", project, PEOPLE)
        with ledger.transaction("test") as t:
            for task in t.session.scalars(select(TaskRow).where(TaskRow.state == "new")):
                for who, regions in zip(PEOPLE, answers(task), strict=True):
                    given = Annotation(f"{task.item_key} {who}", task.item_key, who, MADE, MADE, tuple(regions))
                    row = {"version": 1, "site": "site", "server_annotation": 1, "lead_time_s": 2.5, "raw": []}
                    row |= {"uid": given.uid, "item_key": task.item_key, "annotator": who, "created_at": MADE, "updated_at": MADE}
                    row |= {"cancelled": False, "vanished": False, "content": given.content}
                    row |= {"regions": [region_to_json(region) for region in regions]}
                    t.add_new(AnnotationRow, [row])
                for state in ("dispatched", "submitted"):
                    move(t, task.item_key, state)
        ledger.close()


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo, a CT slice, and what is no medium."""
    folder = tmp_path_factory.mktemp("media")
    shutil.copy(Path(skimage.__file__).parent / "data/coins.png", folder)
    shutil.copy(Path(pydicom.__file__).parent / "data/test_files/CT_small.dcm", folder)
    (folder / "notes [draft].txt").write_text("not a medium\n")
    return folder


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory, media: Path) -> Door:
    door = Door(tmp_path_factory.mktemp("ingested") / "w")
    door("init")
    door("ingest", media, *TERMS)
    ledger = door.ledger()
    with ledger.transaction("test") as t:
        t.add_new(SiteRow, [{"name": "site", "url": "u", "version": "1.23.2"}])
        t.add_new(CompanyRow, [{"name": "ash"}])
        t.add_new(AnnotatorRow, [{"id": name, "company": "ash", "scripted": True} for name in PEOPLE])
    ledger.close()
    return door


def _next(tmp_path_factory: pytest.TempPathFactory, before: Door, name: str) -> Door:
    return Door(Path(shutil.copytree(before.workspace, tmp_path_factory.mktemp(name) / "w")))


def _split(task: TaskRow) -> list[list[Region]]:
    """The photo is a thing of every day to all; nobody agrees on the slice."""
    agreed = ("everyday",) * 3
    disputed = ("medical", "industrial", "material")
    return [[Choice("scene", (label,))] for label in (agreed if task.subject.startswith(COINS) else disputed)]


COINS = "f8d773fc9cfa6"  # sha256sum of scikit-image's coins.png


@pytest.fixture(scope="session")
def answered(tmp_path_factory: pytest.TempPathFactory, ingested: Door) -> Door:
    door = _next(tmp_path_factory, ingested, "answered")
    door("project", "create", "pictures", "--collection", "trial", "--template", "image-boxes")
    door.answer("pictures", _split)
    return door


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory, answered: Door) -> Door:
    """The photo is accepted; the slice came back once and is in review."""
    door = _next(tmp_path_factory, answered, "judged")
    door("gate", "pictures", code=3)
    door.answer("pictures", _split)
    door("gate", "pictures", code=3)
    return door


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, judged: Door) -> Door:
    door = _next(tmp_path_factory, judged, "published")
    door("publish", "pictures", "--as", "trial", *WAIVED)
    return door


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Door], Door]:
    """Give a test a workspace of its own to change."""
    return lambda door: Door(Path(shutil.copytree(door.workspace, tmp_path / "copy")))


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """The command line in front of a folder where nothing is yet."""
    return Door(tmp_path / "w")


@pytest.fixture
def terms() -> tuple[str, ...]:
    """The options that an ingest needs."""
    return TERMS


@pytest.fixture(scope="session")
def waived() -> tuple[str, ...]:
    """The options that let out a batch which its gate holds back."""
    return WAIVED

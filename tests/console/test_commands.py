"""init, status, doctor, ingest, assets, project: through the command line, on a real workspace."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from yuelu.base.errors import Conflict, NotFound
from yuelu.base.ledger import engine
from yuelu.base.settings import Settings
from yuelu.console.doctor import examine

COINS = "f8d773fc9cfa6"


def test_init_twice_changes_nothing(door: Any) -> None:
    first = door.json("init")
    assert first["workspace"] == str(door.workspace)
    assert door.json("init") == first
    assert first["key_id"] in door("init").stdout


def test_an_empty_workspace_has_a_status(door: Any) -> None:
    door("init")
    view = door.json("status")
    assert (view["collections"], view["projects"], view["releases"], view["log_size"]) == ([], [], [], 0)
    assert view["log_root"] == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of nothing
    assert "What went in" in door("status").stdout


def test_status_shows_media_work_and_releases(published: Any, tmp_path: Path) -> None:
    view = published.json("status")
    (trial,) = view["collections"]
    assert trial["outcomes"] == {"accepted": 2, "quarantined": 1}
    assert trial["media"] == {"CT": 1, "image": 1}
    (project,) = view["projects"]
    assert (project["tasks"], project["answers"], project["annotators"]) == (2, 9, 3)
    assert project["states"] == {"published": 1, "review": 1, "rework": 1}
    assert project["outcomes"] == {"accept": 1, "review": 1, "rework": 1}
    assert {score["round"] for score in project["scores"]} == {1, 2}
    assert [release["name"] for release in view["releases"]] == ["trial@1.0.0"]
    shown = published("status").stdout
    for words in ("notes [draft].txt", "published 1, review 1, rework 1", view["releases"][0]["digest"], "krippendorff_alpha"):
        assert words in shown


def test_doctor_looks_at_everything(ingested: Any) -> None:
    found = {finding["check"]: finding for finding in ingested.json("doctor", code=_doctor_code(ingested))}
    assert list(found)[:3] == ["workspace", "log", "store"]
    assert {"Label Studio", "pydicom", "cv2", "av", "dask", "soundfile"} <= set(found)
    assert [name for name, finding in found.items() if not finding["ok"] and name != "Label Studio"] == []
    assert found["log"]["found"].endswith("events, unbroken")
    assert "ok" in ingested("doctor", code=_doctor_code(ingested)).stdout


def _doctor_code(door: Any) -> int:
    """Label Studio may not be installed where the tests run."""
    return 0 if all(finding.ok for finding in examine(Settings(door.workspace))) else 1


def test_doctor_without_a_workspace_says_how_to_make_one(door: Any) -> None:
    found = door.json("doctor", code=1)
    assert (found[0]["check"], found[0]["ok"]) == ("workspace", False)
    assert found[0]["hint"].startswith("run 'yuelu init'")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE events SET actor = 'nobody' WHERE sequence = 1", "event 1 .* was altered"),
        ("DELETE FROM events WHERE sequence = 0", "event 0 is missing; the next is 1"),
        ("DELETE FROM events WHERE sequence = (SELECT max(sequence) FROM events)", r"event \d+ is missing; the log ends there"),
    ],
)
def test_doctor_finds_a_log_that_was_changed(ingested: Any, copy_of: Callable[[Any], Any], change: str, told: str) -> None:
    door = copy_of(ingested)
    ledger = door.ledger()
    with ledger.engine.begin() as connection:
        connection.execute(text(change))
    ledger.close()
    found = {finding["check"]: finding for finding in door.json("doctor", code=1)}
    assert not found["log"]["ok"]
    assert re.search(told, found["log"]["found"])
    assert "backup" in door("doctor", code=1).stdout


def test_doctor_names_a_ledger_that_is_none(door: Any) -> None:
    door("init")
    for left in door.workspace.glob("ledger.sqlite3-*"):  # else SQLite mends the file from its log
        left.unlink()
    (door.workspace / "ledger.sqlite3").write_bytes(b"not a database" * 100)
    (finding, *_) = door.json("doctor", code=1)
    assert "file is not a database" in finding["found"]


def test_ingest_counts_every_file_once(media: Path, ingested: Any, copy_of: Callable[[Any], Any], terms: Any) -> None:
    door = copy_of(ingested)
    report = door.json("ingest", media, *terms)
    assert {name: report[name] for name in ("listed", "accepted", "duplicate", "quarantined", "already")} == {
        "listed": 3, "accepted": 2, "duplicate": 0, "quarantined": 1, "already": 3,
    }  # fmt: skip
    shown = door("ingest", media, *terms).stdout
    assert shown.startswith("3 listed = 2 accepted + 0 duplicate + 1 quarantined  (3 known before, ")


def test_ingest_refuses_what_it_cannot_do(ingested: Any, tmp_path: Path, terms: Any) -> None:
    assert "nothing at" in ingested("ingest", tmp_path / "nowhere", *terms, code=1).stderr
    assert "--owner" in ingested("ingest", tmp_path, "--collection", "x", code=2).stderr
    other = [*terms[:3], "somebody else", *terms[4:]]
    (tmp_path / "notes.txt").write_text("no media")
    assert "trial" in ingested("ingest", tmp_path, *other, code=Conflict.exit_code).stderr


def test_assets_are_listed_with_their_outcome(ingested: Any) -> None:
    rows = {row["path"]: row for row in ingested.json("assets", "list")}
    assert {path: row["outcome"] for path, row in rows.items()} == {
        "CT_small.dcm": "accepted", "coins.png": "accepted", "notes [draft].txt": "quarantined",
    }  # fmt: skip
    assert rows["coins.png"]["sha256"].startswith(COINS)
    shown = ingested("assets", "list", "--collection", "trial").stdout
    assert COINS[:12] in shown
    assert "notes [draft].txt" in shown
    assert "None" not in shown
    assert ingested.json("assets", "list", "--collection", "other") == []


def test_quarantine_names_the_reason(ingested: Any) -> None:
    (row,) = ingested.json("assets", "quarantine")
    assert row["path"] == "notes [draft].txt"
    assert row["reason"] in ingested("assets", "quarantine").stdout


def test_an_asset_is_shown_by_the_first_digits_of_its_hash(ingested: Any) -> None:
    found = ingested.json("assets", "show", COINS)
    assert (found["medium"], found["role"]) == ("image", "source")
    assert (found["facts"]["width_px"], found["facts"]["height_px"]) == (384, 303)
    assert found["sha256"] in ingested("assets", "show", COINS).stdout
    assert "no assets begin with 'xyz'" in ingested("assets", "show", "xyz", code=NotFound.exit_code).stderr
    assert "2 assets begin with ''" in ingested("assets", "show", "", code=1).stderr
    assert "no assets begin with '%'" in ingested("assets", "show", "%", code=1).stderr


def test_projects_are_made_once_listed_and_shown(answered: Any, copy_of: Callable[[Any], Any]) -> None:
    door = copy_of(answered)
    create = ("project", "create", "pictures", "--collection", "trial", "--template", "image-boxes")
    assert door.json(*create) == {"project": "pictures", "new": False, "tasks_added": 0}
    assert "was there, 0 tasks added" in door(*create).stdout
    assert "overlap 3 -> 5" in door(*create, "--overlap", "5", code=Conflict.exit_code).stderr
    (row,) = door.json("project", "list")
    assert (row["name"], row["medium"], row["template"], row["overlap"], row["policy"]) == (
        "pictures", "image", "image-boxes", 3, "default",
    )  # fmt: skip
    assert "image-boxes" in door("project", "list").stdout
    shown = door.json("project", "show", "pictures")
    assert (shown["tasks"], shown["states"], shown["template"]) == (2, {"submitted": 2}, "image-boxes@1")
    assert "submitted 2" in door("project", "show", "pictures").stdout
    assert "no project 'nothing'" in door("project", "show", "nothing", code=1).stderr
    assert [row["id"] for row in door.json("annotator", "list")] == ["ann", "bob", "cat"]


def test_what_a_project_cannot_be_made_of_is_named(ingested: Any) -> None:
    unknown = ingested("project", "create", "x", "--collection", "trial", "--template", "nothing", code=2).stderr
    for known in ("image-boxes 1", "audio-segments 1", "video-ranges 1"):
        assert known in unknown
    unknown = ingested("project", "create", "x", "--collection", "nothing", "--template", "image-boxes", code=1).stderr
    assert "no collection 'nothing'" in unknown
    assert ingested.json("project", "list") == []


def test_what_is_shown_is_json_for_machines_and_text_for_people(ingested: Any) -> None:
    assert json.loads(ingested("assets", "list", "--json").stdout) == ingested.json("assets", "list")
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(ingested("assets", "list").stdout)


@pytest.fixture
def on_postgresql(door: Any, postgres_ledger: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The command line on a ledger in PostgreSQL. A command leaves its connections to its process, which here goes on."""
    opened: list[Engine] = []

    def open_(url: str) -> Engine:
        opened.append(make(url))
        return opened[-1]

    make = engine._engine
    monkeypatch.setattr(engine, "_engine", open_)
    yield replace(door, address=postgres_ledger)
    for each in opened:
        each.dispose()


@pytest.mark.integration
def test_ingest_and_status_are_the_same_on_postgresql(on_postgresql: Any, ingested: Any, media: Path, terms: Any) -> None:
    door = on_postgresql
    door("init")
    door("ingest", media, *terms)
    create = ("project", "create", "pictures", "--collection", "trial", "--template", "image-boxes")
    assert door.json(*create)["tasks_added"] == 2
    there, here = door.json("status"), ingested.json("status")
    assert there["collections"] == here["collections"]
    assert there["projects"][0]["states"] == {"new": 2}
    assert not (door.workspace / "ledger.sqlite3").exists()

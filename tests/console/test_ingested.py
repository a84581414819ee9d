"""The assets commands and the report of an ingest: what they say, in which language, on which width."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import skimage
from rich.console import Console
from sqlalchemy import select

from yuelu.base.ledger.media import AssetRow
from yuelu.base.settings import Settings
from yuelu.base.workspace import open_workspace
from yuelu.console import show
from yuelu.console.ingested import run_line, say_summary
from yuelu.console.page.ingest import write_report
from yuelu.console.words import chinese
from yuelu.pipelines.ingest.alarms import LIMITS
from yuelu.pipelines.ingest.steps import _STEPS, UNKNOWN
from yuelu.pipelines.ingest.summary import Summary, summary
from yuelu.pipelines.near.codes import KINDS, PLAIN, UNREADABLE
from yuelu.pipelines.near.link import COMMON

ATTACK = "<img src=x onerror=alert(1)>.txt"


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory, ingested: Any) -> Any:
    """A workspace with a photo, a slice that looks the same to its fingerprint, and two files in quarantine."""
    door = replace(ingested, workspace=Path(shutil.copytree(ingested.workspace, tmp_path_factory.mktemp("alike") / "w")))
    ledger = door.ledger()
    with ledger.transaction("test") as t:
        for number, row in enumerate(
            t.session.scalars(select(AssetRow).where(AssetRow.facts["probes"].as_string().is_not(None)))
        ):
            fingerprints = {"picture": [f"{0x00000000FFFFFFFF ^ number:016x}"]}
            row.facts = {**row.facts, "fingerprints": fingerprints, "probes": {"mean_share": 0.001 if number else 0.5}}
    ledger.close()
    return door


def report_of(door: Any) -> Summary:
    workspace = open_workspace(Settings(door.workspace))
    with workspace.ledger.reading() as session:
        return summary(session, "trial")


def test_near_shows_clusters(alike: Any) -> None:
    found = alike.json("assets", "near")
    (cluster,) = found["clusters"]
    assert {member["path"] for member in cluster["members"]} == {"CT_small.dcm", "coins.png"}
    assert (cluster["groups"], found["search"]["assets"], found["search"]["distance_bits"]) == (2, 2, 4)
    assert alike.json("assets", "near", "--collection", "other")["clusters"] == []
    shown = alike("assets", "near").stdout
    for words in ("2 assets compared", "cluster 1: 2 files in 2 groups", "CT_small.dcm"):
        assert words in shown
    assert {row["path"] for row in alike.json("assets", "show", "f8d773fc9cfa6")["near"]} == {"CT_small.dcm", "coins.png"}
    shown = alike("assets", "show", "f8d773fc9cfa6").stdout
    (slice_,) = (row["sha256"] for row in alike.json("assets", "list") if row["path"] == "CT_small.dcm")
    told = alike("assets", "show", slice_).stdout
    assert re.search(r"facts of its deidentified copy\n(.+\n)*width_px +128 *\n", told)
    assert "near-duplicates" in shown
    assert "probes.mean_share" in shown


def test_nothing_to_compare_is_said(ingested: Any, copy_of: Callable[[Any], Any]) -> None:
    door = copy_of(ingested)
    ledger = door.ledger()
    with ledger.transaction("test") as t:
        for row in t.session.scalars(select(AssetRow)):
            row.facts = {name: value for name, value in row.facts.items() if name != "fingerprints"}
        t.session.connection().exec_driver_sql("DELETE FROM near_searches")
    ledger.close()
    assert "No asset has a fingerprint yet." in door("assets", "near").stdout
    assert "not searched" in door("report", "ingest", "--collection", "trial").stdout


def test_files_are_chosen_by_outcome_medium_and_modality(alike: Any) -> None:
    def paths(*options: str) -> list[str]:
        return [row["path"] for row in alike.json("assets", "list", *options)]

    assert paths("--outcome", "accepted") == ["CT_small.dcm", "coins.png"]
    assert paths("--modality", "CT") == ["CT_small.dcm"]
    assert paths("--medium", "image", "--limit", "1") == ["CT_small.dcm"]
    assert paths("--medium", "audio") == []
    assert "Invalid value for '--outcome'" in alike("assets", "list", "--outcome", "lost", code=2).stderr


def test_quarantine_is_listed_by_reason_shown_and_read_again(
    ingested: Any, media: Path, copy_of: Callable[[Any], Any], tmp_path: Path, terms: Any
) -> None:
    door, folder = copy_of(ingested), tmp_path / "more"
    folder.mkdir()
    (folder / "late.png").write_bytes(b"")
    (folder / "b.txt").write_text("no media")
    door("ingest", folder, *terms)
    shown = door("assets", "quarantine", "list").stdout
    assert "no reader for text" in shown
    assert re.search(r"2 +no reader for text +leave it; only tables of numbers", shown)
    assert door("assets", "quarantine").stdout == shown
    (row,) = door.json("assets", "quarantine", "show", "late.png")
    assert (row["reason"], row["next_step"]) == ("an empty file", "have it sent again from its origin")
    assert "have it sent again" in door("assets", "quarantine", "show", "late.png").stdout
    assert "'nowhere' is not in quarantine" in door("assets", "quarantine", "show", "nowhere", code=1).stderr
    shutil.copy(Path(skimage.__file__).parent / "data/camera.png", folder / "late.png")
    (report,) = door.json("assets", "quarantine", "retry", "late.png")
    assert (report["listed"], report["accepted"]) == (1, 1)
    shown = door("assets", "quarantine", "retry", "--reason", "no reader").stdout
    assert shown == "trial: 2 read again = 0 accepted + 0 duplicate + 2 still in quarantine\n"
    assert "no such file in quarantine" in door("assets", "quarantine", "retry", "late.png", code=1).stderr


def test_an_empty_folder_makes_no_collection(ingested: Any, tmp_path: Path, terms: Any) -> None:
    (tmp_path / "empty").mkdir()
    other = ["--collection", "fresh", *terms[2:]]
    assert "nothing lies in" in ingested("ingest", tmp_path / "empty", *other, code=1).stderr
    assert [row["name"] for row in ingested.json("status")["collections"]] == ["trial"]


@pytest.mark.parametrize("name", ["Chest CT", "a/b", "", "-x", "x" * 65, "胸部"])
def test_a_collection_has_a_plain_name(name: str, ingested: Any, media: Path, terms: Any) -> None:
    told = ingested("ingest", media, f"--collection={name}", *terms[2:], code=2 if name else 1).stderr
    assert "is no name for a collection" in told or "name is empty" in told


def test_a_run_is_reported_as_text_json_and_pages(
    ingested: Any, media: Path, copy_of: Callable[[Any], Any], terms: Any, tmp_path: Path
) -> None:
    door = copy_of(ingested)
    told = door.json("ingest", media, *terms, "--html", tmp_path / "pages")
    assert (told["read"], told["files_per_s"]) == (0, None)
    assert told["summary"]["outcomes"] == {"accepted": 2, "duplicate": 0, "quarantined": 1}
    assert (told["read_bytes"], told["slowest"]) == (0, [])
    assert told["page"] == str(tmp_path / "pages/index.html")
    assert told["summary"] == door.json("report", "ingest", "--collection", "trial")
    shown = door("report", "ingest", "--collection", "trial").stdout
    for words in ("accepted 2", "In quarantine", "leave it; only tables of numbers", "Largest files"):
        assert words in shown
    assert "no collection 'nothing'" in door("report", "ingest", "--collection", "nothing", code=1).stderr


def test_the_pages_hold_everything_and_let_nothing_run(alike: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alike("assets", "near")
    workspace, found = open_workspace(Settings(alike.workspace)), report_of(alike)
    attacked = replace(
        found, quarantine=(replace(found.quarantine[0], examples=(ATTACK,)),), terms={**found.terms, "owner": ATTACK}
    )
    page = write_report(workspace, attacked, tmp_path / "pages")
    texts = [page.read_text("utf-8"), (tmp_path / "pages/index.zh.html").read_text("utf-8")]
    for text in texts:
        assert "<script" not in text
        assert "onerror=alert(1)>" not in text
        assert text.count("&lt;img src=x") == 2
        assert "default-src 'none'" in text
        assert "CT_small.dcm" in text
        pictures = re.findall(r'<img alt="" loading="lazy" src="([^"]+)"', text)
        assert len(pictures) == 4  # both in the gallery and in their cluster
        assert all((tmp_path / "pages" / address).read_bytes()[:3] == b"\xff\xd8\xff" for address in pictures)
    assert "Worth a look before labelling" in texts[0]
    assert "接入报告" in texts[1]
    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "pages/thumbnails").iterdir()}
    write_report(workspace, attacked, tmp_path / "pages")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "pages/thumbnails").iterdir()} == again
    monkeypatch.setattr("yuelu.console.page.ingest.THUMBNAILS", 1)
    assert "and 1 more" in write_report(workspace, found, tmp_path / "few").read_text("utf-8")


def test_every_text_has_its_chinese() -> None:
    template = (Path(__file__).parents[2] / "console/page/ingest.html").read_text("utf-8")
    texts = re.findall(r't\("([^"]+)"\)', template)
    assert len(texts) > 30
    texts += [name for limits in LIMITS.values() for name in limits] + [UNKNOWN, *(step for _, step in _STEPS), *LIMITS, *KINDS]
    texts += [f"{kind}: {why}" for kind in KINDS for why in (PLAIN, UNREADABLE, COMMON)]
    for name in ("commands/assets.py", "ingested.py"):
        source = (Path(__file__).parents[2] / "console" / name).read_text("utf-8")
        texts += re.findall(r'(?:\bt|say)\((?:language, |settings\.language, )?"([^"]+)"', source)
    assert [text for text in texts if text not in chinese()] == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_words_stay_whole_at_80_columns(
    language: str, alike: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(show, "console", lambda: Console(highlight=False, soft_wrap=True, width=80, color_system=None))
    found = report_of(alike)
    say_summary(found, language)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    if language == "en":
        for word in ("quarantined", "near-duplicates", "mean_share", "labelling", "reader", "numbers"):
            assert word in shown


def test_a_run_ends_with_its_counts_and_speed() -> None:
    run = {"listed": 9, "accepted": 4, "duplicate": 3, "quarantined": 2, "already": 1, "seconds": 4.0}
    run |= {"files_per_s": 2.0, "mb_per_s": 0.5}
    assert (
        run_line("en", run)
        == "9 listed = 4 accepted + 3 duplicate + 2 quarantined  (1 known before, 4.0 s)\n2.0 files/s, 0.5 MB/s"
    )
    assert "登记 9 =" in run_line("zh", run)
    assert json.dumps(run)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_234_567, "1.2 MB"), (3e15, "3000.0 TB")]
)
def test_sizes_are_read_by_people(count: float, text: str) -> None:
    assert show.size(count) == text

"""The pages of a workspace: right numbers, both languages, nothing from outside runs."""

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest

from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.records import Medium
from yuelu.base.settings import Settings
from yuelu.base.workspace import Workspace, init
from yuelu.console.agreement.plots import rows
from yuelu.console.overview import Overview, ProjectView, ScoreView, overview
from yuelu.console.page.render import _OF_EACH, latest, page, write_pages
from yuelu.console.words import chinese

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ATTACK = "<script>alert(1)</script>.png"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = init(Settings(tmp_path / "w"))
    workspace.store.create("assets/thumb", b"\x89PNG")
    listing = {"collection": "scans", "source": "/in", "bytes": 10, "modified_ns": 1, "listed_at": NOON}
    asset = {"medium": "image", "bytes": 10, "group": "g"}
    with workspace.ledger.transaction("wang") as t:
        row = {"name": "scans", "owner": "Hospital <b>", "legal_basis": "l", "grade": "general", "terms": "t", "created_at": NOON}
        t.add_new(CollectionRow, [row])
        t.add_new(
            ListingRow,
            [
                {**listing, "path": "a.dcm", "outcome": "accepted", "sha256": "1" * 64, "reason": None},
                {**listing, "path": "b.dcm", "outcome": "duplicate", "sha256": "1" * 64, "reason": "a.dcm"},
                {**listing, "path": ATTACK, "outcome": "quarantined", "sha256": None, "reason": "cut short"},
            ],
        )
        source = {
            **asset,
            "sha256": "1" * 64,
            "media_type": "application/dicom",
            "role": "source",
            "facts": {"modality": "CT", "thumbnail": "2" * 64},
        }
        thumb = {**asset, "sha256": "2" * 64, "media_type": "image/png", "role": "thumbnail", "facts": {}}
        t.add_new(AssetRow, [{**source, "derived_from": None, "store_key": None}])
        t.add_new(AssetRow, [{**thumb, "derived_from": "1" * 64, "store_key": "assets/thumb"}])
        t.event("ingest", "scans")
    return workspace


def test_the_overview_counts_what_the_ledger_holds(workspace: Workspace) -> None:
    with workspace.ledger.reading() as session:
        view = overview(session, workspace.ledger.now())
    (scans,) = view.collections
    assert (scans.listed, scans.bytes) == (3, 30)
    assert scans.outcomes == {"accepted": 1, "duplicate": 1, "quarantined": 1}
    assert scans.media == {"CT": 1}
    assert [(bad.path, bad.reason) for bad in scans.quarantine] == [(ATTACK, "cut short")]
    assert view.log_size == 1


def test_pages_are_written_in_both_languages_and_escape_what_is_not_ours(workspace: Workspace, tmp_path: Path) -> None:
    english = write_pages(workspace, tmp_path / "pages").read_text("utf-8")
    other = (tmp_path / "pages" / "index.zh.html").read_text("utf-8")
    assert "What went in" in english
    assert "index.zh.html" in english
    assert chinese()["What went in"] in other
    assert "index.html" in other
    for text in (english, other):
        assert "<script" not in text
        assert "&lt;script&gt;" in text
        assert "Hospital &lt;b&gt;" in text
        assert "default-src 'none'" in text
        assert "data:image/png;base64,iVBORw==" in text


def test_an_empty_workspace_has_a_page() -> None:
    text = page(Overview((), (), (), 0, "e3b0"), {}, "en", "w")
    assert text.count("nothing yet") == 3


def test_every_text_of_the_page_has_its_chinese() -> None:
    template = (Path(__file__).parents[2] / "console/page/overview.html").read_text("utf-8")
    texts = re.findall(r't\("([^"]+)"\)', template)
    assert len(texts) > 15
    words = [
        "accepted",
        "duplicate",
        "quarantined",
        "image",
        "audio",
        "video",
        "undefined",
        "submitted",
        "published",
        "rework",
        "review",
    ]
    assert [text for text in [*texts, *words] if text not in chinese()] == []


def score(value: float | None, reason: str | None = None, number: int = 1) -> ScoreView:
    return ScoreView(number, "object", "f1@0.50", value, None if value is None else value - 0.1, value and value + 0.1, 9, reason)


def test_the_plot_draws_values_and_writes_what_is_undefined() -> None:
    scores = [("object", score(0.5)), ("object", score(None, "one <label> only")), ("object", score(-0.2))]
    svg = rows(scores, lambda reason: f"undefined: {reason}")
    root = ET.fromstring(svg)  # noqa: S314  our own text
    dots = [float(dot.get("cx", "nan")) for dot in root.iter("{http://www.w3.org/2000/svg}circle")]
    grid = [float(line.get("x1", "nan")) for line in root.iter("{http://www.w3.org/2000/svg}line") if line.get("class") == "grid"]
    assert dots == [grid[2], grid[0]]  # 0.5 stands half way; what is below 0 stands at 0
    assert "undefined: one <label> only" in "".join(root.itertext())
    assert "-0.200" in "".join(root.itertext())


def test_the_last_round_is_shown() -> None:
    project = ProjectView("p", "image", "t@1", 3, 1, {}, 0, 0, {}, (score(0.1), score(0.9, number=2)))
    assert [entry.value for entry in latest(project)] == [0.9]


def test_every_kind_of_medium_has_its_word_and_its_place() -> None:
    assert set(Medium) == set(_OF_EACH)
    assert set(Medium) <= set(chinese())

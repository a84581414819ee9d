"""What `yuelu status` says of an ingest that did not come to its end."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from yuelu.base.errors import Interrupted
from yuelu.base.ledger.media import RunRow
from yuelu.base.settings import Settings
from yuelu.base.workspace import open_workspace
from yuelu.console.overview import overview
from yuelu.console.page.render import write_pages
from yuelu.console.report import print_overview
from yuelu.console.words import chinese
from yuelu.pipelines.ingest.flow import ingest
from yuelu.pipelines.ingest.records import Collection
from yuelu.pipelines.sources.folder import folder

TITLE = "Ingest without an end: still at work, or interrupted"


@pytest.fixture
def interrupted(door: Any, tmp_path: Path) -> Any:
    """Thirty files that are no media, in a folder with a blank in its name; Ctrl-C after the first batch of sixteen."""
    door("init")
    source = tmp_path / "two words"
    source.mkdir()
    for number in range(30):
        (source / f"{number:02}.txt").write_text(f"no medium {number}")

    def stop(done: int, _: int) -> None:
        if done:
            raise KeyboardInterrupt

    workspace = open_workspace(Settings(door.workspace))
    with pytest.raises(Interrupted, match="of 30 objects are recorded"):
        ingest(workspace, [folder(source)], Collection("trial", "the base", "consent", "general", "research"), progress=stop)
    workspace.ledger.close()
    return door


def test_an_interrupted_run_is_shown_with_the_command_that_ends_it(interrupted: Any, tmp_path: Path) -> None:
    (run,) = interrupted.json("status")["unfinished"]
    assert (run["collection"], run["sources"], run["already"]) == ("trial", [str(tmp_path / "two words")], 0)
    assert 0 < run["settled"] < 30
    assert run["started_at"] <= run["recorded_at"]
    shown = interrupted("status").stdout
    assert TITLE in shown
    assert run["command"] in shown
    program, *arguments = shlex.split(run["command"])
    assert program == "yuelu"
    assert interrupted.json(*arguments)["already"] == run["settled"]
    assert interrupted.json("status")["unfinished"] == []
    assert TITLE not in interrupted("status").stdout


def test_it_is_said_in_chinese_and_on_the_pages(interrupted: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = open_workspace(Settings(interrupted.workspace))
    with workspace.ledger.reading() as session:
        view = overview(session, workspace.ledger.now())
    print_overview(view, "zh")
    told = capsys.readouterr().out
    assert chinese()[TITLE] in told
    assert "继续导入 trial" in told
    page = write_pages(workspace, tmp_path / "pages")
    assert TITLE in page.read_text("utf-8")
    assert chinese()[TITLE] in page.with_name("index.zh.html").read_text("utf-8")
    workspace.ledger.close()


def test_only_the_last_run_over_the_same_sources_counts(interrupted: Any) -> None:
    """One of a PACS has no command that could be printed: its filter is not kept."""
    ledger = interrupted.ledger()
    counts = {"accepted": 0, "duplicate": 0, "quarantined": 0, "already": 0, "bytes_read": 0, "seconds": 0.0}
    with ledger.transaction("test") as t:
        before = t.session.get_one(RunRow, 1)
        again = {"collection": "trial", "started_at": before.started_at, **counts}
        t.session.add(RunRow(sources=before.sources, finished_at=before.started_at, **again))
        t.session.add(RunRow(sources=["dicomweb+https://pacs/dicom-web"], finished_at=None, **again))
    ledger.close()
    (run,) = interrupted.json("status")["unfinished"]
    assert run["sources"] == ["dicomweb+https://pacs/dicom-web"]
    assert run["command"] is None
    assert "the command that started it, with the same filter" in interrupted("status").stdout

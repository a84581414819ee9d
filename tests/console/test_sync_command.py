"""What `yuelu sync` prints, in both languages."""

import pytest

from yuelu.base.errors import ServiceUnavailable
from yuelu.console.commands.sync import _print
from yuelu.pipelines.sync import SiteReport, SyncReport

REASONS = {f"reason {number}": 9 - number for number in range(1, 8)}
REPORTS = [
    SiteReport("north", SyncReport(new=3, rejected=35, lost=2, reasons=REASONS)),
    SiteReport("south", SyncReport(), ServiceUnavailable("it does not answer", "look there")),
]


def test_reasons_of_rejections_come_with_how_to_list_them(capsys: pytest.CaptureFixture[str]) -> None:
    _print("en", "chest", REPORTS)
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "3 new, 0 updated, 0 unchanged, 0 vanished, 35 rejected, 0 submitted",
        "  8 rejected: reason 1",
        "  7 rejected: reason 2",
        "  6 rejected: reason 3",
        "  5 rejected: reason 4",
        "  4 rejected: reason 5",
        "  and 2 more reasons",
        "  all rejected answers: yuelu answers list chest --rejected",
        "  2 answers that the server took and lost are sent again; the next sync reads them",
        "  north: 3 new, 0 updated, 0 unchanged, 0 vanished, 35 rejected, 0 submitted",
    ]
    assert told.err == "  south is behind: it does not answer\n  try: look there\n"


def test_all_of_it_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    _print("zh", "chest", REPORTS)
    told = capsys.readouterr()
    assert "新增 3" in told.out
    assert "拒收 8 条：reason 1" in told.out
    assert "yuelu answers list chest --rejected" in told.out
    assert "south 落后：it does not answer" in told.err


def test_nothing_rejected_tells_of_no_list(capsys: pytest.CaptureFixture[str]) -> None:
    _print("en", "chest", [SiteReport("north", SyncReport(new=1))])
    assert capsys.readouterr().out == "1 new, 0 updated, 0 unchanged, 0 vanished, 0 rejected, 0 submitted\n"

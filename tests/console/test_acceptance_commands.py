"""lot, gate, waiver, review, gold, signals: the inspection of a small batch through the command line, in both languages."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from yuelu.console.commands.review import _CODES
from yuelu.console.main import main
from yuelu.console.words import chinese
from yuelu.quality.adjudication import CODES

BY = ("--by", "buyer")


def test_a_lot_from_the_draw_to_rework(judged: Any, copy_of: Callable[[Any], Any], tmp_path: Path) -> None:
    door = copy_of(judged)
    told = door.json("lot", "draw", "pictures", "--aql", "major=all", "--seed", "7", *BY)
    assert (told["state"], told["seed"], told["size"], told["company"]) == ("drawn", "7", 1, "ash")
    lot, item = told["lot"][:10], told["items"][0]["item"]
    assert "items of ash, image/image-boxes" in door("lot", "show", lot).stdout
    assert "1 of 1 drawn items are not inspected" in door("lot", "decide", lot, *BY, code=5).stderr
    assert "ann worked on" in door("lot", "record", lot, item, "--by", "ann", code=1).stderr
    sheet = tmp_path / "found.csv"
    sheet.write_text(f"item,major,codes\n{item},2,missed geometry\n")
    assert door.json("lot", "record", lot, "--file", sheet, "--by", "rev") == {"new": 1, "records": 1}
    assert "0 of 1 records are new" in door("lot", "record", lot, "--file", sheet, "--by", "rev").stdout
    decided = door("lot", "decide", lot, *BY, code=3).stdout
    assert "not accepted" in decided
    assert "100.00%" in decided
    (row,) = door.json("lot", "list")
    assert (row["outcome"], row["drawn"], row["inspected"]) == ("not accepted", 1, 1)
    assert "1 tasks sent back" in door("lot", "rework", lot, "--reason", "boxes are missing", *BY).stdout
    assert door.json("lot", "standing")[0]["replayed"] is True
    page = Path(door("status", "--html", tmp_path / "page").stdout.strip()).with_name("index.zh.html").read_text("utf-8")
    assert "检验批" in page
    assert "不接收" in page


def test_texts_of_a_lot_in_chinese(judged: Any, copy_of: Callable[[Any], Any]) -> None:
    door = copy_of(judged)
    env = {"YUELU_LANGUAGE": "zh", "COLUMNS": "100"}
    drawn = CliRunner(env=env).invoke(main, ["-w", str(door.workspace), "lot", "draw", "pictures", "--aql", "critical=all", *BY])
    assert "已抽样" in drawn.output
    assert "致命" in drawn.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--aql", "grave=1"), "no class of nonconformity 'grave'"),
        (("--aql", "major=much"), "'major=much' is not CLASS=PERCENT"),
        ((), "give --aql or --limit"),
        (("--aql", "2"), "2 is not a preferred AQL|1 items cannot be sampled"),
    ],
)
def test_terms_that_cannot_be_met(judged: Any, arguments: tuple[str, ...], message: str) -> None:
    assert re.search(message, judged("lot", "draw", "pictures", *arguments, *BY, code=2).stderr)


def test_a_sheet_of_another_shape_is_refused(judged: Any, tmp_path: Path) -> None:
    sheet = tmp_path / "found.csv"
    for text, problem in (
        ("task,major\n", "has columns task, major"),
        ("item,major\nk,two\n", "line 2 has a count that is no number"),
    ):
        sheet.write_text(text)
        assert problem in judged("lot", "record", "any", "--file", sheet, "--by", "rev", code=1).stderr


def test_a_policy_is_replayed_and_a_waiver_lets_out(judged: Any, copy_of: Callable[[Any], Any]) -> None:
    door = copy_of(judged)
    told = door.json("gate", "pictures", "--replay")
    assert told["different"] == []
    assert "no decision would have been another" in door("gate", "pictures", "--replay").stdout
    assert "holds" not in door("publish", "pictures", "--as", "trial", code=3).stdout
    key = door.json("waiver", "grant", "pictures", "--owner", "chief", "--reason", "a trial", "--until", "2099-01-01")["waiver"]
    (row,) = door.json("waiver", "list")
    assert (row["waiver"], row["state"], row["until"], row["owner"]) == (key, "stands", "2099-01-01", "chief")
    door("publish", "pictures", "--as", "trial")
    manifest = door.json("releases", "show", "trial")
    said = [waiver for gate in manifest["quality"]["gates"] for waiver in gate["waivers"]] if "quality" in manifest else None
    if said is not None:
        assert [(each["owner"], each["reason"]) for each in said] == [("chief", "a trial")]
    assert "revoked" in door("waiver", "revoke", key[:8], "--owner", "chief").stdout
    assert door.json("waiver", "list")[0]["state"] == "revoked"
    assert "give an owner, a reason and a day to come" in door(
        "waiver", "grant", "pictures", "--owner", "chief", "--reason", "late", "--until", "2020-01-01", code=1
    ).stderr  # fmt: skip


def test_a_blind_review_hides_what_others_said(judged: Any, copy_of: Callable[[Any], Any], tmp_path: Path) -> None:
    door = copy_of(judged)
    assert "nothing waits that ann may judge" in door("review", "take", "--reviewer", "ann").stdout
    taken = door.json("review", "take", "--reviewer", "rev", "--blind")
    shown = door.json("review", "show", taken["item_key"])
    assert (shown["blind"], "answers" in shown, "consensus" in shown) == (True, False, False)
    answer = tmp_path / "answer.json"
    answer.write_text('[{"kind": "choice", "control": "scene", "labels": ["medical"]}]')
    door(
        "review",
        "settle",
        taken["item_key"],
        "--regions",
        answer,
        "--owner",
        "rev",
        "--reason",
        "a scan",
        "--code",
        "wrong-label",
    )
    assert "answers" in door.json("review", "show", taken["item_key"])
    (gold,) = door.json("gold", "list")
    assert (gold["state"], gold["proposed_by"]) == ("candidate", "rev")
    assert (
        "another person must approve"
        in door("gold", "approve", gold["item_key"], "--owner", "rev", "--reason", "x", code=1).stderr
    )
    assert door("gold", "approve", gold["item_key"], "--owner", "chief", "--reason", "agreed").stdout == "gold\n"
    assert door.json("gold", "dismiss", gold["item_key"], "--owner", "chief", "--reason", "no")["state"] == "dismissed"


def test_signals_of_a_table_and_of_a_batch(judged: Any, tmp_path: Path) -> None:
    told = judged.json("signals", "pictures")["signals"]
    assert {(each["kind"], each["raised"]) for each in told if each["control"] == "scene"} == {
        (kind, 0) for kind in ("fast", "constant", "copied", "alike", "leaked-gold", "clock")
    }
    path = tmp_path / "labels.csv"
    rows = [(t, f"w{w}", "x" if w == 0 else "xyz"[t % 3], 20 if w else 1) for t in range(60) for w in range(9)]
    path.write_text("task,annotator,label,seconds\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    raised = {
        each["kind"]: [t["annotators"] for t in each["tests"] if t["raised"]]
        for each in judged.json("signals", "--table", path)["signals"]
    }
    assert (raised["constant"], raised["fast"]) == ([["w0"]], [["w0"]])
    assert "none of this proves anything" in judged("signals", "--table", path).stdout
    path.write_text("task,annotator,label,seconds\nt,w,x,soon\n")
    assert "column seconds" in judged("signals", "--table", path, code=1).stderr


def test_the_codes_are_those_of_the_catalogue() -> None:
    assert tuple(CODES) == _CODES


def test_every_text_has_its_chinese() -> None:
    texts: list[str] = []
    for name in ("lot", "lot_work", "gate", "review", "signals"):
        source = (Path(__file__).parents[2] / "console/commands" / f"{name}.py").read_text("utf-8")
        texts += re.findall(r'\bsay\((?:settings\.)?language, "([^"]+)"', source)
        for heads in re.findall(r"heads = \(([^)]*)\)|for head in \(([^)]*)\)", source):
            texts += re.findall(r'"([^"]+)"', "".join(heads))
    assert len(texts) > 40
    assert [text for text in texts if text not in chinese()] == []
    assert json.dumps(sorted(chinese())) == json.dumps(list(chinese()))

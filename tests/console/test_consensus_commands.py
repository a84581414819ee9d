"""yuelu consensus and yuelu annotator reliability: on plain files, through the command line, in both languages."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner

from yuelu.console.main import main
from yuelu.console.words import chinese

PAGE = Path(__file__).parents[2] / "console/page/consensus.html"


@pytest.fixture
def birds(fixtures: Path, tmp_path: Path) -> tuple[Path, Path]:
    folder = fixtures / "bluebirds_cubam/bluebirds"
    truth, given = (yaml.safe_load((folder / f"{name}.yaml").read_text()) for name in ("gt", "labels"))
    table, gold = tmp_path / "birds.csv", tmp_path / "gold.csv"
    rows = [f"{task},{who},{label}" for who, tasks in given.items() for task, label in tasks.items()]
    table.write_text("\n".join(["task,annotator,label", *rows]))
    gold.write_text("\n".join(["task,label", *(f"{task},{label}" for task, label in truth.items())]))
    return table, gold


def test_gold_shows_how_sure_a_method_may_be(door: Any, birds: tuple[Path, Path], tmp_path: Path) -> None:
    table, gold = birds
    page = tmp_path / "page.html"
    told = door.json("consensus", "--table", table, "--method", "dawid-skene", "--gold", gold, "--html", page)
    found = told["reliability"]
    assert (found["gold"], found["right"]) == (108, 97)  # as in the literature, see tests/quality/test_crowds.py
    assert found["calibrated"]["ece"] < found["said"]["ece"]  # Dawid and Skene's model is too sure of itself
    assert all(0 < row["calibrated"] <= row["probability"] for row in told["consensus"])
    assert len(told["answers"][told["consensus"][0]["task"]]) == 39
    text = page.read_text()
    assert "97 / 108" in text
    assert not re.search(r"(src|href)=", text)  # nothing is fetched
    shown = door("consensus", "--table", table, "--method", "dawid-skene", "--gold", gold).stdout
    assert "97 of 108 labels with a known answer are right" in shown
    assert "calibration error" in shown


def test_what_to_ask_next(door: Any, tmp_path: Path) -> None:
    table = tmp_path / "votes.csv"
    table.write_text("task,annotator,label\nt1,a,cat\nt1,b,cat\nt1,c,dog\nt2,a,dog\nt2,b,cat\nt3,a,dog\nt3,b,dog\n")
    told = door.json("consensus", "--table", table, "--target", "0.9", "--budget", "1", "--most", "3")["ask"]
    assert [each["task"] for each in told["tasks"]] == ["t2"]
    assert (told["settled"], told["full"], told["unpaid"], told["stop"]) == (1, 1, 0, False)
    assert "stop asking" in door("consensus", "--table", table, "--target", "0.9", "--most", "2").stdout
    assert door("consensus", "--table", table, "--target", "0.4", code=2).stderr


def test_numbers_and_preferences_of_a_table(door: Any, tmp_path: Path) -> None:
    table = tmp_path / "sizes.csv"
    table.write_text("task,annotator,label\nt,a,1\nt,b,2\nt,c,9\n")
    assert door.json("consensus", "--table", table, "--method", "median")[0]["value"] == 2
    assert "gives no label a probability" in door(
        "consensus", "--table", table, "--method", "mean", "--target", "0.9", code=1
    ).stderr  # fmt: skip
    preferred = tmp_path / "preferred.csv"
    preferred.write_text("task,annotator,label,left,right\n1,a,left,cup,mug\n2,a,cup,mug,cup\n3,b,right,cup,mug\n")
    found = door.json("consensus", "--table", preferred, "--method", "bradley-terry")
    assert [(row["item"], row["wins"], row["comparisons"]) for row in found] == [("cup", 2, 3), ("mug", 1, 3)]


def exported(task: int, *answers: tuple[int, float, str, int, str]) -> dict[str, Any]:
    """A task of Label Studio's export: who, where their box begins (percent of 200 pixels), scene, stars, what they heard."""
    size = {"original_width": 200, "original_height": 100, "image_rotation": 0}

    def result(x: float, label: str, stars: int, text: str) -> list[dict[str, Any]]:
        box = {"x": x, "y": 0, "width": 50, "height": 100, "rotation": 0, "rectanglelabels": ["part"]}
        said = (
            ("b", "rectanglelabels", "object", box), ("c", "choices", "scene", {"choices": [label]}),
            ("r", "rating", "stars", {"rating": stars}), ("t", "textarea", "heard", {"text": [text]}),
        )  # fmt: skip
        return [{"id": id_, "type": kind, "from_name": name, "to_name": "x", "value": v, **size} for id_, kind, name, v in said]

    given = [{"id": who, "completed_by": who, "result": result(*said)} for who, *said in answers]  # type: ignore[arg-type]
    return {"id": task, "data": {"image": "x"}, "annotations": given}


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "export.json"
    answers = [(7, 0, "good", 3, "the cat sat"), (8, 1, "good", 4, "the cat sad"), (9, 3, "bad", 5, "a cat <b>sat</b>")]
    path.write_text(json.dumps([exported(1, *answers), exported(2, *answers[:1])]))
    return path


def test_every_control_of_an_export(door: Any, export: Path, tmp_path: Path) -> None:
    out, page = tmp_path / "out.parquet", tmp_path / "page.html"
    assert "8 answers in" in door("consensus", "--export", export, "--out", out, "--html", page).stdout
    told = door.json("consensus", "--export", export)
    first = {row["control"]: row for row in told["consensus"] if row["task"] == "1"}
    assert first["object"]["region"]["x_px"] == 2.0  # the median of 0, 2 and 6
    assert first["scene"]["region"]["labels"] == ["good"]
    assert first["stars"]["region"]["stars"] == 4
    assert first["heard"]["region"]["texts"] == ["the cat sat"]
    assert [first[name]["probability"] for name in ("object", "scene", "stars")] == pytest.approx([1, 2 / 3, 1 / 3])
    assert set(first["object"]["answers"]) == set(told["answers"]["1"]["annotator"]) == {"7", "8", "9"}
    assert pq.read_table(out).num_rows == 8
    assert "<b>sat" not in page.read_text()  # what people wrote is text
    assert "the cat sat" in door("consensus", "--export", export).stdout


def test_an_export_takes_the_method_its_kinds_know(door: Any, export: Path) -> None:
    found = door.json("consensus", "--export", export, "--method", "wbf")["consensus"]
    assert {row["control"]: row["method"] for row in found}["object"] == "wbf"
    assert next(row for row in found if row["control"] == "object")["region"]["x_px"] == pytest.approx(8 / 3)
    for given in ([], ["--table", export, "--export", export]):
        assert "give one of --table FILE and --export FILE" in door("consensus", *given, code=2).stderr
    assert "--repeats goes with --table" in door("consensus", "--export", export, "--repeats", "first", code=2).stderr
    assert "cannot write" in door("consensus", "--export", export, "--html", export / "x", code=2).stderr


def export_of_birds(table: Path, gold: Path, folder: Path) -> Path:
    """The bluebirds as a Label Studio export, with what is known marked as ground truth."""
    given: dict[str, list[tuple[str, str]]] = {}
    for line in table.read_text().splitlines()[1:]:
        task, who, label = line.split(",")
        given.setdefault(task, []).append((who, label))
    known = dict(line.split(",") for line in gold.read_text().splitlines()[1:])
    said = [
        {
            "id": int(task),
            "data": {"image": task},
            "annotations": [
                {"id": f"{task} {who}", "completed_by": who, "ground_truth": truth, "result": [
                    {"id": "c", "type": "choices", "from_name": "bird", "to_name": "x", "value": {"choices": [label]}}]}
                for who, label, truth in [*((who, label, False) for who, label in answers), ("expert", known[task], True)]
            ],
        }
        for task, answers in given.items()
    ]  # fmt: skip
    path = folder / "birds.json"
    path.write_text(json.dumps(said))
    return path


def test_gold_and_what_to_ask_of_an_export_are_those_of_its_table(door: Any, birds: tuple[Path, Path], tmp_path: Path) -> None:
    table, gold = birds
    export = export_of_birds(table, gold, tmp_path)
    asked = ("--method", "dawid-skene", "--target", "0.9", "--budget", "5", "--most", "50")
    wanted = door.json("consensus", "--table", table, "--gold", gold, *asked)
    for known in (gold, export):  # a table, or the export's own ground truth
        told = door.json("consensus", "--export", export, "--gold", known, *asked)
        assert (told["reliability"]["gold"], told["reliability"]["right"]) == (108, 97)  # as in the literature
        # Which labels teach the curve that is checked is drawn by the order of the tasks, which is another here.
        assert told["reliability"]["said"]["brier"] == pytest.approx(wanted["reliability"]["said"]["brier"])
        sure = {row["task"]: row["calibrated"] for row in told["consensus"]}
        assert sure == pytest.approx({row["task"]: row["calibrated"] for row in wanted["consensus"]})
        assert [told["ask"][name] for name in ("settled", "full", "unpaid")] == [
            wanted["ask"][name] for name in ("settled", "full", "unpaid")
        ]
        assert len(told["ask"]["tasks"]) == 5
    page = tmp_path / "page.html"
    door("consensus", "--export", export, "--gold", export, *asked, "--html", page)
    assert "97 / 108" in page.read_text()


def test_a_task_of_an_export_is_as_sure_as_its_least_sure_part(door: Any, export: Path, tmp_path: Path) -> None:
    told = door.json("consensus", "--export", export, "--target", "0.6", "--least", "1")["ask"]
    # The stars of task 1 have 1 of 3 votes behind their median; the one answer to task 2 has all of its own.
    assert [(each["task"], each["label"], each["probability"]) for each in told["tasks"]] == [
        ("1", "stars: 4", pytest.approx(1 / 3))
    ]
    assert told["settled"] == 1
    gold = tmp_path / "gold.csv"
    gold.write_text("task,label\n1,good\n")
    assert "add a column control: scene, stars" in door("consensus", "--export", export, "--gold", gold, code=2).stderr
    gold.write_text("task,control,label\n1,object,part\n")
    assert "has labels of object" in door("consensus", "--export", export, "--gold", gold, code=2).stderr
    gold.write_text("task,control,label\n1,scene,bad\n1,stars,4\n")
    found = door.json("consensus", "--export", export, "--gold", gold)["reliability"]
    assert (found["gold"], found["right"]) == (2, 1)


def test_the_reliability_of_annotators(door: Any, birds: tuple[Path, Path]) -> None:
    table, gold = birds
    told = door.json("annotator", "reliability", "--table", table, "--gold", gold)["annotators"]
    assert len(told) == 39
    assert all(each["gold"]["low"] < each["gold"]["value"] < each["gold"]["high"] for each in told)
    assert sum(each["confusion"]["True"]["True"] + each["confusion"]["False"]["False"] for each in told) == pytest.approx(
        sum(108 * each["gold"]["value"] for each in told)
    )
    shown = door("annotator", "reliability", "--table", table, "--confusion").stdout
    assert "by the others" in shown
    assert "true label" in shown


def test_all_of_it_in_chinese(export: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    env = {"YUELU_LANGUAGE": "zh", "COLUMNS": "100"}
    shown = CliRunner(env=env).invoke(main, ["consensus", "--export", str(export), "--html", str(page)]).output
    assert "报告在" in shown
    assert "共识报告" in page.read_text("utf-8")
    for command in (["consensus", "--help"], ["annotator", "reliability", "--help"]):
        told = CliRunner(env=env).invoke(main, command).output
        told = told.replace("Show this message and exit", "")  # click's own
        assert not re.search(r"[a-z]+ [a-z]+ [a-z]+ [a-z]+", told), told
    texts = set(re.findall(r't\("([^"]+)"', PAGE.read_text()))
    assert {text for text in texts if text not in chinese()} == set()

"""agreement, consensus, gate, review: of plain files and of a project, through the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select

from yuelu.base.ledger.judgement import DecisionRow

SCORE = {"metric", "level", "value", "low", "high", "tasks", "annotators", "annotations", "reason"}
# Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C: four observers, twelve units, dots are missing.
OBSERVERS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [(u, o, label) for o, row in enumerate(OBSERVERS) for u, label in enumerate(row) if label != "."]
    path = tmp_path / "labels.csv"
    path.write_text("task,annotator,label\n" + "".join(f"{u},{o},{label}\n" for u, o, label in rows))
    return path


def by_metric(told: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["control"], row["metric"]): row for row in told["scores"]}


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)])
def test_agreement_of_a_table_reproduces_krippendorff(door: Any, table: Path, level: str, published: float) -> None:
    told = door.json("agreement", "--table", table, "--level", level)
    assert {"scores", "pairs", "labels", "tasks", "counts"} <= set(told)
    assert all(set(row) == SCORE | {"control"} for row in told["scores"])
    alpha = by_metric(told)["label", "krippendorff_alpha"]
    assert alpha["value"] == pytest.approx(published, abs=5e-4)
    assert (alpha["level"], alpha["tasks"], alpha["annotators"], alpha["reason"]) == (level, 11, 4, None)
    assert alpha["low"] < alpha["value"] < alpha["high"]
    for row in told["scores"]:
        assert (row["value"] is None) == (row["reason"] is not None)
    shown = door("agreement", "--table", table, "--level", level).stdout
    assert f"{alpha['value']:.3f}" in next(line for line in shown.splitlines() if "krippendorff_alpha" in line)


def test_what_is_undefined_says_why(door: Any, table: Path) -> None:
    kappa = by_metric(door.json("agreement", "--table", table))["label", "cohen_kappa"]
    assert (kappa["value"], kappa["low"], kappa["high"]) == (None, None, None)
    assert kappa["reason"] in door("agreement", "--table", table).stdout


def exported(task: int, *answers: tuple[int, str, float]) -> dict[str, Any]:
    """A task of Label Studio's JSON export: who, which choice, and where their box begins (percent of 200 pixels)."""

    def result(label: str, x: float) -> list[dict[str, Any]]:
        box = {"x": x, "y": 0, "width": 50, "height": 100, "rotation": 0, "rectanglelabels": ["part"]}
        size = {"original_width": 200, "original_height": 100, "image_rotation": 0}
        return [
            {"id": "c", "type": "choices", "from_name": "scene", "to_name": "image", "value": {"choices": [label]}},
            {"id": "b", "type": "rectanglelabels", "from_name": "object", "to_name": "image", "value": box, **size},
        ]

    given = [{"id": who, "completed_by": who, "result": result(label, x)} for who, label, x in answers]
    return {"id": task, "data": {"image": "x"}, "annotations": given}


def test_agreement_of_an_export(door: Any, tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    tasks = [exported(1, (7, "good", 0), (8, "good", 10)), exported(2, (7, "good", 0), (8, "bad", 50))]
    path.write_text(json.dumps(tasks))
    found = by_metric(door.json("agreement", "--export", path))
    assert found["scene", "percent_agreement"]["value"] == 0.5
    # Boxes 100 px wide: at 0 and 20 they share 80 of 120, at 0 and 100 nothing. One match among four boxes: 2 * 1 / 4.
    assert found["object", "f1@0.50"]["value"] == 0.5
    assert found["object", "mean_iou"]["value"] == pytest.approx(80 / 120)
    assert "mean_iou" in door("agreement", "--export", path).stdout


def test_agreement_of_a_project_writes_nothing(answered: Any) -> None:
    found = by_metric(answered.json("agreement", "pictures"))
    assert found["scene", "percent_agreement"]["value"] == 0.5  # all pairs of the photo, no pair of the slice
    assert found["object", "f1@0.50"]["value"] is None
    assert answered.tasks("submitted") == sorted(answered.tasks("submitted", "accepted", "rework", "new"))
    assert "no project 'nothing'" in answered("agreement", "nothing", code=1).stderr


def test_agreement_takes_one_source(door: Any, table: Path, tmp_path: Path) -> None:
    for given in ([], ["p", "--table", table], ["--table", table, "--export", table]):
        assert "give one of PROJECT, --table FILE and --export FILE" in door("agreement", *given, code=2).stderr
    assert "no table at" in door("agreement", "--table", tmp_path / "nothing.csv", code=1).stderr
    door("agreement", "--table", table, "--level", "cardinal", code=2)
    empty = tmp_path / "wrong.csv"
    empty.write_text("task,label\n1,a\n")
    assert "has no column annotator" in door("agreement", "--table", empty, code=1).stderr
    assert "is not JSON" in door("agreement", "--export", empty, code=1).stderr


@pytest.fixture
def votes(tmp_path: Path) -> Path:
    path = tmp_path / "votes.csv"
    path.write_text("task,annotator,label\nt1,a,cat\nt1,b,cat\nt1,c,dog\nt2,a,dog\nt2,b,cat\n")
    return path


def test_consensus_is_written_as_parquet(door: Any, votes: Path, tmp_path: Path) -> None:
    out = tmp_path / "consensus.parquet"
    assert f"2 tasks in {out}" in door("consensus", "--table", votes, "--out", out).stdout
    found = pq.read_table(out)
    assert found.column_names == ["task", "label", "probability"]
    expected = [
        {"task": "t1", "label": "cat", "probability": pytest.approx(2 / 3)},
        {"task": "t2", "label": "cat", "probability": 0.5},
    ]
    assert found.to_pylist() == expected
    assert door.json("consensus", "--table", votes, "--method", "majority") == expected
    assert "0.667" in door("consensus", "--table", votes).stdout
    assert {row["label"] for row in door.json("consensus", "--table", votes, "--method", "dawid-skene")} <= {"cat", "dog"}


def test_consensus_that_cannot_be_made_or_written_is_an_error(door: Any, votes: Path, tmp_path: Path) -> None:
    door("consensus", "--table", votes, "--method", "coin", code=2)
    door("consensus", code=2)
    assert "cannot write" in door("consensus", "--table", votes, "--out", tmp_path / "no/where.parquet", code=2).stderr


def decisions(door: Any) -> int:
    ledger = door.ledger()
    with ledger.reading() as session:
        count = session.scalar(select(func.count()).select_from(DecisionRow))
    ledger.close()
    return int(count or 0)


def test_a_dry_run_of_the_gate_decides_nothing(answered: Any, tmp_path: Path) -> None:
    told = answered.json("gate", "pictures", "--dry-run", code=3)
    assert (told["outcomes"], told["batch"]["outcome"], told["batch"]["rule"]) == (
        {"accept": 1, "rework": 1}, "review", "percent_agreement >= 0.6",
    )  # fmt: skip
    shown = answered("gate", "pictures", "--dry-run", code=3).stdout
    assert "1 accept, 1 rework" in shown
    assert "batch: review (percent_agreement >= 0.6)" in shown
    lax = tmp_path / "lax.yaml"
    rules = "[{metric: percent_agreement, at_least: 0}]"
    lax.write_text(
        f"name: lax\nversion: '1'\nminimum_answers: 1\nempty: accept\ntask: {rules}\non_failure: [review]\nbatch: {rules}\n"
    )
    assert "2 accept" in answered("gate", "pictures", "--dry-run", "--policy", lax).stdout
    assert "was made with policy" in answered("gate", "pictures", "--policy", lax, code=5).stderr
    lax.write_text("name: lax\n")
    assert "policy lax.yaml" in answered("gate", "pictures", "--dry-run", "--policy", lax, code=2).stderr
    assert "no project 'nothing'" in answered("gate", "nothing", code=1).stderr
    assert (decisions(answered), len(answered.tasks("submitted"))) == (0, 2)


def test_the_gate_a_second_time_has_nothing_to_decide(judged: Any) -> None:
    before = decisions(judged)
    assert "no task waits for a decision" in judged("gate", "pictures", code=3).stdout
    assert judged.json("gate", "pictures", code=3)["outcomes"] == {}
    assert decisions(judged) == before


def test_a_task_in_review_is_listed_shown_and_settled(judged: Any, copy_of: Callable[[Any], Any], tmp_path: Path) -> None:
    door = copy_of(judged)
    (row,) = door.json("review", "list")
    key = row["item_key"]
    told = {name: row[name] for name in ("project", "round", "rule", "answers", "reviewer")}
    assert told == {"project": "pictures", "round": 2, "rule": "percent_agreement >= 0.66", "answers": 3, "reviewer": None}
    assert row["gain"] == pytest.approx(1 - (1 + 1) / (3 + 2))  # one vote of three: Laplace's rule
    assert key in door("review", "list").stdout
    told = door.json("review", "show", key)
    assert [answer["annotator"] for answer in told["answers"]] == ["ann", "bob", "cat"]
    assert (told["task"]["state"], told["decisions"][0]["outcome"], told["corrections"]) == ("review", "review", [])
    assert told["consensus"]["regions"][0]["probability"] == pytest.approx(1 / 3)
    answer = tmp_path / "answer.json"
    settle = ("review", "settle", key, "--regions", answer, "--owner", "curator", "--reason", "it is a scan")
    answer.write_text(json.dumps(told["consensus"]["regions"]))  # as `review show` prints them
    assert door.json(*settle) == {"item_key": key, "new": True}
    assert "was recorded before" in door(*settle).stdout
    assert (door.json("review", "list"), key in door.tasks("accepted")) == ([], True)
    assert door.json("review", "show", key)["corrections"][0]["owner"] == "curator"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("no json", "not JSON"),
        ("{}", "dict, not a list"),
        ("[1]", "region 1 is int"),
        ('[{"kind": "blob"}]', "unknown kind of region 'blob'"),
        ('[{"kind": "choice", "control": "scene", "labels": "medical"}]', "labels is 'medical'"),
        ('[{"kind": "choice", "control": "scene", "labels": ["lovely"]}]', "no such label 'lovely'"),
        (
            '[{"kind": "box", "id": "b", "control": "object", "label": "part", "item": 0, "x_px": "1", "y_px": 1,'
            ' "width_px": 1, "height_px": 1}]',
            "x_px is '1'",
        ),
        (
            '[{"kind": "box", "id": "b", "control": "object", "label": "part", "item": 0, "x_px": NaN, "y_px": 1,'
            ' "width_px": 1, "height_px": 1}]',
            "x_px is nan",
        ),
    ],
)
def test_what_is_no_answer_settles_nothing(judged: Any, tmp_path: Path, text: str, problem: str) -> None:
    answer = tmp_path / "answer.json"
    answer.write_text(text)
    (key,) = judged.tasks("review")
    options = ("--regions", answer, "--owner", "curator", "--reason", "because")
    assert problem in judged("review", "settle", key, *options, code=1).stderr
    assert judged.tasks("review") == [key]


def test_only_what_is_open_is_settled(judged: Any, tmp_path: Path) -> None:
    answer = tmp_path / "answer.json"
    answer.write_text('[{"kind": "choice", "control": "scene", "labels": ["medical"]}]')
    options = ("--regions", answer, "--owner", "curator", "--reason", "because")
    (sent_back,) = judged.tasks("rework")
    assert f"task {sent_back} is rework" in judged("review", "settle", sent_back, *options, code=5).stderr
    for command in (("settle", "nothing", *options), ("show", "nothing")):
        assert "no task 'nothing'" in judged("review", *command, code=1).stderr

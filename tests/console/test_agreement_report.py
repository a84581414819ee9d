"""yuelu agreement on exports: every control, people, models and companies, as JSON of the documented schema and as a page."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import yuelu.console
from yuelu.console.agreement.measure import Options, Report, report_of_export, report_of_table, to_json
from yuelu.console.agreement.page import agreement_page
from yuelu.console.words import chinese, say_reason
from yuelu.quality.kinds.table import KINDS

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads(re.search(r"^```json agreement\.schema\.json\n(.*?)^```", (ROOT / "docs" / "quality.md").read_text("utf-8"),
                              re.MULTILINE | re.DOTALL)[1])  # type: ignore[index]  # fmt: skip
SIZE = {"original_width": 200, "original_height": 100, "image_rotation": 0}
CONFIG = """<View><Image name="image" value="$image"/><Choices name="grade" toName="image">
<Choice value="low"/><Choice value="mid"/><Choice value="high"/></Choices></View>"""


def part(name: str, kind: str, value: Any, region: str = "", **more: Any) -> dict[str, Any]:
    return {"id": region or name, "from_name": name, "to_name": "image", "type": kind, "value": value, **more}


def said(grade: str, x: float, sure: str, label: str = "part") -> list[dict[str, Any]]:
    place = {"x": x, "y": 0, "width": 50, "height": 100, "rotation": 0}
    return [
        part("object", "rectanglelabels", {**place, "rectanglelabels": [label]}, "r", **SIZE),
        part("sure", "choices", {**place, "choices": [sure]}, "r", **SIZE),
        part("grade", "choices", {"choices": [grade]}),
        part("stars", "rating", {"rating": {"low": 1, "mid": 2, "high": 3}[grade]}),
    ]


def task(number: int, *results: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    given = [{"id": who, "completed_by": who, "result": result} for who, result in enumerate(results, 1)]
    return {"id": number, "project": 5, "data": {"image": "<b>x</b>"}, "annotations": given, **more}


@pytest.fixture
def export(tmp_path: Path) -> Path:
    model = [{"model_version": "v1", "result": said("low", 0, "yes")}]
    gold = {"id": 77, "completed_by": 9, "ground_truth": True, "result": said("low", 0, "yes")}
    first = task(1, said("low", 0, "yes"), said("mid", 5, "yes"), said("low", 0, "no", "tear"), predictions=model)
    first["annotations"].append(gold)
    tasks = [first, task(2, said("high", 0, "no"), said("high", 2, "no")), task(3, said("mid", 0, "yes"), said("low", 50, "yes"))]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks), "utf-8")
    return path


def values(report: Report) -> dict[tuple[str, str], float | None]:
    return {(name, score.metric): score.value for name, control in report.controls.items() for score in control.scores}


def test_every_control_of_an_export_is_measured(export: Path) -> None:
    report = report_of_export(export, None, Options(companies={"1": "K", "2": "K", "3": "L"}))
    assert {name: control.asked.kind for name, control in report.controls.items()} == {
        "grade": "nominal", "object": "box", "stars": "ordinal", "sure": "nominal"
    }  # fmt: skip
    found = values(report)
    # Grades: low, mid, low have one equal pair of three; high, high; mid, low: the mean over tasks.
    assert found["grade", "percent_agreement"] == pytest.approx((1 / 3 + 1 + 0) / 3)
    # Boxes 100 px wide, 10 and 4 px apart and at the same place; in task 3, 100 px apart. The third annotator names it otherwise.
    assert found["object", "f1_any_label@0.50"] == pytest.approx(4 / 5)
    assert found["object", "f1@0.50"] == pytest.approx(2 / 5)
    # What both drew: three regions of task 1 (yes-yes, yes-no, yes-no) and one of task 2 (no-no).
    assert found["sure", "percent_agreement"] == pytest.approx(2 / 4)
    grade = report.controls["grade"]
    (model,) = (part for part in grade.models if part.score.metric == "percent_agreement")
    assert model.names == ("model v1",)
    assert model.score.value == pytest.approx(2 / 3)
    assert [part.names for part in grade.gold][:1] == [("gold",)]
    assert {part.names for part in grade.companies} == {("K",), ("K", "L")}
    assert report.notes["answers about a region that only one of two annotators drew"] == 2


def test_the_order_of_labels_makes_them_ordinal(export: Path, door: Any) -> None:
    named = report_of_export(export, None, Options(orders={"grade": ("low", "mid", "high")}))
    from_config = report_of_export(export, CONFIG, Options(orders={"grade": None}))
    assert values(named)["grade", "gwet_ac2"] == values(from_config)["grade", "gwet_ac2"] == values(named)["stars", "gwet_ac2"]
    assert (
        "the order of the labels of grade is not known"
        in door("agreement", "--export", export, "--order", "grade", code=2).stderr
    )
    assert "no answers of a control 'size'" in door("agreement", "--export", export, "--order", "size", code=2).stderr
    assert "name two labels or more" in door("agreement", "--export", export, "--order", "grade=low", code=2).stderr
    assert "give three sizes in mm" in door("agreement", "--export", export, "--spacing-mm", "1,2", code=2).stderr


def test_json_is_what_the_docs_say(export: Path, door: Any, tmp_path: Path) -> None:
    companies = tmp_path / "companies.csv"
    companies.write_text("annotator,company\n1,K\n2,K\n3,L\n")
    told = door.json("agreement", "--export", export, "--groups", companies)
    jsonschema.validate(told, SCHEMA)
    assert told["counts"]["ground truth"] == told["counts"]["predictions"] == 1
    assert all(told[name] for name in SCHEMA["properties"])
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("who,company\n1,K\n")
    assert "it needs annotator and company" in door("agreement", "--export", export, "--groups", wrong, code=1).stderr


def test_a_table_has_companies_and_models(tmp_path: Path, door: Any) -> None:
    table = tmp_path / "labels.csv"
    rows = [
        (task, who, label) for task, labels in enumerate(("uuv", "uvu", "uuu")) for who, label in zip("abm", labels, strict=True)
    ]
    owner = {"a": "K", "b": "L", "m": "M"}
    table.write_text("task,annotator,label,company\n" + "".join(f"{t},{who},{label},{owner[who]}\n" for t, who, label in rows))
    report = report_of_table(table, Options(models=frozenset("m")))
    jsonschema.validate(to_json(report), SCHEMA)
    assert values(report)["label", "percent_agreement"] == pytest.approx(2 / 3)
    assert [part.names for part in report.controls["label"].companies] == [("K", "L")]
    assert report.controls["label"].models[0].score.value == pytest.approx(3 / 6)
    assert "label" in door("agreement", "--table", table, "--model", "m").stdout


def test_the_page_needs_nothing_else_and_speaks_both_languages(export: Path, door: Any, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    told = door("agreement", "--export", export, "--html", page, "--server", "http://ls.example:8080/").stdout
    text = page.read_text("utf-8")
    assert str(page) in told
    assert "Annotator by annotator: f1@0.50" in text
    assert "标注员两两之间：f1@0.50" in text
    assert 'href="http://ls.example:8080/projects/5/data?task=3"' in text
    assert not re.search(r"<script|<link|<img|url\(|@import|src=", text)
    assert "default-src 'none'" in text
    assert "cannot write" in door("agreement", "--export", export, "--html", tmp_path / "no" / "x.html", code=2).stderr


def test_names_from_an_export_are_no_markup(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>"
    tasks = [task(n, [part(bad, "choices", {"choices": [bad]})], [part(bad, "choices", {"choices": ["v"]})]) for n in (1, 2)]
    for each in tasks:
        each["data"]["item_key"] = f"{bad}{each['id']}"
    path = tmp_path / "x.json"
    path.write_text(json.dumps(tasks), "utf-8")
    assert "<script" not in agreement_page(report_of_export(path, None, Options()), "zh")


def test_imported_answers_are_answers(tmp_path: Path) -> None:
    tasks = [task(1, said("low", 0, "yes"), said("low", 0, "yes"))]
    for each in tasks[0]["annotations"]:
        each["ground_truth"] = True
    path = tmp_path / "x.json"
    path.write_text(json.dumps(tasks), "utf-8")
    report = report_of_export(path, None, Options())
    assert values(report)["grade", "percent_agreement"] == 1
    assert any(note.startswith("every answer is marked as ground truth") for note in report.notes)


def test_an_export_without_answers_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{"id": 1, "data": {}}]))
    report = report_of_export(path, None, Options())
    assert report.controls == {}
    assert "没有任何回答" in agreement_page(report, "zh")


def test_what_the_report_says_has_its_chinese() -> None:
    folder = Path(yuelu.console.__path__[0], "agreement")
    texts = "".join(path.read_text("utf-8") for path in sorted(folder.glob("*.*")))
    words = set(re.findall(r"""\bt\(["']([^"']+)["']""", texts)) | set(KINDS)
    assert words - set(chinese()) == set()
    reasons = {measure.undefined for kind in KINDS.values() for measure in kind.measures}
    assert {reason for reason in reasons if say_reason("zh", reason) == reason} == set()

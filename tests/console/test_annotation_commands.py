"""Label configurations and answers on the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
import SimpleITK
from pycocotools.coco import COCO

from yuelu.annotate.templates import load_template
from yuelu.base.ledger.work import TaskRow
from yuelu.base.records import Box, Choice, Region

COINS = "f8d773fc9cfa6"  # sha256sum of scikit-image's coins.png
CONFIG = (
    '<View><Image name="i" valueList="$images"/>'
    '<RectangleLabels name="object" toName="i"><Label value="thing"/></RectangleLabels>'
    '<Choices name="sure" toName="i" perRegion="true"><Choice value="yes"/></Choices></View>'
)


def test_templates_are_listed_and_shown(door: Any) -> None:
    rows = {row["name"]: row for row in door.json("templates", "list")}
    assert len(rows) == 24
    assert rows["image-boxes"]["digest"] == load_template("image-boxes").digest
    assert "Boxes over time" in door("templates", "list").stdout
    shown = door("templates", "show", "video-tracks").stdout
    assert "## Method" in shown
    assert '<VideoRectangle name="box" toName="video"/>' in shown
    assert door.json("templates", "show", "video-tracks")["asks"] == ["labels", "videorectangle"]
    assert "no label configuration 'x'" in door("templates", "show", "x", code=2).stderr


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    config, description = tmp_path / "things.xml", tmp_path / "things.md"
    config.write_text(CONFIG, encoding="utf-8")
    description.write_text("# Things\n\nDraw a box around every thing.\n", encoding="utf-8")
    return config, description


@pytest.fixture
def drawn(ingested: Any, copy_of: Callable[[Any], Any], files: tuple[Path, Path]) -> Any:
    """A project with a configuration of its own; each of three people draws the same turned box on the photo and the slice."""
    door, (config, description) = copy_of(ingested), files
    create = ("project", "create", "things", "--collection", "trial", "--config", config, "--description", description)
    assert door.json(*create) == {"project": "things", "new": True, "tasks_added": 2}
    assert door.json(*create)["new"] is False
    door.answer("things", lambda _: [BOXES] * 3)
    return door


BOXES: list[Region] = [Box("b", "object", "thing", 0, 10, 20, 30, 40, 90.0), Choice("sure", ("yes",), region_id="b")]


def key_of(door: Any, photo: bool) -> str:
    ledger = door.ledger()
    with ledger.reading() as session:
        (key,) = (task.item_key for task in session.query(TaskRow) if task.subject.startswith(COINS) == photo)
    ledger.close()
    return str(key)


def test_what_was_drawn_is_told_in_units_of_the_source(drawn: Any) -> None:
    """The slice's corners as ITK places them: turned by 90 degrees, the box lies left of and below its corner."""
    told = drawn.json("annotations", "show", key_of(drawn, photo=False))
    assert [answer["annotator"] for answer in told["answers"]] == ["ann", "bob", "cat"]
    box, choice = told["answers"][0]["regions"]
    path = Path(pydicom.__file__).parent / "data/test_files/CT_small.dcm"
    image = SimpleITK.ReadImage(str(path), imageIO="GDCMImageIO")
    corners = [(10, 20), (10, 50), (-30, 50), (-30, 20)]
    theirs = [image.TransformContinuousIndexToPhysicalPoint((x - 0.5, y - 0.5, 0.0)) for x, y in corners]
    for ours, right in zip(box["source"]["points_mm"], theirs, strict=True):
        assert ours == pytest.approx(right, abs=1e-3)
    assert box["source"]["sop_uid"].startswith("2.25.")  # the de-identified one
    assert (choice["region_id"], choice["source"]) == ("b", None)
    shown = drawn("annotations", "show", key_of(drawn, photo=False)).stdout
    assert "points_mm" in shown
    assert "thing" in shown
    assert "points_mm" not in drawn("annotations", "show", key_of(drawn, photo=True)).stdout
    assert "no task 'x'" in drawn("annotations", "show", "x", code=1).stderr


def test_tasks_with_their_answers(drawn: Any) -> None:
    rows = drawn.json("annotations", "list", "things")
    assert [(row["state"], row["answers"]) for row in rows] == [("submitted", 3)] * 2
    assert "submitted" in drawn("annotations", "list", "things").stdout


def test_answers_as_coco(drawn: Any, tmp_path: Path) -> None:
    out = tmp_path / "things.json"
    counts = drawn.json("annotations", "coco", "things", "--out", out)
    assert counts == {"file": str(out), "images": 2, "annotations": 6, "categories": 1, "left_out": {"Choice": 6}}
    loaded = COCO(str(out))
    assert sorted((image["width"], image["height"]) for image in loaded.imgs.values()) == [(128, 128), (384, 303)]
    assert {tuple(round(side) for side in each["bbox"]) for each in loaded.anns.values()} == {(-30, 20, 40, 30)}


def test_scoring_such_answers_asks_for_a_person(drawn: Any) -> None:
    rows = drawn.json("agreement", "things")["scores"]
    reasons = {row["control"]: row["reason"] for row in rows}
    assert reasons["sure"] == "nothing measures agreement on answers about each region yet"
    drawn("gate", "things", code=3)
    assert len(drawn.json("review", "list")) == 2


def test_what_a_configuration_cannot_be_is_named(ingested: Any, files: tuple[Path, Path]) -> None:
    config, description = files
    create = ("project", "create", "x", "--collection", "trial")
    config.write_text(CONFIG.replace("<Label value", "<Label colour='red' value"), encoding="utf-8")
    refused = ingested(*create, "--config", config, "--description", description, code=2).stderr
    assert "<Label value='thing'> has the attribute colour" in refused
    assert "it may have alias, background" in refused
    assert "give --template NAME, or --config" in ingested(*create, code=2).stderr
    assert "give --template NAME, or --config" in ingested(*create, "--config", config, code=2).stderr
    config.write_bytes(b"\xff")
    assert "not UTF-8" in ingested(*create, "--config", config, "--description", description, code=2).stderr
    assert json.loads(ingested("project", "list", "--json").stdout) == []

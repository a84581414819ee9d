"""What is fixed about the demonstration, the truth of its tasks, and how its steps are told."""

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from yuelu.annotate.templates import load_template
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.records import Box, Choice, FrameRange, Medium, Segment
from yuelu.base.settings import Settings
from yuelu.base.workspace import init
from yuelu.console.demo.annotators import ANNOTATORS
from yuelu.console.demo.job import COLLECTION, DATASET, MAX_ROUNDS, OVERLAP, PROJECTS, SECRET, SIGNING_SEED, Folders
from yuelu.console.demo.labelling import task_truth, truth_by_asset
from yuelu.console.demo.stage import Stage
from yuelu.console.demo.truth import Truth, load_truth
from yuelu.datasets.layout import checked_name
from yuelu.pipelines.ingest.records import Collection
from yuelu.quality.policy import default_policy


def test_what_is_fixed_can_be_used() -> None:
    assert (len(SECRET), len(SIGNING_SEED)) == (32, 32)
    assert SECRET != SIGNING_SEED
    assert checked_name(DATASET) == DATASET
    assert Collection(**COLLECTION).name == "sample"
    assert [load_template(name).medium for name in PROJECTS.values()] == [Medium.IMAGE, Medium.AUDIO, Medium.VIDEO]
    assert len(ANNOTATORS) >= OVERLAP >= default_policy().minimum_answers
    # A task is decided at the latest in the round in which a failure is no longer sent back.
    assert default_policy().failure(MAX_ROUNDS) == "review"


def test_every_control_has_truth_and_only_labels_that_exist() -> None:
    templates = {template.medium: template for template in map(load_template, PROJECTS.values())}
    for truth in load_truth().values():
        for region in truth.regions:
            control = templates[truth.medium].control(region.control)
            assert control is not None
            assert set(region.labels if isinstance(region, Choice) else (region.label,)) <= set(control.labels)


def test_the_folders_are_all_below_one() -> None:
    folders = Folders(Path("/d"))
    found = [folders.media, folders.workspace, folders.pages, folders.pulled("1.0.0"), folders.damaged]
    assert [str(path) for path in found] == [
        "/d/media", "/d/workspace", "/d/console", "/d/pulled/yuelu-sample-1.0.0", "/d/pulled/damaged-on-purpose",
    ]  # fmt: skip


def test_the_truth_of_one_file_is_its_own() -> None:
    truth = Truth("a", Medium.AUDIO, (Segment("t0", "sound", "speech", 0.0, 1.0), Choice("quality", ("clean",))))
    assert task_truth([truth]) == (Choice("quality", ("clean",)), Segment("t0", "sound", "speech", 0.0, 1.0))
    video = Truth("v", Medium.VIDEO, (FrameRange("t0", "event", "person", 1, 2), Choice("camera", ("still",))))
    assert task_truth([video]) == (Choice("camera", ("still",)), FrameRange("t0", "event", "person", 1, 2))


def test_the_truth_of_a_series_has_one_choice_and_each_box_at_its_slice() -> None:
    def box(name: str, item: int) -> Box:
        return Box(name, "object", "anatomy", item, 1.0, 2.0, 3.0, 4.0)

    slices = [Truth(str(n), Medium.IMAGE, (box("t0", 0), box("t1", 0), Choice("scene", ("medical",)))) for n in range(2)]
    assert task_truth(slices) == (
        Choice("scene", ("medical",)), box("0-t0", 0), box("0-t1", 0), box("1-t0", 1), box("1-t1", 1),
    )  # fmt: skip


def test_truth_is_found_by_the_asset_that_is_labelled(tmp_path: Path) -> None:
    workspace = init(Settings(tmp_path))
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    with workspace.ledger.transaction("test") as t:
        row = {"name": "sample", "owner": "o", "legal_basis": "b", "grade": "g", "terms": "t", "created_at": moment}
        t.add_new(CollectionRow, [row])
        asset = {"medium": "image", "media_type": "x/y", "bytes": 1, "group": "g", "derived_from": None, "store_key": None}
        t.add_new(AssetRow, [{**asset, "sha256": "png", "role": "source", "facts": {}},
                             {**asset, "sha256": "dcm", "role": "source", "facts": {"deidentified": "copy"}},
                             {**asset, "sha256": "copy", "role": "deidentified", "facts": {}}])  # fmt: skip
        listed = (("images/cat.png", "png"), ("dicom/mr-small.dcm", "dcm"), ("without-truth.png", "png"))
        row = {"collection": "sample", "source": "s", "bytes": 1, "modified_ns": 1, "reason": None, "listed_at": moment}
        t.add_new(ListingRow, [{**row, "outcome": "accepted", "path": path, "sha256": sha256} for path, sha256 in listed])
        t.add_new(ListingRow, [{**row, "outcome": "quarantined", "path": "images/cell.png", "sha256": "other"}])
    with workspace.ledger.reading() as session:
        found = truth_by_asset(session, "sample")
    assert {key: truth.path for key, truth in found.items()} == {"png": "images/cat.png", "copy": "dicom/mr-small.dcm"}
    workspace.ledger.close()


def staged() -> tuple[Stage, StringIO]:
    text, times = StringIO(), iter([10.0, 12.34, 20.0, 20.0])
    return Stage(2, "en", Console(file=text, soft_wrap=True), clock=lambda: next(times)), text


def test_steps_are_plain_lines_where_nobody_watches() -> None:
    stage, text = staged()
    with stage.step("Ingest") as step:
        step.progress(1, 2)
        step.found = stage.say("{n} files", n=2)
        step.notes.append("cut [short].png: why")  # what looks like markup is a file's name
    with stage.step("Publish") as step:
        step.found = "done"
    assert text.getvalue().splitlines() == [
        "[1/2] Ingest ...",
        "[1/2] Ingest: 2 files  (2.3 s)",
        "      cut [short].png: why",
        "[2/2] Publish ...",
        "[2/2] Publish: done  (0.0 s)",
    ]


def test_a_step_that_fails_is_not_reported_as_done() -> None:
    stage, text = staged()
    with pytest.raises(ValueError, match="no disk"), stage.step("Ingest"):
        raise ValueError("no disk")
    assert text.getvalue() == "[1/2] Ingest ...\n"


def test_on_a_terminal_one_line_stays_for_each_step() -> None:
    text = StringIO()
    stage = Stage(1, "en", Console(file=text, force_terminal=True, width=100, highlight=False), clock=lambda: 0.0)
    with stage.step("Ingest") as step:
        step.progress(1, 2)
        step.found = "2 files"
    assert text.getvalue().rstrip().splitlines()[-1].endswith("[1/1] Ingest: 2 files  (0.0 s)")

"""Time series and stacks against a real server: what annotators see of them, and that what they draw comes back as drawn."""

from typing import Any

import pytest

from yuelu.annotate.answers import counted
from yuelu.base.errors import Conflict, InvalidRecord
from yuelu.base.ledger.media import AssetRow
from yuelu.base.ledger.work import TaskRow
from yuelu.base.records import Box, Choice, Segment
from yuelu.pipelines.dispatch import DispatchReport, dispatch
from yuelu.pipelines.sync import SyncReport, sync

pytestmark = pytest.mark.integration

SITE = "embedded"


def sent(bench: Any, project: str) -> tuple[DispatchReport, dict[str, Any], str]:
    """Dispatch; return the report, the first task as the server has it, and the server project's label configuration."""
    with bench.admin() as admin:
        report = dispatch(bench.workspace, project, admin, SITE)
        tasks, _ = admin.tasks(bench.server_project(project))
        (task,) = admin.export(bench.server_project(project), [tasks[0].id])
        return report, task, admin.project(bench.server_project(project)).label_config


def answered(bench: Any, project: str, result: list[dict[str, Any]]) -> tuple[Any, ...]:
    """Let the first annotator answer the first task as the editor would; return the typed regions."""
    task = bench.tasks(project)[0]
    with bench.annotator(bench.leased(task.item_key)[0]) as client:
        client.submit(task.server_task, result, lead_time_s=1.0, uid=f"00000000-0000-4000-8000-{bench.name}")
    with bench.admin() as admin:
        assert sync(bench.workspace, project, admin, SITE) == SyncReport(new=1)
    with bench.workspace.ledger.reading() as session:
        (answer,) = counted(session, [task.item_key])
    return answer.regions


def forget_channel(bench: Any, items: list[str]) -> None:
    with bench.workspace.ledger.transaction("test") as t:
        for item in items:
            row = t.session.get_one(AssetRow, item)
            row.facts = {**row.facts, "channel_names": ["speed"], "channel_units": ["m/s"]}


# As Label Studio 1.23.2 sent it when a person dragged once and double-clicked once in Chromium.
DRAWN = [
    {"value": {"choices": ["abnormal"]}, "id": "w76ztxrnbF", "from_name": "condition", "to_name": "series", "type": "choices",
     "origin": "manual"},
    {"value": {"start": 0.67, "end": 1.35, "instant": False, "timeserieslabels": ["anomaly"]}, "id": "vPrYudnNni",
     "from_name": "event", "to_name": "series", "type": "timeserieslabels", "origin": "manual"},
    {"value": {"start": 2, "end": 2, "instant": True, "timeserieslabels": ["transient"]}, "id": "3GCQTDTSRd",
     "from_name": "event", "to_name": "series", "type": "timeserieslabels", "origin": "manual"},
]  # fmt: skip


def test_a_series_as_the_editor_sends_it(bench: Any) -> None:
    project = bench.project("series-ranges")
    report, task, config = sent(bench, project)
    assert report == DispatchReport(created=2, already=0, total=2)
    assert set(task["data"]) == {"item_key", "timeseries"}
    assert 'column="ch0" legend="speed" units="m/s"' in config
    assert 'column="ch1" legend="torque" units=""' in config
    with bench.annotator("a") as client:
        assert client.read(task["data"]["timeseries"]).content.startswith(f"proxy of {project}".encode())
    assert answered(bench, project, DRAWN) == (
        Choice("condition", ("abnormal",)),
        Segment("vPrYudnNni", "event", "anomaly", 0.67, 1.35),
        Segment("3GCQTDTSRd", "event", "transient", 2.0, 2.125),  # one sample of 8 Hz
    )


def test_series_with_other_channels_need_a_project_of_their_own(bench: Any) -> None:
    project = bench.project("series-ranges")
    first, second = (task.items for task in bench.tasks(project))
    forget_channel(bench, first)
    with pytest.raises(InvalidRecord, match="the series of one project have 1 and 2 channels"):
        sent(bench, project)
    forget_channel(bench, second)
    assert sent(bench, project)[0].created == 2
    with bench.workspace.ledger.transaction("test") as t:
        for row in t.session.query(AssetRow).where(AssetRow.sha256.in_([*first, *second])):
            row.facts = {**row.facts, "channel_names": ["velocity"]}
    assert sent(bench, project)[0].already == 2  # a name is no question
    with bench.workspace.ledger.transaction("test") as t:
        for row in t.session.query(AssetRow).where(AssetRow.sha256.in_([*first, *second])):
            row.facts = {**row.facts, "channel_names": ["velocity", "torque"], "channel_units": ["m/s", "Nm"]}
    with pytest.raises(Conflict, match="another label configuration"):
        sent(bench, project)


def test_a_stack_shows_all_its_pictures_and_takes_boxes_on_each(bench: Any) -> None:
    project = bench.project("image-boxes", assets=1, pictures=3)
    _, task, _ = sent(bench, project)
    with bench.annotator("a") as client:
        seen = [client.read(address).content.decode() for address in task["data"]["images"]]
    assert seen == [f"proxy of {project} 0{place}" for place in ("", " 1", " 2")]
    place = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["part"]}
    box = {"id": "b", "from_name": "object", "to_name": "image", "type": "rectanglelabels", "item_index": 2, "value": place}
    scene = {"id": "s", "from_name": "scene", "to_name": "image", "type": "choices", "value": {"choices": ["medical"]}}
    assert answered(bench, project, [scene, {**box, "original_width": 200, "original_height": 100, "image_rotation": 0}]) == (
        Choice("scene", ("medical",)),
        Box("b", "object", "part", 2, 20.0, 20.0, 60.0, 40.0),
    )


def test_a_stack_too_long_for_one_task_is_named(bench: Any) -> None:
    project = bench.project("image-boxes", assets=1, pictures=2)
    (task,) = bench.tasks(project)
    with bench.workspace.ledger.transaction("test") as t:
        row = t.session.get_one(AssetRow, t.session.get_one(TaskRow, task.item_key).items[0])
        row.facts = {**row.facts, "frames": row.facts["frames"] * 251}
    with pytest.raises(InvalidRecord, match="shows 502 pictures; at most 500"):
        sent(bench, project)

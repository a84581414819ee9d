"""Dispatch and sync against a real server: nothing twice, nothing lost, and nobody answers for somebody else."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from yuelu.annotate.answers import answer_uid, counted
from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.packets import lease
from yuelu.annotate.results import Item, to_result
from yuelu.annotate.tasks import batch_id, open_rework
from yuelu.annotate.templates import load_template
from yuelu.base.errors import OutcomeUnknown
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.work import AnnotationRow, RejectionRow
from yuelu.base.records import Box, Choice, FrameRange, Region, Segment
from yuelu.pipelines.dispatch import DispatchReport, dispatch
from yuelu.pipelines.outbox import sending
from yuelu.pipelines.sync import SyncReport, sync

pytestmark = pytest.mark.integration

SITE = "embedded"
ITEM = Item(width_px=200, height_px=100, duration_s=4.0, frames=100)
ANSWERS: dict[str, tuple[Region, ...]] = {
    "image-boxes": (Choice("scene", ("medical",)), Box("b", "object", "part", 0, 10.5, 20.25, 33.3333, 40.0)),
    "audio-segments": (Choice("quality", ("clean",)), Segment("s", "sound", "speech", 0.125, 3.75)),
    "video-ranges": (Choice("camera", ("still",)), FrameRange("f", "event", "animal", 3, 100)),
    "series-ranges": (Choice("condition", ("abnormal",)), Segment("t", "event", "anomaly", 0.125, 3.75)),
}


class DroppedAnswers(httpx.BaseTransport):
    """Let the server do its work, and lose its answer: for the first `times` POSTs whose path ends like that."""

    def __init__(self, ending: str, times: int = 1) -> None:
        self.inner, self.ending, self.times, self.dropped = httpx.HTTPTransport(), ending, times, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.inner.handle_request(request)
        if request.method == "POST" and request.url.path.endswith(self.ending) and self.dropped < self.times:
            response.read()
            response.close()
            self.dropped += 1
            raise httpx.RemoteProtocolError("the answer was lost")
        return response

    def close(self) -> None:
        self.inner.close()


def faulty(bench: Any, transport: DroppedAnswers) -> Client:
    account = bench.site.accounts.admin
    return Client(bench.site.service.url, account.token, transport=transport, sleep=lambda _: None)


def answer(bench: Any, project: str, template: str, *, who: Sequence[str] | None = None) -> int:
    """Let the leased annotators answer all tasks as themselves; return how many answers were added."""
    added = 0
    result = to_result(ANSWERS[template], load_template(template), [ITEM])
    for task in bench.tasks(project):
        for name in who or bench.leased(task.item_key):
            with bench.annotator(name) as client:
                uid = answer_uid(task.item_key, name)
                added += client.submit(task.server_task, result, lead_time_s=7.5, uid=uid).added
    return added


def on_server(bench: Any, project: str) -> list[dict[str, Any]]:
    with bench.admin() as admin:
        tasks, _ = admin.tasks(bench.server_project(project))
        return list(admin.export(bench.server_project(project), [task.id for task in tasks]))


def run_dispatch(bench: Any, project: str) -> DispatchReport:
    with bench.admin() as admin:
        return dispatch(bench.workspace, project, admin, SITE)


def run_sync(bench: Any, project: str, **how: Any) -> SyncReport:
    with bench.admin() as admin:
        return sync(bench.workspace, project, admin, SITE, **how)


@pytest.mark.parametrize("template", ANSWERS)
def test_from_media_to_records_and_nothing_twice(bench: Any, template: str) -> None:
    project = bench.project(template, assets=3)
    assert run_dispatch(bench, project) == DispatchReport(created=3, already=0, total=3)
    assert run_dispatch(bench, project) == DispatchReport(created=0, already=3, total=3)
    assert {task.state for task in bench.tasks(project)} == {"dispatched"}
    assert sorted(task["data"]["item_key"] for task in on_server(bench, project)) == [t.item_key for t in bench.tasks(project)]

    assert answer(bench, project, template) == 6
    assert answer(bench, project, template) == 0  # an annotator who is killed and starts again
    assert run_sync(bench, project) == SyncReport(new=6, submitted=3)
    assert run_sync(bench, project) == SyncReport(unchanged=6)
    assert {task.state for task in bench.tasks(project)} == {"submitted"}

    keys = [task.item_key for task in bench.tasks(project)]
    with bench.workspace.ledger.reading() as session:
        answers = counted(session, keys)
    assert [(each.item_key, each.annotator) for each in answers] == [(key, who) for key in keys for who in bench.leased(key)]
    assert {each.regions for each in answers} == {ANSWERS[template]}
    assert {each.lead_time_s for each in answers} == {7.5}


def test_the_annotator_sees_the_media(bench: Any) -> None:
    project = bench.project("image-boxes", assets=1)
    run_dispatch(bench, project)
    data = on_server(bench, project)[0]["data"]
    assert set(data) == {"item_key", "images"}  # nothing of where it comes from
    with bench.annotator("a") as client:
        assert client.read(data["images"][0]).content == f"proxy of {project} 0".encode()


def test_a_killed_dispatch_goes_on_where_it_was(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project = bench.project("audio-segments", assets=3)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(sending, "record", killed)  # between the POST and writing down what it did
        with pytest.raises(KeyboardInterrupt):
            run_dispatch(bench, project)
    assert {task.state for task in bench.tasks(project)} == {"new"}
    assert run_dispatch(bench, project) == DispatchReport(created=0, already=3, total=3)
    assert len(on_server(bench, project)) == 3


@pytest.mark.parametrize("ending", ["/import", "/api/projects/"])
def test_a_lost_answer_sends_nothing_twice(bench: Any, ending: str) -> None:
    project = bench.project("audio-segments", assets=3)
    transport = DroppedAnswers(ending)
    with faulty(bench, transport) as client:
        report = dispatch(bench.workspace, project, client, SITE, sleep=lambda _: None)
        assert report == DispatchReport(created=3, already=0, total=3)
        assert sum(each.description == f"yuelu batch {batch_id(project)}" for each in client.projects()) == 1
    assert transport.dropped == 1
    assert len(on_server(bench, project)) == 3


def test_tasks_that_were_sent_twice_are_cleaned_up(bench: Any) -> None:
    project = bench.project("audio-segments", assets=2)
    run_dispatch(bench, project)
    with bench.admin() as admin:
        admin.import_tasks(bench.server_project(project), [task["data"] for task in on_server(bench, project)])
    assert len(on_server(bench, project)) == 4
    before = [task.server_task for task in bench.tasks(project)]
    run_dispatch(bench, project)
    assert len(on_server(bench, project)) == 2
    assert [task.server_task for task in bench.tasks(project)] == before


def test_a_lost_submission_is_there_once(bench: Any) -> None:
    project = bench.project("audio-segments", assets=1)
    run_dispatch(bench, project)
    task = bench.tasks(project)[0]
    transport = DroppedAnswers("/annotations/")
    token = bench.site.accounts.of("a").token
    result = to_result(ANSWERS["audio-segments"], load_template("audio-segments"), [ITEM])
    with Client(bench.site.service.url, token, transport=transport, sleep=lambda _: None) as client:
        uid = answer_uid(task.item_key, "a")
        done = client.submit(task.server_task, result, lead_time_s=1.0, uid=uid)
        assert (done.added, transport.dropped) == (False, 1)  # the first POST had added it
    assert [each["id"] for each in on_server(bench, project)[0]["annotations"]] == [done.annotation]


def test_writes_are_not_repeated_blindly(bench: Any) -> None:
    transport = DroppedAnswers("/api/projects/", times=9)
    with faulty(bench, transport) as client, pytest.raises(OutcomeUnknown, match="the answer was lost"):
        client.create_project("once only", "once only", "<View/>", 1, "")
    assert transport.dropped == 1


def test_edits_become_versions_and_deletions_tombstones(bench: Any) -> None:
    template = "video-ranges"
    project = bench.project(template, assets=1)
    run_dispatch(bench, project)
    answer(bench, project, template)
    run_sync(bench, project)
    first, second = bench.rows(AnnotationRow, AnnotationRow.annotator)
    edited = (Choice("camera", ("moving",)), FrameRange("f", "event", "person", 1, 2))
    with bench.annotator(first.annotator) as client:
        client.change(first.server_annotation, to_result(edited, load_template(template), [ITEM]), lead_time_s=9.0)
    with bench.annotator(second.annotator) as client:
        client.delete_annotation(second.server_annotation)
    assert run_sync(bench, project) == SyncReport(updated=1, vanished=1)
    assert run_sync(bench, project) == SyncReport(unchanged=1)
    rows = bench.rows(AnnotationRow, AnnotationRow.annotator, AnnotationRow.version)
    assert [(row.uid, row.version, row.vanished) for row in rows] == [
        (first.uid, 1, False),
        (first.uid, 2, False),
        (second.uid, 1, False),
        (second.uid, 2, True),
    ]
    with bench.workspace.ledger.reading() as session:
        left = counted(session, [first.item_key])
    assert [(each.annotator, each.regions, each.lead_time_s) for each in left] == [(first.annotator, edited, 9.0)]


def test_a_task_that_is_deleted_leaves_tombstones(bench: Any) -> None:
    project = bench.project("audio-segments", assets=2)
    run_dispatch(bench, project)
    answer(bench, project, "audio-segments")
    run_sync(bench, project)
    with bench.admin() as admin:
        admin.delete_task(bench.tasks(project)[0].server_task)
    assert run_sync(bench, project).vanished == 2
    assert run_sync(bench, project).vanished == 0


def test_answering_as_somebody_else_is_rejected(bench: Any) -> None:
    """The server lets anybody post in anybody's name and change anybody's answer."""
    template = "audio-segments"
    project = bench.project(template, assets=1)
    run_dispatch(bench, project)
    task = bench.tasks(project)[0]
    honest, other = bench.leased(task.item_key)
    result = to_result(ANSWERS[template], load_template(template), [ITEM])
    with bench.annotator(honest) as client:
        own = client.submit(task.server_task, result, lead_time_s=1.0, uid=answer_uid(task.item_key, honest))
    run_sync(bench, project)
    with bench.annotator(other) as client:
        client.change(own.annotation, [], lead_time_s=1.0)
        forged = {"result": result, "completed_by": bench.site.accounts.of(honest).user_id}
        client.write("POST", f"/api/tasks/{task.server_task}/annotations/", forged)
    assert run_sync(bench, project) == SyncReport(rejected=2)
    assert run_sync(bench, project) == SyncReport()  # known evidence is not kept twice
    assert {row.reason for row in bench.rows(RejectionRow)} == {f"answered as {honest}, but last changed by {other}"}
    with bench.workspace.ledger.reading() as session:
        assert [each.regions for each in counted(session, [task.item_key])] == [ANSWERS[template]]
        rejected = session.scalars(select(EventRow.reason).where(EventRow.action == "annotation.rejected")).all()
    assert len(rejected) == 2
    assert bench.tasks(project)[0].state == "dispatched"


def test_swapped_keys_are_noticed(bench: Any) -> None:
    """The server lets every user change the data of a task, and with it the key that says which of ours it is."""
    template = "audio-segments"
    project = bench.project(template, assets=2)
    run_dispatch(bench, project)
    tasks = on_server(bench, project)
    one, other = (task["data"] for task in tasks)
    with bench.annotator("a") as client:
        for task, data in zip(tasks, (other, one), strict=True):
            client.write("PATCH", f"/api/tasks/{task['id']}/", {"data": data})
    assert answer(bench, project, template) == 4
    assert run_sync(bench, project) == SyncReport(rejected=4)
    assert {row.reason for row in bench.rows(RejectionRow)} == {
        f"server task {task['id']} was dispatched as another task" for task in tasks
    }
    with bench.admin() as admin:
        for task in tasks:
            admin.write("PATCH", f"/api/tasks/{task['id']}/", {"data": task["data"]})
    assert run_sync(bench, project) == SyncReport(new=4, submitted=2)  # put right again, they count


BAD: Mapping[str, tuple[list[Any], str]] = {
    "unknown label": (
        [
            {
                "id": "x",
                "from_name": "sound",
                "to_name": "audio",
                "type": "labels",
                "value": {"start": 0, "end": 1, "labels": ["?"]},
            }
        ],
        "no such label",
    ),
    "too long": (
        [
            {
                "id": "x",
                "from_name": "sound",
                "to_name": "audio",
                "type": "labels",
                "value": {"start": 0, "end": 9, "labels": ["noise"]},
            }
        ],
        "the recording at 4.0 s",
    ),
    "unanswered": ([], "quality is required"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_used_is_kept_with_its_reason(bench: Any, kind: str) -> None:
    project = bench.project("audio-segments", assets=1)
    run_dispatch(bench, project)
    task = bench.tasks(project)[0]
    name = bench.leased(task.item_key)[0]
    with bench.annotator(name) as client:
        client.submit(task.server_task, BAD[kind][0], lead_time_s=1.0, uid=answer_uid(task.item_key, name))
    assert run_sync(bench, project) == SyncReport(rejected=1)
    (row,) = bench.rows(RejectionRow)
    assert BAD[kind][1] in row.reason
    assert row.raw["result"] == BAD[kind][0]


def test_skips_extras_and_drafts_do_not_count(bench: Any) -> None:
    template = "audio-segments"
    project = bench.project(template, assets=1)
    run_dispatch(bench, project)
    task = bench.tasks(project)[0]
    skips, repeats = bench.leased(task.item_key)
    stranger = next(name for name in "abcd" if name not in (skips, repeats))
    made, again = load_template(template), (Choice("quality", ("noisy",)),)
    result = to_result(ANSWERS[template], made, [ITEM])
    with bench.annotator(skips) as client:
        client.submit(task.server_task, [], lead_time_s=1.0, uid=answer_uid(task.item_key, skips), cancelled=True)
    with bench.annotator(repeats) as client:
        client.submit(task.server_task, result, lead_time_s=1.0, uid=answer_uid(task.item_key, repeats))
        client.submit(task.server_task, to_result(again, made, [ITEM]), lead_time_s=1.0, uid=answer_uid("again", repeats))
    with bench.annotator(stranger) as client:
        client.submit(task.server_task, result, lead_time_s=1.0, uid=answer_uid(task.item_key, stranger))
        client.write("POST", f"/api/tasks/{task.server_task}/drafts", {"result": result, "lead_time": 1.0})
    assert run_sync(bench, project) == SyncReport(new=4)
    with bench.workspace.ledger.reading() as session:
        assert [(each.annotator, each.regions) for each in counted(session, [task.item_key])] == [(repeats, again)]


def test_rework_is_a_new_task_on_the_same_server_project(bench: Any) -> None:
    template = "image-boxes"
    project = bench.project(template, assets=2)
    run_dispatch(bench, project)
    answer(bench, project, template)
    run_sync(bench, project)
    old = bench.tasks(project)[0].item_key
    with bench.workspace.ledger.transaction("test") as t:
        new = open_rework(t, old, "boxes disagree")
    with bench.workspace.ledger.transaction("test") as t:
        assert open_rework(t, old, "boxes disagree") == new
    people = ["a", "b", "c", "d"]
    assert lease(bench.workspace.ledger, "test", project, people) == 1
    assert lease(bench.workspace.ledger, "test", project, people) == 0
    assert run_dispatch(bench, project) == DispatchReport(created=1, already=0, total=1)
    assert len(on_server(bench, project)) == 3
    assert answer(bench, project, template) == 2
    assert run_sync(bench, project).submitted == 1
    assert {(task.round, task.state) for task in bench.tasks(project)} == {(1, "rework"), (1, "submitted"), (2, "submitted")}

"""Replay: bring back to a server, which was restored from a backup, the tasks and the answers that it lost.

The ledger has every version of every answer as it was sent, so nothing is lost with the server: a task that is missing is sent
again, an answer is posted again under its own id as its annotator, one that went back to an earlier version is changed
again, and one that was deleted before is deleted again. An answer from the gateway that was lost before it was read is
marked to be forwarded once more. What the server has and the ledger does not is left for the next sync.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import delete, select, update

from yuelu.annotate.answers import latest_versions
from yuelu.annotate.configurations import configuration_of
from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.reading import ApiReader, Read, Wanted, find_view, write_view
from yuelu.annotate.label_studio.sites import Place, Sender, places
from yuelu.annotate.label_studio.tasks import send
from yuelu.annotate.losses import send_losses_again
from yuelu.base.errors import Conflict, NotFound, OutcomeUnknown
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.places import OutboxRow
from yuelu.base.ledger.reading import ReadPlaceRow, ReadTaskRow
from yuelu.base.ledger.work import AnnotationRow, BatchRow
from yuelu.base.progress import Progress, silent
from yuelu.base.workspace import Workspace
from yuelu.pipelines.dispatch import dispatch
from yuelu.pipelines.outbox.arriving import record
from yuelu.pipelines.outbox.placing import Route
from yuelu.pipelines.outbox.placing import place as place_batch
from yuelu.pipelines.outbox.settling import wait
from yuelu.pipelines.outbox.task_data import Sent, task_data
from yuelu.pipelines.reading.judge import Answer, judge, mismatch
from yuelu.pipelines.reading.place import sent_as
from yuelu.pipelines.reading.write import context_of

_ACTOR = "replay"
_CHUNK = 200
_TRIES = 4
SenderFor = Callable[[str], Sender]


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a server was given back: tasks, answers, changes of answers, and deletions that it had forgotten.

    `to_forward` are answers from the gateway that it lost before they were read; the next forwarding brings them.
    """

    tasks: int = 0
    answers: int = 0
    changed: int = 0
    deleted: int = 0
    to_forward: int = 0

    def __add__(self, other: "ReplayReport") -> "ReplayReport":
        return ReplayReport(*(getattr(self, name) + getattr(other, name) for name in ReplayReport.__slots__))


@dataclass(frozen=True, slots=True)
class _Job:
    """The replay of one server project."""

    route: Route
    place: Place
    sender_for: SenderFor
    sleep: Callable[[float], None]


def replay(
    workspace: Workspace,
    project: str,
    client: Client,
    site: str,
    sender_for: SenderFor,
    *,
    progress: Progress = silent,
    sleep: Callable[[float], None] = time.sleep,
) -> ReplayReport:
    """Give the site back what the ledger knows of the project, and let sync go on there. Safe to repeat, and after a kill.

    `sender_for` tells how an annotator's answers reach the site. Raises NotFound: the project was never there.
    """
    with workspace.ledger.reading() as session:
        batches = [each.batch for each in places(session, project) if each.site == site]
    if not batches:
        raise NotFound(f"project {project} is not on site {site!r}", "dispatch it there first")
    before = _sent(workspace.ledger, batches, site)
    dispatch(workspace, project, client, site, sleep=sleep)  # what is open and missing there is sent again
    report = ReplayReport()
    for batch in batches:
        route = place_batch(workspace, batch, client, site)
        job = _Job(route, Place(batch, site, route.server_project), sender_for, sleep)
        _hold(job)
        _send_answered(job)
        report += _give_back(job, progress)
        again = send_losses_again(workspace.ledger, _ACTOR, batch, site, workspace.ledger.now())
        report += ReplayReport(to_forward=again)
        _release(job)
    after = _sent(workspace.ledger, batches, site)
    return report + ReplayReport(tasks=sum(before.get(key) != there for key, there in after.items()))


def _sent(ledger: Ledger, batches: Sequence[str], site: str) -> dict[str, int | None]:
    asked = select(OutboxRow.item_key, OutboxRow.server_task)
    with ledger.reading() as session:
        rows = session.execute(asked.where(OutboxRow.batch.in_(batches), OutboxRow.site == site, OutboxRow.state == "sent"))
        return {key: there for key, there in rows}  # noqa: C416  its rows are no tuples to mypy


def _hold(job: _Job) -> None:
    """See that the server project stays held until the end, also if this is killed; a project made anew is held too."""
    place, client = job.place, job.route.client
    with job.route.ledger.transaction(_ACTOR) as t:
        row = t.session.get(ReadPlaceRow, (place.site, place.server_project))
        if row is None:
            t.session.add(ReadPlaceRow(site=place.site, server_project=place.server_project, number=1, confirmed=1, read_at=None))
    if find_view(client, place.server_project) is None:
        write_view(client, place.server_project, 0)  # we read by it; no reading has this number


def _send_answered(job: _Job) -> None:
    """Send the tasks that were lost after they were answered. Dispatch sends only those that wait for answers."""
    route, place = job.route, job.place
    wait(route, job.sleep)
    here = (OutboxRow.batch == place.batch, OutboxRow.site == place.site)
    answered = select(AnnotationRow.item_key).where(
        AnnotationRow.item_key == OutboxRow.item_key, AnnotationRow.site == place.site
    )
    lost = select(OutboxRow.item_key).where(*here, OutboxRow.state.in_(("gone", "planned")), answered.exists())
    with route.ledger.reading() as session:
        keys = list(session.scalars(lost.order_by(OutboxRow.item_key)))
    for start in range(0, len(keys), _CHUNK):
        some = list(task_data(route.workspace, keys[start : start + _CHUNK], route.medium, embedded=route.embedded))
        with route.ledger.transaction(_ACTOR) as t:
            for each in some:
                marked = update(OutboxRow).where(OutboxRow.item_key == each.item_key, OutboxRow.batch == place.batch)
                t.session.execute(marked.values(state="sending", data_digest=each.digest))
        ids = send(route.client, route.server_project, _body(some), len(some))  # unclear: the next run settles it first
        with route.ledger.transaction(_ACTOR) as t:
            record(t, route, [(each.item_key, there) for each, there in zip(some, ids, strict=True)])


def _body(tasks: Sequence[Sent]) -> bytes:
    return json.dumps([{"data": task.data} for task in tasks]).encode()


def _give_back(job: _Job, progress: Progress) -> ReplayReport:
    report, done = ReplayReport(), 0
    with closing(ApiReader(job.route.client).answers(job.place.server_project, Wanted())) as reads:
        for some in _chunks(reads, _CHUNK):
            for act in _differences(job, some):
                report += act()
            done += len(some)
            progress(done, done)
    return report


def _differences(job: _Job, tasks: Sequence[Read]) -> list[Callable[[], ReplayReport]]:
    """Return what to do so that these tasks hold the answers that the ledger has."""
    place, found = job.place, list[Callable[[], ReplayReport]]()
    with job.route.ledger.reading() as session:
        keys = sent_as(session, place, [task.task for task in tasks])
        template = configuration_of(session, session.get_one(BatchRow, place.batch))
        uids = [raw["unique_id"] for task in tasks for raw in task.annotations if raw.get("unique_id")]
        context = context_of(session, place, template, sorted(set(keys.values())), uids)
        ours: dict[str, list[AnnotationRow]] = {}
        for row in latest_versions(session, sorted(set(keys.values()))):
            if row.site == place.site:
                ours.setdefault(row.item_key, []).append(row)
        session.expunge_all()
    for task in tasks:
        key = keys.get(task.task)
        if key is None or mismatch(task.task, task.item_key, key):
            continue
        there = {raw.get("unique_id"): raw for raw in task.annotations}
        for row in ours.get(key, ()):
            raw = there.get(row.uid)
            read = judge(raw, key, context) if raw else None
            same = isinstance(read, Answer) and read.content == row.content
            if not (raw is None if row.vanished else same):
                found.append(_action(job, row, task.task, raw))
    return found


def _action(job: _Job, row: AnnotationRow, server_task: int, raw: Mapping[str, Any] | None) -> Callable[[], ReplayReport]:
    if raw is None:
        return lambda: _post(job, row, server_task)
    if row.vanished:
        return lambda: _delete(job, raw["id"])
    return lambda: _patch(job, row, raw["id"])


def _post(job: _Job, row: AnnotationRow, server_task: int) -> ReplayReport:
    told = {"result": row.raw, "lead_time": row.lead_time_s, "was_cancelled": row.cancelled, "unique_id": row.uid}
    sender = job.sender_for(row.annotator)
    body = told if sender.completed_by is None else {**told, "completed_by": sender.completed_by}
    for attempt in range(_TRIES):
        try:
            sender.client.write("POST", f"/api/tasks/{server_task}/annotations/", body)
        except OutcomeUnknown:
            if attempt == _TRIES - 1:
                raise
            job.sleep(0.5 * 2**attempt)  # its id makes sending again harmless
        except Conflict:
            return ReplayReport()  # an earlier try got through, or it lies on another task: the next sync tells
        else:
            return ReplayReport(answers=1)
    raise AssertionError  # the last try returns or raises


def _patch(job: _Job, row: AnnotationRow, annotation: int) -> ReplayReport:
    sender = job.sender_for(row.annotator)
    body = {"result": row.raw, "lead_time": row.lead_time_s, "was_cancelled": row.cancelled}
    sender.client.write("PATCH", f"/api/annotations/{annotation}/", body)
    return ReplayReport(changed=1)


def _delete(job: _Job, annotation: int) -> ReplayReport:
    job.route.client.delete_annotation(annotation)
    return ReplayReport(deleted=1)


def _release(job: _Job) -> None:
    """Let sync go on: the server shows the number of the last reading again, and all of it is read anew."""
    place = job.place
    with job.route.ledger.transaction(_ACTOR) as t:
        row = t.session.get_one(ReadPlaceRow, (place.site, place.server_project))
        row.number += 1
        row.confirmed, row.read_at, number = row.number, None, row.number
        here = (ReadTaskRow.site == place.site, ReadTaskRow.server_project == place.server_project)
        t.session.execute(delete(ReadTaskRow).where(*here))
        t.event("place.replayed", f"{place.site}/{place.server_project}", after=str(number))
    write_view(job.route.client, place.server_project, number)


def _chunks(reads: Iterator[Read], size: int) -> Iterator[list[Read]]:
    while some := list(islice(reads, size)):
        yield some

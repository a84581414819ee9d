"""Tasks to a real Label Studio: `yuelu dispatch`, exactly once, against one plain POST of the same tasks, into new projects."""

import json
import time
from collections.abc import Callable

from drawing_table_site import PEOPLE, PROJECT, SITE, TEMPLATE, Bench, server, workspace
from measuring import OURS, PARTS, PEER, Row, Settings, cpu_s, memory_mb
from sqlalchemy import delete, select, update

from yuelu.annotate.label_studio.sites import EXTERNAL
from yuelu.annotate.label_studio.tasks import pages, send
from yuelu.base.ledger.places import OutboxRow, PlaceRow
from yuelu.base.ledger.work import SiteRow, TaskRow
from yuelu.base.workspace import Workspace
from yuelu.pipelines.dispatch import dispatch
from yuelu.pipelines.outbox.sending import TASKS
from yuelu.pipelines.outbox.task_data import task_data


def rows(settings: Settings) -> list[Row]:
    """Return all ways, turn by turn, on one server (SQLite); processor time is that of both sides."""
    tasks = 10_000 if settings.quick else 50_000
    made: list[Row] = []
    with server(settings.folder, 0, 0) as bench:
        for turn in range(settings.rounds):
            space = _workspace(settings, bench, tasks, turn)
            job = f"{tasks} tasks, turn {turn + 1}"
            bodies = _bodies(space, tasks), _bodies(space, TASKS)
            made += [
                _row(job, "yuelu dispatch, exactly once", OURS, tasks, lambda space=space: _dispatch(bench, space, tasks)),
                _row(job, "one plain POST", PEER, tasks, lambda body=bodies[0]: _post(bench, body)),
                _row(job, f"plain POSTs of {TASKS}", PARTS, tasks, lambda body=bodies[1]: _post(bench, body)),
            ]
            _check(bench, space, tasks)
            _clear(bench)  # or the next turn would find its tasks there, as a dispatch that was killed does
            space.ledger.close()
    return made


def _workspace(settings: Settings, bench: Bench, tasks: int, turn: int) -> Workspace:
    """Return a workspace with tasks that nobody sent yet, and a site for whose people the gateway serves the media."""
    space = workspace(settings.folder / f"ledger {turn}", bench, tasks, dispatched=False)
    with space.ledger.transaction("bench") as t:
        t.session.execute(update(SiteRow).values(kind=EXTERNAL))
        t.session.execute(delete(TaskRow).where(TaskRow.subject == "e" * 64))  # of the only asset; the others name it
    return space


def _bodies(space: Workspace, each: int) -> list[tuple[int, bytes]]:
    """Return the tasks as POSTs of so many each, made beforehand."""
    with space.ledger.reading() as session:
        keys = list(session.scalars(select(TaskRow.item_key).order_by(TaskRow.item_key)))
    data = [{"data": one.data} for one in task_data(space, keys, TEMPLATE.medium, embedded=False)]
    some = (data[start : start + each] for start in range(0, len(data), each))
    return [(len(part), json.dumps(part, separators=(",", ":")).encode()) for part in some]


def _post(bench: Bench, bodies: list[tuple[int, bytes]]) -> None:
    with bench.admin() as client:
        project = client.create_project("plain", "plain", TEMPLATE.config, len(PEOPLE), "as you like").id
        for count, body in bodies:
            send(client, project, body, count)


def _dispatch(bench: Bench, space: Workspace, tasks: int) -> None:
    with bench.admin() as client:
        report = dispatch(space, PROJECT, client, SITE)
    assert report.created == tasks, report


def _check(bench: Bench, space: Workspace, tasks: int) -> None:
    """Each task is on the server once, under the id that the ledger has."""
    with space.ledger.reading() as session:
        project = session.scalars(select(PlaceRow.server_project)).one()
        known = {row.server_task: row.item_key for row in session.execute(select(OutboxRow.server_task, OutboxRow.item_key))}
    with bench.admin() as client:
        there = {each.id: each.item_key for page in pages(client, project) for each in page}
    assert len(there) == tasks
    assert there == known


def _clear(bench: Bench) -> None:
    with bench.admin() as client:
        for project in list(client.projects()):
            client._send("DELETE", f"/api/projects/{project.id}").raise_for_status()


def _row(job: str, way: str, kind: str, tasks: int, do: Callable[[], None]) -> Row:
    cpu, begun = cpu_s(), time.perf_counter()
    do()
    spent, took = cpu_s() - cpu, time.perf_counter() - begun
    note = f"{tasks / took:.0f} tasks/s by the clock"
    return Row(job, way, kind, tasks, spent, took, memory_mb=memory_mb() if kind == OURS else None, note=note)

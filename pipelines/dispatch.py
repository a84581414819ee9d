"""Dispatch: a project's tasks go to a Label Studio server, each exactly once, however often this is run or killed."""

import html
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from yuelu.annotate.channels import Plot, plots_of, same_questions, with_plots
from yuelu.annotate.label_studio.client import Client, ServerProject, ServerTask
from yuelu.annotate.label_studio.service import SERVED
from yuelu.annotate.tasks import batch_id, move, project_row
from yuelu.annotate.templates import Template, template_of_project
from yuelu.base.errors import Conflict, InvalidRecord, NotFound, OutcomeUnknown
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.media import AssetRow
from yuelu.base.ledger.work import BatchRow, ProjectRow, SiteRow, TaskRow
from yuelu.base.media import Shown, shown_by
from yuelu.base.progress import Progress, silent
from yuelu.base.records import Medium
from yuelu.base.store.port import Store
from yuelu.base.workspace import Workspace
from yuelu.pipelines.proxies import stage

_SENT = 500  # tasks in one import: it is all or nothing
_CHUNK = 500  # hashes in one query
_TRIES = 5
_ACTOR = "dispatch"
Stage = Callable[[Workspace, str], Path]


@dataclass(frozen=True, slots=True)
class DispatchReport:
    """Tasks this run created on the server, those that were there before, and all that should be there."""

    created: int
    already: int
    total: int


def dispatch(
    workspace: Workspace,
    project: str,
    client: Client,
    site: str,
    progress: Progress = silent,
    *,
    stage: Stage = stage,
    sleep: Callable[[float], None] = time.sleep,
) -> DispatchReport:
    """Bring the project's open tasks to the server at `site`; run again, it sends only what is missing there.

    Raises Conflict: the server project has another label configuration. Raises OutcomeUnknown: the server never told
    clearly whether it took the tasks; run it again.
    """
    ledger = workspace.ledger
    with ledger.reading() as session:
        template = template_of(project_row(session, project), workspace.store)
        template = _with_channels(session, project, template)
    server_project = _server_project(ledger, project, client, site, template)
    client.ensure_storage(server_project, workspace.media_root.resolve() / SERVED)
    wanted = _open_tasks(ledger, project)
    recorded = _recorded(ledger, project)
    there = _listed(client, server_project, recorded)
    before = sum(key in there for key in wanted)
    progress(before, len(wanted))
    for attempt in range(_TRIES):
        missing = [key for key in wanted if key not in there]
        if not missing:
            break
        if attempt:
            sleep(2.0**attempt)  # an import whose answer was lost may still be at work
        for start in range(0, len(missing), _SENT):
            data = _task_data(workspace, missing[start : start + _SENT], template.medium, stage)
            if not _sent(client, server_project, data):
                break  # list what is there, and come back with the rest
            progress(before + start + len(data), len(wanted))
        there = _listed(client, server_project, recorded)
    else:
        raise OutcomeUnknown(f"{len(missing)} tasks of {project} are not on the server", "run dispatch again")
    _record(ledger, {key: there[key] for key in wanted})
    return DispatchReport(created=len(wanted) - before, already=before, total=len(wanted))


def template_of(row: ProjectRow, store: Store) -> Template:
    """Return the project's label configuration. Raises Conflict: the file is no longer what the project was made with."""
    template = template_of_project(store, row)
    if (template.digest, template.description_digest) != (row.template_digest, row.description_digest):
        raise Conflict(
            f"label configuration {row.template} {row.template_version} changed since project {row.name} was made",
            "restore it, and put the change in a new version",
        )
    return template


def _with_channels(session: Session, project: str, template: Template) -> Template:
    """Return the template with the configuration that the server gets. Raises InvalidRecord: time series that do not fit one."""
    if template.medium is not Medium.TIMESERIES:
        return template
    shown = _channels_of(session, project)
    return replace(template, config=with_plots(template, plots_of(list(shown)))) if shown else template


def _channels_of(session: Session, project: str) -> set[tuple[Plot, ...]]:
    """Return the different sets of channels that the series of the project have."""
    tasks = session.scalars(select(TaskRow.items).where(TaskRow.batch == batch_id(project)))
    series = sorted({item for items in tasks for item in items})
    asked = select(AssetRow.facts["channel_names"], AssetRow.facts["channel_units"])
    return {
        tuple(Plot(name, unit or "") for name, unit in zip(names, units, strict=True))
        for start in range(0, len(series), _CHUNK)
        for names, units in session.execute(asked.where(AssetRow.sha256.in_(series[start : start + _CHUNK])))
    }


def _server_project(ledger: Ledger, project: str, client: Client, site: str, template: Template) -> int:
    """Return the id of the batch's project on the server, found by its mark or created, and recorded."""
    batch = batch_id(project)
    mark = f"yuelu batch {batch}"
    with ledger.reading() as session:
        if session.get(SiteRow, site) is None:
            raise NotFound(f"no site {site!r}", "start Label Studio and ensure its accounts first")
        overlap = project_row(session, project).overlap
    found = _marked(client, mark)
    if found is None:
        try:
            found = client.create_project(_title(project, batch), mark, template.config, overlap, _instruction(template))
        except OutcomeUnknown:
            found = _marked(client, mark)
            if found is None:
                raise
    if not same_questions(found.label_config, template.config):
        raise Conflict(
            f"server project {found.id} was given another label configuration", "restore it there: a live one is never edited"
        )
    with ledger.transaction(_ACTOR) as t:
        row = t.session.get_one(BatchRow, batch)
        if (row.site, row.server_project) != (site, found.id):
            row.site, row.server_project, row.synced_at = site, found.id, None
            t.session.execute(update(TaskRow).where(TaskRow.batch == batch).values(server_task=None))
            t.event("batch.placed", batch, after=f"{site}/{found.id}")
    return found.id


def _marked(client: Client, mark: str) -> ServerProject | None:
    """Return the oldest server project with that mark: two that raced for it agree on the first."""
    return min((each for each in client.projects() if each.description == mark), key=lambda each: each.id, default=None)


def _title(project: str, batch: str) -> str:
    return f"{project[:37]} {batch[:12]}"  # the server takes 3 to 50 characters


def _instruction(template: Template) -> str:
    text = "\n\n".join(template.descriptions[language] for language in sorted(template.descriptions))
    return f'<pre style="white-space: pre-wrap">{html.escape(text)}</pre>'


def _open_tasks(ledger: Ledger, project: str) -> list[str]:
    states = ("new", "dispatched")
    with ledger.reading() as session:
        query = select(TaskRow.item_key).where(TaskRow.batch == batch_id(project), TaskRow.state.in_(states))
        return list(session.scalars(query.order_by(TaskRow.item_key)))


def _recorded(ledger: Ledger, project: str) -> dict[int, str]:
    """Return what each server task was dispatched as: users can change the key it names."""
    with ledger.reading() as session:
        query = select(TaskRow.server_task, TaskRow.item_key).where(TaskRow.batch == batch_id(project))
        return {task: key for task, key in session.execute(query) if task is not None}


def _listed(client: Client, server_project: int, recorded: Mapping[int, str]) -> dict[str, int]:
    """Return the server's task of each key; a second, unanswered task of one key is deleted there."""
    tasks, _ = client.tasks(server_project)
    kept: dict[str, ServerTask] = {}
    for task in sorted(tasks, key=lambda task: (task.annotations == 0, task.id)):  # answered ones first, then the older
        key = recorded.get(task.id, task.item_key)
        if key is None:
            continue
        if key not in kept or task.id in recorded:
            kept[key] = task
        elif task.annotations == 0:
            client.delete_task(task.id)
    return {key: task.id for key, task in kept.items()}


def _sent(client: Client, server_project: int, data: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the server clearly took the tasks."""
    try:
        client.import_tasks(server_project, data)
    except OutcomeUnknown:
        return False
    return True


def _task_data(workspace: Workspace, keys: Sequence[str], medium: Medium, stage: Stage) -> list[dict[str, Any]]:
    """Return what the server is told of each task: its key and where its media are, and nothing of where they come from."""
    with workspace.ledger.reading() as session:
        shown = [_media(session, key, medium) for key in keys]
    return [
        {"item_key": key, **_addresses(workspace, medium, [stage(workspace, sha256) for sha256 in proxies]), **more}
        for key, (proxies, more) in zip(keys, shown, strict=True)
    ]


def _media(session: Session, key: str, medium: Medium) -> tuple[list[str], dict[str, Any]]:
    """Return the hashes of the proxies to show, in order, and what else the editor must know."""
    shown = shown_by(session, session.get_one(TaskRow, key).items)
    return [each.proxy.sha256 for each in shown], {"frame_rate_hz": _frame_rate(shown[0])} if medium is Medium.VIDEO else {}


def _frame_rate(shown: Shown) -> float:
    """Return what the editor counts frames by; it never asks the file."""
    rate = shown.proxy.facts.get("frame_rate_hz")
    if not rate:
        raise InvalidRecord(f"the frame rate of proxy {shown.proxy.sha256} is not known", "make the proxy again")
    return float(rate)


def _addresses(workspace: Workspace, medium: Medium, files: Sequence[Path]) -> dict[str, Any]:
    addresses = [f"/data/local-files/?d={quote(f'{SERVED}/{path.relative_to(workspace.media_root)}')}" for path in files]
    return {"images": addresses} if medium is Medium.IMAGE else {medium.value: addresses[0]}


def _record(ledger: Ledger, there: Mapping[str, int]) -> None:
    keys = sorted(there)
    for start in range(0, len(keys), _CHUNK):
        with ledger.transaction(_ACTOR) as t:
            for row in t.session.scalars(select(TaskRow).where(TaskRow.item_key.in_(keys[start : start + _CHUNK]))):
                row.server_task = there[row.item_key]
                if row.state == "new":
                    move(t, row.item_key, "dispatched")

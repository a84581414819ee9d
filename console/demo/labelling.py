"""The scripted annotators at work: each opens the tasks of their packet and answers through Label Studio as themselves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.annotate.answers import answer_uid
from yuelu.annotate.label_studio.site import Site
from yuelu.annotate.places import holders
from yuelu.annotate.results import Item, to_result
from yuelu.annotate.tasks import batch_id, project_row
from yuelu.annotate.templates import Template, load_template
from yuelu.base.errors import NotFound
from yuelu.base.ledger.media import ListingRow
from yuelu.base.ledger.work import AnnotationRow, TaskRow
from yuelu.base.media import labelled_copy, shown_by
from yuelu.base.progress import Progress
from yuelu.base.records import Box, Choice, Medium, Region
from yuelu.base.workspace import Workspace
from yuelu.console.demo.annotators import ANNOTATORS, Shown, answer
from yuelu.console.demo.truth import Truth, load_truth


@dataclass(frozen=True, slots=True)
class Job:
    """One answer that is still to be given."""

    annotator: str
    server_task: int
    shown: Shown
    items: tuple[Item, ...]


def answer_all(workspace: Workspace, project: str, site: Site, progress: Progress) -> int:
    """Let the annotators answer what their packets hold and is not in the ledger yet; return how many answers they gave.

    Killed and run again, nobody answers twice: an answer's id is made of its task and its annotator.
    """
    with workspace.ledger.reading() as session:
        row = project_row(session, project)
        template = load_template(row.template, row.template_version)
        jobs = list(_open_jobs(session, project, row.collection, template))
    people = {person.id: person for person in ANNOTATORS}
    progress(0, len(jobs))
    done = 0
    for annotator in sorted({job.annotator for job in jobs}):
        with site.annotator(annotator) as client:
            for job in (each for each in jobs if each.annotator == annotator):
                given = answer(people[annotator], job.shown)
                result = to_result(given.regions, template, job.items)
                uid = answer_uid(job.shown.item_key, annotator)
                client.submit(job.server_task, result, lead_time_s=given.lead_time_s, uid=uid)
                done += 1
                progress(done, len(jobs))
    return done


def _open_jobs(session: Session, project: str, collection: str, template: Template) -> Iterator[Job]:
    truths = truth_by_asset(session, collection)
    labels = {control.name: control.labels for control in template.controls}
    open_tasks = select(TaskRow).where(TaskRow.batch == batch_id(project), TaskRow.state == "dispatched")
    for task in session.scalars(open_tasks.order_by(TaskRow.item_key)):
        if task.server_task is None:
            raise NotFound(f"task {task.item_key} has no task on the server", "dispatch the project again")
        shown, items = _shown(session, task, template.medium, [truths[item] for item in task.items], labels)
        answered = set(session.scalars(select(AnnotationRow.annotator).where(AnnotationRow.item_key == task.item_key)))
        for annotator in sorted(holders(session, [task.item_key]).get(task.item_key, ())):
            if annotator not in answered:
                yield Job(annotator, task.server_task, shown, items)


def _shown(
    session: Session, task: TaskRow, medium: Medium, truths: list[Truth], labels: Mapping[str, tuple[str, ...]]
) -> tuple[Shown, tuple[Item, ...]]:
    items = tuple(Item.from_facts(each.facts) for each in shown_by(session, task.items))
    shown = Shown(
        item_key=task.item_key,
        round=task.round,
        truth=task_truth(truths),
        extents=tuple(_extent(medium, item) for item in items),
        labels=labels,
        hard=any(truth.hard for truth in truths),
        disputed=any(truth.disputed for truth in truths),
    )
    return shown, items


def _extent(medium: Medium, item: Item) -> tuple[float, ...]:
    known = {Medium.IMAGE: (item.width_px, item.height_px), Medium.AUDIO: (item.duration_s,), Medium.VIDEO: (item.frames,)}
    return tuple(float(value) for value in known[medium] if value is not None)


def task_truth(truths: list[Truth]) -> tuple[Region, ...]:
    """Return the truth of a task of several items: the choices of the first, the regions of all, each at its item."""
    choices = [region for region in truths[0].regions if isinstance(region, Choice)]
    placed = [
        replace(region, item=item, id=f"{item}-{region.id}") if isinstance(region, Box) else region
        for item, truth in enumerate(truths)
        for region in truth.regions
        if not isinstance(region, Choice)
    ]
    return (*choices, *placed)


def truth_by_asset(session: Session, collection: str) -> dict[str, Truth]:
    """Return the known truth by the hash of the asset that is labelled."""
    known = load_truth()
    listed = select(ListingRow).where(ListingRow.collection == collection, ListingRow.outcome == "accepted")
    rows = {row.path: row.sha256 for row in session.scalars(listed) if row.sha256}
    return {labelled_copy(session, sha256): known[path] for path, sha256 in rows.items() if path in known}

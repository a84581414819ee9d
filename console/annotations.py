"""What the commands of annotations ask of the ledger: every version of an answer, and where its regions lie in the source."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.annotate.answers import as_annotation, latest_versions
from yuelu.annotate.coco import Picture, coco
from yuelu.annotate.tasks import batch_id, project_row
from yuelu.base.errors import InvalidRecord, NotFound
from yuelu.base.ledger.work import AnnotationRow, TaskRow
from yuelu.base.media import Shown, shown_by
from yuelu.base.records import Medium, Region, region_to_json
from yuelu.base.settings import Settings
from yuelu.base.store.port import Store
from yuelu.base.workspace import open_workspace
from yuelu.pipelines.frame_times import frame_times_s
from yuelu.pipelines.source_units import in_source_units, places_of


def answers_to(settings: Settings, item_key: str, *, every_frame: bool = False) -> dict[str, Any]:
    """Return the answers to a task as they stand, each region with its place in the source. Raises NotFound."""
    workspace = open_workspace(settings)
    with workspace.ledger.reading() as session:
        task = session.get(TaskRow, item_key)
        if task is None:
            raise NotFound(f"no task {item_key!r}", "see 'yuelu annotations list PROJECT'")
        shown = shown_by(session, task.items)
        told = _Told(workspace.store, shown, every_frame)
        rows = sorted(latest_versions(session, [item_key]), key=lambda row: (row.annotator, row.uid))
        return {"task": item_key, "assets": list(task.items), "answers": [told.answer(row) for row in rows if not row.vanished]}


class _Told:
    """Tells the answers to one task."""

    def __init__(self, store: Store, shown: tuple[Shown, ...], every_frame: bool) -> None:
        self.places, self.every_frame = places_of(shown), every_frame
        video = shown[0].proxy.medium == Medium.VIDEO if shown else False
        self.times_s = frame_times_s(store, shown[0].labelled) if video else None

    def answer(self, row: AnnotationRow) -> dict[str, Any]:
        said = as_annotation(row)
        names = ("uid", "version", "annotator", "cancelled", "lead_time_s")
        moments = {"created_at": said.created_at.isoformat(), "updated_at": said.updated_at.isoformat()}
        return {
            **{name: getattr(said, name) for name in names},
            **moments,
            "regions": [self.region(each) for each in said.regions],
        }

    def region(self, region: Region) -> dict[str, Any]:
        source = in_source_units(region, self.places, self.times_s, every_frame=self.every_frame)
        return {**region_to_json(region), "source": source}


def tasks_of(settings: Settings, project: str) -> list[dict[str, Any]]:
    """Return the tasks of a project, with how many answers each has. Raises NotFound."""
    with open_workspace(settings).ledger.reading() as session:
        tasks = _tasks(session, project)
        answers: dict[str, int] = {}
        for row in latest_versions(session, [task.item_key for task in tasks]):
            if not row.vanished and not row.cancelled:
                answers[row.item_key] = answers.get(row.item_key, 0) + 1
        return [
            {"task": task.item_key, "round": task.round, "state": task.state, "answers": answers.get(task.item_key, 0)}
            for task in tasks
        ]


def coco_of(settings: Settings, project: str) -> dict[str, Any]:
    """Return the answers to a project of pictures as COCO. Raises NotFound. Raises InvalidRecord: another medium."""
    with open_workspace(settings).ledger.reading() as session:
        medium = project_row(session, project).medium
        if medium != Medium.IMAGE:
            raise InvalidRecord(f"project {project} is of {medium}, COCO is of pictures", "see 'yuelu annotations show'")
        tasks = _tasks(session, project)
        return coco(picture for task in tasks for picture in _pictures(session, task))


def _tasks(session: Session, project: str) -> list[TaskRow]:
    project_row(session, project)
    query = select(TaskRow).where(TaskRow.batch == batch_id(project)).order_by(TaskRow.item_key)
    return list(session.scalars(query))


def _pictures(session: Session, task: TaskRow) -> list[Picture]:
    shown = shown_by(session, task.items)
    drawn: list[dict[str, list[Region]]] = [{} for _ in shown]
    for row in latest_versions(session, [task.item_key]):
        if row.vanished or row.cancelled:
            continue
        for region in as_annotation(row).regions:
            drawn[int(getattr(region, "item", None) or 0)].setdefault(row.annotator, []).append(region)
    sizes = [(each.facts.get("width_px") or 0, each.facts.get("height_px") or 0) for each in shown]
    return [
        Picture(each.proxy.sha256, width, height, found) for each, (width, height), found in zip(shown, sizes, drawn, strict=True)
    ]

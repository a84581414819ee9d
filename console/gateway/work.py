"""What a person sees of their work: packets with how far they are, and a task as the editor takes it. Nothing of other people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.annotate.access import admitted
from yuelu.annotate.answers import answer_uid
from yuelu.annotate.channels import Plot, plots_of, with_plots
from yuelu.annotate.configurations import configuration_digest, configuration_of
from yuelu.annotate.packets import Packet, as_packet, packets_of, tasks_of, unanswered
from yuelu.annotate.people import session_of
from yuelu.annotate.predictions import predictions_for, server_form
from yuelu.annotate.results import Item
from yuelu.annotate.templates import Template
from yuelu.base.errors import Conflict, NotFound
from yuelu.base.ledger.media import AssetRow
from yuelu.base.ledger.packets import DraftRow, PacketRow, SubmissionRow
from yuelu.base.ledger.work import BatchRow, ProjectRow, TaskRow
from yuelu.base.media import Shown, shown_by
from yuelu.base.records import Medium
from yuelu.console.gateway import routes

# What Label Studio's own page gives its editor, without the tabs of other people's answers and without deleting answers.
INTERFACES = (
    "basic", "controls", "submit", "update", "skip", "predictions", "topbar", "annotations:current", "side-column",
    "edit-history", "infobar", "topbar:task-counter",
)  # fmt: skip
_TAKEN = ("new", "dispatched")


@dataclass(frozen=True, slots=True)
class PacketView:
    """A packet with the state of each of its tasks, in order: todo, draft, answered or skipped."""

    packet: Packet
    tasks: tuple[str, ...]

    @property
    def done(self) -> int:
        """How many tasks are answered or skipped."""
        return sum(state in ("answered", "skipped") for state in self.tasks)


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task of a packet, as its own annotator may see it."""

    item_key: str
    project: str
    template: Template
    config: str
    shown: tuple[Shown, ...]
    predictions: tuple[Mapping[str, Any], ...]  # those that may be seen, in the editor's form
    result: list[Any] | None  # of the own latest answer; None: none yet, or skipped
    lead_time_s: float
    version: int  # of the own answer; 0: none yet
    draft: list[Any] | None
    saved_at: datetime | None


def signed_in(session: Session, secret: str, now: datetime) -> routes.Session | None:
    """Return whose session the cookie's secret opens; None when it is over or was never one."""
    person = session_of(session, secret, now)
    return None if person is None else routes.Session(person.annotator, person.company, routes.page_token(secret))


def lease_of(session: Session, packet: str) -> routes.Lease | None:
    """Return the packet as its door sees it; None when there is none."""
    row = session.get(PacketRow, packet)
    return None if row is None else routes.Lease(row.id, row.annotator, row.state, row.due_at)


def packet_views(session: Session, annotator: str) -> tuple[PacketView, ...]:
    """Return the annotator's packets, the newest first."""
    return tuple(packet_view(session, packet) for packet in packets_of(session, annotator))


def packet_view(session: Session, packet: Packet) -> PacketView:
    """Return a packet with how far it is."""
    left = set(unanswered(session, packet.id))
    drafts = set(session.scalars(select(DraftRow.item_key).where(DraftRow.packet == packet.id)))
    return PacketView(packet, tuple(_state(key, place, left, drafts) for key, place in tasks_of(session, packet.id).items()))


def _state(key: str, place: str, left: set[str], drafts: set[str]) -> str:
    if place == "skipped":
        return "skipped"
    if key in left or place == "released":
        return "draft" if key in drafts else "todo"
    return "answered"


def packet_of(session: Session, packet: str) -> Packet:
    """Return a packet. Raises NotFound."""
    row = session.get(PacketRow, packet)
    if row is None:
        raise NotFound(f"no packet {packet}", "see the list of packets")
    return as_packet(row)


def open_projects(session: Session, company: str) -> tuple[str, ...]:
    """Return the projects that still want answers and are open to a company, by name. Of others it learns nothing."""
    query = select(BatchRow.project).join(TaskRow, TaskRow.batch == BatchRow.id).where(TaskRow.state.in_(_TAKEN))
    query = query.join(ProjectRow, ProjectRow.name == BatchRow.project).where(admitted(company))
    return tuple(session.scalars(query.distinct().order_by(BatchRow.project)))


def item_of(session: Session, packet: str, number: int) -> str:
    """Return the key of the packet's task of that number, from 1. Raises NotFound."""
    keys = list(tasks_of(session, packet))
    if not 1 <= number <= len(keys):
        raise NotFound(f"packet {packet} has no task {number}", "see the list of packets")
    return keys[number - 1]


def next_number(session: Session, packet: str) -> int | None:
    """Return the number of the first task without an answer; None when all have one."""
    left = set(unanswered(session, packet))
    return next((number for number, key in enumerate(tasks_of(session, packet), 1) if key in left), None)


def task_view(session: Session, packet: str, item_key: str, annotator: str) -> TaskView:
    """Return a task with its annotator's own answer and draft. Raises NotFound: its media are not there."""
    task = session.get_one(TaskRow, item_key)
    batch = session.get_one(BatchRow, task.batch)
    template = configuration_of(session, batch)
    shown = shown_by(session, task.items)
    items = tuple(Item.from_shown(each) for each in shown)
    versions = select(SubmissionRow).where(SubmissionRow.uid == answer_uid(item_key, annotator))
    last = session.scalars(versions.order_by(SubmissionRow.version.desc()).limit(1)).one_or_none()
    draft = session.get(DraftRow, (packet, item_key))
    mine = draft if draft is not None and draft.annotator == annotator else None
    return TaskView(
        item_key=item_key,
        project=batch.project,
        template=template,
        config=configuration(template, shown),
        predictions=tuple(server_form(each, template, items) for each in predictions_for(session, item_key)),
        shown=shown,
        result=None if last is None or last.kind == "skip" else last.result,
        lead_time_s=0.0 if last is None else last.lead_time_s or 0.0,
        version=0 if last is None else last.version,
        draft=None if mine is None else mine.result,
        saved_at=None if mine is None else mine.saved_at,
    )


def configuration(template: Template, shown: Sequence[Shown]) -> str:
    """Return what the editor is told to ask: of a time series, with a plot for each of its channels."""
    if template.medium is not Medium.TIMESERIES:
        return template.config
    facts = shown[0].labelled.facts
    plots = [Plot(name, unit or "") for name, unit in zip(facts["channel_names"], facts["channel_units"], strict=True)]
    return with_plots(template, plots_of([plots]))


def editor_task(view: TaskView, packet: str, number: int) -> dict[str, Any]:
    """Return the task as the editor takes it, its media at the gateway's own addresses."""
    medium = view.template.medium
    addresses = [f"/media/{packet}/{view.item_key}/{index}" for index in range(len(view.shown))]
    data: dict[str, Any] = {"images": addresses} if medium is Medium.IMAGE else {medium.value: addresses[0]}
    if medium is Medium.VIDEO:
        data["frame_rate_hz"] = view.shown[0].proxy.facts.get("frame_rate_hz")
    mine = {"pk": "1", "result": view.result, "leadTime": view.lead_time_s, "createdBy": "", "userGenerate": False}
    return {
        "key": view.item_key,
        "config": view.config,
        "task": {
            "id": number,
            "data": data,
            "annotations": [] if view.result is None else [mine],
            "predictions": _predicted(view),
        },
        "interfaces": list(INTERFACES),
        "draft": None if view.draft is None or view.saved_at is None else _draft(view.draft, view.saved_at),
        "lead_time": view.lead_time_s,
        "based_on": view.version,
        "asked": configuration_digest(view.template),
    }


def _predicted(view: TaskView) -> list[dict[str, Any]]:
    return [{"id": number, "createdBy": each["model_version"], **each} for number, each in enumerate(view.predictions, 1)]


def check_asked(session: Session, item_key: str, asked: str | None) -> None:
    """Raise Conflict: the task is asked under another label configuration by now than the page showed."""
    batch = session.get_one(BatchRow, session.get_one(TaskRow, item_key).batch)
    if asked is not None and asked != configuration_digest(configuration_of(session, batch)):
        raise Conflict("what is asked about this task has changed meanwhile", "open the task again")


def _draft(result: list[Any], saved_at: datetime) -> Mapping[str, Any]:
    return {"result": result, "saved_at": saved_at.isoformat()}


def media_of(session: Session, packet: str, item_key: str, index: int) -> AssetRow:
    """Return the proxy that a task of the packet shows at that place. Raises NotFound: the packet has no such task."""
    if tasks_of(session, packet).get(item_key, "released") == "released":
        raise NotFound(f"packet {packet} has no task {item_key}", "see the list of packets")
    shown = shown_by(session, session.get_one(TaskRow, item_key).items)
    if index >= len(shown):
        raise NotFound(f"task {item_key} shows {len(shown)} media", "open the task again")
    return shown[index].proxy

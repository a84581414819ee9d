"""Packets and answers as people ask for them: rows of the ledger as plain values, and nothing of what was answered."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from yuelu.annotate.answers import told_apart
from yuelu.annotate.packets import as_packet, packet_row, tasks_of, unanswered
from yuelu.annotate.places import silent
from yuelu.annotate.tasks import batch_id, project_row
from yuelu.base.ledger.packets import PacketRow, PacketTaskRow, SubmissionRow
from yuelu.base.ledger.work import RejectionRow, TaskRow

Row = dict[str, Any]


def packets(session: Session, wanted: Mapping[str, str]) -> list[Row]:
    """Return packets, the newest first, with how many tasks they have and how many wait for an answer."""
    number = select(func.count()).where(PacketTaskRow.packet == PacketRow.id)
    left = number.where(PacketRow.state == "open", PacketTaskRow.state == "held", silent())
    counts = [each.correlate(PacketRow).scalar_subquery() for each in (number, left)]
    query = select(PacketRow, *counts).order_by(PacketRow.opened_at.desc(), PacketRow.id)
    for name, value in wanted.items():
        query = query.where(getattr(PacketRow, name) == value)
    return [_packet(*values) for values in session.execute(query).all()]


def _packet(row: PacketRow, tasks: int, left: int) -> Row:
    packet = as_packet(row)
    return {name: getattr(packet, name) for name in type(packet).__slots__} | {"tasks": tasks, "unanswered": left}


def one_packet(session: Session, packet: str) -> tuple[Row, list[Row]]:
    """Return a packet, and its tasks by key, each held, answered, skipped or released. Raises NotFound."""
    row, places = packet_row(session, packet), tasks_of(session, packet)
    silent_ones = set(unanswered(session, packet))
    states = {key: "answered" if state == "held" and key not in silent_ones else state for key, state in places.items()}
    left = len(silent_ones) if row.state == "open" else 0
    return _packet(row, len(places), left), [{"task": key, "state": state} for key, state in states.items()]


def told_answers(session: Session, project: str) -> list[Row]:
    """Return a project's answers and what each is, by task: those in the ledger, then those that could not be used."""
    project_row(session, project)
    tasks = select(TaskRow.item_key).where(TaskRow.batch == batch_id(project))
    found = [
        {
            "task": each.row.item_key,
            "annotator": each.row.annotator,
            "standing": each.standing,
            "uid": each.row.uid,
            "reason": None,
        }
        for each in told_apart(session, list(session.scalars(tasks)))
    ]
    rejected = select(RejectionRow).where(RejectionRow.item_key.in_(tasks)).order_by(RejectionRow.seen_at, RejectionRow.content)
    refused = select(SubmissionRow).where(SubmissionRow.item_key.in_(tasks), SubmissionRow.state == "refused")
    found += [
        {"task": row.item_key, "annotator": None, "standing": "rejected", "uid": row.uid, "reason": row.reason}
        for row in session.scalars(rejected)
    ]
    found += [
        {"task": row.item_key, "annotator": row.annotator, "standing": "rejected", "uid": row.uid, "reason": row.reason}
        for row in session.scalars(refused)
    ]
    return sorted(found, key=lambda row: (row["task"], row["annotator"] or ""))

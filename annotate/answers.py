"""Answers: which annotations count, and under which id an annotator answers."""

from collections.abc import Iterable, Sequence
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.ledger.work import AnnotationRow, BatchRow, PacketRow, ProjectRow, TaskRow
from yuelu.base.records import Annotation, region_from_json

_NAMESPACE = UUID("6f0c6e2e-2f0b-5b0e-9a55-0d1f5b6a7c11")  # ours, drawn once
_CHUNK = 500  # keys in one query


def answer_uid(item_key: str, annotator: str) -> str:
    """Return the `unique_id` under which a script answers a task for an annotator: always the same, so sent once."""
    return str(uuid5(_NAMESPACE, f"{item_key}\0{annotator}"))


def latest_versions(session: Session, item_keys: Sequence[str]) -> list[AnnotationRow]:
    """Return the newest version of every answer to those tasks, tombstones included."""
    newest: dict[str, AnnotationRow] = {}
    for start in range(0, len(item_keys), _CHUNK):
        chunk = select(AnnotationRow).where(AnnotationRow.item_key.in_(item_keys[start : start + _CHUNK]))
        for row in session.scalars(chunk.order_by(AnnotationRow.uid, AnnotationRow.version)):
            newest[row.uid] = row
    return list(newest.values())


def counted(session: Session, item_keys: Sequence[str]) -> list[Annotation]:
    """Return the answers that count, by task and annotator.

    Of each annotator of a task's packet the last answer that is still there, unless it is a skip; never more than the
    project's overlap, first by annotator id. The server's own idea of overlap and of who may answer has no say.
    """
    leased: dict[str, set[str]] = {}
    overlap: dict[str, int] = {}
    for start in range(0, len(item_keys), _CHUNK):
        chunk = item_keys[start : start + _CHUNK]
        for packet in session.scalars(select(PacketRow).where(PacketRow.item_key.in_(chunk))):
            leased.setdefault(packet.item_key, set()).add(packet.annotator)
        wanted = select(TaskRow.item_key, ProjectRow.overlap).join(BatchRow, TaskRow.batch == BatchRow.id)
        for key, number in session.execute(wanted.join(ProjectRow).where(TaskRow.item_key.in_(chunk))):
            overlap[key] = number
    answers = _last_of_each(latest_versions(session, item_keys))
    taken: dict[str, int] = {}
    result = []
    for row in answers:
        if row.cancelled or row.annotator not in leased.get(row.item_key, ()):
            continue
        taken[row.item_key] = taken.get(row.item_key, 0) + 1
        if taken[row.item_key] <= overlap[row.item_key]:
            result.append(as_annotation(row))
    return result


def _last_of_each(rows: Iterable[AnnotationRow]) -> list[AnnotationRow]:
    """Return one answer for each task and annotator, in that order: the server lets people answer twice."""
    last: dict[tuple[str, str], AnnotationRow] = {}
    for row in sorted(rows, key=lambda row: (row.updated_at, row.uid)):
        if not row.vanished:
            last[row.item_key, row.annotator] = row
    return [last[key] for key in sorted(last)]


def as_annotation(row: AnnotationRow) -> Annotation:
    """Return the record of one version of an answer."""
    return Annotation(
        uid=row.uid,
        item_key=row.item_key,
        annotator=row.annotator,
        created_at=row.created_at,
        updated_at=row.updated_at,
        regions=tuple(region_from_json(region) for region in row.regions),
        lead_time_s=row.lead_time_s,
        cancelled=row.cancelled,
        version=row.version,
    )

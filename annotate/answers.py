"""Answers: which annotations count, and under which id an annotator answers."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.ledger.packets import PacketTaskRow
from yuelu.base.ledger.work import AnnotationRow, BatchRow, ProjectRow, TaskRow
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


@dataclass(frozen=True, slots=True)
class Told:
    """The newest version of an answer, and what it is: counted, surplus, repeated, skipped or vanished.

    Surplus is the answer of somebody who has no place at the task, or one too many; repeated is one that the same annotator
    gave again later.
    """

    row: AnnotationRow
    standing: str


def counted(session: Session, item_keys: Sequence[str]) -> list[Annotation]:
    """Return the answers that count, by task and annotator.

    Of each annotator who holds the task in a packet (or held it when they answered) the last answer that is still there,
    unless it is a skip; never more than the task wants (the project's overlap, and what a gate asked for
    besides), first by annotator id. The server's own idea of overlap and of
    who may answer has no say.
    """
    return [as_annotation(each.row) for each in told_apart(session, item_keys) if each.standing == "counted"]


def told_apart(session: Session, item_keys: Sequence[str]) -> list[Told]:
    """Return every answer to those tasks and what it is, by task and annotator."""
    places: dict[str, set[str]] = {}
    overlap: dict[str, int] = {}
    for start in range(0, len(item_keys), _CHUNK):
        chunk = item_keys[start : start + _CHUNK]
        live = select(PacketTaskRow.item_key, PacketTaskRow.annotator)
        live = live.where(PacketTaskRow.item_key.in_(chunk), PacketTaskRow.state != "released")
        for key, annotator in session.execute(live):
            places.setdefault(key, set()).add(annotator)
        wanted = select(TaskRow.item_key, ProjectRow.overlap + TaskRow.more).join(BatchRow, TaskRow.batch == BatchRow.id)
        for key, number in session.execute(wanted.join(ProjectRow).where(TaskRow.item_key.in_(chunk))):
            overlap[key] = number
    return tell_apart(latest_versions(session, item_keys), places, overlap)


def tell_apart(rows: Iterable[AnnotationRow], places: Mapping[str, Set[str]], overlap: Mapping[str, int]) -> list[Told]:
    """Return what each answer is, given who has a place at each task and how many answers it wants."""
    rows = sorted(rows, key=lambda row: (row.item_key, row.annotator, row.updated_at, row.uid))
    last = {(row.item_key, row.annotator): row.uid for row in rows if not row.vanished}
    taken: dict[str, int] = {}
    result = []
    for row in rows:
        standing = "counted"
        if row.vanished:
            standing = "vanished"
        elif last[row.item_key, row.annotator] != row.uid:
            standing = "repeated"
        elif row.cancelled:
            standing = "skipped"
        elif row.annotator not in places.get(row.item_key, ()):
            standing = "surplus"
        else:
            taken[row.item_key] = taken.get(row.item_key, 0) + 1
            if taken[row.item_key] > overlap[row.item_key]:
                standing = "surplus"
        result.append(Told(row, standing))
    return result


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

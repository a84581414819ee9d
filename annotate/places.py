"""Places: who holds which task of which packet, what is answered, and what is free."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, select, text, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from yuelu.annotate.tasks import move, project_row
from yuelu.base.canonical import digest
from yuelu.base.ledger.engine import Transaction
from yuelu.base.ledger.packets import PacketTaskRow, SubmissionRow
from yuelu.base.ledger.work import ROOM, AnnotationRow, BatchRow, TaskRow

_OPEN_TASKS = ("new", "dispatched")
_CHUNK = 500  # keys in one query
_MIX = 4  # so many times the tasks of a packet are looked at, so that the same people do not always meet


@dataclass(frozen=True, slots=True)
class Gap:
    """What a task lacks: how many annotators, and who may not be one of them (they hold, skipped or answered it)."""

    missing: int
    barred: frozenset[str] = frozenset()


def holders(session: Session, item_keys: Sequence[str]) -> dict[str, set[str]]:
    """Return who holds (or has answered) each task; not who skipped it, and not who let it go."""
    found: dict[str, set[str]] = {}
    for start in range(0, len(item_keys), _CHUNK):
        chunk = PacketTaskRow.item_key.in_(item_keys[start : start + _CHUNK])
        query = select(PacketTaskRow.item_key, PacketTaskRow.annotator)
        for key, annotator in session.execute(query.where(chunk, *held())):
            found.setdefault(key, set()).add(annotator)
    return found


def has_room(session: Session, item_key: str) -> bool:
    """Return whether another annotator may hold the task. The answer lasts as long as the batch's lock, which this takes."""
    row = session.get_one(TaskRow, item_key)
    lock_batches(session, [row.batch])
    overlap = project_row(session, session.get_one(BatchRow, row.batch).project).overlap
    return len(holders(session, [item_key]).get(item_key, ())) < overlap + row.more


def lock_batches(session: Session, batches: Iterable[str]) -> None:
    """Wait until nobody else decides about leases of those batches. Locks of packets come after these, never before."""
    wanted = select(BatchRow.id).where(BatchRow.id.in_(sorted(set(batches)))).order_by(BatchRow.id)
    session.execute(wanted.with_for_update(key_share=True))


def gaps_of(session: Session, batch: str, overlap: int) -> dict[int, dict[str, Gap]]:
    """Return what each open task lacks, by round."""
    places: dict[str, list[tuple[str, str]]] = {}
    live = select(PacketTaskRow.item_key, PacketTaskRow.annotator, PacketTaskRow.state)
    live = live.join(TaskRow, TaskRow.item_key == PacketTaskRow.item_key)
    for key, annotator, state in session.execute(live.where(TaskRow.batch == batch, PacketTaskRow.state != "released")):
        places.setdefault(key, []).append((annotator, state))
    rounds: dict[int, dict[str, Gap]] = {}
    tasks = select(TaskRow.item_key, TaskRow.round, TaskRow.more)
    for key, round_, more in session.execute(tasks.where(TaskRow.batch == batch, TaskRow.state.in_(_OPEN_TASKS))):
        missing = overlap + more - sum(state == "held" for _, state in places.get(key, ()))
        if missing > 0:
            barred = frozenset(annotator for annotator, _ in places.get(key, ()))
            rounds.setdefault(round_, {})[key] = Gap(missing, barred)
    return rounds


def next_tasks(session: Session, batch: str, annotator: str, overlap: int, size: int) -> tuple[int, list[str]]:
    """Return the round and the tasks of the annotator's next packet. Rework comes first: a lot waits for it."""
    round_ = None
    while (round_ := _round_before(session, batch, round_)) is not None:
        keys = _free_for(session, (batch, round_), annotator, overlap, size * _MIX)
        if keys:
            return round_, sorted(heapq.nsmallest(size, keys, key=lambda key: digest([key, annotator])))
    return 0, []


def _round_before(session: Session, batch: str, round_: int | None) -> int | None:
    """Return the latest round, before that one if it is given, with tasks that may have room."""
    rounds = select(TaskRow.round).where(TaskRow.batch == batch, text(ROOM)).order_by(TaskRow.round.desc()).limit(1)
    return session.scalar(rounds if round_ is None else rounds.where(TaskRow.round < round_))


def _free_for(session: Session, where: tuple[str, int], annotator: str, overlap: int, most: int) -> list[str]:
    """Return the first tasks of a batch's round that the annotator may have, at most so many.

    What is found full on the way is marked, and passed over from then on. So what this costs does not grow with the batch,
    only with what the annotator has already at tasks that lack others.
    """
    tasks = select(TaskRow.item_key, TaskRow.more).where(TaskRow.batch == where[0], TaskRow.round == where[1], text(ROOM))
    found: list[str] = []
    after = ""
    while len(found) < most:
        rows = session.execute(tasks.where(TaskRow.item_key > after).order_by(TaskRow.item_key).limit(most))
        wanted = {key: overlap + more for key, more in rows}
        page = list(wanted)
        held_by, barred = holders(session, page), _seen(session, page, annotator)
        mark_full(session, [key for key in page if len(held_by.get(key, ())) >= wanted[key]], overlap)
        found += [key for key in page if len(held_by.get(key, ())) < wanted[key] and key not in barred]
        if len(page) < most:
            break
        after = page[-1]
    return found[:most]


def _seen(session: Session, keys: Sequence[str], annotator: str) -> set[str]:
    """Return which of the tasks the annotator holds, skipped or answered."""
    seen: set[str] = set()
    for start in range(0, len(keys), _CHUNK):
        some = keys[start : start + _CHUNK]
        live = (PacketTaskRow.item_key.in_(some), PacketTaskRow.state != "released", PacketTaskRow.annotator == annotator)
        seen |= set(session.scalars(select(PacketTaskRow.item_key).where(*live)))
        answered = (AnnotationRow.item_key.in_(some), AnnotationRow.annotator == annotator)
        seen |= set(session.scalars(select(AnnotationRow.item_key).where(*answered)))
    return seen


def mark_full(session: Session, keys: Sequence[str], overlap: int) -> None:
    """Mark those of the tasks that have all their annotators; called wherever places are added, in the same transaction.

    They are counted again under their locks, and who frees a place there meanwhile marks the task after us.
    """
    for start in range(0, len(keys), _CHUNK):
        some = select(TaskRow.item_key, TaskRow.more).where(TaskRow.item_key.in_(keys[start : start + _CHUNK]))
        rows = session.execute(some.with_for_update(key_share=True, skip_locked=True))
        locked = {key: overlap + more for key, more in rows}
        there = holders(session, list(locked))
        full = [key for key, wanted in locked.items() if len(there.get(key, ())) >= wanted]
        _mark(session, full, room=False)


def ask_more(t: Transaction, item_key: str, reason: str) -> None:
    """Let an answered task be answered by one more annotator. Raises NotFound, IllegalMove: it is not at that point."""
    move(t, item_key, "dispatched", reason)
    t.session.get_one(TaskRow, item_key).more += 1
    t.session.flush()
    make_room(t.session, [item_key])


def make_room(session: Session, keys: Sequence[str]) -> None:
    """Mark those tasks as such that may lack annotators; called wherever a place stops to count, in the same transaction."""
    for start in range(0, len(keys), _CHUNK):
        some = sorted(keys[start : start + _CHUNK])
        locked = select(TaskRow.item_key).where(TaskRow.item_key.in_(some)).order_by(TaskRow.item_key)
        session.execute(locked.with_for_update(key_share=True))  # in one order, so that two never wait for each other
        _mark(session, some, room=True)


def _mark(session: Session, keys: Sequence[str], *, room: bool) -> None:
    marked = update(TaskRow).where(TaskRow.item_key.in_(keys)).values(room=room)
    session.execute(marked, execution_options={"synchronize_session": False})


def held() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a place counts towards the overlap."""
    return PacketTaskRow.state != "released", PacketTaskRow.state == "held"  # the first lets SQLite use the index


def place(item_key: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of the live places at a task."""
    return PacketTaskRow.item_key == item_key, PacketTaskRow.state != "released"


def silent() -> ColumnElement[bool]:
    """Return the condition that a place has no answer yet, neither sent through us nor found on a site."""
    sent = exists().where(
        SubmissionRow.item_key == PacketTaskRow.item_key,
        SubmissionRow.annotator == PacketTaskRow.annotator,
        SubmissionRow.state != "refused",
    )
    synced = exists().where(AnnotationRow.item_key == PacketTaskRow.item_key, AnnotationRow.annotator == PacketTaskRow.annotator)
    return ~sent & ~synced

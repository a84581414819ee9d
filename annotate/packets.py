"""Packets: tasks leased to one annotator for a time. What they did not answer when it ends is free for others.

All that decides about one batch's leases waits for the lock of the batch's row, and all that ends a packet or answers in it
for the lock of the packet's row, so two people at once never hold a task more often than the project's overlap.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from yuelu.annotate.access import access_of
from yuelu.annotate.places import Gap, gaps_of, lock_batches, make_room, mark_full, next_tasks, place, silent
from yuelu.annotate.tasks import project_row
from yuelu.base.canonical import digest
from yuelu.base.errors import Conflict, InvalidRecord, NotAllowed, NotFound
from yuelu.base.ledger.engine import Ledger, Transaction
from yuelu.base.ledger.packets import PacketRow, PacketTaskRow
from yuelu.base.ledger.work import AnnotatorRow, BatchRow
from yuelu.base.states import PACKET_MOVES, checked_move

LARGEST = 200  # tasks in one packet
_CHUNK = 500  # packets in one transaction


@dataclass(frozen=True, slots=True)
class Terms:
    """How many tasks a packet holds at most, and how long it stays open."""

    size: int = 50
    due: timedelta = timedelta(days=7)

    def __post_init__(self) -> None:
        if not 1 <= self.size <= LARGEST:
            raise InvalidRecord(f"a packet of {self.size} tasks", f"use 1 to {LARGEST}")
        if self.due <= timedelta(0):
            raise InvalidRecord(f"a packet that is due {self.due} after it opens", "use a time above zero, such as 7d")


@dataclass(frozen=True, slots=True)
class Packet:
    """One lease. `company` is whom the annotator worked for when it was made; `closed_at` is None while it is open."""

    id: str
    project: str
    batch: str
    annotator: str
    company: str
    round: int
    state: str
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None


def assign(
    item_keys: Sequence[str],
    annotators: Sequence[str],
    overlap: int,
    loads: Mapping[str, int] | None = None,
    gaps: Mapping[str, Gap] | None = None,
) -> tuple[tuple[str, str], ...]:
    """Return (item_key, annotator) pairs: `overlap` annotators for each task, their numbers of tasks at most 1 apart.

    `loads` are tasks that annotators have already; who has fewer comes first, and a hash decides between equals, so
    that the same people do not always meet. A task of `gaps` gets what it lacks, or as many as there are. Raises
    InvalidRecord: fewer annotators than `overlap`.
    """
    people = sorted(set(annotators))
    if not 1 <= overlap <= len(people):
        raise InvalidRecord(f"{overlap} answers wanted from {len(people)} annotators", "add annotators, or lower the overlap")
    load = {person: (loads or {}).get(person, 0) for person in people}
    pairs: list[tuple[str, str]] = []
    for key in sorted(set(item_keys)):
        gap = (gaps or {}).get(key, Gap(overlap))
        order = {person: (load[person], digest([key, person])) for person in people if person not in gap.barred}
        for person in sorted(heapq.nsmallest(gap.missing, order, key=order.__getitem__)):
            load[person] += 1
            pairs.append((key, person))
    return tuple(pairs)


def lease(ledger: Ledger, actor: str, project: str, annotators: Sequence[str], terms: Terms | None = None) -> int:
    """Lease the project's open tasks that lack annotators; return how many. Safe to repeat. Raises InvalidRecord, NotFound.

    Rounds are assigned each by itself, so what one round decides does not depend on how far the others are. Suspended
    annotators get nothing.
    """
    terms, leased = terms or Terms(), 0
    expire_due(ledger, actor, project)
    with ledger.transaction(actor) as t:
        overlap = project_row(t.session, project).overlap
        batches = _batches(t.session, project)
        lock_batches(t.session, batches)
        companies = _companies(t.session, project, annotators)
        for batch in batches:
            for round_, gaps in sorted(gaps_of(t.session, batch, overlap).items()):
                pairs = assign(list(gaps), list(companies), overlap, gaps=gaps)
                if not pairs:
                    continue
                _lease(t, _Lot(project, batch, round_, companies, ledger.now(), terms), pairs)
                mark_full(t.session, sorted({key for key, _ in pairs}), overlap)
                t.event("packets.leased", project, after=digest([list(pair) for pair in pairs]), reason=f"round {round_}")
                leased += len({key for key, _ in pairs})
    return leased


@dataclass(frozen=True, slots=True)
class _Lot:
    """What packets that are opened together have in common."""

    project: str
    batch: str
    round: int
    companies: Mapping[str, str]
    now: datetime
    terms: Terms


def _lease(t: Transaction, lot: _Lot, pairs: Sequence[tuple[str, str]]) -> None:
    """Open the packets that hold those tasks for those annotators."""
    held: dict[str, list[str]] = {}
    for key, annotator in pairs:
        held.setdefault(annotator, []).append(key)
    for annotator, keys in sorted(held.items()):
        number = _number(t.session, lot.batch, annotator)
        for offset, start in enumerate(range(0, len(keys), lot.terms.size)):
            packet = _packet((lot.project, lot.batch), annotator, lot.companies[annotator], lot.round, number + offset)
            _open(t, packet, keys[start : start + lot.terms.size], lot.now, lot.terms)


def take_packet(ledger: Ledger, project: str, annotator: str, terms: Terms | None = None) -> Packet | None:
    """Return the annotator's packet of the project: the one they have to finish, or the next; None when no task is free.

    A packet whose tasks are all answered is closed before the next is opened. Raises NotAllowed, NotFound.
    """
    terms = terms or Terms()
    expire_due(ledger, annotator, project)
    with ledger.transaction(annotator, "annotator") as t:
        overlap = project_row(t.session, project).overlap
        batches = _batches(t.session, project)
        lock_batches(t.session, batches)
        company = _companies(t.session, project, [annotator]).get(annotator)
        if company is None:
            raise NotAllowed(
                f"{annotator} is not at work here", "see 'yuelu annotator list', and whom it is open to: 'yuelu project list'"
            )
        for row in _open_rows(t.session, batches, annotator):
            if unanswered(t.session, row.id):
                return as_packet(row)
            _end(t, row, "closed", ledger.now())
        for batch in batches:
            round_, keys = next_tasks(t.session, batch, annotator, overlap, terms.size)
            if keys:
                packet = _packet((project, batch), annotator, company, round_, _number(t.session, batch, annotator))
                opened = as_packet(_open(t, packet, keys, ledger.now(), terms))
                mark_full(t.session, keys, overlap)
                return opened
        return None


def return_packet(ledger: Ledger, actor: str, packet: str, reason: str | None = None) -> Packet:
    """End a packet before its time; what is not answered is free for others. Raises NotFound, IllegalMove."""
    with ledger.transaction(actor) as t:
        return _end(t, packet_row(t.session, packet, locked=True), "returned", ledger.now(), reason)


def close_packet(ledger: Ledger, actor: str, packet: str) -> Packet:
    """End a packet whose tasks are all answered or skipped. Raises NotFound, IllegalMove. Raises Conflict: some are not."""
    with ledger.transaction(actor) as t:
        row = packet_row(t.session, packet, locked=True)
        left = unanswered(t.session, packet)
        if left and row.state == "open":
            raise Conflict(
                f"packet {packet} has {len(left)} tasks without an answer", "answer or skip them, or return the packet"
            )
        return _end(t, row, "closed", ledger.now())


def extend(ledger: Ledger, actor: str, packet: str, due_at: datetime) -> Packet:
    """Give an open packet another time to end at. Raises NotFound. Raises Conflict: it has ended, or the time is past."""
    with ledger.transaction(actor) as t:
        row = packet_row(t.session, packet, locked=True)
        why = closed_because(as_packet(row), "active", ledger.now())
        if why is not None or due_at <= ledger.now():
            raise Conflict(why or f"packet {packet} cannot be due at {due_at}: that is past", "lease its tasks anew")
        t.event("packet.extended", packet, before=row.due_at.isoformat(), after=due_at.isoformat())
        row.due_at = due_at
        return as_packet(row)


def expire_due(ledger: Ledger, actor: str, project: str | None = None) -> int:
    """End all packets whose time is over; return how many. One whose tasks are all answered ends as closed."""
    ended = 0
    due = [PacketRow.state == "open", PacketRow.due_at <= ledger.now()]
    if project is not None:
        due.append(PacketRow.project == project)
    while True:
        with ledger.reading() as session:  # nearly always there is none, and then nobody waits for us
            found = list(session.scalars(select(PacketRow.id).where(*due).order_by(PacketRow.id).limit(_CHUNK)))
        if not found:
            return ended
        with ledger.transaction(actor) as t:
            mine = select(PacketRow).where(PacketRow.id.in_(found), *due).order_by(PacketRow.id)
            for row in t.session.scalars(mine.with_for_update(key_share=True)):
                end_due(t, row, ledger.now())
                ended += 1


def end_due(t: Transaction, row: PacketRow, now: datetime) -> None:
    """End a packet whose time is over, in the caller's transaction, which holds its lock."""
    _end(t, row, "expired" if unanswered(t.session, row.id) else "closed", now)


def end_packets(t: Transaction, project: str, companies: Iterable[str], now: datetime, reason: str) -> int:
    """End the open packets of these companies' people in a project, whose lock the caller holds; return how many."""
    theirs = select(PacketRow).where(PacketRow.project == project, PacketRow.company.in_(sorted(companies)))
    rows = t.session.scalars(theirs.where(PacketRow.state == "open").order_by(PacketRow.id).with_for_update(key_share=True)).all()
    for row in rows:
        _end(t, row, "returned" if unanswered(t.session, row.id) else "closed", now, reason)
    return len(rows)


def lock_project(session: Session, project: str) -> None:
    """Wait until nobody else decides about leases of that project."""
    lock_batches(session, _batches(session, project))


def closed_because(packet: Packet, annotator_state: str, now: datetime) -> str | None:
    """Return why nothing can be answered in a packet (any more); None when its door is open."""
    if annotator_state != "active":
        return f"{packet.annotator} is {annotator_state}"
    if packet.state != "open":
        return f"packet {packet.id} was {packet.state}" + (f" at {packet.closed_at:%Y-%m-%d %H:%M}" if packet.closed_at else "")
    return f"packet {packet.id} was due at {packet.due_at:%Y-%m-%d %H:%M}" if now >= packet.due_at else None


def open_packet_of(session: Session, annotator: str, item_key: str, now: datetime) -> Packet:
    """Return the open packet in which the annotator has that task. Raises NotAllowed: there is none, and why."""
    query = select(PacketRow, AnnotatorRow.state).join(PacketTaskRow, PacketTaskRow.packet == PacketRow.id)
    query = query.join(AnnotatorRow, AnnotatorRow.id == PacketRow.annotator)
    found = session.execute(query.where(*place(item_key), PacketTaskRow.annotator == annotator)).one_or_none()
    if found is None:
        raise NotAllowed(f"task {item_key} is in no packet of {annotator}", "take a packet")
    packet, state = as_packet(found[0]), found[1]
    why = closed_because(packet, state, now)
    if why is not None:
        raise NotAllowed(why, "take another packet")
    return packet


def packets_of(session: Session, annotator: str) -> tuple[Packet, ...]:
    """Return all packets of an annotator, the newest first."""
    query = select(PacketRow).where(PacketRow.annotator == annotator)
    return tuple(map(as_packet, session.scalars(query.order_by(PacketRow.opened_at.desc(), PacketRow.id))))


def tasks_of(session: Session, packet: str) -> dict[str, str]:
    """Return the state of each place of a packet by the key of its task, in order: held, skipped or released."""
    query = select(PacketTaskRow.item_key, PacketTaskRow.state).where(PacketTaskRow.packet == packet)
    return {row.item_key: row.state for row in session.execute(query.order_by(PacketTaskRow.item_key))}


def unanswered(session: Session, packet: str) -> tuple[str, ...]:
    """Return the tasks of a packet that are neither answered nor skipped, in order."""
    query = select(PacketTaskRow.item_key).where(PacketTaskRow.packet == packet, PacketTaskRow.state == "held", silent())
    return tuple(session.scalars(query.order_by(PacketTaskRow.item_key)))


def packet_row(session: Session, packet: str, *, locked: bool = False) -> PacketRow:
    """Return a packet's row. Raises NotFound."""
    row = session.get(PacketRow, packet, with_for_update={"key_share": True} if locked else None)
    if row is None:
        raise NotFound(f"no packet {packet!r}", "see 'yuelu packet list'")
    return row


def as_packet(row: PacketRow) -> Packet:
    """Return the record of a packet's row."""
    return Packet(**{name: getattr(row, name) for name in Packet.__slots__})


def _companies(session: Session, project: str, annotators: Iterable[str]) -> dict[str, str]:
    """Return the company of each annotator who is at work and whose company the project is open to."""
    query = select(AnnotatorRow.id, AnnotatorRow.company).where(AnnotatorRow.state == "active")
    wanted, access = set(annotators), access_of(session, project)
    return {name: company for name, company in session.execute(query) if name in wanted and access.admits(company)}


def _batches(session: Session, project: str) -> list[str]:
    """Return the project's batches, oldest configuration first."""
    return list(session.scalars(select(BatchRow.id).where(BatchRow.project == project).order_by(BatchRow.number)))


def _open_rows(session: Session, batches: Sequence[str], annotator: str) -> Sequence[PacketRow]:
    query = select(PacketRow).where(PacketRow.batch.in_(batches), PacketRow.annotator == annotator, PacketRow.state == "open")
    return session.scalars(query.order_by(PacketRow.opened_at, PacketRow.id).with_for_update(key_share=True)).all()


def _number(session: Session, batch: str, annotator: str) -> int:
    """Return how many packets of the batch the annotator has had."""
    query = select(func.count()).select_from(PacketRow).where(PacketRow.batch == batch, PacketRow.annotator == annotator)
    return session.scalar(query) or 0


def _packet(work: tuple[str, str], annotator: str, company: str, round_: int, number: int) -> PacketRow:
    """Return a packet's row without its times. Its id tells nothing and is never used again."""
    project, batch = work
    name = digest({"batch": batch, "annotator": annotator, "number": number})[:16]
    return PacketRow(id=name, project=project, batch=batch, annotator=annotator, company=company, round=round_, state="open")


def _open(t: Transaction, row: PacketRow, keys: Sequence[str], now: datetime, terms: Terms) -> PacketRow:
    row.opened_at, row.due_at, row.closed_at = now, now + terms.due, None
    t.session.add(row)
    t.session.flush()
    places = [{"packet": row.id, "item_key": key, "annotator": row.annotator, "state": "held"} for key in keys]
    if t.add_new(PacketTaskRow, places) != len(keys):
        raise Conflict(f"{row.annotator} has some of these tasks already", "try again")
    t.event("packet.opened", row.id, after=digest(list(keys)), reason=f"{len(keys)} tasks for {row.annotator}")
    return row


def _end(t: Transaction, row: PacketRow, state: str, now: datetime, reason: str | None = None) -> Packet:
    before = row.state
    row.state, row.closed_at = checked_move(f"packet {row.id}", before, state, PACKET_MOVES), now
    let_go = update(PacketTaskRow).where(PacketTaskRow.packet == row.id, PacketTaskRow.state == "held", silent())
    released = let_go.values(state="released").returning(PacketTaskRow.item_key)
    make_room(t.session, list(t.session.scalars(released, execution_options={"synchronize_session": False})))
    t.event(f"packet.{state}", row.id, before=before, after=state, reason=reason)
    return as_packet(row)

"""Submissions: what people send is written to the ledger first, then acknowledged, and forwarded to its site afterwards.

A group of submissions shares one transaction (`record_all`), and `Recorder` makes groups of what many threads bring at once:
the log puts all writers in line, so a thousand answers a second need fewer, larger transactions, not a weaker log.
"""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.orm import Session

from yuelu.annotate.answers import answer_uid
from yuelu.annotate.incoming import Incoming, checked
from yuelu.annotate.packets import Packet, as_packet, closed_because, end_due
from yuelu.annotate.places import has_room, lock_batches, make_room
from yuelu.base.canonical import digest
from yuelu.base.errors import Conflict, NotAllowed, NotFound, OutcomeUnknown, YueluError
from yuelu.base.ledger.engine import Ledger, Transaction
from yuelu.base.ledger.packets import DraftRow, PacketRow, PacketTaskRow, SubmissionRow
from yuelu.base.ledger.work import AnnotatorRow, TaskRow
from yuelu.base.states import SUBMISSION_MOVES, checked_move

_GATHER_S = 0.003
_OPEN_TASKS = ("new", "dispatched", "submitted")  # after that the answers are being judged


@dataclass(frozen=True, slots=True)
class Submission:
    """One version of an answer that is in the ledger. `repeated`: it was there already, and nothing was written."""

    uid: str
    version: int
    packet: str
    item_key: str
    annotator: str
    kind: str
    received_at: datetime
    digest: str
    state: str
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Door:
    """What a submission is decided against: the packet in which its annotator has the task, and how far the task is."""

    packet: Packet
    place: str
    annotator_state: str
    task_state: str


@dataclass(slots=True)
class _Known:
    """What is in the ledger, and what this group adds to it."""

    doors: dict[tuple[str, str], Door]
    versions: dict[str, list[Submission]]
    rows: list[dict[str, Any]] = field(default_factory=list)


def record(ledger: Ledger, incoming: Incoming) -> Submission:
    """Return the submission once it is committed. The same content sent again is the same submission.

    Raises NotAllowed: the annotator does not hold the task, or not any more. Raises Conflict: it was changed elsewhere, or
    is being judged. Raises InvalidRecord: too large, too deep, no JSON.
    """
    (outcome,) = record_all(ledger, [incoming])
    if isinstance(outcome, YueluError):
        raise outcome
    return outcome


def record_all(ledger: Ledger, incoming: Sequence[Incoming]) -> tuple[Submission | YueluError, ...]:
    """Return for each, in order, the committed submission, or why it was refused. One transaction writes them all."""
    digests = [_content(each) for each in incoming]
    with ledger.transaction("gateway", "gateway") as t:
        good = [each for each, content in zip(incoming, digests, strict=True) if isinstance(content, str)]
        known, now = _look(t, good, ledger.now()), ledger.now()
        outcomes = tuple(
            content if isinstance(content, YueluError) else _take(t, known, each, content, now)
            for each, content in zip(incoming, digests, strict=True)
        )
        _write(t, known)
    return outcomes


def _content(incoming: Incoming) -> str | YueluError:
    try:
        return checked(incoming)
    except YueluError as error:
        return error


def decide(
    incoming: Incoming, content: str, door: Door | None, versions: Sequence[Submission], now: datetime
) -> Submission | YueluError:
    """Return what becomes of a submission, given what is known of its answer so far: pure, and in the order of receipt."""
    if door is None:
        return NotAllowed(f"task {incoming.item_key} is in no packet of {incoming.annotator}", "take a packet")
    if same := _same(incoming, content, versions):
        return same
    why = closed_because(door.packet, door.annotator_state, now)
    if why is not None:
        return NotAllowed(f"not recorded: {why}", "what was recorded before stays; take another packet")
    if door.task_state not in _OPEN_TASKS:
        return Conflict(f"task {incoming.item_key} is {door.task_state}", "its answers are settled")
    if incoming.based_on is not None and incoming.based_on != len(versions):
        return Conflict(
            f"version {incoming.based_on} of your answer was changed to version {len(versions)} elsewhere",
            "load the task again and look at what is there",
        )
    kind = "skip" if incoming.skipped else "update" if versions else "submit"
    return Submission(
        uid=answer_uid(incoming.item_key, incoming.annotator),
        version=len(versions) + 1,
        packet=door.packet.id,
        item_key=incoming.item_key,
        annotator=incoming.annotator,
        kind=kind,
        received_at=now,
        digest=content,
        state="pending",
    )


def _same(incoming: Incoming, content: str, versions: Sequence[Submission]) -> Submission | None:
    """Return the version that this is a second copy of: the last, or the one that followed the version it names."""
    at = len(versions) - 1 if incoming.based_on is None else incoming.based_on
    if 0 <= at < len(versions) and versions[at].digest == content:
        found = {name: getattr(versions[at], name) for name in Submission.__slots__}
        return Submission(**{**found, "repeated": True})
    return None


def _look(t: Transaction, incoming: Sequence[Incoming], now: datetime) -> _Known:
    """Lock the packets concerned and read what the group is decided against; a packet found to be over ends here."""
    keys = sorted({each.item_key for each in incoming})
    pairs = {(each.item_key, each.annotator): each.skipped for each in incoming}
    places = select(PacketTaskRow.item_key, PacketTaskRow.annotator, PacketTaskRow.state, PacketRow.id, PacketRow.batch)
    places = places.join(PacketRow).where(PacketTaskRow.item_key.in_(keys), PacketTaskRow.state != "released")
    held = [row for row in t.session.execute(places) if (row.item_key, row.annotator) in pairs]
    back = {row.batch for row in held if row.state == "skipped" and not pairs[row.item_key, row.annotator]}
    if back:
        lock_batches(t.session, back)  # they want a place that they gave up
    concerned = sorted({row.id for row in held})
    locked = select(PacketRow).where(PacketRow.id.in_(concerned)).order_by(PacketRow.id).with_for_update(key_share=True)
    packets = {row.id: row for row in t.session.scalars(locked)}
    for row in packets.values():
        if row.state == "open" and row.due_at <= now:
            end_due(t, row, now)  # once over, over for ever, also if the clock is set back
    query = (
        select(PacketTaskRow.item_key, PacketTaskRow.annotator, PacketTaskRow.packet, PacketTaskRow.state)
        .add_columns(AnnotatorRow.state, TaskRow.state)
        .join(AnnotatorRow, AnnotatorRow.id == PacketTaskRow.annotator)
        .join(TaskRow, TaskRow.item_key == PacketTaskRow.item_key)
        .where(PacketTaskRow.packet.in_(concerned), PacketTaskRow.item_key.in_(keys))
        .order_by(PacketTaskRow.state.desc())  # a place that was released gives way to one that is held or skipped
    )
    doors = {
        (key, annotator): Door(as_packet(packets[packet]), place, person, task)
        for key, annotator, packet, place, person, task in t.session.execute(query)
        if (key, annotator) in pairs and packet in packets
    }
    return _Known(doors, _versions(t.session, {answer_uid(*pair) for pair in pairs}))


def _versions(session: Session, uids: Iterable[str]) -> dict[str, list[Submission]]:
    names = [name for name in Submission.__slots__ if name != "repeated"]
    query = select(*(getattr(SubmissionRow, name) for name in names)).where(SubmissionRow.uid.in_(sorted(uids)))
    found: dict[str, list[Submission]] = {}
    for values in session.execute(query.order_by(SubmissionRow.uid, SubmissionRow.version)):
        found.setdefault(values[0], []).append(Submission(**dict(zip(names, values, strict=True))))
    return found


def _take(t: Transaction, known: _Known, incoming: Incoming, content: str, now: datetime) -> Submission | YueluError:
    versions = known.versions.setdefault(answer_uid(incoming.item_key, incoming.annotator), [])
    door = known.doors.get((incoming.item_key, incoming.annotator))
    outcome = decide(incoming, content, door, versions, now)
    if isinstance(outcome, YueluError) or outcome.repeated:
        return outcome
    place = "skipped" if incoming.skipped else "held"
    if door is not None and door.place != place:
        if place == "held" and not has_room(t.session, incoming.item_key):
            return Conflict(
                f"you skipped task {incoming.item_key}, and it was given to somebody else", "go on with the next task"
            )
        _seat(t.session, door.packet.id, incoming.item_key, place)
        known.doors[incoming.item_key, incoming.annotator] = Door(door.packet, place, door.annotator_state, door.task_state)
    versions.append(outcome)
    known.rows.append(_row(outcome, incoming))
    return outcome


def _seat(session: Session, packet: str, item_key: str, place: str) -> None:
    seat = update(PacketTaskRow).where(PacketTaskRow.packet == packet, PacketTaskRow.item_key == item_key)
    session.execute(seat.values(state=place), execution_options={"synchronize_session": False})
    if place == "skipped":
        make_room(session, [item_key])


def _row(submission: Submission, incoming: Incoming) -> dict[str, Any]:
    values = {name: getattr(submission, name) for name in Submission.__slots__ if name != "repeated"}
    sent = {name: getattr(incoming, name) for name in ("address", "agent", "lead_time_s", "result")}
    return {**values, **sent, "reason": None, "server_annotation": None, "delivered_at": None}


def _write(t: Transaction, known: _Known) -> None:
    """Insert the group's rows with their events, and drop the drafts that they replace."""
    if not known.rows:
        return
    t.session.execute(insert(SubmissionRow), known.rows)
    drafts = sorted({(row["packet"], row["item_key"]) for row in known.rows})
    t.session.execute(delete(DraftRow).where(tuple_(DraftRow.packet, DraftRow.item_key).in_(drafts)))
    for row in known.rows:
        t.event(f"submission.{row['kind']}", f"{row['uid']}/{row['version']}", after=sealed(row))


def sealed(row: Mapping[str, Any]) -> str:
    """Return the digest of a submission's row that its event carries: what was answered, by whom, when and from where."""
    names = ("uid", "version", "packet", "item_key", "annotator", "kind", "address", "agent", "digest")
    return digest({**{name: row[name] for name in names}, "received_at": row["received_at"].isoformat()})


class Recorder:
    """Records what many threads bring at once in few transactions; each of them goes on when its own is committed.

    One of those who wait writes for all that wait, and then hands over: while one group is being committed the next gathers.
    """

    def __init__(self, ledger: Ledger, largest: int = 200) -> None:
        self._ledger, self._largest = ledger, largest
        self._queue = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._writing, self._last = False, 0

    def record(self, incoming: Incoming) -> Submission:
        """Return the submission once it is committed. Raises as `record` does."""
        mine = _Waiting(incoming)
        with self._queue:
            self._waiting.append(mine)
            lead, self._writing = not self._writing, True
        if not lead:
            mine.called.wait()
        if mine.outcome is None:  # it is ours to write
            self._write_group()
        if not isinstance(mine.outcome, Submission):
            raise mine.outcome or OutcomeUnknown("the group was not written", "send it again")
        return mine.outcome

    def _write_group(self) -> None:
        if len(self._waiting) < self._last:
            time.sleep(_GATHER_S)  # those who just heard of their last answer are about to bring the next
        with self._queue:
            self._last = min(len(self._waiting), self._largest)
            group, self._waiting = self._waiting[: self._largest], self._waiting[self._largest :]
        try:
            outcomes: Sequence[Submission | BaseException] = record_all(self._ledger, [each.incoming for each in group])
        except Exception as error:  # theirs to hear of, each of them
            outcomes = [error] * len(group)
        for each, outcome in zip(group, outcomes, strict=True):
            each.outcome = outcome
            each.called.set()
        with self._queue:
            self._writing = bool(self._waiting)
            if self._waiting:
                self._waiting[0].called.set()


@dataclass(slots=True)
class _Waiting:
    incoming: Incoming
    outcome: Submission | BaseException | None = None
    called: threading.Event = field(default_factory=threading.Event)


def pending(session: Session, site: str, limit: int) -> tuple[SubmissionRow, ...]:
    """Return the oldest submissions that a site has not got yet, versions of one answer in order."""
    query = select(SubmissionRow).join(TaskRow, TaskRow.item_key == SubmissionRow.item_key)
    query = query.where(SubmissionRow.state == "pending", TaskRow.site == site)
    return tuple(
        session.scalars(query.order_by(SubmissionRow.received_at, SubmissionRow.uid, SubmissionRow.version).limit(limit))
    )


def delivered(t: Transaction, uid: str, version: int, server_annotation: int, now: datetime) -> None:
    """Note that the site has that version. Raises NotFound, IllegalMove."""
    row = _turn(t, uid, version, "delivered", None)
    row.server_annotation, row.delivered_at = server_annotation, now


def refused(t: Transaction, uid: str, version: int, reason: str) -> None:
    """Note that the site will never take that version, and why. Raises NotFound, IllegalMove."""
    _turn(t, uid, version, "refused", reason)


def send_again(t: Transaction, uid: str, version: int, reason: str) -> None:
    """Have a version forwarded once more: the site lost it, or may now take what it refused. Raises NotFound, IllegalMove."""
    row = _turn(t, uid, version, "pending", reason)
    row.server_annotation, row.delivered_at = None, None


def _turn(t: Transaction, uid: str, version: int, to: str, reason: str | None) -> SubmissionRow:
    row = t.session.get(SubmissionRow, (uid, version))
    if row is None:
        raise NotFound(f"no submission {uid} version {version}", "see 'yuelu answers list'")
    before = row.state
    row.state, row.reason = checked_move(f"submission {uid}/{version}", before, to, SUBMISSION_MOVES), reason
    t.event(f"submission.{to}", f"{uid}/{version}", before=before, after=to, reason=reason)
    return row

"""Forwarding: what people submitted goes from the ledger to the Label Studio that their task lies on, under their shadow user.

Each version is sent under the id of its answer, so that what was sent before a crash, or without a clear reply, is found there
and not sent twice. Versions of one answer go in order. A site that is down keeps only its own submissions waiting.
"""

import fcntl
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import select

from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.submissions import delivered, pending, refused
from yuelu.base.errors import Conflict, InvalidRecord, NotFound, OutcomeUnknown, ServiceUnavailable
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.packets import SubmissionRow
from yuelu.base.ledger.places import PlaceRow
from yuelu.base.ledger.work import TaskRow
from yuelu.base.progress import Progress, silent
from yuelu.base.workspace import Workspace

_ACTOR = "forward"
_GROUP = 200  # submissions of one round
_AT_ONCE = 4  # answers on their way to one site
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
Senders = Callable[[str], tuple[Client, int | None]]  # of an annotator: whom to speak as, and in whose name (None: their own)


@dataclass(frozen=True, slots=True)
class ForwardReport:
    """Versions of answers that a site took, that it will never take, and that wait for it."""

    delivered: int = 0
    refused: int = 0
    waiting: int = 0

    def __add__(self, other: "ForwardReport") -> "ForwardReport":
        return ForwardReport(*(getattr(self, name) + getattr(other, name) for name in ForwardReport.__slots__))


@dataclass(frozen=True, slots=True)
class Letter:
    """One version of an answer, addressed. `server_annotation` is what the version before became; None: nothing yet."""

    uid: str
    version: int
    annotator: str
    server_task: int
    server_annotation: int | None
    skipped: bool
    lead_time_s: float
    result: Sequence[Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a letter: taken as an annotation of the site, refused with a reason, or (neither) still to be sent."""

    letter: Letter
    server_annotation: int | None = None
    refused: str | None = None


def forward(workspace: Workspace, site: str, senders: Senders, progress: Progress = silent) -> ForwardReport:
    """Bring what waits for the site there; run again, it goes on with the rest. `progress` counts versions.

    One process at a time does it; another waits. Raises ServiceUnavailable: the site cannot be reached, nothing was forwarded.
    """
    with _alone(workspace.root / f".forward-{site}.lock"):
        return _forward(workspace.ledger, site, senders, progress)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until nobody else forwards: a late copy of an old version must not come after a new one."""
    with lock.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # given back when the file is closed, also by a kill
        yield


def _forward(ledger: Ledger, site: str, senders: Senders, progress: Progress) -> ForwardReport:
    report = ForwardReport()
    while True:
        letters, undispatched = _letters(ledger, site)
        if not letters:
            return report + ForwardReport(waiting=undispatched)
        receipts = _sent(letters, senders)
        done = _settle(ledger, receipts)
        report += done
        progress(report.delivered + report.refused, report.delivered + report.refused + done.waiting)
        if not done.delivered and not done.refused:
            raise ServiceUnavailable(f"site {site} took none of {len(letters)} answers", "see whether Label Studio runs there")
        if done.waiting:
            return report + ForwardReport(waiting=undispatched)


def _letters(ledger: Ledger, site: str) -> tuple[list[Letter], int]:
    """Return the oldest that wait for the site, and how many of them have no task there yet."""
    with ledger.reading() as session:
        rows = pending(session, site, _GROUP)
        tasks = select(TaskRow.item_key, TaskRow.server_task).where(TaskRow.item_key.in_({row.item_key for row in rows}))
        server_tasks = {row.item_key: row.server_task for row in session.execute(tasks)}
        known = select(SubmissionRow.uid, SubmissionRow.server_annotation).where(
            SubmissionRow.uid.in_({row.uid for row in rows}), SubmissionRow.server_annotation.is_not(None)
        )
        annotations = {row.uid: row.server_annotation for row in session.execute(known.order_by(SubmissionRow.version))}
        letters = [
            Letter(
                uid=row.uid,
                version=row.version,
                annotator=row.annotator,
                server_task=server_task,
                server_annotation=annotations.get(row.uid),
                skipped=row.kind == "skip",
                lead_time_s=row.lead_time_s or 0.0,
                result=row.result,
            )
            for row in rows
            if (server_task := server_tasks.get(row.item_key)) is not None
        ]
        return letters, len(rows) - len(letters)


def _sent(letters: Sequence[Letter], senders: Senders) -> list[Receipt]:
    """Send each annotator's letters in order, several annotators at once; after one that is not taken, their rest waits."""
    people = groupby(sorted(letters, key=lambda each: each.annotator), key=lambda each: each.annotator)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="forward") as pool:
        futures = [pool.submit(_send_all, list(theirs), senders) for _, theirs in people]
        return [receipt for future in futures for receipt in future.result()]


def _send_all(letters: Sequence[Letter], senders: Senders) -> list[Receipt]:
    receipts: list[Receipt] = []
    there: dict[str, int] = {}
    try:
        client, completed_by = senders(letters[0].annotator)
    except (ServiceUnavailable, OutcomeUnknown, NotFound):  # no account there yet
        return [Receipt(letter) for letter in letters]
    with client:
        for letter in letters:
            try:
                annotation = _send(client, letter, there.get(letter.uid, letter.server_annotation), completed_by)
            except (InvalidRecord, Conflict) as error:
                receipts.append(Receipt(letter, refused=error.problem))
            except (ServiceUnavailable, OutcomeUnknown, NotFound):
                break
            else:
                there[letter.uid] = annotation
                receipts.append(Receipt(letter, annotation))
    return receipts + [Receipt(letter) for letter in letters[len(receipts) :]]


def _send(client: Client, letter: Letter, known: int | None, completed_by: int | None) -> int:
    """Return the annotation that now holds this version. An answer that the site lost is posted anew."""
    if known is not None and client.holds(known, letter.server_task, completed_by):  # else a copy was put back, or it is deleted
        try:
            client.change(known, letter.result, lead_time_s=letter.lead_time_s, cancelled=letter.skipped)
        except NotFound:
            pass  # deleted there meanwhile
        else:
            return known
    posted = client.submit(
        letter.server_task,
        letter.result,
        lead_time_s=letter.lead_time_s,
        uid=letter.uid,
        cancelled=letter.skipped,
        completed_by=completed_by,
    )
    if not posted.added:  # it was there before: of this version, or of one before it
        client.change(posted.annotation, letter.result, lead_time_s=letter.lead_time_s, cancelled=letter.skipped)
    return posted.annotation


def _settle(ledger: Ledger, receipts: Sequence[Receipt]) -> ForwardReport:
    """Write down what became of the letters."""
    taken = never = 0
    with ledger.transaction(_ACTOR) as t:
        for receipt in receipts:
            uid, version = receipt.letter.uid, receipt.letter.version
            if receipt.server_annotation is not None:
                delivered(t, uid, version, receipt.server_annotation, ledger.now())
                taken += 1
            elif receipt.refused is not None:
                refused(t, uid, version, receipt.refused)
                never += 1
    return ForwardReport(taken, never, len(receipts) - taken - never)


class Forwarder:
    """Forwards for as long as it lives: one thread for each site, so that one that is down delays only itself."""

    def __init__(self, workspace: Workspace, senders: Callable[[str], Senders], poll_s: float = 1.0) -> None:
        self._workspace, self._senders, self._poll_s = workspace, senders, poll_s
        self._stop = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        self._watch = threading.Thread(target=self._look_for_sites, name="forward", daemon=True)

    def __enter__(self) -> "Forwarder":
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._watch.join()
        for thread in self._threads.values():
            thread.join()

    def _look_for_sites(self) -> None:
        for name in self._each(lambda: list(sites(self._workspace.ledger)), 10 * self._poll_s):
            if name not in self._threads:
                thread = threading.Thread(target=self._serve, args=(name,), name=f"forward {name}", daemon=True)
                self._threads[name] = thread
                thread.start()

    def _each(self, found: Callable[[], Sequence[str]], pause_s: float) -> Iterator[str]:
        while not self._stop.is_set():
            with suppress(ServiceUnavailable):  # the ledger is not there: nothing is lost, look again
                yield from found()
            self._stop.wait(pause_s)

    def _serve(self, site: str) -> None:
        pause_s = self._poll_s
        while not self._stop.is_set():
            try:
                report = forward(self._workspace, site, self._senders(site))
                pause_s = min(2 * max(pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S) if report.waiting else self._poll_s
            except ServiceUnavailable:
                pause_s = min(2 * max(pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
            self._stop.wait(pause_s)


def sites(ledger: Ledger) -> Sequence[str]:
    """Return the sites that work lies on, by name."""
    with ledger.reading() as session:
        return list(session.scalars(select(PlaceRow.site).distinct().order_by(PlaceRow.site)))

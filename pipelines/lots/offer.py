"""What a company offers for inspection: its answers to the tasks of a batch, each with the digest of what it says."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.annotate.answers import counted
from yuelu.base.canonical import canonical, digest, sha256
from yuelu.base.errors import Conflict, IntegrityFailure
from yuelu.base.ledger.lots import LotRow
from yuelu.base.ledger.packets import PacketRow, PacketTaskRow
from yuelu.base.ledger.work import AnnotationRow, TaskRow
from yuelu.base.store.port import Store, create_once
from yuelu.pipelines.released_tasks import chunks

OFFERED = ("submitted", "accepted", "published")  # states of a task whose answers can be inspected


@dataclass(frozen=True, slots=True)
class Offer:
    """A list that is offered: item key -> digest of what is inspected. `resubmitted`: some of it was refused before."""

    contents: Mapping[str, str]
    resubmitted: bool

    @property
    def frozen(self) -> tuple[str, ...]:
        """The list as it is frozen, hashed and drawn from: key and digest of each item, sorted."""
        return tuple(sorted(f"{key} {content}" for key, content in self.contents.items()))

    @property
    def list_digest(self) -> str:
        """The digest of the frozen list: the SHA-256 of its canonical JSON."""
        return digest(list(self.frozen))


def companies_of(session: Session, batch: str) -> tuple[str, ...]:
    """Return the companies whose people hold or held tasks of the batch."""
    return tuple(sorted(session.scalars(select(PacketRow.company).where(PacketRow.batch == batch).distinct())))


def the_company(session: Session, batch: str, wanted: str | None) -> str:
    """Return the company that is meant. Raises Conflict: none has worked there, or several have and none is named."""
    there = companies_of(session, batch)
    if wanted is None and len(there) == 1:
        return there[0]
    if wanted is None or wanted not in there:
        hint = f"name one with --company: {', '.join(there)}" if there else "no packet of the batch was ever leased"
        who = f"{wanted} has no" if wanted else f"{len(there)} companies have a"
        raise Conflict(f"{who} part in the batch", hint)
    return wanted


def contents_of(session: Session, company: str, item_keys: Sequence[str]) -> dict[str, str]:
    """Return the digest of the company's counted answers to each of the tasks; a task without any is left out."""
    found: dict[str, list[str]] = {}
    for some in chunks(item_keys):
        firms = _firms(session, some)
        for answer in counted(session, some):
            if firms.get((answer.item_key, answer.annotator)) == company:
                found.setdefault(answer.item_key, []).append(f"{answer.annotator} {answer.content}")
    return {key: digest(sorted(answers)) for key, answers in found.items()}


def _firms(session: Session, item_keys: Sequence[str]) -> dict[tuple[str, str], str]:
    """Return for whom each person worked who held each task."""
    held = (
        select(PacketTaskRow.item_key, PacketTaskRow.annotator, PacketRow.company)
        .join(PacketRow, PacketRow.id == PacketTaskRow.packet)
        .where(PacketTaskRow.item_key.in_(item_keys))
        .order_by(PacketRow.opened_at)
    )
    return {(key, who): company for key, who, company in session.execute(held)}


def offer(session: Session, store: Store, batch: str, company: str) -> Offer:
    """Return what the company offers of the batch now: the latest round of each subject, less what an earlier lot accepted."""
    latest: dict[str, TaskRow] = {}
    for task in session.scalars(select(TaskRow).where(TaskRow.batch == batch).order_by(TaskRow.round)):
        latest[task.subject] = task
    accepted, refused = _earlier(session, store, batch, company)
    wanted = [task.item_key for task in latest.values() if task.state in OFFERED and task.item_key not in accepted]
    contents = contents_of(session, company, sorted(wanted))
    subjects = {task.subject for task in latest.values() if task.item_key in contents}
    return Offer(contents, bool(subjects & _subjects(session, refused)))


def _earlier(session: Session, store: Store, batch: str, company: str) -> tuple[set[str], set[str]]:
    """Return the tasks of the lots that were accepted before, and of those that were not."""
    mine = (LotRow.batch == batch, LotRow.company == company, LotRow.state == "decided")
    sets: tuple[set[str], set[str]] = set(), set()
    for row in session.scalars(select(LotRow).where(*mine)):
        sets[not row.accepted].update(keys_of(read_list(store, row.list_digest)))
    return sets


def _subjects(session: Session, item_keys: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for some in chunks(sorted(item_keys)):
        found.update(session.scalars(select(TaskRow.subject).where(TaskRow.item_key.in_(some))))
    return found


def keep_list(store: Store, offered: Offer) -> None:
    """Write the frozen list to the store, under its digest."""
    create_once(store, _key(offered.list_digest), canonical(list(offered.frozen)))


def read_list(store: Store, list_digest: str) -> list[str]:
    """Return a frozen list. Raises IntegrityFailure: it is not what its digest says."""
    data = store.read(_key(list_digest))
    if sha256(data) != list_digest:
        raise IntegrityFailure(f"frozen list {list_digest} was altered", "restore the store from a copy")
    listed: list[str] = json.loads(data)
    return listed


def keys_of(listed: Iterable[str]) -> list[str]:
    """Return the item keys of a frozen list."""
    return [entry.partition(" ")[0] for entry in listed]


def _key(list_digest: str) -> str:
    return f"lots/{list_digest}.json"


def worked_on(session: Session, item_key: str) -> set[str]:
    """Return who held the task or an earlier round of its subject: none of them may judge it."""
    task = session.get_one(TaskRow, item_key)
    rounds = select(TaskRow.item_key).where(TaskRow.batch == task.batch, TaskRow.subject == task.subject)
    held = select(PacketTaskRow.annotator).where(PacketTaskRow.item_key.in_(rounds))
    return set(session.scalars(held)) | set(
        session.scalars(select(AnnotationRow.annotator).where(AnnotationRow.item_key.in_(rounds)))
    )

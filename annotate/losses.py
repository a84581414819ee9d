"""Losses: answers that a site took and lost again before they were read, because it was restored from a backup.

An answer that was read is in the ledger, and `pipelines.replay` gives it back. One that was only delivered is nowhere but among
the submissions: it is sent again from there, under the id that it had, so that one which is there after all stays one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session, aliased

from yuelu.annotate.answers import latest_versions
from yuelu.annotate.incoming import content_digest
from yuelu.annotate.submissions import send_again
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.packets import SubmissionRow
from yuelu.base.ledger.work import AnnotationRow, RejectionRow, TaskRow

_CHUNK = 200  # submissions in one transaction
_REASON = "the site does not show it"


@dataclass(frozen=True, slots=True)
class Loss:
    """The last version of an answer that a site was given and that no reading found."""

    uid: str
    version: int
    item_key: str
    digest: str


def losses(session: Session, batch: str, site: str, before: datetime) -> tuple[Loss, ...]:
    """Return what was delivered to a batch's server project before that moment and was in no reading since, oldest first.

    Only a complete reading that began after `before` makes it a loss. What was read and refused, or read and deleted later,
    is none.
    """
    newer = aliased(SubmissionRow)
    last = ~exists().where(newer.uid == SubmissionRow.uid, newer.version > SubmissionRow.version)
    refused = exists().where(
        RejectionRow.item_key == SubmissionRow.item_key, RejectionRow.uid == SubmissionRow.uid, RejectionRow.site == site
    )
    unread = or_(SubmissionRow.version > 1, ~exists().where(AnnotationRow.uid == SubmissionRow.uid))
    query = select(SubmissionRow.uid, SubmissionRow.version, SubmissionRow.item_key, SubmissionRow.digest)
    query = query.join(TaskRow, TaskRow.item_key == SubmissionRow.item_key).where(TaskRow.batch == batch, TaskRow.site == site)
    query = query.where(SubmissionRow.state == "delivered", SubmissionRow.delivered_at < before, last, ~refused, unread)
    rows = session.execute(query.order_by(SubmissionRow.received_at, SubmissionRow.uid))
    found = [Loss(uid, version, key, content) for uid, version, key, content in rows]
    return tuple(_not_read(session, found))


def _not_read(session: Session, found: list[Loss]) -> Iterable[Loss]:
    """Yield those whose newest version in the ledger says something else, and is no tombstone."""
    read = {row.uid: row for row in latest_versions(session, sorted({each.item_key for each in found}))}
    for each in found:
        row = read.get(each.uid)
        if row is None or not (row.vanished or content_digest(row.raw, skipped=row.cancelled) == each.digest):
            yield each


def send_losses_again(ledger: Ledger, actor: str, batch: str, site: str, before: datetime) -> int:
    """Have what the site lost forwarded once more; return how many answers that are. Safe to repeat."""
    with ledger.reading() as session:
        found = losses(session, batch, site, before)
    for start in range(0, len(found), _CHUNK):
        with ledger.transaction(actor) as t:
            for each in found[start : start + _CHUNK]:
                send_again(t, each.uid, each.version, _REASON)
    return len(found)

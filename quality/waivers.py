"""Waivers: a named person answers for a batch that its gate does not accept, for a reason, until a day."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.canonical import digest
from yuelu.base.errors import Conflict, InvalidRecord, NotFound
from yuelu.base.ledger.engine import Transaction
from yuelu.base.ledger.judgement import DecisionRow
from yuelu.base.ledger.settling import WaiverRow


def standing_waiver(session: Session, batch: str, decision: str | None, now: datetime) -> WaiverRow | None:
    """Return the waiver of that decision about the batch which stands now; None when there is none, or it has ended."""
    if decision is None:
        return None
    mine = (WaiverRow.batch == batch, WaiverRow.decision == decision, WaiverRow.revoked_at.is_(None), WaiverRow.expires_at > now)
    return session.scalars(select(WaiverRow).where(*mine).order_by(WaiverRow.expires_at.desc(), WaiverRow.id).limit(1)).first()


def grant(
    t: Transaction, decision: DecisionRow | None, *, owner: str, reason: str, now: datetime, expires_at: datetime
) -> WaiverRow:
    """Write a waiver of the last `decision` about a batch; the same one again is the one that is there.

    Raises NotFound: nothing was decided. Raises Conflict: it was accepted. Raises InvalidRecord: nobody, no reason, no time.
    """
    if decision is None:
        raise NotFound("nothing was decided about the batch", "run 'yuelu gate' first")
    if decision.outcome == "accept":
        raise Conflict(f"the gate accepts batch {decision.subject[:12]}", "there is nothing to waive")
    if not owner.strip() or not reason.strip() or expires_at <= now:
        told = f"a waiver of {owner or 'nobody'} for {reason or 'no reason'} until {expires_at:%Y-%m-%d}"
        raise InvalidRecord(told, "give an owner, a reason and a day to come")
    said = {"decision": decision.id, "owner": owner, "reason": reason, "expires_at": expires_at.isoformat()}
    key = digest(said)
    values = {"batch": decision.subject, "rule": decision.rule, "granted_at": now, "revoked_at": None, "revoked_by": None}
    if t.add_new(WaiverRow, [{**said, **values, "id": key, "expires_at": expires_at}]):
        told = f"{decision.rule}: {reason} (until {expires_at:%Y-%m-%d})"
        t.event("waiver.granted", f"batch {decision.subject}", before=decision.id, after=key, reason=told)
    return t.session.get_one(WaiverRow, key)


def revoke(t: Transaction, waiver: str, *, by: str, now: datetime) -> bool:
    """End a waiver, by its id or the beginning of one; return whether it stood. Raises NotFound."""
    found = t.session.scalars(select(WaiverRow).where(WaiverRow.id.startswith(waiver, autoescape=True)).limit(2)).all()
    if len(found) != 1 or not waiver:
        raise NotFound(f"{'no' if not found else 'more than one'} waiver {waiver!r}", "see 'yuelu waiver list'")
    row = t.session.get_one(WaiverRow, found[0].id, with_for_update=True)
    if row.revoked_at is not None:
        return False
    row.revoked_at, row.revoked_by = now, by
    t.event("waiver.revoked", f"batch {row.batch}", before=row.id, after="revoked")
    return True


def all_waivers(session: Session) -> Sequence[WaiverRow]:
    """Return all waivers ever granted, the newest first."""
    return session.scalars(select(WaiverRow).order_by(WaiverRow.granted_at.desc(), WaiverRow.id)).all()

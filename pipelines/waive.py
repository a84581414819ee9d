"""Granting and revoking waivers of what a gate decided about a batch."""

from datetime import datetime

from sqlalchemy.orm import Session

from yuelu.base.ledger.judgement import DecisionRow
from yuelu.base.ledger.work import BatchRow
from yuelu.base.workspace import Workspace
from yuelu.pipelines.named import batch_named
from yuelu.pipelines.released_gate import decisions
from yuelu.quality import waivers

_ROLE = "curator"


def last_decision(session: Session, batch: BatchRow) -> DecisionRow | None:
    """Return the decision about the batch that stands; None when nothing was decided."""
    found = [row for row in session.scalars(decisions("batch", [batch.project], DecisionRow)) if row.subject == batch.id]
    return found[-1] if found else None


def grant(workspace: Workspace, batch: str, *, owner: str, reason: str, expires_at: datetime) -> str:
    """Let out, until a day, what the last decision about the batch holds back; return the id. Raises as `waivers.grant`."""
    ledger = workspace.ledger
    with ledger.transaction(owner, _ROLE) as t:
        decision = last_decision(t.session, batch_named(t.session, batch))
        row = waivers.grant(t, decision, owner=owner, reason=reason, now=ledger.now(), expires_at=expires_at)
        return row.id


def revoke(workspace: Workspace, waiver: str, *, by: str) -> bool:
    """End a waiver before its day; return whether it stood. Raises NotFound."""
    with workspace.ledger.transaction(by, _ROLE) as t:
        return waivers.revoke(t, waiver, by=by, now=workspace.ledger.now())

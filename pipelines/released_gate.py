"""The gate before a release: of every batch the last decision must accept, or a named person waives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session

from yuelu.base.canonical import digest
from yuelu.base.errors import GateNotPassed, InvalidRecord
from yuelu.base.ledger.judgement import DecisionRow
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.work import BatchRow, ProjectRow, TaskRow
from yuelu.base.workspace import Workspace
from yuelu.quality.waivers import standing_waiver

_ACTION = "gate.waive"


@dataclass(frozen=True, slots=True)
class Waiver:
    """Who lets a batch out that its gate did not accept, why, and until when (None: this release). All stand in it."""

    owner: str
    reason: str
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if not self.owner.strip() or not self.reason.strip():
            raise InvalidRecord(f"{self} waives nothing", "give an owner and a reason")


@dataclass(frozen=True, slots=True)
class Held:
    """A batch that its gate holds back. `outcome`, `rule` and `decision` are None when nothing was decided about it."""

    project: str
    batch: str
    policy: str
    policy_digest: str
    outcome: str | None = None
    rule: str | None = None
    decision: str | None = None

    def waived(self, waiver: Waiver) -> dict[str, Any]:
        """Return what the manifest says of it."""
        held = {"project": self.project, "batch": self.batch, "outcome": self.outcome, "rule": self.rule}
        until = {} if waiver.expires_at is None else {"expires_at": waiver.expires_at.isoformat(timespec="seconds")}
        return {**held, "owner": waiver.owner, "reason": waiver.reason, **until}


def decisions(kind: Literal["task", "batch"], projects: Sequence[str], *columns: Any) -> Select[Any]:
    """Return a query for the decisions about the tasks or batches of `projects`; of each subject the last row stands.

    The log tells the order of decisions that one moment of the clock made.
    """
    joined = select(*columns).select_from(DecisionRow)
    if kind == "task":
        joined = joined.join(TaskRow, TaskRow.item_key == DecisionRow.subject).join(BatchRow, BatchRow.id == TaskRow.batch)
    else:
        joined = joined.join(BatchRow, BatchRow.id == DecisionRow.subject)
    logged = and_(EventRow.after == DecisionRow.id, EventRow.action == "decide")
    return (
        joined.outerjoin(EventRow, logged)
        .where(DecisionRow.subject_kind == kind, BatchRow.project.in_(projects))
        .order_by(DecisionRow.subject, DecisionRow.round, DecisionRow.decided_at, EventRow.sequence, DecisionRow.id)
    )


def held_back(session: Session, projects: Sequence[str]) -> tuple[Held, ...]:
    """Return the batches of `projects` whose last decision is not to accept, or about which nothing was decided."""
    last = {row.subject: row for row in session.scalars(decisions("batch", projects, DecisionRow))}
    query = select(BatchRow.id, ProjectRow).join(ProjectRow, ProjectRow.name == BatchRow.project)
    found = []
    for batch, project in session.execute(query.where(ProjectRow.name.in_(projects)).order_by(ProjectRow.name, BatchRow.id)):
        row = last.get(batch)
        if row is None:
            found.append(Held(project.name, batch, project.policy, project.policy_digest))
        elif row.outcome != "accept":
            found.append(Held(project.name, batch, row.policy, row.policy_digest, row.outcome, row.rule, row.id))
    return tuple(found)


def waived(session: Session, held: Sequence[Held], waiver: Waiver | None, now: datetime) -> dict[Held, Waiver]:
    """Return who lets out which batch: the waiver of the ledger that stands, else `waiver`. The others are held back."""
    found: dict[Held, Waiver] = {}
    for each in held:
        row = standing_waiver(session, each.batch, each.decision, now)
        kept = waiver if row is None else Waiver(row.owner, row.reason, row.expires_at)
        if kept is not None:
            found[each] = kept
    return found


def pass_gate(held: Sequence[Held], waived: Mapping[Held, Waiver]) -> None:
    """Return when nothing is held back that nobody waives. Raises GateNotPassed."""
    held = [each for each in held if each not in waived]
    if not held:
        return
    first = held[0]
    more = f" ({len(held)} batches are held back)" if len(held) > 1 else ""
    if first.outcome is None:
        raise GateNotPassed(
            f"project {first.project}: no gate has judged batch {first.batch}{more}", f"run 'yuelu gate {first.project}' first"
        )
    raise GateNotPassed(
        f"project {first.project}: the gate decided {first.outcome!r} about batch {first.batch} by rule {first.rule!r}{more}",
        f"do the rework and run 'yuelu gate {first.project}' again, or publish with --waive REASON --owner NAME",
    )


def record_waiver(workspace: Workspace, held: Sequence[Held], waiver: Waiver) -> None:
    """Write to the log who lets which batch out, and why; the same waiver of the same decision is written once."""
    with workspace.ledger.transaction(waiver.owner, "curator") as t:
        for each in held:
            after = digest({"decision": each.decision, "owner": waiver.owner, "reason": waiver.reason})
            same = (EventRow.action == _ACTION, EventRow.subject == f"batch {each.batch}", EventRow.after == after)
            if t.session.scalar(select(EventRow.sequence).where(*same).limit(1)) is None:
                t.event(_ACTION, f"batch {each.batch}", before=each.decision, after=after, reason=waiver.reason)

"""Adjudication: a reviewer takes the next disputed task, blind or open, and settles it; the outcome may become gold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.errors import Conflict, Misconfigured, NotAllowed, NotFound
from yuelu.base.ledger.engine import Transaction
from yuelu.base.ledger.judgement import ConsensusRow, CorrectionRow, DecisionRow
from yuelu.base.ledger.settling import AdjudicationRow, GoldRow
from yuelu.base.ledger.work import BatchRow, TaskRow
from yuelu.base.records import Region
from yuelu.base.states import GOLD_MOVES, checked_move
from yuelu.base.workspace import Workspace
from yuelu.pipelines.correct import correct_in
from yuelu.pipelines.lots.offer import worked_on
from yuelu.quality.adjudication import CODES, Disputed, Mode, queue

_ROLE = "reviewer"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A task in review: how much a look at it is expected to gain, the rule that it failed, and who has it now."""

    project: str
    item_key: str
    round: int
    gain: float
    probability: float | None
    answers: int
    rule: str | None
    reviewer: str | None


@dataclass(frozen=True, slots=True)
class Taken:
    """A task that a reviewer has taken. In mode blind they are not shown what others answered."""

    item_key: str
    project: str
    mode: str
    gain: float


def waiting(session: Session, project: str | None = None) -> tuple[Waiting, ...]:
    """Return the tasks in review, the greatest expected gain first."""
    wanted = select(TaskRow, BatchRow.project, ConsensusRow, AdjudicationRow.reviewer)
    wanted = wanted.join(BatchRow, BatchRow.id == TaskRow.batch)
    wanted = wanted.outerjoin(ConsensusRow, ConsensusRow.item_key == TaskRow.item_key)
    held = (AdjudicationRow.item_key == TaskRow.item_key) & (AdjudicationRow.state == "open")
    wanted = wanted.outerjoin(AdjudicationRow, held).where(TaskRow.state == "review")
    if project is not None:
        wanted = wanted.where(BatchRow.project == project)
    found = {task.item_key: (task, of, consensus, who) for task, of, consensus, who in session.execute(wanted)}
    disputed = [
        Disputed(key, consensus.probability if consensus else None, consensus.answers if consensus else 0)
        for key, (_, _, consensus, _) in found.items()
    ]
    rules = _rules(session)
    return tuple(
        Waiting(
            found[each.item_key][1], each.item_key, found[each.item_key][0].round, each.gain, each.probability, each.answers,
            rules.get(each.item_key), found[each.item_key][3],
        )
        for each in queue(disputed)
    )  # fmt: skip


def _rules(session: Session) -> dict[str, str]:
    rows = select(DecisionRow.subject, DecisionRow.rule).where(DecisionRow.outcome == "review").order_by(DecisionRow.decided_at)
    return {subject: rule for subject, rule in session.execute(rows)}  # noqa: C416  its rows are no tuples to mypy


def take(workspace: Workspace, reviewer: str, mode: Mode = "open", project: str | None = None) -> Taken | None:
    """Return the task that the reviewer has open, or else the next one they may judge; None when there is none.

    Nobody is given a task that they answered, in any round.
    """
    with workspace.ledger.transaction(reviewer, _ROLE) as t:
        tasks = waiting(t.session, project)
        mine = next((task for task in tasks if task.reviewer == reviewer), None)
        if mine is not None:
            row = _open_row(t.session, mine.item_key)
            return Taken(mine.item_key, mine.project, row.mode if row else mode, mine.gain)
        for task in tasks:
            if task.reviewer is None and reviewer not in worked_on(t.session, task.item_key):
                # The row is locked: of two reviewers at once the second finds it taken.
                t.session.get_one(TaskRow, task.item_key, with_for_update={"key_share": True})
                if _open_row(t.session, task.item_key) is None:
                    _add(t, task.item_key, reviewer, mode, workspace.ledger.now())
                    return Taken(task.item_key, task.project, mode, task.gain)
    return None


def give_back(workspace: Workspace, item_key: str, reviewer: str) -> None:
    """Let a task that the reviewer took be taken by another. Raises NotFound: they have not got it."""
    with workspace.ledger.transaction(reviewer, _ROLE) as t:
        row = _open_row(t.session, item_key)
        if row is None or row.reviewer != reviewer:
            raise NotFound(f"{reviewer} has not taken {item_key[:12]}", "see 'yuelu review list'")
        row.state, row.ended_at = "returned", workspace.ledger.now()
        t.event("review.returned", item_key, before="open", after="returned")


def settle(
    workspace: Workspace, item_key: str, regions: Sequence[Region], *, owner: str, reason: str, code: str | None = None
) -> bool:
    """Record the outcome of an adjudication; return whether it is new. It stands above the consensus, and may become gold.

    Raises what `correct` does. Raises Conflict: another reviewer has the task. Raises Misconfigured: no such reason code.
    """
    if code is not None and code not in CODES:
        raise Misconfigured(f"no reason code {code!r}", f"codes: {', '.join(CODES)}")
    with workspace.ledger.transaction(owner, "curator") as t:
        now = workspace.ledger.now()
        new = correct_in(t, item_key, regions, owner=owner, reason=reason, now=now)
        row = _open_row(t.session, item_key)
        if row is not None and row.reviewer != owner:
            raise Conflict(f"{row.reviewer} has taken task {item_key[:12]}", "let them settle it, or give it back")
        if new:
            correction = t.session.scalars(
                select(CorrectionRow.id)
                .where(CorrectionRow.item_key == item_key)
                .order_by(CorrectionRow.created_at.desc(), CorrectionRow.id.desc())
                .limit(1)
            ).one()
            row = row or _add(t, item_key, owner, "open", now)
            row.state, row.ended_at, row.code, row.correction = "settled", now, code, correction
            t.event("review.settled", item_key, before="open", after=correction, reason=f"{code or 'no code'}: {reason}")
            _propose(t, item_key, correction, owner)
    return new


def _open_row(session: Session, item_key: str) -> AdjudicationRow | None:
    return session.scalars(
        select(AdjudicationRow).where(AdjudicationRow.item_key == item_key, AdjudicationRow.state == "open")
    ).first()


def _add(t: Transaction, item_key: str, reviewer: str, mode: str, now: Any) -> AdjudicationRow:
    row = AdjudicationRow(
        item_key=item_key, reviewer=reviewer, mode=mode, state="open", opened_at=now, ended_at=None, code=None, correction=None
    )
    t.session.add(row)
    t.event("review.taken", item_key, after=mode, reason=f"by {reviewer}")
    return row


def _propose(t: Transaction, item_key: str, correction: str, owner: str) -> None:
    """Make the outcome a candidate for gold. Another answer than the approved one makes it a candidate again."""
    fresh = {"correction": correction, "state": "candidate", "proposed_by": owner, "proposed_at": _moment(t, correction)}
    empty = {"decided_by": None, "reason": None, "decided_at": None}
    if not t.add_new(GoldRow, [{"item_key": item_key, **fresh, **empty}]):
        row = t.session.get_one(GoldRow, item_key, with_for_update=True)
        for name, value in {**fresh, **empty}.items():
            setattr(row, name, value)
    t.event("gold.candidate", item_key, after=correction)


def _moment(t: Transaction, correction: str) -> Any:
    return t.session.get_one(CorrectionRow, correction).created_at


def judge_gold(workspace: Workspace, item_key: str, to: str, *, owner: str, reason: str) -> None:
    """Make a candidate gold, or dismiss it. Raises NotFound, IllegalMove. Raises NotAllowed: who found it cannot approve it."""
    with workspace.ledger.transaction(owner, "curator") as t:
        row = t.session.get(GoldRow, item_key, with_for_update=True)
        if row is None:
            raise NotFound(f"task {item_key[:12]} is no candidate", "see 'yuelu gold list'")
        if to == "gold" and row.proposed_by == owner:
            raise NotAllowed(f"{owner} found the answer to {item_key[:12]}", "another person must approve it")
        before = row.state
        row.state = checked_move(f"gold {item_key[:12]}", before, to, GOLD_MOVES)
        row.decided_by, row.reason, row.decided_at = owner, reason, workspace.ledger.now()
        t.event(f"gold.{to}", item_key, before=before, after=row.correction, reason=reason)


def gold(session: Session) -> Sequence[GoldRow]:
    """Return all candidates and gold, by state and key."""
    return session.scalars(select(GoldRow).order_by(GoldRow.state, GoldRow.item_key)).all()

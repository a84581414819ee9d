"""Writing scores, consensus and decisions to the ledger. All of it may be repeated: the same content is kept once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import select

from yuelu.base.canonical import digest
from yuelu.base.ledger.engine import Transaction
from yuelu.base.ledger.judgement import ConsensusRow, CorrectionRow, DecisionRow, ScoreRow
from yuelu.base.ledger.types import Table
from yuelu.base.ledger.work import BatchRow, TaskRow
from yuelu.base.records import Choice, Region, region_to_json
from yuelu.quality.gate import Scores, Verdict
from yuelu.quality.policy import Policy

_ACTIONS: Mapping[type[Table], str] = {ScoreRow: "score", ConsensusRow: "consensus"}
_SUBJECTS: Mapping[str, type[Table]] = {"task": TaskRow, "batch": BatchRow}
_IN_TURN = {"key_share": True}  # writers about one subject take turns; rows that refer to it can be added meanwhile


def record_scores(t: Transaction, batch: str, round: int, scores: Scores) -> int:
    """Write the scores of a batch in a round; return how many are new or changed, each with an event."""
    changed = 0
    for control in sorted(scores):
        for score in scores[control]:
            key = {"batch": batch, "round": round, "control": control, "metric": score.metric}
            values = {name: value for name, value in score.to_json().items() if name != "metric"}
            changed += _write(t, ScoreRow, f"{batch}/{round}/{control}/{score.metric}", key, values)
    return changed


def record_consensus(
    t: Transaction,
    item_key: str,
    *,
    method: str,
    regions: tuple[Region, ...],
    support: Mapping[str, float],
    probability: float | None,
    entropy: float | None,
    answers: int,
    votes: Mapping[str, Any],
    answers_digest: str,
    judged: Sequence[tuple[str, int]],
) -> bool:
    """Write the consensus of a task; return whether it is new or changed, which makes an event.

    `support` maps a region's id, or a choice's control, to the share of annotators behind it; it is kept with the region.
    `probability` is that of the least certain part, `entropy` in bits; `votes` maps a label to its share, and a region's
    id to how many annotators drew it; `answers_digest` is of the contents of the answers that
    went in, `judged` their uids and versions.
    """
    values = {
        "method": method,
        "regions": [_with_support(region, support) for region in regions],
        "probability": probability,
        "entropy": entropy,
        "answers": answers,
        "votes": dict(votes),
        "answers_digest": answers_digest,
        "judged": [list(each) for each in judged],
    }
    return _write(t, ConsensusRow, item_key, {"item_key": item_key}, values)


def _with_support(region: Region, support: Mapping[str, float]) -> dict[str, Any]:
    if isinstance(region, Choice):
        return {**region_to_json(region), "probability": support.get(region.control)}
    named = getattr(region, "id", None) or region.control  # an answer about the whole task has no id
    return {**region_to_json(region), "support": support.get(named)}


def record_correction(
    t: Transaction, item_key: str, regions: list[dict[str, Any]], *, owner: str, reason: str, created_at: datetime
) -> bool:
    """Add a curator's answer to a task unless it is the one that stands; return whether it is new.

    The last one stands, so an answer that was given before, and then changed, is new again.
    """
    content = {"item_key": item_key, "regions": regions, "owner": owner, "reason": reason}
    t.session.get(TaskRow, item_key, with_for_update=_IN_TURN)
    standing = t.session.scalars(
        select(CorrectionRow)
        .where(CorrectionRow.item_key == item_key)
        .order_by(CorrectionRow.created_at.desc(), CorrectionRow.id.desc())
        .limit(1)
    ).first()
    if _says(standing, content):
        return False
    id_ = _next_id(standing, content)
    moment = created_at if standing is None else _later(created_at, standing.created_at)
    t.add_new(CorrectionRow, [{"id": id_, **content, "created_at": moment}])
    t.event("correct", item_key, after=id_, reason=reason)
    return True


def record_decision(
    t: Transaction,
    subject_kind: Literal["task", "batch"],
    subject: str,
    verdict: Verdict,
    policy: Policy,
    *,
    round: int,
    decided_at: datetime,
) -> bool:
    """Add the decision unless it is the last one about the subject in that round; return whether it is new.

    The same means the same policy, outcome and evidence. The id is the digest of these and of the decision before, so it
    does not depend on when anything was decided.
    """
    content = {
        "subject_kind": subject_kind,
        "subject": subject,
        "round": round,
        "outcome": verdict.outcome,
        "rule": verdict.rule,
        "policy": policy.name,
        "policy_digest": policy.digest,
        "evidence": verdict.evidence_json(),
    }
    t.session.get(_SUBJECTS[subject_kind], subject, with_for_update=_IN_TURN)
    last = t.session.scalars(
        select(DecisionRow)
        .where(DecisionRow.subject_kind == subject_kind, DecisionRow.subject == subject, DecisionRow.round == round)
        .order_by(DecisionRow.decided_at.desc(), DecisionRow.id.desc())
        .limit(1)
    ).first()
    if _says(last, content):
        return False
    key = _next_id(last, content)
    moment = decided_at if last is None else _later(decided_at, last.decided_at)
    t.add_new(DecisionRow, [{"id": key, **content, "decided_at": moment}])
    t.event("decide", f"{subject_kind} {subject}", after=key, reason=f"{verdict.outcome}: {verdict.rule}")
    return True


def _says(row: CorrectionRow | DecisionRow | None, content: dict[str, Any]) -> bool:
    return row is not None and digest({name: getattr(row, name) for name in content}) == digest(content)


def _next_id(row: CorrectionRow | DecisionRow | None, content: dict[str, Any]) -> str:
    """Return the digest of the content and of what it comes after: what returns after a change has an id of its own."""
    return digest(content if row is None else {**content, "after": row.id})


def _later(moment: datetime, than: datetime) -> datetime:
    """Return `moment`, or the next after `than`: a clock that stands or is set back does not change which one is last."""
    return max(moment, than + timedelta(microseconds=1))


def _write(t: Transaction, table: type[Table], subject: str, key: dict[str, Any], values: dict[str, Any]) -> bool:
    """Insert or update one row; return whether anything changed. Only a change makes an event.

    Of two writers at once the second waits for the first, and then sees what it wrote.
    """
    what, after = _ACTIONS[table], digest(values)
    if t.add_new(table, [{**key, **values}]):
        t.event(what, subject, after=after)
        return True
    row = t.session.get_one(table, tuple(key.values()), with_for_update=True)
    before = digest({name: getattr(row, name) for name in values})
    if before == after:
        return False
    for name, value in values.items():
        setattr(row, name, value)
    t.event(what, subject, before=before, after=after, reason="measured again")
    return True

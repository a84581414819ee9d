"""Tables of the judgement of labels. Written by `quality`."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from yuelu.base.ledger.types import Table


class ScoreRow(Table):
    """One measured agreement over a batch. `value` is None when it is undefined, and `reason` says why."""

    __tablename__ = "scores"

    batch: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    round: Mapped[int] = mapped_column(primary_key=True)
    control: Mapped[str] = mapped_column(primary_key=True)  # of the label configuration
    metric: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[str | None]
    value: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    tasks: Mapped[int]
    annotators: Mapped[int]
    annotations: Mapped[int]
    reason: Mapped[str | None]


class ConsensusRow(Table):
    """The label derived from the answers to one task. `probability` is the least certain of its parts."""

    __tablename__ = "consensus"

    item_key: Mapped[str] = mapped_column(ForeignKey("tasks.item_key"), primary_key=True)
    method: Mapped[str]
    regions: Mapped[list[Any]]
    probability: Mapped[float | None]
    entropy: Mapped[float | None]  # bits, of the votes for the task's choice
    answers: Mapped[int]
    votes: Mapped[dict[str, Any]]  # choice -> share, and region id -> how many annotators drew it
    answers_digest: Mapped[str]  # of the contents that went in
    judged: Mapped[list[Any]]  # [uid, version] of the answers that went in; later versions are another judgement's


class DecisionRow(Table):
    """What a gate concluded about a task or a batch, and by which rule. Added, never changed."""

    __tablename__ = "decisions"

    id: Mapped[str] = mapped_column(primary_key=True)  # digest of subject, policy and evidence: judged twice, kept once
    subject_kind: Mapped[str]  # "task" or "batch"
    subject: Mapped[str] = mapped_column(index=True)
    round: Mapped[int]
    outcome: Mapped[str]  # "accept", "overlap", "rework", "review", "reject"
    rule: Mapped[str]  # the rule that decided
    policy: Mapped[str]
    policy_digest: Mapped[str]
    evidence: Mapped[dict[str, Any]]  # metric, value, bound and threshold of every rule read
    decided_at: Mapped[datetime]


class CorrectionRow(Table):
    """A curator's own answer to a task, with owner and reason; it stands above the consensus."""

    __tablename__ = "corrections"

    id: Mapped[str] = mapped_column(primary_key=True)
    item_key: Mapped[str] = mapped_column(ForeignKey("tasks.item_key"), index=True)
    regions: Mapped[list[Any]]
    owner: Mapped[str]
    reason: Mapped[str]
    created_at: Mapped[datetime]

"""Replaying a gate policy on what was decided before: what it would have made of the same answers, and where that differs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.annotate.configurations import batches, configuration_of
from yuelu.base.ledger.judgement import DecisionRow, ScoreRow
from yuelu.base.ledger.work import BatchRow, TaskRow
from yuelu.base.media import proxy_of
from yuelu.base.records import Annotation, Medium
from yuelu.base.workspace import Workspace
from yuelu.pipelines.batch_facts import Judged, facts_of
from yuelu.pipelines.judge import kind_of_control, names_regions_only, task_scores
from yuelu.pipelines.released_gate import decisions
from yuelu.pipelines.released_items import judged_answers
from yuelu.pipelines.score import held
from yuelu.pipelines.tables import tabulate
from yuelu.quality.gate import Verdict, decide_batch, decide_task
from yuelu.quality.policy import Policy
from yuelu.quality.score import Score

_UNMEASURED = "agreement"  # the metric of a control that nothing measures: None, and why


@dataclass(frozen=True, slots=True)
class Difference:
    """One decision that the policy would have made otherwise: outcome and rule as recorded, and as they would be."""

    kind: str  # task or batch
    subject: str
    round: int
    before: str
    after: str
    rule_before: str
    rule_after: str


@dataclass(frozen=True, slots=True)
class Replay:
    """A policy on the past decisions of a project. `tasks` and `batches` count them by (recorded outcome, replayed outcome)."""

    project: str
    policy: str
    policy_digest: str
    tasks: Mapping[tuple[str, str], int]
    batches: Mapping[tuple[str, str], int]
    different: tuple[Difference, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the replay as JSON."""
        named = {"project": self.project, "policy": self.policy, "policy_digest": self.policy_digest}
        counts = {
            kind: [{"before": before, "after": after, "count": count} for (before, after), count in sorted(counted.items())]
            for kind, counted in (("tasks", self.tasks), ("batches", self.batches))
        }
        return {**named, **counts, "different": [asdict(each) for each in self.different]}


def regate(workspace: Workspace, project: str, policy: Policy) -> Replay:
    """Return what the policy makes of every task and batch that was decided; nothing is written.

    A task is decided by the very answers that were judged then, a batch by the scores that were recorded; what a check asks
    of the ledger (gold, lots, duplicates) is as it is now. Raises NotFound, Conflict: a judged answer is missing.
    """
    tasks: list[tuple[DecisionRow, Verdict]] = []
    whole: list[tuple[DecisionRow, Verdict]] = []
    with workspace.ledger.reading() as session:
        last_task = _last(session, "task", project)
        last_batch = _last(session, "batch", project)
        for batch in batches(session, project):
            read = _read(session, batch, last_task)
            tasks += [(last_task[key], verdict) for key, verdict in _task_verdicts(read, policy).items()]
            if batch.id in last_batch:
                whole.append((last_batch[batch.id], _batch_verdict(workspace, session, last_batch[batch.id], read, policy)))
        return Replay(
            project,
            policy.name,
            policy.digest,
            Counter((row.outcome, verdict.outcome) for row, verdict in tasks),
            Counter((row.outcome, verdict.outcome) for row, verdict in whole),
            tuple(_difference(row, verdict) for row, verdict in [*whole, *tasks] if row.outcome != verdict.outcome),
        )


def _last(session: Session, kind: Any, project: str) -> dict[str, DecisionRow]:
    return {row.subject: row for row in session.scalars(decisions(kind, [project], DecisionRow))}


def _difference(row: DecisionRow, verdict: Verdict) -> Difference:
    return Difference(row.subject_kind, row.subject, row.round, row.outcome, verdict.outcome, row.rule, verdict.rule)


@dataclass(frozen=True, slots=True)
class _Read:
    judged: Judged
    rounds: Mapping[str, int]


def _read(session: Session, batch: BatchRow, decided: Mapping[str, DecisionRow]) -> _Read:
    asked = configuration_of(session, batch)
    controls = [control for control in asked.controls if not names_regions_only(control)]
    kinds = {control.name: kind for control in controls if (kind := kind_of_control(control))}
    rows = [row for row in session.scalars(select(TaskRow).where(TaskRow.batch == batch.id)) if row.item_key in decided]
    rates: dict[str, float] = {}
    if asked.medium is Medium.VIDEO:
        rates = {row.item_key: float(proxy_of(session, row.items[0]).facts["frame_rate_hz"]) for row in rows}
    answers: dict[str, list[Annotation]] = {row.item_key: [] for row in rows}
    for answer in judged_answers(session, sorted(answers)):
        answers[answer.item_key].append(answer)
    said = [answer for found in answers.values() for answer in found]
    table = tabulate(said, kinds, {row.item_key: row.group for row in rows}, rates)
    labels = {control.name: control.labels for control in controls}
    judged = Judged(batch.id, answers, table, kinds, rates, labels, {})
    return _Read(judged, {row.item_key: row.round for row in rows})


def _task_verdicts(read: _Read, policy: Policy) -> dict[str, Verdict]:
    scores = task_scores(read.judged.answers)
    found = {}
    for key, answers in read.judged.annotations.items():
        beyond = _beyond(answers, read.judged.kinds)
        found[key] = held(decide_task(policy, read.rounds[key], len(answers), scores.get(key, {})), beyond)
    return found


def _beyond(answers: Sequence[Annotation], kinds: Mapping[str, str]) -> frozenset[str]:
    return frozenset(region.control for answer in answers for region in answer.regions if region.control not in kinds)


def _batch_verdict(workspace: Workspace, session: Session, row: DecisionRow, read: _Read, policy: Policy) -> Verdict:
    scores: dict[str, tuple[Score, ...]] = {}
    mine = (ScoreRow.batch == row.subject, ScoreRow.round == row.round)
    for each in session.scalars(select(ScoreRow).where(*mine).order_by(ScoreRow.control, ScoreRow.metric)):
        scores[each.control] = (*scores.get(each.control, ()), Score(**{name: getattr(each, name) for name in Score.__slots__}))
    unmeasured = frozenset(control for control, found in scores.items() if [score.metric for score in found] == [_UNMEASURED])
    measured = {control: found for control, found in scores.items() if control not in unmeasured}
    facts = facts_of(workspace, session, read.judged, policy) if policy.checks else ()
    return held(decide_batch(policy, measured, facts), unmeasured)

"""Scoring: from answers to scores, consensus and decisions; a task that fails its gate comes back as a new one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.annotate.answers import counted
from yuelu.annotate.configuration import Control
from yuelu.annotate.configurations import batches, configuration_of
from yuelu.annotate.places import ask_more
from yuelu.annotate.tasks import move, open_rework, project_row
from yuelu.base.canonical import digest
from yuelu.base.errors import Conflict
from yuelu.base.ledger.engine import Transaction
from yuelu.base.ledger.work import BatchRow, TaskRow
from yuelu.base.media import proxy_of
from yuelu.base.progress import Progress, silent
from yuelu.base.records import Annotation, Medium
from yuelu.base.workspace import Workspace
from yuelu.pipelines.batch_facts import Judged, facts_of
from yuelu.pipelines.computing import computing
from yuelu.pipelines.judge import (
    METHOD,
    Consensus,
    batch_scores,
    kind_of_control,
    names_regions_only,
    scale_of_control,
    unmeasured,
)
from yuelu.pipelines.judge_parts import Answered, Found, judge_parts
from yuelu.pipelines.released_items import judged_answers
from yuelu.pipelines.tables import Answers
from yuelu.pipelines.typed import Scale
from yuelu.quality.facts import Fact
from yuelu.quality.gate import NO_RULE, Verdict, decide_batch, decide_task
from yuelu.quality.policy import Policy
from yuelu.quality.record import record_consensus, record_decision, record_scores
from yuelu.quality.score import Score

_ACTOR = "score"
_CHUNK = 200  # tasks decided in one transaction


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What scoring a batch found. `outcomes` counts the tasks that were decided now; the keys are of those sent back.

    A project has a batch for each version of its label configuration: `earlier` are the reports of the ones before.
    """

    project: str
    round: int
    scores: Mapping[str, tuple[Score, ...]]
    batch: Verdict
    outcomes: Mapping[str, int]
    rework: tuple[str, ...]
    review: tuple[str, ...]
    overlap: tuple[str, ...] = ()  # of those that one more annotator is to answer
    earlier: "tuple[ScoreReport, ...]" = ()

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Task:
    """A task that has its answers, as it was read."""

    item_key: str
    subject: str
    group: str
    round: int
    waiting: bool  # for a decision


@dataclass(frozen=True, slots=True)
class _Work:
    """Everything that is read before anything is decided."""

    tasks: tuple[_Task, ...]  # of each subject the latest round that has its answers
    answered: Answered
    answers: Answers
    scales: Mapping[str, Scale]
    unmeasured: Mapping[str, Control]  # whose answers nothing measures yet
    labels: Mapping[str, tuple[str, ...]]  # that each control allows


def score(
    workspace: Workspace,
    project: str,
    policy: Policy,
    progress: Progress = silent,
    *,
    dry_run: bool = False,
    scheduler: str | None = None,
    workers: int = 1,
) -> ScoreReport:
    """Measure the project's answers and decide its submitted tasks by `policy`; run again, it decides nothing twice.

    A task that fails is answered by one more annotator, comes back as a new task of the next round, or goes to review, as the
    policy says. Each batch is measured by itself: answers under two label configurations are never mixed. With `dry_run`
    nothing is written. `progress` counts decided tasks. Answers are compared on the Dask cluster at `scheduler`, or by `workers`
    processes here; what is found does not depend on that. Raises Conflict: the project was made with another policy;
    ServiceUnavailable: no such cluster.
    """
    with workspace.ledger.reading() as session:
        made_with = project_row(session, project).policy_digest
        if made_with != policy.digest and not dry_run:
            hint = "use the project's own policy, or only look with --dry-run"
            raise Conflict(f"project {project} was made with policy {made_with[:12]}, not {policy.digest[:12]}", hint)
        works = {batch.id: _read(session, batch) for batch in batches(session, project)}
    answered = {batch: work for batch, work in works.items() if work.tasks} or dict(list(works.items())[-1:])
    with computing(scheduler, workers, processes=True):
        found = {batch: judge_parts(work.answered) for batch, work in answered.items()}
    reports = [
        _scored(workspace, (project, batch), (work, found[batch]), policy, progress, dry_run=dry_run)
        for batch, work in answered.items()
    ]
    return replace(reports[-1], earlier=tuple(reports[:-1]))


def _scored(
    workspace: Workspace,
    named: tuple[str, str],
    judged: tuple[_Work, Found],
    policy: Policy,
    progress: Progress,
    *,
    dry_run: bool,
) -> ScoreReport:
    """Measure and decide one batch; `named` are its project and its id, `judged` what was read and what was found in it."""
    (project, batch_id), (work, found) = named, judged
    measured = batch_scores(work.answers, found.compared, work.scales)
    scores = {**measured, **{name: (unmeasured(control),) for name, control in work.unmeasured.items()}}
    round_ = max((task.round for task in work.tasks), default=1)
    verdicts = _decided(work, found, policy)
    facts = _facts(workspace, batch_id, work, policy, verdicts) if policy.checks else ()
    batch = held(decide_batch(policy, measured, facts), frozenset(work.unmeasured))
    if not dry_run and work.tasks:
        _write_batch(workspace, batch_id, round_, scores, verdict=batch, policy=policy)
        _write_tasks(workspace, work, found.consensus, verdicts, policy, progress)
    waiting = {task.item_key: verdicts[task.item_key] for task in work.tasks if task.waiting}
    return ScoreReport(
        project,
        round_,
        scores,
        batch,
        dict(sorted(Counter(verdict.outcome for verdict in waiting.values()).items())),
        tuple(key for key, verdict in waiting.items() if verdict.outcome == "rework"),
        tuple(key for key, verdict in waiting.items() if verdict.outcome == "review"),
        tuple(key for key, verdict in waiting.items() if verdict.outcome == "overlap"),
    )


def _read(session: Session, batch: BatchRow) -> _Work:
    asked = configuration_of(session, batch)
    controls = [control for control in asked.controls if not names_regions_only(control)]
    kinds = {control.name: kind for control in controls if (kind := kind_of_control(control))}
    done = select(TaskRow).where(TaskRow.batch == batch.id, TaskRow.state.not_in(("new", "dispatched")))
    latest: dict[str, TaskRow] = {}
    for task in session.scalars(done.order_by(TaskRow.round)):
        latest[task.subject] = task
    tasks = sorted(latest.values(), key=lambda task: task.item_key)
    rates = _frame_rates(session, tasks) if asked.medium is Medium.VIDEO else {}
    by_task: dict[str, list[Annotation]] = {task.item_key: [] for task in tasks}
    waiting = [task.item_key for task in tasks if task.state == "submitted"]
    # What was decided is measured as it was judged: a later edit is in no consensus and in no release.
    decided = judged_answers(session, [task.item_key for task in tasks if task.state != "submitted"])
    for annotation in sorted([*counted(session, waiting), *decided], key=lambda each: (each.item_key, each.annotator)):
        by_task[annotation.item_key].append(annotation)
    groups = {task.item_key: task.group for task in tasks}
    answered = Answered({key: tuple(found) for key, found in by_task.items()}, kinds, groups, rates)
    return _Work(
        tuple(_Task(t.item_key, t.subject, t.group, t.round, t.state == "submitted") for t in tasks),
        answered,
        answered.table(),
        {control.name: scale for control in controls if (scale := scale_of_control(control))},
        {control.name: control for control in controls if control.name not in kinds},
        {control.name: control.labels for control in controls},
    )


def _facts(workspace: Workspace, batch: str, work: _Work, policy: Policy, verdicts: Mapping[str, Verdict]) -> tuple[Fact, ...]:
    """Return what the policy's checks ask about the batch, as it is once the verdicts are carried out."""
    outcomes = {task.item_key: verdicts[task.item_key].outcome for task in work.tasks if task.waiting}
    of = work.answered
    judged = Judged(batch, of.annotations, work.answers, of.kinds, of.frame_rates, work.labels, outcomes)
    with workspace.ledger.reading() as session:
        return facts_of(workspace, session, judged, policy)


def _frame_rates(session: Session, tasks: Sequence[TaskRow]) -> dict[str, float]:
    return {task.item_key: float(proxy_of(session, task.items[0]).facts["frame_rate_hz"]) for task in tasks}


def _decided(work: _Work, found: Found, policy: Policy) -> dict[str, Verdict]:
    decided = {}
    for task in work.tasks:
        answers, scores = work.answered.annotations[task.item_key], found.tasks.get(task.item_key, {})
        beyond = frozenset(r.control for answer in answers for r in answer.regions if r.control not in work.answered.kinds)
        decided[task.item_key] = held(decide_task(policy, task.round, len(answers), scores), beyond)
    return decided


def held(verdict: Verdict, unmeasured: frozenset[str]) -> Verdict:
    """Return the verdict; what nothing measures yet goes to a person, never through."""
    if not unmeasured or not (verdict.accepted or verdict.rule == NO_RULE):
        return verdict
    names = ", ".join(sorted(name or "relations" for name in unmeasured))
    return Verdict("review", f"nothing measures agreement on {names} yet", verdict.evidence)


def _write_batch(
    workspace: Workspace, batch: str, round_: int, scores: Mapping[str, tuple[Score, ...]], *, verdict: Verdict, policy: Policy
) -> None:
    with workspace.ledger.transaction(_ACTOR) as t:
        record_scores(t, batch, round_, scores)
        record_decision(t, "batch", batch, verdict, policy, round=round_, decided_at=workspace.ledger.now())


def _write_tasks(  # noqa: PLR0917
    workspace: Workspace,
    work: _Work,
    consensus: Mapping[str, Consensus],
    verdicts: Mapping[str, Verdict],
    policy: Policy,
    progress: Progress,
) -> None:
    waiting = [task for task in work.tasks if task.waiting]
    for start in range(0, len(waiting), _CHUNK):
        with workspace.ledger.transaction(_ACTOR) as t:
            for task in waiting[start : start + _CHUNK]:
                # The row is locked: of two runs at once one decides, and the other finds it decided.
                if t.session.get_one(TaskRow, task.item_key, with_for_update=True).state != "submitted":
                    continue
                if task.item_key in consensus:
                    _write_consensus(t, task, consensus[task.item_key], work.answered.annotations[task.item_key])
                verdict = verdicts[task.item_key]
                record_decision(t, "task", task.item_key, verdict, policy, round=task.round, decided_at=workspace.ledger.now())
                _follow(t, task.item_key, verdict)
        progress(min(start + _CHUNK, len(waiting)), len(waiting))


def _write_consensus(t: Transaction, task: _Task, consensus: Consensus, annotations: Sequence[Annotation]) -> None:
    record_consensus(
        t,
        task.item_key,
        method=METHOD,
        regions=consensus.regions,
        support=consensus.support,
        probability=consensus.probability,
        entropy=consensus.entropy,
        answers=len(annotations),
        votes=consensus.votes,
        answers_digest=digest(sorted(annotation.content for annotation in annotations)),
        judged=sorted((annotation.uid, annotation.version) for annotation in annotations),
    )


def _follow(t: Transaction, item_key: str, verdict: Verdict) -> None:
    """Bring the task where the verdict sends it."""
    if verdict.outcome == "rework":
        open_rework(t, item_key, verdict.rule)
    elif verdict.outcome == "overlap":
        ask_more(t, item_key, verdict.rule)
    else:
        states = {"accept": "accepted", "review": "review", "reject": "rejected"}
        move(t, item_key, states[verdict.outcome], verdict.rule)

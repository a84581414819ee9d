"""The facts of a batch that a gate policy asks for, read from the ledger: one function for each check of `quality.policy`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.ledger.judgement import CorrectionRow
from yuelu.base.ledger.lots import LotItemRow, LotRow
from yuelu.base.ledger.near import ClusterRow, SearchRow
from yuelu.base.ledger.settling import GoldRow
from yuelu.base.ledger.work import TaskRow
from yuelu.base.media import rows_of
from yuelu.base.records import Annotation, Role, region_from_json
from yuelu.base.schemas import TOGETHER
from yuelu.base.workspace import Workspace
from yuelu.datasets.split import SHARES, assign_split
from yuelu.pipelines.judge import task_scores
from yuelu.pipelines.lots.offer import companies_of, contents_of, read_list
from yuelu.pipelines.near.homes import leaks, read_homes
from yuelu.pipelines.released_tasks import chunks
from yuelu.pipelines.tables import Answers, tabulate
from yuelu.quality.controls import Control
from yuelu.quality.facts import Fact, counted, number, sampled, unknown
from yuelu.quality.gate import decide_task
from yuelu.quality.metrics import scoring_for
from yuelu.quality.policy import Policy
from yuelu.quality.resample import Sampling
from yuelu.quality.score import Score
from yuelu.quality.specific import specific_agreement

_DICOM = "application/dicom"
_NOTHING = "the batch has no task with answers"


@dataclass(frozen=True, slots=True)
class Judged:
    """A batch as scoring read it: its answers, and what becomes of the tasks that wait (item key -> outcome)."""

    batch: str
    annotations: Mapping[str, Sequence[Annotation]]
    answers: Answers
    kinds: Mapping[str, str]
    frame_rates: Mapping[str, float]
    labels: Mapping[str, Sequence[str]]  # that each control allows
    outcomes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the checks read from: the ledger, and the last task of each subject of the batch."""

    workspace: Workspace
    session: Session
    judged: Judged
    policy: Policy
    tasks: tuple[TaskRow, ...]

    @property
    def accepted(self) -> list[str]:
        """The keys of the tasks that are accepted, or will be by what was just decided."""
        done = {task.item_key for task in self.tasks if task.state in ("accepted", "published")}
        return sorted(done | {key for key, outcome in self.judged.outcomes.items() if outcome == "accept"})

    @property
    def items(self) -> list[str]:
        """The labelled assets of the batch."""
        return sorted({item for task in self.tasks for item in task.items})


_Check: TypeAlias = Callable[[_Seen], list[Fact]]


def facts_of(workspace: Workspace, session: Session, judged: Judged, policy: Policy) -> tuple[Fact, ...]:
    """Return the facts that the policy's checks ask for, and no others."""
    latest: dict[str, TaskRow] = {}
    for task in session.scalars(select(TaskRow).where(TaskRow.batch == judged.batch).order_by(TaskRow.round)):
        latest[task.subject] = task
    seen = _Seen(workspace, session, judged, policy, tuple(latest.values()))
    asked = dict.fromkeys(check.check for check in policy.checks)
    return tuple(fact for check in asked for fact in _CHECKS[check](seen))


def _completeness(seen: _Seen) -> list[Fact]:
    return [counted("completeness", len(seen.accepted), len(seen.tasks), "the batch has no task")]


def _gold_accuracy(seen: _Seen) -> list[Fact]:
    right = gold_answers(seen.session, seen.judged, seen.policy)
    hits = sum(each for answers in right.values() for each in answers.values())
    total = sum(map(len, right.values()))
    return [sampled("gold_accuracy", hits, total, "no task of the batch is gold")]


def gold_answers(session: Session, judged: Judged, policy: Policy) -> dict[str, dict[str, bool]]:
    """Return for each gold task of the batch who answered it right: beside the gold answer it passes the policy's task rules."""
    gold: dict[str, CorrectionRow] = {}
    for some in chunks(sorted(judged.annotations)):
        joined = select(GoldRow.item_key, CorrectionRow).join(CorrectionRow, CorrectionRow.id == GoldRow.correction)
        for key, row in session.execute(joined.where(GoldRow.state == "gold", GoldRow.item_key.in_(some))):
            gold[key] = row
    pairs: list[Annotation] = []
    names: dict[str, tuple[str, str]] = {}
    rates: dict[str, float] = {}
    for key, row in sorted(gold.items()):
        for answer in judged.annotations[key]:
            name = f"{key} {answer.annotator}"
            names[name] = key, answer.annotator
            known = replace(answer, item_key=name, annotator="\0gold", regions=tuple(map(region_from_json, row.regions)))
            pairs += [replace(answer, item_key=name), known]
            if key in judged.frame_rates:
                rates[name] = judged.frame_rates[key]
    scores = task_scores(tabulate(pairs, judged.kinds, {name: name for name in names}, rates))
    two = replace(policy, minimum_answers=2)
    found: dict[str, dict[str, bool]] = {key: {} for key in gold}
    for name, (key, annotator) in names.items():
        found[key][annotator] = decide_task(two, 1, 2, scores.get(name, {})).accepted
    return found


def _review_coverage(seen: _Seen) -> list[Fact]:
    keys = sorted(task.item_key for task in seen.tasks if task.state not in ("new", "dispatched"))
    looked: set[str] = set()
    for some in chunks(keys):
        inspected = select(LotItemRow.item_key).where(LotItemRow.item_key.in_(some), LotItemRow.reviewer.is_not(None))
        looked.update(seen.session.scalars(inspected))
        looked.update(seen.session.scalars(select(CorrectionRow.item_key).where(CorrectionRow.item_key.in_(some))))
    return [counted("review_coverage", len(looked), len(keys), _NOTHING)]


def _label_agreement(seen: _Seen) -> list[Fact]:
    found = []
    for name, control in sorted(seen.judged.answers.controls.items()):
        for label in seen.judged.labels.get(name, ()):
            score = _agreement_on(label, control, seen.judged.answers.seen)
            where = {"control": name, "label": label}
            if score is None or score.value is None:
                found.append(unknown("label_agreement", (score and score.reason) or "nothing measures it", **where))
            else:
                found.append(Fact("label_agreement", score.value, score.low, score.high, score.tasks, None, **where))
    return found


def _agreement_on(label: str, control: Control, seen: pa.Table) -> Score | None:
    """Return the agreement of choices on the label, or F1 of the shapes that have it."""
    if control.kind == "choice":
        return specific_agreement(control.table, seen, label)
    only = control.table.filter(pc.equal(control.table["label"], label))
    return next((s for s in scoring_for(control.kind).batch(only, seen, Sampling()) if s.metric == "f1@0.50"), None)


def _label_share(seen: _Seen) -> list[Fact]:
    found = []
    for name, control in sorted(seen.judged.answers.controls.items()):
        said = Counter(label for labels in control.table["label"].to_pylist() for label in labels.split(TOGETHER))
        for label in seen.judged.labels.get(name, ()):
            found.append(counted("label_share", said[label], said.total(), "nobody used the control", control=name, label=label))
    return found


def _duplicates(seen: _Seen) -> list[Fact]:
    if seen.session.scalar(select(SearchRow.id).limit(1)) is None:
        return [unknown("duplicates", "nobody has searched for near-duplicates")]
    clusters: Counter[str] = Counter()
    for some in chunks(seen.items):
        clusters.update(seen.session.scalars(select(ClusterRow.cluster).where(ClusterRow.asset.in_(some))))
    alike = sum(count for count in clusters.values() if count > 1)
    return [counted("duplicates", alike, len(seen.items), _NOTHING)]


def _leakage(seen: _Seen) -> list[Fact]:
    homes, secret = read_homes(seen.session), seen.workspace.secret
    groups = {task.group: assign_split(homes.of(task.group), secret, SHARES) for task in seen.tasks}
    return [number("leakage", len(leaks(homes, groups)))]


def _deidentified(seen: _Seen) -> list[Fact]:
    rows = rows_of(seen.session, seen.items).values()
    bare = sum(row.media_type == _DICOM and row.role != Role.DEIDENTIFIED for row in rows)
    return [counted("deidentified", len(rows) - bare, len(seen.items), _NOTHING)]


def _face_risk(seen: _Seen) -> list[Fact]:
    """Count what is risky, and DICOM of which nothing is known: it was read before anybody asked."""
    rows = rows_of(seen.session, seen.items).values()
    return [number("face_risk", sum(bool(row.facts.get("face_risk", row.media_type == _DICOM)) for row in rows))]


def _lots_accepted(seen: _Seen) -> list[Fact]:
    accepted, inside, whole = seen.accepted, 0, 0
    decided = (LotRow.batch == seen.judged.batch, LotRow.accepted.is_(True))
    for company in companies_of(seen.session, seen.judged.batch):
        lots = seen.session.scalars(select(LotRow.list_digest).where(*decided, LotRow.company == company))
        good = {entry for digest in lots for entry in read_list(seen.workspace.store, digest)}
        now = contents_of(seen.session, company, accepted)
        whole += len(now)
        inside += len(good & {f"{key} {content}" for key, content in now.items()})
    return [counted("lots_accepted", inside, whole, "nothing of the batch is accepted")]


_CHECKS: Mapping[str, _Check] = MappingProxyType(
    {
        "completeness": _completeness,
        "gold_accuracy": _gold_accuracy,
        "review_coverage": _review_coverage,
        "label_agreement": _label_agreement,
        "label_share": _label_share,
        "duplicates": _duplicates,
        "leakage": _leakage,
        "deidentified": _deidentified,
        "face_risk": _face_risk,
        "lots_accepted": _lots_accepted,
    }
)

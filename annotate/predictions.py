"""Predictions: what models say of tasks, kept with model, version and score, and shown to annotators by policy.

A policy shows them, hides them, or withholds them from a blind share of the tasks, so that agreement of answers that were
given without help can be compared with agreement of answers that were given with it.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.annotate.configurations import configuration_of
from yuelu.annotate.results import Item, from_result, to_result
from yuelu.annotate.templates import Template
from yuelu.base.canonical import digest
from yuelu.base.errors import InvalidRecord, YueluError
from yuelu.base.ledger.engine import Ledger, Transaction
from yuelu.base.ledger.places import PredictionRow
from yuelu.base.ledger.work import BatchRow, TaskRow
from yuelu.base.media import labelled_copy, shown_by
from yuelu.base.records import Region, region_from_json, region_to_json

SHOWN, HIDDEN, BLIND = "shown", "hidden", "blind"
_POLICY = re.compile(r"show|hide|blind:(\d{1,2}(?:\.\d{1,4})?)%")
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one version of a model says of a task. `score` is the model's own confidence; None when it gave none."""

    model: str
    version: str
    score: float | None
    regions: tuple[Region, ...]

    @property
    def digest(self) -> str:
        """The digest of what it says: the same prediction has the same one, under whatever model."""
        return digest({"score": self.score, "regions": [region_to_json(region) for region in self.regions]})


@dataclass(frozen=True, slots=True)
class Incoming:
    """One prediction as it was read from a file: of a task, or of the asset that it labels; `line` is where it stood.

    It is given as Label Studio's `result` or as typed `regions` (JSON of `records.region_to_json`), the other is None.
    """

    line: int
    item_key: str | None
    asset: str | None
    score: Any
    result: Any
    regions: Any = None
    problem: str | None = None  # why nothing could be read there


@dataclass(frozen=True, slots=True)
class Refused:
    """A prediction that was not kept, and why."""

    line: int
    task: str
    reason: str


@dataclass(frozen=True, slots=True)
class Imported:
    """How many predictions were new, how many were there, and who sees those of this import; the refused with reasons."""

    new: int = 0
    unchanged: int = 0
    shown: int = 0
    hidden: int = 0
    blind: int = 0
    refused: tuple[Refused, ...] = ()

    def __add__(self, other: "Imported") -> "Imported":
        return Imported(*(getattr(self, name) + getattr(other, name) for name in Imported.__slots__))


def who_sees(policy: str, item_key: str) -> str:
    """Return shown, hidden or blind: by the policy and the key alone, so the same task is blind to every model of a policy.

    Raises InvalidRecord: it is none of show, hide, blind:N%.
    """
    found = _POLICY.fullmatch(policy)
    if found is None:
        raise InvalidRecord(f"policy {policy!r}", "use show, hide or blind:N% with N below 100, such as blind:5%")
    if found[1] is None:
        return SHOWN if policy == "show" else HIDDEN
    drawn = int.from_bytes(hashlib.sha256(f"{policy}\0{item_key}".encode()).digest()[:8], "big")
    return BLIND if drawn / 2**64 < float(found[1]) / 100 else SHOWN


def predictions_for(session: Session, item_key: str) -> tuple[Prediction, ...]:
    """Return what an annotator of the task may see, by model and version: () when there is nothing, or it is withheld."""
    rows = select(PredictionRow).where(PredictionRow.item_key == item_key, PredictionRow.shown == SHOWN)
    found = session.scalars(rows.order_by(PredictionRow.model, PredictionRow.version))
    return tuple(as_prediction(row) for row in found)


def blind_tasks(session: Session, project: str) -> frozenset[str]:
    """Return the keys of the project's tasks whose annotators were shown no prediction although there was one."""
    rows = select(PredictionRow.item_key).join(TaskRow, TaskRow.item_key == PredictionRow.item_key)
    mine = rows.join(BatchRow, BatchRow.id == TaskRow.batch).where(BatchRow.project == project)
    return frozenset(session.scalars(mine.where(PredictionRow.shown == BLIND)))


def as_prediction(row: PredictionRow) -> Prediction:
    """Return the record of a prediction's row."""
    return Prediction(row.model, row.version, row.score, tuple(region_from_json(region) for region in row.regions))


def import_predictions(
    ledger: Ledger, actor: str, project: str, incoming: Iterable[Incoming], *, model: str, version: str, policy: str
) -> Imported:
    """Keep the predictions that fit their task's label configuration, a page in a transaction; safe to repeat.

    A prediction never changes: another one of the same model and version, or under another policy, is refused.
    """
    who_sees(policy, "")  # refuses a wrong one before anything is written
    if not model or not version:
        raise InvalidRecord(f"model {model!r}, version {version!r}", "name the model and its version")
    total, rest = Imported(), iter(incoming)
    while page := list(islice(rest, _PAGE)):
        with ledger.transaction(actor) as t:
            reader = _Reader(t, project, (model, version), policy, ledger.now())
            done = sum((reader.take(each) for each in page), Imported())
            total += done
            if done.new:
                content = digest(sorted(reader.kept))
                t.event("predictions.imported", project, after=content, reason=f"{done.new} of {model} {version}, {policy}")
    return total


class _Reader:
    """Reads predictions against their tasks, each task's configuration read once."""

    def __init__(self, t: Transaction, project: str, named: tuple[str, str], policy: str, now: datetime) -> None:
        self.t, self.project, self.named, self.policy, self.now = t, project, named, policy, now
        self.kept: list[str] = []
        self._asked: dict[str, Template] = {}

    def take(self, each: Incoming) -> Imported:
        """Keep one prediction, or say why not."""
        try:
            if each.problem is not None:
                raise InvalidRecord(each.problem)
            task = self._task(each)
            template, items = self._terms(task)
            regions = _regions(each, template, items)
            return self._keep(task, Prediction(*self.named, _score(each.score), regions))
        except YueluError as error:
            return Imported(refused=(Refused(each.line, each.item_key or each.asset or "?", error.problem),))

    def _task(self, each: Incoming) -> TaskRow:
        mine = select(TaskRow).join(BatchRow, BatchRow.id == TaskRow.batch).where(BatchRow.project == self.project)
        if each.item_key is not None:
            row = self.t.session.scalars(mine.where(TaskRow.item_key == each.item_key)).first()
        else:
            subject = labelled_copy(self.t.session, str(each.asset))
            row = self.t.session.scalars(mine.where(TaskRow.subject == subject).order_by(TaskRow.round.desc())).first()
        if row is None:
            raise InvalidRecord(f"no task of {self.project} for it", "name an item_key, or the hash of a labelled asset")
        return row

    def _terms(self, task: TaskRow) -> tuple[Template, tuple[Item, ...]]:
        if task.batch not in self._asked:
            self._asked[task.batch] = in_part(configuration_of(self.t.session, self.t.session.get_one(BatchRow, task.batch)))
        return self._asked[task.batch], items_of(self.t.session, task)

    def _keep(self, task: TaskRow, prediction: Prediction) -> Imported:
        shown = who_sees(self.policy, task.item_key)
        row = self.t.session.get(PredictionRow, (task.item_key, prediction.model, prediction.version))
        if row is not None:
            if (row.digest, row.policy) != (prediction.digest, self.policy):
                raise InvalidRecord("it was imported before, and is another one or under another policy", "use a new version")
            return Imported(unchanged=1)
        values: Mapping[str, Any] = {
            "item_key": task.item_key,
            "model": prediction.model,
            "version": prediction.version,
            "score": prediction.score,
            "regions": [region_to_json(region) for region in prediction.regions],
            "digest": prediction.digest,
        }
        self.t.session.add(PredictionRow(**values, policy=self.policy, shown=shown, sent=False, imported_at=self.now))
        self.t.session.flush()
        self.kept.append(f"{task.item_key} {prediction.digest}")
        return Imported(new=1, shown=int(shown == SHOWN), hidden=int(shown == HIDDEN), blind=int(shown == BLIND))


def _regions(each: Incoming, template: Template, items: Sequence[Item]) -> tuple[Region, ...]:
    """Return the typed regions of a prediction. Raises InvalidRecord: something of it does not fit."""
    result = each.result
    if each.regions is not None:
        if not isinstance(each.regions, list):
            raise InvalidRecord("regions is no list")
        result = to_result([region_from_json(region) for region in each.regions], template, items)
    parsed = from_result(result, template, items)
    if parsed.rejected:
        raise InvalidRecord("; ".join(one.reason for one in parsed.rejected))
    return parsed.regions


def in_part(template: Template) -> Template:
    """Return the configuration as a model may answer it: it need not answer every question."""
    return replace(template, controls=tuple(replace(control, required=False) for control in template.controls))


def items_of(session: Session, task: TaskRow) -> tuple[Item, ...]:
    """Return the measures of what the task shows."""
    return tuple(Item.from_shown(shown) for shown in shown_by(session, task.items))


def server_form(prediction: Prediction, template: Template, items: Sequence[Item]) -> dict[str, Any]:
    """Return one prediction in Label Studio's form."""
    return {
        "model_version": f"{prediction.model} {prediction.version}",
        "score": prediction.score,
        "result": to_result(prediction.regions, in_part(template), items),
    }


def _score(found: object) -> float | None:
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
        raise InvalidRecord(f"score {found!r}", "need a number from 0 to 1, or none")
    return float(found)

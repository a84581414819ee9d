"""How reliable each annotator is: on gold, and as the answers of the others tell; with intervals, confusion and change."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import special

from yuelu.quality.calibration import wilson
from yuelu.quality.coded import Coded, Codes, Repeats, code_labels
from yuelu.quality.dawid_skene import Model, dawid_skene
from yuelu.quality.monitor import Alarm, Sprt, Verdict, gold_drift
from yuelu.quality.resample import Floats
from yuelu.quality.votes import posterior

FEW = 20  # answers below which a figure says too little of a person to be shown


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A share of right answers with its 95 % interval; all None, with the `reason`, where there are too few `answers`."""

    answers: int
    value: float | None
    low: float | None
    high: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Annotator:
    """What is known of one annotator.

    `gold`: right answers to tasks with a known answer. `model`: how often they are right by Dawid and Skene's model, each
    answer judged by what the others said. `confusion` maps a true label to how often they answered what (gold where there is
    any, else what the model expects); `verdict` of the sequential test on gold, after `verdict_after` answers, and `drift`,
    where gold answers began to look like a poor annotator's. Both are advice to a person, never a penalty.
    """

    annotator: str
    gold: Accuracy
    model: Accuracy
    confusion: Mapping[str, Mapping[str, float]]
    verdict: Verdict | None = None
    verdict_after: int = 0
    drift: Alarm | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def annotators(
    labels: pa.Table,
    gold: Mapping[str, str] | None = None,
    *,
    repeats: Repeats = "refuse",
    test: Sprt | None = None,
    least: int = FEW,
) -> tuple[Annotator, ...]:
    """Return each annotator of `labels` (schema LABELS), in order of their names.

    `gold` maps a task to its known answer; `test` is the sequential test, by default 95 % against 85 %. The order of the rows
    is that of the answers. With fewer than `least` answers there is no figure, and the reason.
    Raises InvalidRecord: a repeated answer.
    """
    coded = code_labels(labels, repeats)
    if not len(coded.task):
        return ()
    model = dawid_skene(coded)
    expected = by_the_others(coded, model)
    tasks, known = coded.tasks.to_pylist(), dict(gold or {})
    truth = np.asarray([known.get(task) is not None for task in tasks])
    found = []
    for who, name in enumerate(coded.annotators):
        rows = np.flatnonzero(coded.annotator == who)
        on_gold = rows[truth[coded.task[rows]]]
        pairs = [(known[tasks[coded.task[at]]], coded.labels[coded.label[at]]) for at in on_gold.tolist()]
        right = tuple(true == said for true, said in pairs)
        confusion = _counted(pairs) if pairs else _expected(coded, rows, expected[rows])
        likely = expected[rows, coded.label[rows]]
        verdict, after = (test or Sprt()).verdict(right) if right else (None, 0)
        drift = gold_drift(right, test) if right else None
        found.append(Annotator(name, _on_gold(right, least), _by_model(likely, least), confusion, verdict, after, drift))
    return tuple(found)


def by_the_others(coded: Coded, model: Model) -> Floats:
    """Return for each answer, shape (answers, labels), how probable each label of its task is without that answer.

    So nobody's answer speaks for itself. A task that nobody else answered has the prior.
    """
    logs = np.log(np.maximum(model.rates, 1e-300))[coded.annotator, :, coded.label]
    whole = np.zeros((len(coded.tasks), len(coded.labels)))
    np.add.at(whole, coded.task, logs)
    return posterior(whole[coded.task] - logs + np.log(np.maximum(model.prior, 1e-300)))[0]


def _on_gold(right: Sequence[bool], least: int) -> Accuracy:
    if len(right) < max(least, 1):
        return Accuracy(len(right), None, None, None, f"{len(right)} gold answers, fewer than {least}")
    share = sum(right) / len(right)
    return Accuracy(len(right), share, *wilson(share, len(right)), None)


def _by_model(likely: Floats, least: int) -> Accuracy:
    """Return the expected share of right answers; its interval is that of a Beta distribution (Jeffreys' prior)."""
    if len(likely) < max(least, 1):
        return Accuracy(len(likely), None, None, None, f"{len(likely)} answers, fewer than {least}")
    right, wrong = float(likely.sum()), float((1 - likely).sum())
    low, high = (float(special.betaincinv(right + 0.5, wrong + 0.5, at)) for at in (0.025, 0.975))
    return Accuracy(len(likely), float(likely.mean()), low, high, None)


def _counted(pairs: Sequence[tuple[str, str]]) -> dict[str, dict[str, float]]:
    table: dict[str, dict[str, float]] = {}
    for true, said in sorted(pairs):
        row = table.setdefault(true, {})
        row[said] = row.get(said, 0.0) + 1
    return table


def _expected(coded: Coded, rows: Codes, likely: Floats) -> dict[str, dict[str, float]]:
    """Return how often each answer is expected for each true label; cells below half an answer are left out."""
    counts = np.zeros((len(coded.labels), len(coded.labels)))
    np.add.at(counts.T, coded.label[rows], likely)
    return {
        coded.labels[true]: {coded.labels[said]: float(counts[true, said]) for said in np.flatnonzero(counts[true] >= 0.5)}
        for true in np.flatnonzero((counts >= 0.5).any(axis=1))
    }

"""What `yuelu consensus` makes of a table of labels: one answer a task, its probability against gold, what to ask next."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from yuelu.base.errors import InvalidRecord
from yuelu.quality.adaptive import Plan
from yuelu.quality.asking import Advice, advise
from yuelu.quality.calibration import Calibration, Reliability, calibrate, calibrated_by_others, reliability
from yuelu.quality.coded import Coded, Repeats, code_labels
from yuelu.quality.consensus import METHODS, Method, consensus_of_coded, probabilities
from yuelu.quality.consensus_numbers import NUMBER_METHODS, NumberMethod, consensus_numbers, consensus_preferences
from yuelu.quality.resample import Floats
from yuelu.quality.tables import LabelTable, read_gold, read_labels

BRADLEY_TERRY = "bradley-terry"
TABLE_METHODS = (*METHODS, *NUMBER_METHODS, BRADLEY_TERRY)
_JSON = frozenset({"region", "told", "answers"})


@dataclass(frozen=True, slots=True)
class Checked:
    """The probabilities against gold: `said` as the method gives them, `calibrated` each learnt from the other gold.

    `gold` counts the tasks with a known answer, `right` how many of them the method has right.
    """

    gold: int
    right: int
    said: Reliability
    calibrated: Reliability | None
    reason: str | None  # why nothing is calibrated

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Derived:
    """The consensus of a table or an export, with what was asked for besides.

    `answers` are the raw ones, annotator to label, by task and control ("" for a table's); `raw` those of an export, with all
    that they say.
    """

    method: str
    table: pa.Table
    answers: Mapping[tuple[str, str], Mapping[str, str]]
    checked: Checked | None = None
    advice: Advice | None = None
    ignored: tuple[str, ...] = ()
    raw: Mapping[str, Any] | None = None
    shown: tuple[str, ...] = ()  # the columns that are printed

    def __post_init__(self) -> None:
        if not self.shown:
            object.__setattr__(self, "shown", tuple(self.table.column_names))

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of the consensus; what the table holds as JSON is parsed."""
        rows = list(self.table.to_pylist())
        if self.raw is None:
            return rows
        return [{name: json.loads(each) if name in _JSON else each for name, each in row.items()} for row in rows]

    def to_json(self) -> Any:
        """Return the rows; an object with the rest beside them where gold, a target or a budget was given."""
        if self.checked is None and self.advice is None and self.raw is None:
            return self.rows()
        return {
            "method": self.method,
            "consensus": self.rows(),
            "answers": self.raw or {task: dict(given) for (task, _), given in self.answers.items()},
            "left_out": list(self.ignored),
            "reliability": self.checked and self.checked.to_json(),
            "ask": self.advice and self.advice.to_json(),
        }


def derive(
    path: Path,
    method: str = "majority",
    *,
    repeats: Repeats = "refuse",
    gold: Path | None = None,
    plan: Plan | None = None,
    budget: int | None = None,
) -> Derived:
    """Return the consensus of the table at `path`.

    Raises InvalidRecord: gold, or a plan, for a method that gives no probability of a label.
    """
    read = read_labels(path)
    if method not in METHODS:
        if gold is not None or plan is not None:
            hint = f"use one of {', '.join(METHODS)}"
            raise InvalidRecord(
                f"method {method} gives no label a probability, so nothing can be held against gold or asked", hint
            )
        found = (
            consensus_preferences(read.table)
            if method == BRADLEY_TERRY
            else consensus_numbers(read.labels, cast("NumberMethod", method), repeats=repeats)
        )
        return Derived(method, found, _raw(read))
    coded = code_labels(read.labels, repeats)
    return _of_labels(read, coded, cast("Method", method), gold, plan, budget)


def _of_labels(
    read: LabelTable, coded: Coded, method: Method, gold: Path | None, plan: Plan | None, budget: int | None
) -> Derived:
    probability = probabilities(coded, method)
    table = consensus_of_coded(coded, probability)
    checked = None
    if gold is not None:
        checked, table, sure = _against(read_gold(gold), table)
        rank = {task: at for at, task in enumerate(table["task"].to_pylist())}
        rows = [rank[task] for task in coded.tasks.to_pylist()]
        if sure is not None:
            probability = _lowered(probability, sure[rows])
    advice = advise(coded, probability, plan, budget) if plan is not None else None
    return Derived(method, table, _raw(read), checked, advice)


def _against(gold: Mapping[str, str], table: pa.Table) -> tuple[Checked, pa.Table, np.ndarray[Any, np.dtype[np.float64]] | None]:
    tasks, labels = table["task"].to_pylist(), table["label"].to_pylist()
    said = table["probability"].to_numpy()
    known = np.asarray([task in gold for task in tasks], bool)
    right = np.asarray([gold.get(task) == label for task, label in zip(tasks, labels, strict=True)], bool)[known]
    checked, learnt = check(said[known], right)
    if learnt is None:
        return checked, table, None
    sure = learnt(said)
    return checked, table.append_column("calibrated", pa.array(sure, pa.float64())), sure


def check(said: Floats, right: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[Checked, Calibration | None]:
    """Return how the probabilities of labels stand against gold, and the map that gold teaches; None with too little of it."""
    learnt, others = calibrate(said, right), calibrated_by_others(said, right)
    after = None if others is None else reliability(others, right)
    reason = None if learnt else f"{len(right)} of the tasks have gold; 20 are needed to calibrate, 25 to check it"
    return Checked(len(right), int(right.sum()), reliability(said, right), after, reason), learnt


def _lowered(
    probability: np.ndarray[Any, np.dtype[np.float64]], sure: np.ndarray[Any, np.dtype[np.float64]]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the probabilities with that of the best label calibrated; the others share the rest, below it."""
    best = np.round(probability, 12).argmax(axis=1)
    found = np.zeros_like(probability)
    found[np.arange(len(best)), best] = sure
    return found


def _raw(read: LabelTable) -> dict[tuple[str, str], dict[str, str]]:
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in read.labels.to_pylist():
        given = found.setdefault((row["task"], ""), {})
        given[row["annotator"]] = f"{given[row['annotator']]}, {row['label']}" if row["annotator"] in given else row["label"]
    return found

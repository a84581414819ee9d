"""The number that follows from many answers to a task, and the strengths that follow from many preferences."""

from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
from scipy import stats

from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.quality.coded import Repeats, code_labels, encode_sorted
from yuelu.quality.labels import numbers_of
from yuelu.quality.preferences import bradley_terry
from yuelu.quality.resample import Floats

NumberMethod: TypeAlias = Literal["median", "mean"]
NUMBER_METHODS: tuple[NumberMethod, ...] = ("median", "mean")
SIDES = ("left", "right")

NUMBERS = pa.schema(
    [
        pa.field("task", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("low", pa.float64()),  # null: too few answers for an interval
        pa.field("high", pa.float64()),
        pa.field("answers", pa.int64(), nullable=False, metadata={"unit": "count"}),
    ],
    metadata={"table": "numbers", "version": "1"},
)
STRENGTHS = pa.schema(
    [
        pa.field("item", pa.string(), nullable=False),
        pa.field("strength", pa.float64(), nullable=False, metadata={"unit": "log odds, mean 0"}),
        pa.field("probability", pa.float64(), nullable=False),  # of being preferred to an item of mean strength
        pa.field("wins", pa.int64(), nullable=False),
        pa.field("comparisons", pa.int64(), nullable=False),
    ],
    metadata={"table": "strengths", "version": "1"},
)


def consensus_numbers(labels: pa.Table, method: NumberMethod = "median", *, repeats: Repeats = "refuse") -> pa.Table:
    """Return one row per task of `labels` (schema LABELS, numbers as text), in order of names: value and its 95 % interval.

    "median": with the interval of order statistics, from six answers on. "mean": with that of Student's t, from two on. A
    number is not right or wrong, so there is no probability. Raises InvalidRecord: a label that is no number.
    """
    if method not in NUMBER_METHODS:
        raise Misconfigured(f"unknown method of consensus {method!r} for numbers", f"use one of {', '.join(NUMBER_METHODS)}")
    coded = code_labels(labels, repeats)
    values = numbers_of(coded.labels, "interval")[coded.label] if len(coded.label) else np.zeros(0)
    order = np.lexsort((values, coded.task))
    starts = np.flatnonzero(np.diff(coded.task[order], prepend=-1))
    rows = []
    for task, answers in zip(coded.task[order][starts].tolist(), np.split(values[order], starts[1:]), strict=True):
        value, low, high = _median(answers) if method == "median" else _mean(answers)
        rows.append({"task": str(coded.tasks[task]), "value": value, "low": low, "high": high, "answers": len(answers)})
    return pa.Table.from_pylist(rows, NUMBERS).sort_by("task")


def _median(values: Floats) -> tuple[float, float | None, float | None]:
    """Source of the interval: W. Conover (1999), Practical Nonparametric Statistics, section 3.2."""
    cut = int(stats.binom.ppf(0.025, len(values), 0.5))
    ends = (float(values[cut - 1]), float(values[-cut])) if cut >= 1 else (None, None)
    return float(np.median(values)), *ends


def _mean(values: Floats) -> tuple[float, float | None, float | None]:
    mean = float(values.mean())
    if len(values) < 2:
        return mean, None, None
    reach = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - reach, mean + reach


def consensus_preferences(table: pa.Table, *, prior: float = 0.5) -> pa.Table:
    """Return the items of `table`, the strongest first, with Bradley and Terry's strengths.

    A row of `table` is an answer: `left` and `right` are the items, `label` is "left", "right" or the preferred item. With
    `prior` each item also wins and loses that often against an imagined item of mean strength: then every strength is
    defined.
    Raises InvalidRecord: a column missing, a preference for neither.
    """
    lacking = [name for name in (*SIDES, "label") if name not in table.column_names]
    if lacking:
        raise InvalidRecord(f"no column {', '.join(lacking)}", "a preference has the columns task, annotator, left, right, label")
    left, right, label = (np.asarray(table[name].cast(pa.string()).to_pylist(), object) for name in (*SIDES, "label"))
    first, second = (label == "left") | (label == left), (label == "right") | (label == right)
    unclear = np.flatnonzero(first == second)
    if len(unclear):
        at = int(unclear[0])
        raise InvalidRecord(
            f"row {at + 1} prefers {label[at]!r} of {left[at]!r} and {right[at]!r}", "say left or right, or name it"
        )
    names, codes = encode_sorted(pa.array([*np.where(first, left, right), *np.where(first, right, left)], pa.string()))
    winner, loser = np.split(codes, 2)
    found = bradley_terry(winner, loser, len(names), prior=prior)
    if found.log is None:
        raise InvalidRecord(str(found.reason), "compare more pairs, or give a prior")
    wins = np.bincount(winner, minlength=len(names))
    columns = (names, found.log, 1 / (1 + np.exp(-found.log)), wins, wins + np.bincount(loser, minlength=len(names)))
    table = pa.table(dict(zip(STRENGTHS.names, columns, strict=True)), STRENGTHS)
    return table.sort_by([("strength", "descending"), ("item", "ascending")])

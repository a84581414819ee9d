"""Agreement on numbers: intraclass correlation and the limits of agreement."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy import stats

from yuelu.base.errors import InvalidRecord
from yuelu.quality.resample import Floats
from yuelu.quality.score import Score

Form: TypeAlias = Literal["icc1", "icc2", "icc3"]
_FEW = "fewer than two tasks that all annotators answered, or fewer than two annotators"
_ALIKE = "all answers are the same, so there is nothing that could differ between tasks"


@dataclass(frozen=True, slots=True)
class _Means:
    """Mean squares of the two-way analysis of variance of `n` tasks by `k` annotators."""

    n: int
    k: int
    tasks: float
    annotators: float
    rest: float
    within: float


def icc(values: Floats, form: Form = "icc2", *, confidence: float = 0.95) -> Score:
    """Return the intraclass correlation of single answers; `values` has shape (tasks, annotators), NaN where one is missing.

    icc2 (the default): annotators are a sample, and one who always says more disagrees. icc3: these annotators only,
    and such an offset does not count. icc1: each task was answered by others. Tasks with a missing answer are left out.
    Sources: P. Shrout, J. Fleiss (1979), Intraclass Correlations; K. McGraw, S. Wong (1996) for the intervals.
    """
    whole = values[np.isfinite(values).all(axis=1)]
    counts = (len(whole), values.shape[1], whole.size)
    if len(whole) < 2 or values.shape[1] < 2:
        return Score(form, "interval", None, None, None, *counts, _FEW)
    means = _mean_squares(whole)
    if means.tasks == means.within == 0:
        return Score(form, "interval", None, None, None, *counts, _ALIKE)
    value, low, high = {"icc1": _icc1, "icc2": _icc2, "icc3": _icc3}[form](means, (1 + confidence) / 2)
    return Score(form, "interval", value, low, high, *counts, None)


def _mean_squares(values: Floats) -> _Means:
    n, k = values.shape
    middle, of_task, of_annotator = values.mean(), values.mean(axis=1), values.mean(axis=0)
    tasks = k * ((of_task - middle) ** 2).sum()
    annotators = n * ((of_annotator - middle) ** 2).sum()
    within = ((values - of_task[:, np.newaxis]) ** 2).sum()
    return _Means(
        n,
        k,
        float(tasks / (n - 1)),
        float(annotators / (k - 1)),
        float(max(within - annotators, 0) / ((n - 1) * (k - 1))),
        float(within / (n * (k - 1))),
    )


def _icc1(m: _Means, at: float) -> tuple[float, float, float]:
    return _one_way(m, m.within, at, m.n * (m.k - 1))


def _icc3(m: _Means, at: float) -> tuple[float, float, float]:
    return _one_way(m, m.rest, at, (m.n - 1) * (m.k - 1))


def _one_way(m: _Means, error: float, at: float, freedom: int) -> tuple[float, float, float]:
    if error == 0:
        return 1.0, 1.0, 1.0
    ratio = m.tasks / error
    low, high = ratio / stats.f.ppf(at, m.n - 1, freedom), ratio * stats.f.ppf(at, freedom, m.n - 1)
    value, low, high = ((f - 1) / (f + m.k - 1) for f in (ratio, low, high))
    return float(value), float(low), float(high)


def _icc2(m: _Means, at: float) -> tuple[float, float, float]:
    value = (m.tasks - m.rest) / (m.tasks + (m.k - 1) * m.rest + m.k * (m.annotators - m.rest) / m.n)
    if m.rest == 0 and m.annotators == 0:
        return 1.0, 1.0, 1.0
    a = m.k * value / (m.n * (1 - value))
    b = 1 + m.k * value * (m.n - 1) / (m.n * (1 - value))
    freedom = (a * m.annotators + b * m.rest) ** 2 / (
        (a * m.annotators) ** 2 / (m.k - 1) + (b * m.rest) ** 2 / ((m.n - 1) * (m.k - 1))
    )
    upper, lower = stats.f.ppf(at, m.n - 1, freedom), stats.f.ppf(at, freedom, m.n - 1)
    spread = m.k * m.annotators + (m.k * m.n - m.k - m.n) * m.rest
    low = m.n * (m.tasks - upper * m.rest) / (upper * spread + m.n * m.tasks)
    high = m.n * (lower * m.tasks - m.rest) / (spread + m.n * lower * m.tasks)
    return float(value), float(low), float(high)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bland and Altman's: the mean difference, and the limits that about 95 % of differences lie between."""

    bias: float
    low: float
    high: float
    tasks: int


def limits_of_agreement(one: Floats, other: Floats) -> Limits | None:
    """Return the limits of `one` - `other`, row by row; rows with a missing answer (NaN) are left out.

    None with fewer than two rows. Raises InvalidRecord: unequal lengths.
    Source: J. Bland, D. Altman (1986), Statistical Methods for Assessing Agreement between Two Methods of Measurement.
    """
    if one.shape != other.shape:
        raise InvalidRecord(f"{one.shape} against {other.shape} answers", "give the answers to the same tasks, in one order")
    apart = (one - other)[np.isfinite(one) & np.isfinite(other)]
    if len(apart) < 2:
        return None
    bias, spread = float(apart.mean()), 1.96 * float(apart.std(ddof=1))
    return Limits(bias, bias - spread, bias + spread, len(apart))

"""Leaked gold: better on the tasks whose answers are known to us than on all others, by more than the crowd is."""

from collections.abc import Mapping

import numpy as np
from scipy.stats import fisher_exact

from yuelu.quality.coded import Coded
from yuelu.quality.signals.answers import majority, rows_by_annotator, votes
from yuelu.quality.signals.crowd import LEAST, standing_out
from yuelu.quality.signals.record import Looked, looked

KIND = "leaked-gold"
GAP = 0.10  # a smaller gap is no leak worth a look
_TASKS = 10
_MEANING = "accuracy on gold less accuracy on other tasks"
_REASON = f"fewer than {LEAST} annotators with {_TASKS} gold tasks and {_TASKS} others that have a majority"


def leaked(coded: Coded, gold: Mapping[str, str]) -> Looked:
    """Return whose gold accuracy is too good; `gold` is the known label of a task.

    On other tasks the majority of the others stands for the truth. Two tests must agree: of the two accuracies (Fisher's
    exact test) and of the gap within the crowd, for gold may well be easier than the rest, for everybody.
    """
    tasks = coded.tasks.to_pylist()
    known = np.array([coded.labels.index(gold[task]) if gold.get(task) in coded.labels else -1 for task in tasks], np.int64)
    asked = np.array([task in gold for task in tasks], np.bool_)
    cast, rows = votes(coded), []
    for annotator, mine in enumerate(rows_by_annotator(coded)):
        is_gold = asked[coded.task[mine]]
        top = majority(cast.others(mine))
        other = ~is_gold & (top >= 0)
        right = np.where(is_gold, known[coded.task[mine]], top) == coded.label[mine]
        if is_gold.sum() >= _TASKS and other.sum() >= _TASKS:
            here, there = (int(right[is_gold].sum()), int(is_gold.sum())), (int(right[other].sum()), int(other.sum()))
            rows.append((coded.annotators[annotator], here, there))
    if len(rows) < LEAST:
        return Looked(KIND, (), _REASON)
    gaps = np.array([here[0] / here[1] - there[0] / there[1] for _, here, there in rows])
    errors = np.array([np.sqrt(_variance(*here) + _variance(*there)) for _, here, there in rows])
    p_crowd = standing_out(gaps, errors)
    told = []
    for (name, here, there), gap, p in zip(rows, gaps.tolist(), p_crowd.tolist(), strict=True):
        p_gap = 1.0 if gap <= GAP else max(p, _fisher(here, there))
        told.append(((name,), gap, float(np.median(gaps)), here[1], p_gap))
    return looked(KIND, told, _MEANING, _REASON)


def _variance(right: int, of: int) -> float:
    """Return the variance of a share, with two successes and two failures added (Agresti and Coull 1998)."""
    share = (right + 2) / (of + 4)
    return share * (1 - share) / (of + 4)


def _fisher(here: tuple[int, int], there: tuple[int, int]) -> float:
    table = np.array([[here[0], here[1] - here[0]], [there[0], there[1] - there[0]]])
    return float(fisher_exact(table, alternative="greater").pvalue)

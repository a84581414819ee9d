"""Too fast: far shorter times than the others needed for the very same tasks."""

import numpy as np

from yuelu.quality.coded import Coded
from yuelu.quality.resample import Floats
from yuelu.quality.signals.answers import rows_by_annotator
from yuelu.quality.signals.crowd import LEAST, standing_out
from yuelu.quality.signals.record import Looked, looked

KIND = "fast"
_TASKS = 10  # that an annotator must share with others
_MEANING = "median time, as a share of what the others needed for the same tasks"
_REASON = f"fewer than {LEAST} annotators with times for {_TASKS} tasks that others did, too"


def fast(coded: Coded, seconds: Floats) -> Looked:
    """Return who is too fast; `seconds`, shape (rows,), is the time of each answer, NaN where none was reported.

    An annotator's pace is the mean logarithm of their time against the median of the others' for each task: hard tasks take
    everybody long, so a person who was given the easy ones is not accused. The browser reports the times: compare them with
    the server's.
    """
    logs = np.log(np.where(seconds > 0, seconds, np.nan))
    apart = _apart(coded, logs)
    names, effects, errors, counts, medians = [], [], [], [], []
    for annotator, rows in enumerate(rows_by_annotator(coded)):
        mine = apart[rows][np.isfinite(apart[rows])]
        if len(mine) >= _TASKS:
            names.append((coded.annotators[annotator],))
            effects.append(-float(mine.mean()))
            errors.append(float(mine.std(ddof=1)) / len(mine) ** 0.5)
            counts.append(len(mine))
            medians.append(float(np.exp(np.median(mine))))
    if len(names) < LEAST:
        return Looked(KIND, (), _REASON)
    p_values = standing_out(np.array(effects), np.array(errors)).tolist()
    usual = float(np.median(medians))
    return looked(
        KIND,
        [(who, m, usual, n, p) for who, m, n, p in zip(names, medians, counts, p_values, strict=True)],
        _MEANING,
        _REASON,
    )


def _apart(coded: Coded, logs: Floats) -> Floats:
    """Return each log time less the median of the others' for that task; NaN without at least one other."""
    apart = np.full(len(logs), np.nan)
    known = np.flatnonzero(np.isfinite(logs))
    order = known[np.argsort(coded.task[known], kind="stable")]
    starts = np.unique(coded.task[order], return_index=True)[1]
    for rows in np.split(order, starts[1:]):
        for place, row in enumerate(rows):
            others = np.delete(logs[rows], place)
            if len(others):
                apart[row] = logs[row] - np.median(others)
    return apart

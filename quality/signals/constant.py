"""Constant: the same label again and again, also where the others say something else."""

import numpy as np

from yuelu.quality.coded import Coded
from yuelu.quality.signals.answers import majority, rows_by_annotator, shares, votes
from yuelu.quality.signals.crowd import LEAST, standing_out
from yuelu.quality.signals.record import Looked, looked

KIND = "constant"
MOSTLY = 0.8  # who gives their favourite less often leans, and is not constant
_TASKS = 10
_MEANING = "share of their favourite label on tasks where the others' majority is another"
_REASON = f"fewer than {LEAST} annotators with {_TASKS} tasks whose majority is another label than their favourite"


def constant(coded: Coded) -> Looked:
    """Return who gives the same label regardless of the task.

    Looked at are only tasks whose majority of others is another label than the annotator's favourite: that most tasks of a
    crowd have one label accuses nobody, and how much honest people lean to a label shows in the crowd.
    """
    cast, rows = votes(coded), []
    for annotator, mine in enumerate(rows_by_annotator(coded)):
        others = cast.others(mine)
        favourite = int(np.bincount(coded.label[mine], minlength=len(coded.labels)).argmax()) if len(mine) else 0
        top = majority(others)
        kept = (top >= 0) & (top != favourite)
        if kept.sum() >= _TASKS:
            expected = shares(others[kept])[:, favourite]
            said = float((coded.label[mine[kept]] == favourite).mean())
            error = float(np.sqrt((expected * (1 - expected)).sum() + 0.25)) / int(kept.sum())
            rows.append(((coded.annotators[annotator],), said, float(expected.mean()), int(kept.sum()), error))
    if len(rows) < LEAST:
        return Looked(KIND, (), _REASON)
    p_values = standing_out(np.array([row[1] - row[2] for row in rows]), np.array([row[4] for row in rows])).tolist()
    told = [(*row[:4], p if row[1] >= MOSTLY else 1.0) for row, p in zip(rows, p_values, strict=True)]
    return looked(KIND, told, _MEANING, _REASON)

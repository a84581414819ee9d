"""Which tasks to ask once more, and whether to stop asking."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from yuelu.quality.adaptive import Plan, ask_next
from yuelu.quality.coded import Coded
from yuelu.quality.resample import Floats


@dataclass(frozen=True, slots=True)
class Wanted:
    """A task that deserves one more answer: its best label so far, how probable that is, and its answers."""

    task: str
    label: str
    probability: float
    answers: int


@dataclass(frozen=True, slots=True)
class Advice:
    """What to ask next. `settled`: tasks as probable as the target; `full`: others that have all the answers they may have.

    `unpaid`: tasks that deserve an answer which the budget does not pay. `stop` when there is nothing to ask.
    """

    target: float
    tasks: tuple[Wanted, ...]
    settled: int
    full: int
    unpaid: int

    @property
    def stop(self) -> bool:
        """Whether asking is over."""
        return not self.tasks

    def to_json(self) -> dict[str, Any]:
        """Return the advice as JSON."""
        return {**asdict(self), "stop": self.stop}


def advise(coded: Coded, probability: Floats, plan: Plan, more: int | None = None) -> Advice:
    """Return which tasks to ask once more by `plan` (whose own budget is not used), at most `more` of them; None: all.

    `probability`, shape (tasks, labels), is what a model makes of the answers so far. Ask, let the model look again, repeat:
    one answer to a task may settle others, since it says more of its annotator.
    """
    answers = np.bincount(coded.task, minlength=len(coded.tasks)).tolist()
    best = np.round(probability, 12).argmax(axis=1)
    tasks = [
        Wanted(str(coded.tasks[at]), coded.labels[label], float(probability[at, label]), answers[at])
        for at, label in enumerate(best.tolist())
    ]
    return advise_tasks(tasks, plan, more)


def advise_tasks(tasks: Sequence[Wanted], plan: Plan, more: int | None = None) -> Advice:
    """Return which of the tasks to ask once more, as `advise` does; each comes with what is least sure of it."""
    answers = np.asarray([each.answers for each in tasks], np.int64)
    probability = np.asarray([each.probability for each in tasks], np.float64)
    chosen = ask_next(probability[:, np.newaxis], answers, Plan(plan.target, plan.least, plan.most)).tolist()
    paid = chosen if more is None else chosen[:more]
    sure = int(((probability >= plan.target) & (answers >= plan.least)).sum())
    full = len(tasks) - sure - len(chosen)
    return Advice(plan.target, tuple(tasks[at] for at in paid), sure, full, len(chosen) - len(paid))

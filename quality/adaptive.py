"""Adaptive overlap: which tasks deserve one more answer, and when to stop asking.

A task whose label is already sure enough is not asked again; what is saved goes to the doubtful ones.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yuelu.base.errors import Misconfigured
from yuelu.quality.coded import Coded, Codes
from yuelu.quality.resample import Floats


@dataclass(frozen=True, slots=True)
class Plan:
    """How far to ask. `target`: a label as probable as this is settled. `least` and `most` answers for every task."""

    target: float = 0.95
    least: int = 2
    most: int = 10
    budget: int | None = None  # answers in all; None: no limit but `most`

    def __post_init__(self) -> None:
        if not 0.5 < self.target < 1 or not 1 <= self.least <= self.most or (self.budget is not None and self.budget < 1):
            raise Misconfigured(f"{self}", "need 0.5 < target < 1, 1 <= least <= most, and a budget of 1 or more")


def ask_next(probability: Floats, answers: Codes, plan: Plan) -> Codes:
    """Return the tasks to ask once more, the most doubtful first, no more than the budget leaves.

    `probability`, shape (tasks, labels), is what a model makes of the `answers`, shape (tasks,), that each task has so far.
    Tasks below `least` come before all others. Doubt is the chance that the best label is wrong, so that an answer
    goes where it can correct most; equal doubt goes to the task with fewer answers, then to the first.
    """
    doubt = 1 - probability.max(axis=1)
    short = answers < plan.least
    wanted = short | ((doubt > 1 - plan.target) & (answers < plan.most))
    order = np.lexsort((np.arange(len(doubt)), answers, -doubt, ~short))
    chosen = order[wanted[order]]
    left = len(chosen) if plan.budget is None else max(plan.budget - int(answers.sum()), 0)
    return np.asarray(chosen[:left], np.int64)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What would have been asked: which rows of the table, and the probabilities at the end, shape (tasks, labels)."""

    rows: Codes
    probability: Floats


def replay(coded: Coded, plan: Plan, model: Callable[[Coded], Floats], *, seed: int = 0) -> Replayed:
    """Ask a table of recorded answers as if they came one by one, in an order drawn by `seed` for each task.

    A task with no answers left is not asked. In each round every task that deserves it gets one more, then `model` looks again.
    """
    tasks = len(coded.tasks)
    drawn = np.random.default_rng(seed).random(len(coded.task))
    order = np.lexsort((drawn, coded.task))
    has = np.bincount(coded.task, minlength=tasks)
    place = np.arange(len(order)) - np.repeat(np.cumsum(has) - has, has)  # 0, 1, ... within each task
    asked: Codes = np.zeros(tasks, np.int64)
    probability: Floats = np.full((tasks, len(coded.labels)), 1 / max(len(coded.labels), 1))
    while True:
        open_ = np.where(asked < has)[0]
        chosen = open_[ask_next(probability[open_], asked[open_], _left(plan, asked, open_))]
        if not len(chosen):
            return Replayed(order[place < asked[coded.task[order]]], probability)
        asked[chosen] += 1
        seen = order[place < asked[coded.task[order]]]
        probability = model(_rows(coded, seen))


def _left(plan: Plan, asked: Codes, open_: NDArray[np.int64]) -> Plan:
    """Return the plan for the tasks that can still be asked: others have spent their part of the budget."""
    if plan.budget is None:
        return plan
    spent = int(asked.sum()) - int(asked[open_].sum())
    return Plan(plan.target, plan.least, plan.most, max(plan.budget - spent, 1))


def _rows(coded: Coded, rows: Codes) -> Coded:
    return Coded(coded.tasks, coded.annotators, coded.labels, coded.task[rows], coded.annotator[rows], coded.label[rows])

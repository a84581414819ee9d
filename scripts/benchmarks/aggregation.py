"""Majority, Dawid-Skene, MACE and GLAD from tables of strings and from codes, against crowd-kit."""

import numpy as np
import pyarrow as pa
from measuring import Row, Settings
from numpy.typing import NDArray
from peers import ask, found_by_peers, turns_rows

from yuelu.quality.coded import Coded, code_labels
from yuelu.quality.consensus import METHODS, Method

ANNOTATORS, LABELS, EACH = 1000, 5, 5

# crowd-kit's frames are made before its clock starts.
_PEER = """
import pandas as pd
from crowdkit.aggregation import MACE, GLAD, DawidSkene, MajorityVote
strings = bool(given["strings"])
kind = "U" if strings else int
data = pd.DataFrame({name: given[name].astype(kind) for name in ("task", "worker", "label")})
truth = pd.Series(given["truth"].astype(kind), index=np.arange(len(given["truth"])).astype(kind))
makers = {
    "majority": MajorityVote,
    "dawid-skene": lambda: DawidSkene(n_iter=50, tol=1e-5),
    "mace": lambda: MACE(n_restarts=10, n_iter=50, random_state=0),
    "glad": lambda: GLAD(n_iter=10),
}
method = str(given["method"])
way = f"crowd-kit 1.4.2, {method}"
found = timed(way, lambda: makers[method]().fit_predict(data), once=len(data) > 2e5 or method in ("mace", "glad"))
told[way][2] = float((found == truth.reindex(found.index)).mean())
"""


def rows(settings: Settings) -> list[Row]:
    """Return each method, at sizes that the peer can do."""
    made: list[Row] = []
    for tasks in (10_000, 100_000) if settings.quick else (10_000, 100_000, 1_000_000):
        for method in ("majority", "dawid-skene"):
            made += _compared(tasks, method, settings, strings=True)
            made += _compared(tasks, method, settings, strings=False)
    for method in ("mace", "glad"):
        made += _compared(2_000 if settings.quick else 10_000, method, settings, strings=False)
    return made


def _answers(tasks: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return task, annotator and label of each answer, and the truth; annotators' error rates are drawn."""
    draw = np.random.default_rng(seed)
    truth, task = draw.integers(0, LABELS, tasks), np.repeat(np.arange(tasks), EACH)
    annotator = draw.integers(0, ANNOTATORS, (tasks, EACH))
    again = [len(set(who)) < EACH for who in annotator.tolist()] if tasks <= 100_000 else np.zeros(tasks, bool)
    annotator[np.asarray(again)] = np.arange(EACH)  # nobody answers one task twice
    skewed = draw.dirichlet(np.ones(LABELS), (ANNOTATORS, LABELS)) * 0.6 + np.eye(LABELS) * 0.4
    who = annotator.ravel()
    reach = np.cumsum(skewed[who, truth[task]], axis=1)
    label = (draw.random(len(who))[:, np.newaxis] > reach).sum(axis=1).clip(0, LABELS - 1)
    return task, who, label, truth


def _compared(tasks: int, method: Method, settings: Settings, *, strings: bool) -> list[Row]:
    task, who, label, truth = _answers(tasks, settings.seed)
    table = pa.table(dict(zip(("task", "annotator", "label"), (each.astype(str) for each in (task, who, label)), strict=True)))
    coded = code_labels(table, "keep")
    run = METHODS[method]

    def ours() -> NDArray[np.float64]:
        return run(code_labels(table, "keep") if strings else coded)

    accuracy = _accuracy(coded, ours(), truth)
    arrays = {"task": task, "worker": who, "label": label, "truth": truth}
    told = ask(settings, _PEER, ours, **arrays, method=np.asarray(method), strings=np.asarray(strings))
    theirs = found_by_peers(told)
    assert all(accuracy > found - 0.02 for found in theirs), f"accuracy {accuracy} against {theirs}"
    job = f"{method}, {tasks:.0e} tasks x {EACH}, {'a table of strings' if strings else 'codes'}"
    note = f"accuracy {accuracy:.4f}" + "".join(f"; theirs {found:.4f}" for found in theirs)
    return turns_rows(job, f"yuelu, {method}", tasks, told, note)


def _accuracy(coded: Coded, probability: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    of = np.asarray(coded.tasks.to_pylist(), np.int64)
    found = np.asarray(coded.labels, np.int64)[np.round(probability, 12).argmax(axis=1)]
    return float((found == truth[of]).mean())

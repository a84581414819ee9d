"""The label that follows from many answers to a task."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa

from yuelu.base.errors import Misconfigured
from yuelu.quality.coded import Coded, Repeats, code_labels
from yuelu.quality.dawid_skene import dawid_skene
from yuelu.quality.resample import Floats

Method: TypeAlias = Literal["majority", "dawid-skene"]

CONSENSUS = pa.schema(
    [
        pa.field("task", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("probability", pa.float64(), nullable=False),
    ],
    metadata={"table": "consensus", "version": "1"},
)


def consensus_labels(labels: pa.Table, method: Method = "majority", *, repeats: Repeats = "refuse") -> pa.Table:
    """Return one row per task of `labels` (schema LABELS), in the order of the tasks' names: task, label, probability.

    "majority": the probability is the share of the votes. "dawid-skene": the posterior of the model, which is too sure of
    itself when annotators err together. Equal probabilities: the label first in order of text wins, and the probability
    (0.5 for one vote each) shows the tie. `repeats` as in `coded.code_labels`; "keep" counts every answer.
    Raises InvalidRecord: a repeated answer; Misconfigured: unknown method.
    """
    if method not in METHODS:
        raise Misconfigured(f"unknown method of consensus {method!r}", f"use one of {', '.join(METHODS)}")
    coded = code_labels(labels, repeats)
    if len(coded.tasks) == 0:
        return CONSENSUS.empty_table()
    probability = METHODS[method](coded)
    best = np.round(probability, 12).argmax(axis=1)  # rounding must not break a tie
    columns = {
        "task": coded.tasks,
        "label": pa.array(coded.labels, pa.string()).take(pa.array(best)),
        "probability": probability[np.arange(len(best)), best],
    }
    return pa.table(columns, CONSENSUS).sort_by("task")


def vote_shares(labels: pa.Table, *, repeats: Repeats = "refuse") -> dict[str, dict[str, float]]:
    """Return for each task of `labels` (schema LABELS) the share of the votes that each of its labels has."""
    coded = code_labels(labels, repeats)
    if len(coded.tasks) == 0:
        return {}
    shares: dict[str, dict[str, float]] = {task: {} for task in sorted(coded.tasks.to_pylist())}
    task, label = np.unique(np.stack([coded.task, coded.label]), axis=1)
    names, votes = coded.tasks.to_pylist(), _shares(coded)
    for at, what in zip(task.tolist(), label.tolist(), strict=True):
        shares[names[at]][coded.labels[what]] = float(votes[at, what])
    return shares


def entropy_bits(shares: Mapping[str, float]) -> float:
    """Return the entropy of the shares in bits: 0 when all agree, 1 for two labels with half the votes each."""
    return max(0.0, -sum(share * float(np.log2(share)) for share in shares.values() if share > 0))


def _shares(coded: Coded) -> Floats:
    labels = len(coded.labels)
    votes = np.bincount(coded.task * labels + coded.label, minlength=len(coded.tasks) * labels).reshape(-1, labels)
    return np.asarray(votes / np.maximum(votes.sum(axis=1, keepdims=True), 1))


def _posterior(coded: Coded) -> Floats:
    return dawid_skene(coded).probability


METHODS: Mapping[Method, Callable[[Coded], Floats]] = MappingProxyType({"majority": _shares, "dawid-skene": _posterior})

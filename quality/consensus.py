"""The label that follows from many answers to a task."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa

from yuelu.base.errors import Misconfigured
from yuelu.quality.coded import Coded, Repeats, code_labels
from yuelu.quality.dawid_skene import dawid_skene
from yuelu.quality.glad import glad
from yuelu.quality.mace import mace
from yuelu.quality.one_coin import one_coin
from yuelu.quality.resample import Floats
from yuelu.quality.votes import shares, weighted_votes
from yuelu.quality.weighted_majority import weighted_majority

Method: TypeAlias = Literal["majority", "weighted-majority", "dawid-skene", "one-coin", "mace", "glad"]

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

    "majority": the probability is the share of the votes, "weighted-majority": of their weight. The others: the posterior
    of the model, which is too sure of itself when annotators err together. Equal probabilities: the label first in order
    of text wins, and the probability (0.5 for one vote each) shows the tie. `repeats` as in `coded.code_labels`; "keep"
    counts every answer.
    Raises InvalidRecord: a repeated answer; Misconfigured: unknown method.
    """
    coded = code_labels(labels, repeats)
    return consensus_of_coded(coded, probabilities(coded, method))


def consensus_of_coded(coded: Coded, probability: Floats) -> pa.Table:
    """Return the rows that the probabilities of the labels, shape (tasks, labels), come to; see `consensus_labels`."""
    if len(coded.tasks) == 0:
        return CONSENSUS.empty_table()
    best = np.round(probability, 12).argmax(axis=1)  # rounding must not break a tie
    columns = {
        "task": coded.tasks,
        "label": pa.array(coded.labels, pa.string()).take(pa.array(best)),
        "probability": probability[np.arange(len(best)), best],
    }
    return pa.table(columns, CONSENSUS).sort_by("task")


def probabilities(coded: Coded, method: Method = "majority") -> Floats:
    """Return how probable each label of each task is, shape (tasks, labels). Raises Misconfigured: unknown method."""
    if method not in METHODS:
        raise Misconfigured(f"unknown method of consensus {method!r}", f"use one of {', '.join(METHODS)}")
    return METHODS[method](coded) if len(coded.tasks) else np.zeros((0, len(coded.labels)))


def vote_shares(labels: pa.Table, *, repeats: Repeats = "refuse") -> dict[str, dict[str, float]]:
    """Return for each task of `labels` (schema LABELS) the share of the votes that each of its labels has."""
    coded = code_labels(labels, repeats)
    if len(coded.tasks) == 0:
        return {}
    told: dict[str, dict[str, float]] = {task: {} for task in sorted(coded.tasks.to_pylist())}
    task, label = np.unique(np.stack([coded.task, coded.label]), axis=1)
    names, votes = coded.tasks.to_pylist(), _shares(coded)
    for at, what in zip(task.tolist(), label.tolist(), strict=True):
        told[names[at]][coded.labels[what]] = float(votes[at, what])
    return told


def entropy_bits(shares: Mapping[str, float]) -> float:
    """Return the entropy of the shares in bits: 0 when all agree, 1 for two labels with half the votes each."""
    return max(0.0, -sum(share * float(np.log2(share)) for share in shares.values() if share > 0))


def _shares(coded: Coded) -> Floats:
    return shares(weighted_votes(coded))


# One screen holds every method; nothing registers itself on import.
METHODS: Mapping[Method, Callable[[Coded], Floats]] = MappingProxyType(
    {
        "majority": _shares,
        "weighted-majority": weighted_majority,
        "dawid-skene": lambda coded: dawid_skene(coded).probability,
        "one-coin": one_coin,
        "mace": lambda coded: mace(coded).probability,
        "glad": lambda coded: glad(coded).probability,
    }
)

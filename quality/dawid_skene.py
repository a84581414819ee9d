"""Dawid and Skene's model: the true labels and every annotator's error rates, each found from the other (EM)."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from yuelu.quality.coded import Coded
from yuelu.quality.resample import Floats
from yuelu.quality.votes import shares, weighted_votes

_TINY = 1e-300  # log of a rate that no answer supports; finite, so that a task of only such answers still has a best label
_STEPS = 100
_STILL, _STILL_EACH = 1e-6, 1e-5  # of the log likelihood: in all, and for each answer where there are many
_MANY = 100_000  # answers
_TOGETHER = 1 << 16  # tasks worked on together


@dataclass(frozen=True, slots=True)
class Model:
    """`probability`, shape (tasks, labels): of each true label. `prior`, shape (labels,): how common each label is.

    `rates`, shape (annotators, labels, labels): of answering the third index when the second is true.
    """

    probability: Floats
    prior: Floats
    rates: Floats
    log_likelihood: float


def dawid_skene(coded: Coded, *, right: float = 0.01, wrong: float = 0.01) -> Model:
    """Return the model that EM reaches from the shares of the votes.

    `right` and `wrong` are answers added to the diagonal and to the rest of everyone's table (Dirichlet smoothing); 0.01
    keeps an error that nobody was seen to make possible, 0 is maximum likelihood as published, and 2 and 1 favour careful
    annotators. Stops when the log likelihood (without the prior) moves by less than 1e-6, with 100,000 answers or more by less
    than 1e-5 for each, or after 100 steps. Repeated answers of one annotator all count. Where annotators overlap little, or
    few are right, it can do worse than the majority.
    Source: A. P. Dawid, A. M. Skene (1979), Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm.
    """
    tasks, answers = len(coded.tasks), len(coded.task)
    added = np.where(np.eye(len(coded.labels)) > 0, right, wrong)
    parts = _parts(coded)
    probability = shares(weighted_votes(coded)).T.copy()  # (labels, tasks), which is how it is read
    likelihood, still = -np.inf, _STILL_EACH * answers if answers >= _MANY else _STILL
    counts = np.zeros((len(added), len(coded.annotators) * len(added)))
    for at, given in parts:
        _count(given, probability[:, at], counts)
    for _ in range(_STEPS):
        prior, rates = probability.sum(axis=1) / max(tasks, 1), counts.reshape(len(added), -1, len(added)) + added[:, np.newaxis]
        rates /= np.maximum(rates.sum(axis=2, keepdims=True), _TINY)  # (truth, annotator, answer)
        before, likelihood = likelihood, 0.0
        logs = np.log(np.maximum(rates, _TINY)).reshape(len(added), -1)
        counts = np.zeros_like(logs)
        for at, given in parts:
            likelihood += _expect(given, logs, np.log(np.maximum(prior, _TINY)), probability[:, at])
            _count(given, probability[:, at], counts)
        if abs(likelihood - before) < still:
            break
    return Model(np.ascontiguousarray(probability.T), prior, rates.transpose(1, 0, 2), likelihood)


def _parts(coded: Coded) -> list[tuple[slice, sparse.csr_array]]:
    """Return stretches of tasks, and the answers to each: shape (tasks of it, annotators x labels), a one for each answer."""
    labels, tasks = len(coded.labels), len(coded.tasks)
    order = np.argsort(coded.task, kind="stable")
    said = (coded.annotator * labels + coded.label)[order].astype(np.int32)
    ends = np.concatenate([[0], np.cumsum(np.bincount(coded.task, minlength=tasks))])
    made = []
    for start in range(0, tasks, _TOGETHER):
        at = slice(start, min(start + _TOGETHER, tasks))
        first, last = int(ends[at.start]), int(ends[at.stop])
        pointers = (ends[at.start : at.stop + 1] - first).astype(np.int32)
        shape = (at.stop - at.start, len(coded.annotators) * labels)
        made.append((at, sparse.csr_array((np.ones(last - first), said[first:last], pointers), shape)))
    return made


def _count(given: sparse.csr_array, probability: Floats, counts: Floats) -> None:
    """Add to `counts`, shape (labels, annotators x labels), how often each answer of each annotator met each truth."""
    turned = given.T
    for truth, each in enumerate(probability):
        counts[truth] += turned @ each


def _expect(given: sparse.csr_array, logs: Floats, prior: Floats, probability: Floats) -> float:
    """Fill in the probability of each truth, shape (labels, tasks), and return the log likelihood."""
    for truth, rates in enumerate(logs):
        np.add(given @ rates, prior[truth], out=probability[truth])
    top = probability.max(axis=0)
    probability -= top
    np.exp(probability, out=probability)
    total = probability.sum(axis=0)
    probability /= total
    return float((np.log(total) + top).sum())

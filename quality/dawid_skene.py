"""Dawid and Skene's model: the true labels and every annotator's error rates, each found from the other (EM)."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from yuelu.quality.coded import Coded
from yuelu.quality.resample import Floats

_TINY = 1e-300  # log of a rate that no answer supports; finite, so that a task of only such answers still has a best label
_STEPS = 100
_STILL = 1e-6


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
    annotators. Stops when the log likelihood (without the prior) moves by less than 1e-6, or after 100 steps. Repeated
    answers of one annotator all count. Where annotators overlap little, or few are right, it can do worse than the majority.
    Source: A. P. Dawid, A. M. Skene (1979), Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm.
    """
    tasks, annotators, labels = len(coded.tasks), len(coded.annotators), len(coded.labels)
    ones = np.ones(len(coded.task))
    given = sparse.csr_array((ones, (coded.task, coded.annotator * labels + coded.label)), (tasks, annotators * labels))
    turned = sparse.csr_array(given.T)
    likelihood = -np.inf
    votes = sparse.csr_array((ones, (coded.task, coded.label)), (tasks, labels)).toarray()
    probability = votes / votes.sum(axis=1, keepdims=True)
    added = np.where(np.eye(labels) > 0, right, wrong)
    for _ in range(_STEPS):
        prior, rates = probability.mean(axis=0), (turned @ probability).reshape(annotators, labels, labels)
        rates = (rates + added) / np.maximum((rates + added).sum(axis=1, keepdims=True), _TINY)  # (annotator, answer, truth)
        logs = given @ np.log(np.maximum(rates, _TINY)).reshape(-1, labels) + np.log(np.maximum(prior, _TINY))
        top = logs.max(axis=1, keepdims=True)
        probability = np.exp(logs - top)
        total = probability.sum(axis=1, keepdims=True)
        probability /= total
        before, likelihood = likelihood, float((np.log(total) + top).sum())
        if abs(likelihood - before) < _STILL:
            break
    return Model(probability, prior, rates.transpose(0, 2, 1), likelihood)

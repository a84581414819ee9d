"""What the models of annotators have in common: votes with weights, and the posterior they give."""

import numpy as np

from yuelu.quality.coded import Coded
from yuelu.quality.resample import Floats


def weighted_votes(coded: Coded, weights: Floats | None = None) -> Floats:
    """Return the sum of the weights, shape (tasks, labels), of the answers that gave the task that label.

    `weights`, shape (answers,); None: every answer weighs 1.
    """
    labels = len(coded.labels)
    votes = np.bincount(coded.task * labels + coded.label, weights, minlength=len(coded.tasks) * labels)
    return np.asarray(votes, np.float64).reshape(-1, labels)


def shares(votes: Floats) -> Floats:
    """Return each row divided by its sum; a row of zeros becomes uniform."""
    total = votes.sum(axis=1, keepdims=True)
    return np.where(total > 0, votes / np.where(total > 0, total, 1), 1 / votes.shape[1])


def posterior(logs: Floats) -> tuple[Floats, float]:
    """Return the probabilities that the rows of logarithms are proportional to, and the sum of the rows' log totals."""
    probability = logs.T.copy()  # label after label: rows are short, and numpy is slow along short rows
    top = probability.max(axis=0)
    probability -= top
    np.exp(probability, out=probability)
    total = probability.sum(axis=0)
    probability /= total
    return probability.T, float((np.log(total) + top).sum())


def probability_of_answer(coded: Coded, probability: Floats) -> Floats:
    """Return for each answer, shape (answers,), how probable it is that it is right."""
    if probability.flags.c_contiguous:
        return probability.ravel().take(coded.task * probability.shape[1] + coded.label)
    return probability.T.ravel().take(coded.label * len(probability) + coded.task)

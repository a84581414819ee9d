"""MACE: some answers are given with knowledge, the others by a habit of the annotator's that has nothing to do with the task."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from yuelu.quality.coded import Coded
from yuelu.quality.resample import Floats
from yuelu.quality.votes import posterior, probability_of_answer, weighted_votes

_NOISE, _SMALL = 0.5, 0.1  # how far starts differ; what each habit is given for every label, divided by their number


@dataclass(frozen=True, slots=True)
class Knowing:
    """`probability`, shape (tasks, labels): of each true label.

    `competence`, shape (annotators,): the share of their answers that they gave with knowledge.
    """

    probability: Floats
    competence: Floats
    log_likelihood: float


def mace(coded: Coded, *, restarts: int = 10, steps: int = 50, prior: tuple[float, float] = (0.5, 0.5), seed: int = 0) -> Knowing:
    """Return the best of several variational-Bayes runs, by log likelihood. The same seed gives the same result.

    `prior` are the parameters of the Beta prior of knowing and of not knowing.
    Source: D. Hovy et al. (2013), Learning Whom to Trust with MACE, sections 3 and 4.
    """
    generator = np.random.default_rng(seed)
    runs = (_run(coded, steps, prior, generator) for _ in range(restarts))
    return max(runs, key=lambda run: run.log_likelihood)


def _run(coded: Coded, steps: int, prior: tuple[float, float], generator: np.random.Generator) -> Knowing:
    annotators, labels = len(coded.annotators), len(coded.labels)
    habits = 1 + _NOISE * generator.random((annotators, labels))
    habits /= habits.sum(axis=1, keepdims=True)
    knowing = 1 + _NOISE * generator.random((annotators, 2))
    knowing /= knowing.sum(axis=1, keepdims=True)
    said = coded.annotator * labels + coded.label
    given = np.bincount(said, minlength=annotators * labels)
    probability: Floats = np.empty(0)
    likelihood = -np.inf
    for _ in range(steps):
        # What an answer says depends on its annotator and label alone: logarithms are taken of those, not of answers.
        by_habit = (knowing[:, 1:] * habits).ravel()
        by_knowledge = np.repeat(knowing[:, 0], labels)
        # An answer by habit is as probable under every true label: it only adds to the total.
        worth = np.log1p(by_knowledge / by_habit)
        probability, total = posterior(weighted_votes(coded, worth[said]))
        likelihood = total + float(np.log(by_habit) @ given) - len(coded.tasks) * float(np.log(labels))
        right = np.bincount(said, probability_of_answer(coded, probability), minlength=annotators * labels)
        known = right * by_knowledge / (by_knowledge + by_habit)
        guessed = (given - known).reshape(annotators, labels)
        informed = known.reshape(annotators, labels).sum(axis=1)
        knowing = _normalised(np.column_stack([informed + prior[0], guessed.sum(axis=1) + prior[1]]))
        habits = _normalised(guessed + _SMALL / labels)
    competence = knowing[:, 0] / knowing.sum(axis=1)
    return Knowing(probability, competence, likelihood)


def _normalised(counts: NDArray[np.floating[Any]]) -> Floats:
    """Return the exponentials of the expected logarithms under a Dirichlet distribution with these counts."""
    return np.asarray(np.exp(digamma(counts) - digamma(counts.sum(axis=1, keepdims=True))))

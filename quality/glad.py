"""GLAD: an answer is right with a probability that grows with the annotator's ability and falls with the task's difficulty."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from yuelu.quality.coded import Coded
from yuelu.quality.resample import Floats
from yuelu.quality.votes import posterior, probability_of_answer, shares, weighted_votes

_CLIMBS = 10  # steps of the optimiser in one M step: EM need not be exact on the way


@dataclass(frozen=True, slots=True)
class Abilities:
    """`probability`, shape (tasks, labels): of each true label.

    `ability`, shape (annotators,): 0 guesses, below 0 misleads. `ease`, shape (tasks,), above 0: 1 / difficulty.
    """

    probability: Floats
    ability: Floats
    ease: Floats


def glad(coded: Coded, *, steps: int = 100, tolerance: float = 1e-4) -> Abilities:
    """Return the model that EM reaches: P(right) = sigmoid(ability x ease); errors spread evenly over the other labels.

    Ability and the logarithm of ease have normal priors with mean 1 and variance 1. Stops when the expected log
    likelihood moves by less than the share `tolerance`, or after `steps`.
    Source: J. Whitehill et al. (2009), Whose Vote Should Count More, sections 3 and 4.
    """
    annotators, labels = len(coded.annotators), len(coded.labels)
    if labels < 2:
        return Abilities(np.ones((len(coded.tasks), labels)), np.ones(annotators), np.ones(len(coded.tasks)))
    at = np.ones(annotators + len(coded.tasks))
    probability, value = shares(weighted_votes(coded)), np.inf
    for _ in range(steps):
        right = probability_of_answer(coded, probability)
        found = minimize(_cost, at, (coded, right), "L-BFGS-B", jac=True, options={"maxiter": _CLIMBS})
        at, before, value = found.x, value, float(found.fun)
        strength = at[:annotators][coded.annotator] * np.exp(at[annotators:])[coded.task]
        probability, _ = posterior(weighted_votes(coded, strength + np.log(labels - 1)))
        if abs(before - value) <= tolerance * abs(value):
            break
    return Abilities(probability, at[:annotators], np.exp(at[annotators:]))


def _cost(at: Floats, coded: Coded, right: Floats) -> tuple[float, Floats]:
    """Return the negative expected log posterior (without constants) and its gradient; `right` is P(answer is right)."""
    annotators = len(coded.annotators)
    ability, log_ease = at[:annotators], at[annotators:]
    ease = np.exp(log_ease)[coded.task]
    strength = ability[coded.annotator] * ease
    small = np.exp(-np.abs(strength))
    # log P(right) = min(strength, 0) - log(1 + small), and log P(wrong) is that less the strength.
    cost = (np.log1p(small) - np.minimum(strength, 0) + (1 - right) * strength).sum() + ((at - 1) ** 2).sum() / 2
    slope = (np.where(strength >= 0, 1, small) / (1 + small) - right) * ease
    by_ability = np.bincount(coded.annotator, slope, minlength=annotators)
    by_ease = np.bincount(coded.task, slope * ability[coded.annotator], minlength=len(log_ease))
    return float(cost), np.concatenate([by_ability, by_ease]) + at - 1

"""Dawid and Skene's model with one number for each annotator: how often they are right, whatever the label."""

import numpy as np

from yuelu.quality.coded import Coded
from yuelu.quality.resample import Floats
from yuelu.quality.votes import posterior, probability_of_answer, shares, weighted_votes

_STEPS, _STILL = 100, 1e-6


def one_coin(coded: Coded, *, right: float = 1.0, wrong: float = 1.0) -> Floats:
    """Return the posterior of each label, shape (tasks, labels), from EM that starts at the shares of the votes.

    Everyone is right with a probability of their own, and errs evenly over the other labels. It has far fewer numbers to
    find than the full model, so it serves where annotators answer little. `right` and `wrong` are answers added to each
    annotator's. Stops when the log likelihood moves by less than 1e-6, or after 100 steps.
    Source: Y. Zhang, X. Chen, D. Zhou, M. Jordan (2016), Spectral Methods Meet EM: A Provably Optimal Algorithm for
    Crowdsourcing, JMLR 17(102), which calls it the one-coin model.
    """
    labels, annotators = len(coded.labels), len(coded.annotators)
    if labels < 2:
        return np.ones((len(coded.tasks), labels))
    answers = np.bincount(coded.annotator, minlength=annotators)
    probability, likelihood = shares(weighted_votes(coded)), -np.inf
    for _ in range(_STEPS):
        correct = np.bincount(coded.annotator, probability_of_answer(coded, probability), minlength=annotators)
        skill = (correct + right) / (answers + right + wrong)
        errs = np.log((1 - skill) / (labels - 1))
        probability, total = posterior(weighted_votes(coded, (np.log(skill) - errs)[coded.annotator]))
        before, likelihood = likelihood, total + float(errs[coded.annotator].sum())
        if abs(likelihood - before) < _STILL:
            break
    return probability

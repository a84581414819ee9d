"""Majority vote in which annotators weigh as much as they agree with the majority."""

import numpy as np

from yuelu.quality.coded import Coded
from yuelu.quality.resample import Floats
from yuelu.quality.votes import probability_of_answer, shares, weighted_votes


def weighted_majority(coded: Coded) -> Floats:
    """Return the share of the weight, shape (tasks, labels), that each label has.

    An annotator's weight is the share of their answers that are the majority's label (where labels tie, a part of one);
    everyone's own votes take part in that majority. Source: "worker agreement with aggregate" (Wawa), Toloka crowd-kit.
    """
    votes = weighted_votes(coded)
    best = votes == votes.max(axis=1, keepdims=True)
    agreed = probability_of_answer(coded, best / best.sum(axis=1, keepdims=True))
    annotators = len(coded.annotators)
    answers = np.bincount(coded.annotator, minlength=annotators)
    weight = np.bincount(coded.annotator, agreed, minlength=annotators) / np.maximum(answers, 1)
    return shares(weighted_votes(coded, weight[coded.annotator]))

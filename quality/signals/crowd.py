"""How far somebody stands out from their crowd. People differ, honestly: the crowd itself says by how much."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from yuelu.quality.resample import Floats

LEAST = 8  # annotators (or pairs): fewer do not show how much people differ
_STILL = 1e-9  # a crowd in which nobody differs at all
_MAD = 1.4826  # a normal distribution's standard deviation, in median absolute deviations


def standing_out(effects: Floats, errors: Floats, reference: NDArray[np.bool_] | None = None) -> Floats:
    """Return the one-sided p-value of each effect, shape (n,): how improbable so large a one is among its crowd.

    The crowd's middle and spread are its median and median absolute deviation, which a minority of cheats cannot move; to
    the spread comes the sampling `errors` of each effect; the tail is Student's. An effect below 0 never stands out.
    `reference` says who makes up the crowd; None: all. Source: B. Efron (2004), Large-Scale Simultaneous Hypothesis Testing:
    The Choice of a Null Hypothesis.
    """
    crowd = effects if reference is None else effects[reference]
    middle = max(float(np.median(crowd)), 0.0)
    spread = _MAD * float(np.median(np.abs(crowd - np.median(crowd))))
    away = (effects - middle) / np.maximum(np.sqrt(spread**2 + errors**2), _STILL)
    return np.asarray(student.sf(away, len(crowd) - 1), np.float64)

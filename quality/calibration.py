"""Whether a label's probability means what it says, judged on gold; and the map that makes it so."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from yuelu.base.errors import InvalidRecord
from yuelu.quality.resample import Floats

_LEAST = 20  # gold tasks below which nothing is learnt


@dataclass(frozen=True, slots=True)
class Bin:
    """Labels of like probability: how probable they were said to be, and what share was right (Wilson's 95 % interval)."""

    said: float
    right: float
    low: float
    high: float
    labels: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """The reliability curve with Brier's score (mean squared error; 0 is best) and the expected calibration error.

    `brier` and `ece` are None, with the `reason`, when there is no gold.
    """

    bins: tuple[Bin, ...]
    brier: float | None
    ece: float | None
    reason: str | None


def reliability(
    probability: Floats | Sequence[float], right: NDArray[np.bool_] | Sequence[bool], *, bins: int = 10
) -> Reliability:
    """Return how often labels of each probability were right. The bins are of equal width, empty ones are left out.

    Raises InvalidRecord: unequal lengths, or a probability outside 0..1.
    Source: C. Guo et al. (2017), On Calibration of Modern Neural Networks (ECE); G. Brier (1950).
    """
    said, was = _checked(probability, right)
    if len(said) == 0:
        return Reliability((), None, None, "no label has a known answer")
    of = np.minimum((said * bins).astype(np.int64), bins - 1)
    found = tuple(_bin(said[of == at], was[of == at]) for at in np.unique(of))
    ece = sum(each.labels * abs(each.said - each.right) for each in found) / len(said)
    return Reliability(found, float(((said - was) ** 2).mean()), ece, None)


def _bin(said: Floats, was: Floats) -> Bin:
    share = float(was.mean())
    return Bin(float(said.mean()), share, *wilson(share, len(was)), len(was))


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of `n`. Source: E. Wilson (1927), Probable Inference."""
    z = float(special.ndtri(0.975))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def _checked(probability: Floats | Sequence[float], right: NDArray[np.bool_] | Sequence[bool]) -> tuple[Floats, Floats]:
    said, was = np.asarray(probability, np.float64), np.asarray(right, np.float64)
    if said.shape != was.shape or not ((said >= 0) & (said <= 1)).all():
        raise InvalidRecord(f"{len(said)} probabilities for {len(was)} answers", "give each answer a probability of 0 to 1")
    return said, was


@dataclass(frozen=True, slots=True)
class Calibration:
    """A rising map from what a model says to how often it was right: steps at `said`, of height `right`."""

    said: Floats
    right: Floats

    def __call__(self, probability: Floats) -> Floats:
        """Return the calibrated probabilities; between two known points the line, beyond the last ones their value."""
        return np.asarray(np.interp(probability, self.said, self.right))


def calibrate(probability: Floats | Sequence[float], right: NDArray[np.bool_] | Sequence[bool]) -> Calibration | None:
    """Return the map that gold teaches by isotonic regression; None with fewer than 20 gold labels.

    A right and a wrong label are added at either end, so that gold without an error does not make anything certain.
    Source: B. Zadrozny, C. Elkan (2002), Transforming Classifier Scores into Accurate Multiclass Probability Estimates.
    """
    said, was = _checked(probability, right)
    if len(said) < _LEAST:
        return None
    said, was = np.concatenate([said, [said.min(), said.max()]]), np.concatenate([was, [1.0, 0.0]])
    levels, at = np.unique(said, return_inverse=True)
    count = np.bincount(at)
    fitted = optimize.isotonic_regression(np.bincount(at, was) / count, weights=count.astype(np.float64))
    return Calibration(levels, np.asarray(fitted.x, np.float64))


def calibrated_by_others(
    probability: Floats | Sequence[float], right: NDArray[np.bool_] | Sequence[bool], *, folds: int = 5, seed: int = 0
) -> Floats | None:
    """Return each gold label's calibrated probability, learnt from the other folds: what a reliability curve may be drawn of.

    None with too few gold labels for it.
    """
    said, was = _checked(probability, right)
    fold = np.random.default_rng(seed).permutation(len(said)) % folds
    found = np.empty(len(said))
    for number in range(folds):
        learnt = calibrate(said[fold != number], was[fold != number] > 0)
        if learnt is None:
            return None
        found[fold == number] = learnt(said[fold == number])
    return found

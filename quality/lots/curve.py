"""What a sampling plan promises: its operating characteristic, and what a result says about the lot."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from scipy.optimize import brentq
from scipy.stats import beta, binom, chi2, hypergeom, poisson

from yuelu.base.errors import Misconfigured

Counting: TypeAlias = Literal["items", "nonconformities"]


@dataclass(frozen=True, slots=True)
class Point:
    """The probability `accepted` that a lot with the share `p` of nonconforming items (or nonconformities per item) passes."""

    p: float
    accepted: float


def accepted(n: int, ac: int, p: float, counting: Counting = "items") -> float:
    """Return the probability of acceptance of a long series of lots at quality `p` (binomial; Poisson for nonconformities).

    Source: GB/T 2828.1-2012, 12.1 and table 5.
    """
    return float(binom.cdf(ac, n, p) if counting == "items" else poisson.cdf(ac, n * p))


def accepted_lot(lot_size: int, nonconforming: int, n: int, ac: int) -> float:
    """Return the probability that this one lot with so many nonconforming items passes (hypergeometric, exact)."""
    return float(hypergeom.cdf(ac, lot_size, nonconforming, n))


def quality_at(n: int, ac: int, probability: float, counting: Counting = "items") -> float:
    """Return the quality `p` of the lots that pass with that probability: 0.95 is the producer's point, 0.10 the consumer's."""
    most = 1.0 if counting == "items" else 100.0 * (ac + 1) / n
    return float(brentq(lambda p: accepted(n, ac, p, counting) - probability, 0.0, most, xtol=1e-12))


def operating_characteristic(n: int, ac: int, counting: Counting = "items") -> tuple[Point, ...]:
    """Return the curve at the probabilities that table 5 of the standard prints, the best quality first."""
    printed = (0.99, 0.95, 0.90, 0.75, 0.50, 0.25, 0.10, 0.05, 0.01)
    return tuple(Point(quality_at(n, ac, probability, counting), probability) for probability in printed)


def upper_bound(n: int, found: int, confidence: float = 0.95, counting: Counting = "items") -> float:
    """Return the one-sided upper confidence bound of the share of nonconforming items (Clopper-Pearson, 1934).

    Nonconformities have the Poisson bound (Garwood, 1936). Raises Misconfigured: an impossible count or confidence.
    """
    _check(n, found, confidence, counting)
    if counting == "nonconformities":
        return float(chi2.ppf(confidence, 2 * (found + 1)) / 2 / n)
    return 1.0 if found == n else float(beta.ppf(confidence, found + 1, n - found))


def _check(n: int, found: int, confidence: float, counting: Counting) -> None:
    if n < 1 or found < 0 or (counting == "items" and found > n):
        raise Misconfigured(f"{found} nonconforming in a sample of {n}", "give counts of a sample that was drawn")
    if not 0 < confidence < 1:
        raise Misconfigured(f"confidence is {confidence}", "give a share between 0 and 1, such as 0.95")


def limiting_quality_plans(lot_size: int, limit: float, most: int = 5, risk: float = 0.10) -> tuple[tuple[int, int], ...]:
    """Return for each acceptance number 0..`most` the smallest sample, as (n, ac), that protects the buyer of this lot.

    A lot with the share `limit` of nonconforming items passes with a probability of at most `risk` (hypergeometric,
    exact): what a contract means that promises "98 % pass" of a lot. Acceptance numbers for which only the whole lot
    would do are left out.
    """
    if not 0 < limit < 1 or not 0 < risk < 1:
        raise Misconfigured(f"limiting quality {limit} at risk {risk}", "give shares between 0 and 1, such as 0.02 and 0.10")
    bad = -(-round(lot_size * limit * 1e9) // 10**9)  # rounded up, but not because of the last bit of a float
    plans = []
    for ac in range(most + 1):
        low, high = ac + 1, lot_size
        if ac >= bad or accepted_lot(lot_size, bad, high, ac) > risk:
            break
        while low < high:  # acceptance falls as the sample grows
            middle = (low + high) // 2
            low, high = (low, middle) if accepted_lot(lot_size, bad, middle, ac) <= risk else (middle + 1, high)
        if low < lot_size:
            plans.append((low, ac))
    return tuple(plans)


def zero_defect_sample(limit: float, confidence: float = 0.95) -> int:
    """Return how many items, all conforming, show with that confidence that fewer than the share `limit` are not."""
    n = 1
    while upper_bound(n, 0, confidence) >= limit:
        n *= 2
    low, high = n // 2, n
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if upper_bound(middle, 0, confidence) >= limit else (low, middle)
    return high

"""The coefficients of agreement. Each takes a tally and returns one value per set, NaN where it is undefined.

The NaN stays inside: `quality.labels` turns it into None and the reason.
"""

import numpy as np

from yuelu.quality.resample import Floats
from yuelu.quality.tally import Agreed, Moments, Nominal, Pairs

_NOTHING = 1e-12  # chance disagreement below this is rounding


def percent_agreement(t: Agreed) -> Floats:
    """Return the mean, over tasks with two labels or more, of the share of pairs of labels that agree."""
    return _ratio(t.agreed, t.paired)


def krippendorff_alpha(t: Nominal) -> Floats:
    """Return nominal alpha: 1 is perfect, 0 is chance, below 0 is worse than chance.

    Source: K. Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C.
    """
    n = t.totals.sum(axis=1)
    return 1 - _ratio((n - 1) * t.clashes, n**2 - (t.totals**2).sum(axis=1))


def krippendorff_alpha_ordinal(t: Pairs) -> Floats:
    """Return ordinal alpha. Its distance is the squared difference of the labels' mid-ranks, which resamples change too.

    Source: Krippendorff (2011), section D: (sum of n_g for g from c to k, less (n_c + n_k) / 2) squared.
    """
    totals = t.coincidences.sum(axis=2)
    ranks = np.asarray(np.cumsum(totals, axis=1) - totals / 2)
    ranks = ranks - _ratio((totals * ranks).sum(axis=1), totals.sum(axis=1))[:, np.newaxis]
    n, squares = totals.sum(axis=1), (totals * ranks**2).sum(axis=1)
    observed = 2 * squares - 2 * np.einsum("sc,sck,sk->s", ranks, t.coincidences, ranks)
    return 1 - _ratio((n - 1) * observed, 2 * n * squares)  # the mean rank is 0, so its square drops out


def krippendorff_alpha_interval(t: Moments) -> Floats:
    """Return interval alpha in closed form: no pair of values is ever built, so continuous values cost nothing extra."""
    return 1 - _ratio((t.count - 1) * t.clashes, 2 * (t.count * t.squares - t.total**2))


def krippendorff_alpha_ratio(t: Pairs, values: Floats) -> Floats:
    """Return ratio alpha; `values`, shape (labels,), are on a scale with a true zero."""
    top, bottom = np.subtract.outer(values, values), np.add.outer(values, values)
    distance = np.divide(top, bottom, out=np.zeros_like(top), where=bottom != 0) ** 2
    totals = t.coincidences.sum(axis=2)
    chance = np.einsum("sc,ck,sk->s", totals, distance, totals)
    return 1 - _ratio((totals.sum(axis=1) - 1) * np.einsum("sck,ck->s", t.coincidences, distance), chance)


def cohen_kappa(t: Nominal) -> Floats:
    """Return Cohen's kappa of two annotators. Source: J. Cohen (1960)."""
    chance = _ratio((t.first * t.second).sum(axis=1), t.paired**2)
    return _beyond(percent_agreement(t), chance)


def scott_pi(t: Nominal) -> Floats:
    """Return Scott's pi of two annotators, chance taken from both together. Source: W. Scott (1955)."""
    chance = _ratio(((t.first + t.second) ** 2).sum(axis=1), 4 * t.paired**2)
    return _beyond(percent_agreement(t), chance)


def fleiss_kappa(t: Nominal) -> Floats:
    """Return Fleiss' kappa, for tasks that all have the same number of labels. Source: J. Fleiss (1971)."""
    chance = _ratio((t.totals**2).sum(axis=1), t.totals.sum(axis=1) ** 2)
    return _beyond(percent_agreement(t), chance)


def gwet_ac1(t: Nominal) -> Floats:
    """Return Gwet's AC1. It stays near the raw agreement where kappa collapses, so it can flatter: never gate on it alone.

    Source: K. Gwet (2008), Computing inter-rater reliability and its variance in the presence of high agreement.
    """
    shares = _ratio(t.shares, t.tasks[:, np.newaxis])
    return _beyond(percent_agreement(t), _ratio((shares * (1 - shares)).sum(axis=1), t.shares.shape[1] - 1.0))


def gwet_ac2(t: Pairs) -> Floats:
    """Return Gwet's AC2 with quadratic weights on the places of the labels in their order. Source: K. Gwet (2014)."""
    q = t.shares.shape[1]
    places = np.arange(q) / max(q - 1, 1)
    weights = 1 - np.subtract.outer(places, places) ** 2
    shares = _ratio(t.shares, t.tasks[:, np.newaxis])
    observed = _ratio(np.einsum("sck,ck->s", t.meetings, weights), t.paired)
    return _beyond(observed, _ratio(weights.sum() * (shares * (1 - shares)).sum(axis=1), q * (q - 1.0)))


def _ratio(top: Floats, bottom: Floats | float) -> Floats:
    bottom = np.broadcast_to(np.asarray(bottom, np.float64), np.shape(top))
    undefined: Floats = np.full(np.shape(top), np.nan)
    return np.divide(top, bottom, out=undefined, where=np.abs(bottom) > _NOTHING)


def _beyond(observed: Floats, chance: Floats) -> Floats:
    return _ratio(observed - chance, 1 - chance)

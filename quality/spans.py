"""Agreement on spans of text: pairwise F1 of exact and of overlapping spans. There are no true negatives to correct for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
from scipy.optimize import linear_sum_assignment

from yuelu.base.errors import InvalidRecord
from yuelu.quality.tally import Tally

Span: TypeAlias = tuple[str, int, int]  # label, first character, one past the last


@dataclass(frozen=True, slots=True)
class Spans(Tally):
    """Spans of two annotators: `both` have a partner, the others not. Counts of documents add."""

    both: int = 0
    one_only: int = 0
    other_only: int = 0

    @property
    def f1(self) -> float | None:
        """2 both / (2 both + the rest), the same whoever comes first; None when neither marked anything.

        Source: G. Hripcsak, A. Rothschild (2005), Agreement, the F-Measure, and Reliability in Information Retrieval.
        """
        spans = 2 * self.both + self.one_only + self.other_only
        return 2 * self.both / spans if spans else None


def exact(one: Sequence[Span], other: Sequence[Span]) -> Spans:
    """Count spans with the same label and the same ends. A span marked twice needs a partner that is marked twice."""
    ones, others = Counter(map(_checked, one)), Counter(map(_checked, other))
    both = (ones & others).total()
    return Spans(both, ones.total() - both, others.total() - both)


def overlapping(one: Sequence[Span], other: Sequence[Span], least: float = 0.0) -> Spans:
    """Count spans of the same label that share more than `least` of their union, matched one to one, as many as possible."""
    both = 0
    for label in {span[0] for span in one} & {span[0] for span in other}:
        shared = _shares([s for s in one if s[0] == label], [s for s in other if s[0] == label])
        fits = shared > least
        rows, columns = linear_sum_assignment(np.where(fits, shared + min(shared.shape) + 1, 0), maximize=True)
        both += int(fits[rows, columns].sum())
    return Spans(both, len(one) - both, len(other) - both)


def by_label(one: Sequence[Span], other: Sequence[Span]) -> dict[str, Spans]:
    """Return `exact` for each label that either used."""
    labels = sorted({span[0] for span in (*one, *other)})
    return {label: exact([s for s in one if s[0] == label], [s for s in other if s[0] == label]) for label in labels}


def of_pairs(spans: Mapping[str, Sequence[Span]]) -> dict[tuple[str, str], Spans]:
    """Return `exact` for each two annotators of one document, in the order of their names."""
    return {(a, b): exact(spans[a], spans[b]) for a, b in combinations(sorted(spans), 2)}


def _shares(one: Sequence[Span], other: Sequence[Span]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    (first, last), (start, end) = (np.asarray([_checked(s)[1:] for s in each], np.float64).T for each in (one, other))
    shared = np.minimum(last[:, np.newaxis], end) - np.maximum(first[:, np.newaxis], start)
    shared = np.maximum(shared, 0)
    return np.asarray(shared / ((last - first)[:, np.newaxis] + (end - start) - shared))


def _checked(span: Span) -> Span:
    label, first, end = span
    if not 0 <= first < end:
        raise InvalidRecord(f"span of {label!r} from {first} to {end}", "a span starts at 0 or later and ends after it starts")
    return span

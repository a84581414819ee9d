"""Watching an annotator's gold answers as they come: is this one good enough (SPRT), and did it change (CUSUM)?"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from yuelu.base.errors import Misconfigured


class Verdict(StrEnum):
    """What the answers so far say."""

    CLEAR = "clear"
    SUSPEND = "suspend"
    GO_ON = "go on"


@dataclass(frozen=True, slots=True)
class Sprt:
    """A sequential test of accuracy `good` against `poor`, by Wald's bounds.

    `suspends_good` is how often a good annotator may be suspended (alpha), `clears_poor` how often a poor one passes (beta).
    Source: A. Wald (1945), Sequential Tests of Statistical Hypotheses.
    """

    good: float = 0.95
    poor: float = 0.85
    suspends_good: float = 0.05
    clears_poor: float = 0.10

    def __post_init__(self) -> None:
        if not 0 < self.poor < self.good < 1 or not all(0 < risk < 0.5 for risk in (self.suspends_good, self.clears_poor)):
            raise Misconfigured(f"{self}", "need 0 < poor < good < 1, and both risks between 0 and 0.5")

    @property
    def right(self) -> float:
        """What a right answer adds to the evidence against the annotator: a negative number."""
        return math.log(self.poor / self.good)

    @property
    def wrong(self) -> float:
        """What a wrong answer adds."""
        return math.log((1 - self.poor) / (1 - self.good))

    @property
    def suspend_at(self) -> float:
        """The evidence from which the annotator is suspended."""
        return math.log((1 - self.clears_poor) / self.suspends_good)

    @property
    def clear_at(self) -> float:
        """The evidence down to which the annotator is cleared."""
        return math.log(self.clears_poor / (1 - self.suspends_good))

    def verdict(self, answers: Iterable[bool]) -> tuple[Verdict, int]:
        """Return the verdict on answers (True is right) in their order, and after how many of them it fell."""
        evidence, count = 0.0, 0
        for right in answers:
            evidence, count = evidence + (self.right if right else self.wrong), count + 1
            if evidence >= self.suspend_at:
                return Verdict.SUSPEND, count
            if evidence <= self.clear_at:
                return Verdict.CLEAR, count
        return Verdict.GO_ON, count


@dataclass(frozen=True, slots=True)
class Alarm:
    """A change: seen `at` (0-based), and since when it has been building up (the first value after the last zero)."""

    at: int
    since: int


def cusum(steps: Sequence[float], limit: float) -> Alarm | None:
    """Return the first alarm of a one-sided cumulative sum, which falls no lower than 0; None when it stays within `limit`.

    `steps` are what each value adds: a measure less its target and allowance, or `Sprt.right` and `.wrong` for gold answers.
    Source: E. Page (1954), Continuous Inspection Schemes.
    """
    total, since = 0.0, 0
    for at, step in enumerate(steps):
        if total == 0:
            since = at
        total = max(0.0, total + step)
        if total > limit:
            return Alarm(at, since)
    return None


def gold_drift(answers: Sequence[bool], test: Sprt | None = None, limit: float | None = None) -> Alarm | None:
    """Return when gold answers began to look like those of a poor annotator; None while they do not.

    `limit` is by default the evidence at which `test` would suspend. Advice for a person, not a penalty.
    """
    chosen = test or Sprt()
    steps = [chosen.right if right else chosen.wrong for right in answers]
    return cusum(steps, chosen.suspend_at if limit is None else limit)

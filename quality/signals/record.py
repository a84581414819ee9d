"""A signal: what was seen, what was to be expected, and how improbable that is in a crowd of honest people."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

LEVEL = 0.05  # chance that a crowd of honest people has anybody accused by one kind of signal


@dataclass(frozen=True, slots=True)
class Signal:
    """One test of one annotator, or of a pair. `statistic` and `expected` are in the unit that `meaning` names.

    `p_value` is one-sided, `adjusted` what it is worth among all tests of its kind (Holm). Advice: somebody has to look.
    """

    kind: str
    annotators: tuple[str, ...]
    statistic: float
    expected: float
    count: int  # tasks that it rests on
    p_value: float
    adjusted: float
    meaning: str

    @property
    def raised(self) -> bool:
        """Whether the signal is worth a look at the stated level."""
        return self.adjusted <= LEVEL

    def to_json(self) -> dict[str, Any]:
        """Return the signal as JSON."""
        return {**asdict(self), "raised": self.raised}


@dataclass(frozen=True, slots=True)
class Looked:
    """All tests of one kind; `reason` says why there are none."""

    kind: str
    signals: tuple[Signal, ...]
    reason: str | None = None

    @property
    def raised(self) -> tuple[Signal, ...]:
        """The signals that are worth a look, the least probable first."""
        return tuple(sorted((s for s in self.signals if s.raised), key=lambda s: (s.adjusted, s.annotators)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for being several: the chance of any false one stays what it was for one.

    Source: S. Holm (1979), A Simple Sequentially Rejective Multiple Test Procedure.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, worst = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = worst
    return adjusted


def looked(kind: str, rows: Sequence[tuple[tuple[str, ...], float, float, int, float]], meaning: str, reason: str) -> Looked:
    """Return the tests of one kind with their p-values adjusted; `rows` are annotators, statistic, expected, count, p-value."""
    if not rows:
        return Looked(kind, (), reason)
    adjusted = holm([row[4] for row in rows])
    return Looked(kind, tuple(Signal(kind, *row, worth, meaning) for row, worth in zip(rows, adjusted, strict=True)))

"""Adjudication: which disputed task a reviewer should look at next, and the codes that say why it was disputed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

Mode: TypeAlias = Literal["blind", "open"]

CODES: Mapping[str, str] = MappingProxyType(
    {
        "wrong-label": "a label is wrong",
        "missed": "something was not labelled",
        "spurious": "something was labelled that is not there",
        "geometry": "a shape lies badly",
        "boundary": "a boundary in time lies badly",
        "guideline": "the task description does not decide it",
        "ambiguous": "the medium allows more than one answer",
        "medium": "the medium is unusable",
        "technical": "a tool or a transfer failed",
        "other": "something else; the comment says what",
    }
)


@dataclass(frozen=True, slots=True)
class Disputed:
    """A task that waits for a reviewer. `probability` is that of its consensus, a share of `answers` votes; None without one."""

    item_key: str
    probability: float | None
    answers: int

    @property
    def gain(self) -> float:
        """The expected gain of looking: how probable it is that the consensus is wrong, between 0 and 1.

        A share of few votes is less certain than the same share of many: the posterior mean under a uniform prior, so that
        2 of 2 votes leave a doubt of 1/4 and 4 of 4 one of 1/6. Without a consensus everything is to be gained.
        Source: P.-S. Laplace's rule of succession.
        """
        if self.probability is None:
            return 1.0
        return 1 - (self.probability * self.answers + 1) / (self.answers + 2)


def queue(tasks: Iterable[Disputed]) -> tuple[Disputed, ...]:
    """Return the tasks in the order in which to look: the greatest expected gain first, then by key."""
    return tuple(sorted(tasks, key=lambda task: (-task.gain, task.item_key)))

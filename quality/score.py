"""One measured agreement, with its interval, or None and the reason why it is undefined."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from yuelu.base.errors import InvalidRecord
from yuelu.base.schemas import SCORES


@dataclass(frozen=True, slots=True)
class Score:
    """One metric over the tasks that two or more annotators answered.

    `value` is None when the metric is undefined, and then `reason` says why. `low` and `high` are None when there is no
    interval: one task, fewer than two groups, groups that are all alike short of agreement, or mostly undefined resamples.
    `tasks`, `annotators` and `annotations` (labels, boxes or segments) count what the metric could look at.
    """

    metric: str
    level: str | None
    value: float | None
    low: float | None
    high: float | None
    tasks: int
    annotators: int
    annotations: int
    reason: str | None

    def __post_init__(self) -> None:
        if (self.value is None) != (self.reason is not None):
            raise InvalidRecord(
                f"{self.metric}: value {self.value} with reason {self.reason!r}", "a reason goes with None, and only with None"
            )
        if any(number is not None and not math.isfinite(number) for number in (self.value, self.low, self.high)):
            raise InvalidRecord(f"{self.metric} is {self.value} [{self.low}, {self.high}]", "say None and a reason instead")
        if (self.low is None) != (self.high is None) or (self.value is None and self.low is not None):
            raise InvalidRecord(f"{self.metric} has half an interval [{self.low}, {self.high}]", "give both ends or neither")

    def to_json(self) -> dict[str, Any]:
        """Return the score as JSON."""
        return asdict(self)


def scores_table(scores: Iterable[Score]) -> pa.Table:
    """Return the scores as a table in the schema SCORES."""
    return pa.Table.from_pylist([score.to_json() for score in scores], SCORES)

"""What every entry of an answer carries beside what it says."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from yuelu.base.errors import InvalidRecord

MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where an entry of an answer comes from, and what the editor keeps with it. None of it is part of what is said.

    Two entries are equal when they say the same. `origin` is `manual`, `prediction` or `prediction-changed`; `score` is the
    model's; `meta` holds the annotator's note. `extra` keeps what has no field here, so that the entry can be written back
    as it came.
    """

    origin: str = field(default=MANUAL, compare=False)
    score: float | None = field(default=None, compare=False)
    meta: Mapping[str, Any] = field(default_factory=dict, compare=False)
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)


def check_finite(record: object) -> None:
    """Raise InvalidRecord where a number of the record is none."""
    for name in _names(type(record)):  # type: ignore[arg-type]  # classes have hashes
        value = getattr(record, name)
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidRecord(f"{type(record).__name__}.{name} is {value}", "need a finite number")


@cache
def _names(record: type) -> tuple[str, ...]:
    return tuple(entry.name for entry in fields(record))

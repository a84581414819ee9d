"""What an export wrote, what it had to change, and what the format cannot carry: counted, never left out silently."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from yuelu.datasets.tables import Row


@dataclass(slots=True)
class Tally:
    """Counts while an export runs: entries written by column, and by column and reason what was changed or left out."""

    written: Counter[str] = field(default_factory=Counter)
    changed: Counter[tuple[str, str]] = field(default_factory=Counter)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)

    def leave(self, row: Row, columns: Iterable[str], carried: Iterable[str], reason: str) -> None:
        """Count the entries of all label columns that the format has no place for."""
        for column in sorted(set(columns) - set(carried)):
            if row.get(column):
                self.left_out[column, reason] += len(row[column])


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export did; counts by column, or by (column, reason)."""

    title: str
    format: str
    items: int
    files: int
    written: Mapping[str, int]
    changed: Mapping[tuple[str, str], int]
    left_out: Mapping[tuple[str, str], int]

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""

        def told(counts: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
            return [{"of": what, "reason": why, "count": count} for (what, why), count in sorted(counts.items())]

        return {
            "release": self.title, "format": self.format, "items": self.items, "files": self.files,
            "written": dict(sorted(self.written.items())), "changed": told(self.changed), "left_out": told(self.left_out),
        }  # fmt: skip

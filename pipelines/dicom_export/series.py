"""What SEG and SR have in common: the instances of a series with what is drawn on them, codes, unique ids."""

from dataclasses import dataclass
from typing import Any

from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset

from yuelu.base.canonical import digest
from yuelu.datasets.exports.pictures import Picture
from yuelu.datasets.exports.shapes import Point, outline
from yuelu.datasets.tables import Row

SCHEME = "99YUELU"  # private coding schemes begin with 99 (PS3.3 section 8.2)


@dataclass(frozen=True, slots=True)
class Instance:
    """One object of a series (without its pixels), the released picture of it, and the scale from there to here."""

    dataset: Dataset
    picture: Picture
    across: float
    down: float
    said: tuple[Row, ...]

    def outline(self, column: str, region: Row) -> list[Point] | None:
        """Return the outline of a region in columns and rows of the object."""
        points = outline(column, region)
        return points and [(x * self.across, y * self.down) for x, y in points]


@dataclass(frozen=True, slots=True)
class Series:
    """The instances of one series that have the same rows and columns."""

    name: str
    instances: list[Instance]


@dataclass(frozen=True, slots=True)
class Made:
    """Who makes the objects, from what, and when (ISO 8601)."""

    title: str
    digest: str
    key_id: str
    version: str
    at: str

    def uid(self, *said: object) -> str:
        """Return the unique id of what `said` names in this release (PS3.5 section B.2)."""
        return f"2.25.{int(digest([self.digest, *map(str, said)])[:31], 16)}"

    def equipment(self) -> dict[str, Any]:
        """Return what every object says of its maker."""
        return {
            "manufacturer": "Yuelu", "manufacturer_model_name": "yuelu", "software_versions": self.version,
            "device_serial_number": self.key_id,
        }  # fmt: skip


def code(text: str) -> CodedConcept:
    """Return the code of a label or a question: a private value, the text as its meaning."""
    return CodedConcept(digest(text)[:12].upper(), SCHEME, text[:64] or "without a label")

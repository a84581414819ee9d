"""Answers in words and numbers: about the whole task, one item of it, or one region.

`region_id` is set when the answer is about that region, `item` (from 0) when it is about one item of the task.
"""

from dataclasses import dataclass, field

from yuelu.base.errors import InvalidRecord
from yuelu.base.records.entry import Entry, check_finite

LATER = {"omit": True}  # a field that older answers lack: it is left out of JSON where it says nothing


@dataclass(frozen=True, slots=True)
class Choice(Entry):
    """Labels for the whole task, or for the region `region_id` when it is set."""

    control: str
    labels: tuple[str, ...]
    region_id: str | None = None
    item: int | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class Rating(Entry):
    """A number of stars, from 1."""

    control: str
    stars: int
    region_id: str | None = None
    item: int | None = None

    def __post_init__(self) -> None:
        if self.stars < 1:
            raise InvalidRecord(f"a rating of {self.stars}", "need 1 or more")


@dataclass(frozen=True, slots=True)
class Number(Entry):
    """A number, in the unit that the task description names."""

    control: str
    value: float
    region_id: str | None = None
    item: int | None = None

    def __post_init__(self) -> None:
        check_finite(self)


@dataclass(frozen=True, slots=True)
class Moment(Entry):
    """A date, a time or both, as text in the format of its control."""

    control: str
    moment: str
    region_id: str | None = None
    item: int | None = None


@dataclass(frozen=True, slots=True)
class Text(Entry):
    """What was written, one text for each submission of the field."""

    control: str
    texts: tuple[str, ...]
    region_id: str | None = None
    item: int | None = None


@dataclass(frozen=True, slots=True)
class Taxonomy(Entry):
    """Places in a tree of classes, each as its path from the root."""

    control: str
    paths: tuple[tuple[str, ...], ...]
    region_id: str | None = None
    item: int | None = None


@dataclass(frozen=True, slots=True)
class Preference(Entry):
    """Which of two objects is preferred: `left` or `right`."""

    control: str
    preferred: str

    def __post_init__(self) -> None:
        if self.preferred not in ("left", "right"):
            raise InvalidRecord(f"a preference for {self.preferred!r}", "need left or right")


@dataclass(frozen=True, slots=True)
class Ranking(Entry):
    """Items in order, best first, in one or several named buckets."""

    control: str
    buckets: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Relation(Entry):
    """A link between two regions: `right` from the first to the second, `left` back, `bi` both ways."""

    from_id: str
    to_id: str
    direction: str = "right"
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.direction not in ("left", "right", "bi"):
            raise InvalidRecord(f"a relation to the {self.direction!r}", "need left, right or bi")

    @property
    def control(self) -> str:
        """A relation answers no control of its own."""
        return ""

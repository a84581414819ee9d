"""What a result is read against, and the frame of each of its parts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from yuelu.annotate.configuration import Control
from yuelu.base.errors import InvalidRecord
from yuelu.base.media import Shown
from yuelu.base.records import Region
from yuelu.base.records.entry import MANUAL
from yuelu.base.schemas import TOGETHER

DIGITS = 4  # of a pixel: percentages do not survive the trip exactly, ten thousandths of a pixel do
EDGE_PX = 1e-3  # what is drawn to the edge of the picture ends up this far outside
_EXACT = 2**53  # the whole numbers that JSON keeps
NUMBER = (int, float)
_ORIGINS = (MANUAL, "prediction", "prediction-changed")


@dataclass(frozen=True, slots=True)
class Item:
    """What a task shows at one place: the labelled asset's own measures. None where they do not apply.

    `shown_width_px` and `shown_height_px` are those of the proxy, where that has another size.
    """

    width_px: int | None = None
    height_px: int | None = None
    duration_s: float | None = None
    frames: int | None = None
    sampling_rate_hz: float | None = None
    characters: int | None = None
    shown_width_px: int | None = None
    shown_height_px: int | None = None

    @staticmethod
    def from_facts(facts: Mapping[str, Any]) -> "Item":
        """Return the measures among an asset's facts."""
        return Item(**{each.name: facts.get(each.name) for each in fields(Item)})

    @staticmethod
    def from_shown(shown: Shown) -> "Item":
        """Return the measures of what a task shows at one place."""
        sides = {f"shown_{side}": shown.proxy.facts.get(side) for side in ("width_px", "height_px")}
        return Item.from_facts({**shown.facts, **sides})


@dataclass(frozen=True, slots=True)
class Rejected:
    """A part of a result that is no region, and why. `index` is None when the answer as a whole is at fault."""

    index: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a result says. With anything rejected the answer is not usable as it stands."""

    regions: tuple[Region, ...]
    rejected: tuple[Rejected, ...]


class Fields:
    """Reads the fields of a JSON object by name, and knows which were not read."""

    __slots__ = ("_read", "_values")

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values, self._read = values, set[str]()

    def take(self, name: str, default: Any = None) -> Any:
        """Return the field's value."""
        self._read.add(name)
        return self._values.get(name, default)

    def number(self, name: str, default: float | None = None) -> float:
        """Return the field as a number. Raises InvalidRecord: it is none, or not finite."""
        self._read.add(name)
        found = self._values.get(name, default)
        if isinstance(found, bool) or not isinstance(found, NUMBER) or not abs(found) <= _EXACT:  # NaN is not <= anything
            raise InvalidRecord(f"{name} is {found!r}, need a finite number")
        return float(found)

    def whole(self, name: str, default: int | None = None) -> int:
        """Return the field as a whole number. Raises InvalidRecord: it is none."""
        found = self.take(name, default)
        if isinstance(found, bool) or not isinstance(found, int) or abs(found) > _EXACT:
            raise InvalidRecord(f"{name} is {found!r}, need a whole number")
        return found

    def text(self, name: str) -> str:
        """Return the field as text. Raises InvalidRecord: it is none."""
        found = self.take(name)
        if not isinstance(found, str):
            raise InvalidRecord(f"{name} is {found!r}, need text")
        return found

    def objects(self, name: str) -> list["Fields"]:
        """Return a field that lists objects. Raises InvalidRecord: it is no such list."""
        found = self.take(name)
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise InvalidRecord(f"{name} is {type(found).__name__}, need a list of objects")
        return [Fields(each) for each in found]

    def has(self, name: str) -> bool:
        """Return whether the field is there at all."""
        return name in self._values

    def rest(self) -> dict[str, Any]:
        """Return the fields that were not read."""
        return {name: value for name, value in self._values.items() if name not in self._read}


@dataclass(frozen=True, slots=True)
class Part:
    """One entry of a result whose frame is sound: it answers `control`, and `value` and `around` are objects."""

    id: str
    control: Control
    value: Fields
    around: Fields
    items: Sequence[Item]

    def item(self) -> int:
        """Return the item that a region stands on."""
        if self.control.place is not None and not self.around.has("item_index"):
            return self.control.place
        return self.around.whole("item_index", 0)

    def size(self) -> tuple[int, int, int]:
        """Return item, width and height of the picture that a region stands on. Raises InvalidRecord: not known."""
        item = self.item()
        turned = self.around.take("image_rotation", 0)
        if turned not in (0, 90, 180, 270):
            raise InvalidRecord(f"{self.id}: the picture was turned by {turned!r} degrees")
        return item, *size_of(self.id, item, self.items)

    def label(self) -> str:
        """Return the labels as one; "" where there are none and the control allows that."""
        found = self.value.take(label_key(self.control))
        if not found and may_be_unlabelled(self.control) and found in (None, []):
            return ""
        return TOGETHER.join(sorted(labels(self.control, found)))


def size_of(region: str, item: int, items: Sequence[Item]) -> tuple[int, int]:
    """Return width and height of an item in pixels. Raises InvalidRecord: there is no such item, or its size is not known."""
    if not 0 <= item < len(items):
        raise InvalidRecord(f"{region}: item {item} of {len(items)}")
    width, height = items[item].width_px, items[item].height_px
    if not width or not height:
        raise InvalidRecord(f"{region}: the size of item {item} is not known")
    return width, height


def label_key(control: Control) -> str:
    """Return the field of a value that holds the labels of a region."""
    return control.kind if control.kind.endswith("labels") else "labels"


def may_be_unlabelled(control: Control) -> bool:
    """Return whether the control draws regions without a label."""
    return not control.kind.endswith("labels") or control.options.get("allowEmpty") == "true"


def labels(control: Control, found: object) -> tuple[str, ...]:
    """Return the labels that an answer names. Raises InvalidRecord: none, unknown, doubled, or too many."""
    if not isinstance(found, list) or not found or not all(isinstance(label, str) for label in found):
        raise InvalidRecord(f"{control.name}: labels are {found!r}, need a list of text")
    unknown = [label for label in found if label not in control.labels]
    if unknown:
        raise InvalidRecord(f"{control.name}: no such label {unknown[0]!r}; it has {', '.join(control.labels)}")
    if (control.single and len(found) != 1) or len(set(found)) != len(found):
        raise InvalidRecord(f"{control.name}: labels are {found!r}, need {'one' if control.single else 'each once'}")
    return tuple(found)


def beside(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return origin, score and meta of a part. Raises InvalidRecord: of another type."""
    origin, score, meta = part.get("origin", MANUAL), part.get("score"), part.get("meta", {})
    if origin not in _ORIGINS:
        raise InvalidRecord(f"origin is {origin!r}, need one of {', '.join(_ORIGINS)}")
    if score is not None and (isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score)):
        raise InvalidRecord(f"score is {score!r}, need a number")
    if not isinstance(meta, dict):
        raise InvalidRecord(f"meta is {type(meta).__name__}, not an object")
    return {"origin": origin, "score": score, "meta": meta}

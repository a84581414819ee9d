"""Label Studio's result to typed regions. Nothing is dropped: what does not fit is named, with the reason.

A region's `extra` keeps what its record has no field for: whatever `write_part` would not write as it came.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from yuelu.annotate.configuration import Control, makes_regions
from yuelu.annotate.results.frame import NUMBER, Fields, Item, Parsed, Part, Rejected, beside
from yuelu.annotate.results.pictures import PICTURE_READERS
from yuelu.annotate.results.stretches import STRETCH_READERS
from yuelu.annotate.results.texts import SPAN_READERS
from yuelu.annotate.results.words import WORD_READERS, About, Word, choice
from yuelu.annotate.results.write import plain_part, restored, said_beside, write_part
from yuelu.annotate.templates import Template
from yuelu.base.canonical import canonical
from yuelu.base.errors import InvalidRecord
from yuelu.base.records import (
    Box,
    Choice,
    Ellipse,
    FrameRange,
    KeyPoint,
    Mask,
    Number,
    Polygon,
    Rating,
    Region,
    Relation,
    Segment,
    Taxonomy,
    Track,
    Vector,
    region_to_json,
)

_CLOSE = 0.01  # percent: what is lost to rounding of pixels is less
_NUMBERS, _EXACT = frozenset(NUMBER), frozenset({str, bool, type(None)})
_ROUNDED = (Box, Ellipse, Polygon, KeyPoint, Vector, Track)
_PLAIN = (Box, Ellipse, Polygon, KeyPoint, Mask, Segment, FrameRange, Choice, Rating, Number, Taxonomy)  # hold no free text


def from_result(result: object, template: Template, items: Sequence[Item]) -> Parsed:
    """Return the regions of a result and what of it was rejected. Never raises, whatever `result` is."""
    if not isinstance(result, list):
        return Parsed((), (Rejected(None, f"the result is {type(result).__name__}, not a list"),))
    reader = _Reader(template, items)
    found: dict[int, Region] = {}
    rejected: list[Rejected] = []
    order = sorted(range(len(result)), key=lambda index: (not reader.draws(result[index]), index))  # regions come first
    for index in order:
        try:
            found[index] = reader.read(index, result[index])
        except InvalidRecord as error:
            rejected.append(Rejected(index, error.problem))
        except RecursionError:
            rejected.append(Rejected(index, f"part {index} is nested too deeply"))
    regions = tuple(found[index] for index in sorted(found))
    rejected.sort(key=lambda each: each.index or 0)
    return Parsed(regions, (*rejected, *_whole(regions, template, len(items))))


class _Reader:
    """Reads the parts of one result. `drawn` are the parts of the regions so far, by id."""

    def __init__(self, template: Template, items: Sequence[Item]) -> None:
        self.template, self.items = template, items
        self.controls = {control.name: control for control in template.controls}
        self.drawing = {control.name for control in template.controls if makes_regions(control)}
        self.drawn: dict[str, dict[str, Any]] = {}
        self.drawn_by: dict[str, str] = {}

    def draws(self, part: object) -> bool:
        """Return whether the part may draw a region."""
        return isinstance(part, dict) and str(part.get("from_name")) in self.drawing

    def read(self, index: int, part: object) -> Region:
        """Return the region of one part. Raises InvalidRecord."""
        if not isinstance(part, dict):
            raise InvalidRecord(f"part {index} is {type(part).__name__}, not an object")
        if part.get("type") == "relation":
            return self._kept(_relation(part, self.template), part)[0]
        control = self._control(index, part)
        value = part.get("value")
        if not isinstance(value, dict):
            raise InvalidRecord(f"part {index}: the value is {type(value).__name__}, not an object")
        framed = Part(_id(part, control), control, Fields(value), Fields(part), self.items)
        if control.name in self.drawing and self.drawn_by.get(framed.id, control.name) == control.name:
            region, self.drawn[framed.id] = self._kept(_drawn(framed), part)
            self.drawn_by[framed.id] = control.name
            return region
        return self._kept(self._word(framed), part)[0]

    def _control(self, index: int, part: Mapping[str, Any]) -> Control:
        control = self.controls.get(str(part.get("from_name")))
        if control is None:
            raise InvalidRecord(f"part {index} answers {part.get('from_name')!r}, which {self.template.name} does not ask")
        objects = (control.name, control.to_name) if control.kind == "pairwise" else (control.to_name,)
        if part.get("type") != control.kind or part.get("to_name") not in objects:
            got = f"{part.get('type')!r} on {part.get('to_name')!r}"
            raise InvalidRecord(f"part {index}: {control.name} sends {control.kind!r} on {control.to_name!r}, this is {got}")
        return control

    def _word(self, part: Part) -> Word:
        control = part.control
        about = About()
        if control.per == "region" or control.kind.endswith("labels"):
            if part.id not in self.drawn:
                raise InvalidRecord(f"{control.name}: it is about region {part.id}, which is not there")
            about = About(region_id=part.id)
        elif control.per == "item":
            about = About(item=part.around.whole("item_index"))
            if not 0 <= part.around.whole("item_index") < len(self.items):
                raise InvalidRecord(f"{control.name}: item {part.around.whole('item_index')} of {len(self.items)}")
        return WORD_READERS.get(control.kind, choice)(control, part.value, about)

    def _kept(self, region: Region, part: Mapping[str, Any]) -> tuple[Region, dict[str, Any]]:
        """Return the region with what is beside it and all that it would not say by itself, and its part as it is written."""
        told = beside(part)
        said = said_beside(told)
        plain = plain_part(region, self.template, self.items, self.drawn)
        plain.update(said)
        placed = isinstance(region, _ROUNDED) or getattr(region, "region_id", None) is not None
        extra = _unsaid(part, plain, _CLOSE if placed else 0.0)
        if extra or said:
            region = replace(region, **told, extra=extra)
        if extra or told["meta"] or not isinstance(region, _PLAIN):
            canonical(region_to_json(region))  # what no ledger could hold (NaN, half a character) is refused here
        return region, restored(plain, extra) if extra else plain


def _unsaid(part: Mapping[str, Any], plain: Mapping[str, Any], close: float) -> dict[str, Any]:
    """Return what of a part is not written by itself, and what is written though the part has it not."""
    found, written = part.get("value"), plain.get("value")
    extra: dict[str, Any] = {"part": _other(part, plain, 0.0, "value"), "without": _lacking(part, plain, "value")}
    if isinstance(found, dict) and isinstance(written, dict):
        extra["value"], extra["value_without"] = _other(found, written, close), _lacking(found, written)
    elif "value" in part:
        extra["part"]["value"] = found
    return {name: kept for name, kept in extra.items() if kept}


def _other(found: Mapping[str, Any], written: Mapping[str, Any], close: float, but: str | None = None) -> dict[str, Any]:
    return {
        name: value
        for name, value in found.items()
        if name != but and (name not in written or not _same(value, written[name], close))
    }


def _lacking(found: Mapping[str, Any], written: Mapping[str, Any], but: str | None = None) -> list[str]:
    return [name for name in written if name not in found and name != but]


def _same(one: Any, other: Any, close: float) -> bool:
    """Return whether two JSON values are the same; numbers may differ by `close`."""
    if type(one) in _NUMBERS and type(other) in _NUMBERS:  # true and false are none of them
        return bool(one == other or abs(one - other) <= close)
    if type(one) in _EXACT or isinstance(other, bool):
        return type(one) is type(other) and bool(one == other)
    if isinstance(one, NUMBER) and isinstance(other, NUMBER):
        return abs(one - other) <= close
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[name], close) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(*pair, close) for pair in zip(one, other, strict=True))
    return bool(one == other)


def _id(part: Mapping[str, Any], control: Control) -> str:
    found = part.get("id", None if makes_regions(control) else control.name)
    if not isinstance(found, str) or not found or not found.isprintable():
        raise InvalidRecord(f"a region of {control.name} has the id {found!r}, need printable text")
    return found


def _drawn(part: Part) -> Region:
    kind, shown = part.control.kind, part.control.shown
    if shown == "Image":
        return PICTURE_READERS[kind](part)
    if (kind, shown) in STRETCH_READERS:
        return STRETCH_READERS[kind, shown](part)
    return SPAN_READERS[kind, shown](part)


def _relation(part: Mapping[str, Any], template: Template) -> Relation:
    fields = Fields(part)
    labels = fields.take("labels") or []
    if not isinstance(labels, list) or not all(isinstance(each, str) for each in labels):
        raise InvalidRecord(f"relation: labels are {labels!r}, need a list of text")
    unknown = [label for label in labels if label not in (template.relations or ())]
    if unknown:
        raise InvalidRecord(f"relation: no such label {unknown[0]!r}; it has {', '.join(template.relations or ()) or 'none'}")
    direction = fields.take("direction", "right")
    return Relation(fields.text("from_id"), fields.text("to_id"), str(direction), tuple(labels))


def _whole(regions: Sequence[Region], template: Template, items: int) -> list[Rejected]:
    """Return what is wrong with the answer as a whole: a question unanswered or answered twice, an id used twice."""
    drawn = [region for region in regions if not isinstance(region, Word | Relation)]
    ids = Counter(region.id for region in drawn)
    wrong = [reason for control in template.controls for reason in _missing(control, regions, template, items)]
    asked = Counter(
        (each.control, getattr(each, "region_id", None), getattr(each, "item", None))
        for each in regions
        if isinstance(each, Word)
    )
    wrong += [f"{control} is answered {n} times" for (control, _, _), n in asked.items() if n > 1]
    wrong += [f"region id {each!r} is used {n} times" for each, n in ids.items() if n > 1]
    links = (end for each in regions if isinstance(each, Relation) for end in (each.from_id, each.to_id))
    wrong += [f"a relation names region {end!r}, which is not there" for end in links if end not in ids]
    return [Rejected(None, reason) for reason in wrong]


def _missing(control: Control, regions: Sequence[Region], template: Template, items: int) -> list[str]:
    """Return which required answers of a control are missing. What the editor asks only at times, it checks itself."""
    if not control.required or control.conditional:
        return []
    given = [region for region in regions if region.control == control.name]
    if control.per == "region":
        answered = {getattr(each, "region_id", None) for each in given}
        on = {each.name for each in template.controls if each.to_name == control.to_name and makes_regions(each)}
        return [f"{control.name} is required for region {r.id}" for r in regions if r.control in on and r.id not in answered]  # type: ignore[union-attr]
    if control.per == "item":
        seen = {getattr(each, "item", None) for each in given}
        return [f"{control.name} is required for item {item}" for item in range(items) if item not in seen]
    return [] if given else [f"{control.name} is required"]


def to_result(regions: Sequence[Region], template: Template, items: Sequence[Item]) -> list[dict[str, Any]]:
    """Return the regions as Label Studio's result. Raises InvalidRecord: a region that `from_result` would reject."""
    plain = [region for region in regions if not isinstance(region, Word | Relation)]
    drawn = {region.id: write_part(region, template, items, {}) for region in plain}
    result = [write_part(region, template, items, drawn) for region in regions]
    rejected = from_result(result, template, items).rejected
    if rejected:
        raise InvalidRecord(f"not an answer to {template.name}: {rejected[0].reason}", "see its config.xml")
    return result

"""Typed regions to Label Studio's result."""

from collections.abc import Mapping, Sequence
from typing import Any

from yuelu.annotate.configuration import Control
from yuelu.annotate.results.frame import Item, label_key, may_be_unlabelled
from yuelu.annotate.results.pictures import picture_part
from yuelu.annotate.results.stretches import stretch_part
from yuelu.annotate.results.texts import span_part
from yuelu.annotate.results.words import Word, word_value
from yuelu.annotate.templates import Template
from yuelu.base.errors import InvalidRecord
from yuelu.base.records import Box, Ellipse, FrameRange, KeyPoint, Mask, Polygon, Region, Relation, Segment, Track, Vector
from yuelu.base.records.entry import MANUAL
from yuelu.base.schemas import TOGETHER

_SHAPES = (Box, Ellipse, Polygon, KeyPoint, Vector, Mask)
_STRETCHES = (Segment, FrameRange, Track)
Part = dict[str, Any]


def write_part(region: Region, template: Template, items: Sequence[Item], drawn: Mapping[str, Part]) -> Part:
    """Return the region as a part of a result. `drawn` are the parts of the regions that answers may be about, by id."""
    return restored(plain_part(region, template, items, drawn), region.extra)


def plain_part(region: Region, template: Template, items: Sequence[Item], drawn: Mapping[str, Part]) -> Part:
    """Return the region as a part of a result, without what its `extra` keeps."""
    told = _beside(region)
    if isinstance(region, Relation):
        labels = {"labels": list(region.labels)} if region.labels else {}
        return {
            "from_id": region.from_id,
            "to_id": region.to_id,
            "type": "relation",
            "direction": region.direction,
            **labels,
            **told,
        }
    control = template.control(region.control)
    if control is None:
        raise InvalidRecord(f"{template.name} does not ask {region.control!r}", "see its config.xml")
    frame = {"from_name": control.name, "to_name": control.to_name, "type": control.kind, "origin": MANUAL, **told}
    if control.kind == "pairwise":
        frame["to_name"] = control.name  # the editor names no object: there are two
    if isinstance(region, Word):
        return _about(region, control, drawn, frame)
    return {"id": region.id, **frame, **_drawn(region, control, items)}


def _beside(region: Region) -> Part:
    if region.origin == MANUAL and region.score is None and not region.meta:
        return {}
    return said_beside({"origin": region.origin, "score": region.score, "meta": region.meta})


def said_beside(told: Mapping[str, Any]) -> Part:
    """Return origin, score and meta where they say something."""
    return {name: value for name, value in told.items() if value not in (None, {}, MANUAL)}


def _drawn(region: Any, control: Control, items: Sequence[Item]) -> Part:
    labels = region.label.split(TOGETHER) if region.label else []
    if isinstance(region, _SHAPES):
        part = picture_part(region, control.kind, items)
        if control.place is None or region.item != control.place:
            part["item_index"] = region.item
    elif isinstance(region, _STRETCHES):
        part = stretch_part(region, control.kind, items)
    else:
        part = span_part(region)
    if labels or not may_be_unlabelled(control):
        part["value"][label_key(control)] = labels
    return part


def _about(word: Any, control: Control, drawn: Mapping[str, Part], frame: Part) -> Part:
    value = word_value(word, control.kind)
    region_id, item = getattr(word, "region_id", None), getattr(word, "item", None)
    if region_id is None:
        place = {} if item is None else {"item_index": item}
        return {"id": control.name, **frame, **place, "value": value}
    if region_id not in drawn:
        raise InvalidRecord(f"{control.name}: it is about region {region_id}, which is not there")
    region = drawn[region_id]
    around = {name: each for name, each in region.items() if name not in ("score", "value", "meta")}
    return {**around, **frame, "value": {**bare(region["value"]), **value}}


def bare(value: Mapping[str, Any]) -> Part:
    """Return the place of a region without its labels, as the editor repeats it with every answer about the region."""
    return {name: each for name, each in value.items() if not name.endswith("labels")}


def restored(part: Part, extra: Mapping[str, Any]) -> Part:
    """Return the part with what `extra` keeps of it."""
    whole = {**part, **extra.get("part", {})}
    if "value" in whole:
        value = {**whole["value"], **extra.get("value", {})}
        whole["value"] = {name: each for name, each in value.items() if name not in extra.get("value_without", ())}
    return {name: each for name, each in whole.items() if name not in extra.get("without", ())}

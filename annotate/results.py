"""Label Studio's result JSON to typed regions and back. Nothing is dropped: what does not fit is named, with the reason.

Geometry comes in percent of the picture the annotator saw; records are in pixels of the labelled asset's own grid, so
that a proxy of another size changes nothing. Formats: https://labelstud.io/guide/task_format and what 1.23.2 really sends.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from yuelu.annotate.templates import Control, Template
from yuelu.base.errors import InvalidRecord
from yuelu.base.records import Box, Choice, FrameRange, Region, Segment

_DIGITS = 4  # of a pixel: percentages do not survive the trip exactly, ten thousandths of a pixel do
_EDGE_PX = 1e-3  # boxes drawn to the edge of the picture end up this far outside
_EXACT = 2**53  # the whole numbers that JSON keeps
_SLACK_S = 0.1  # a lossy audio proxy is longer than its source by its padding


@dataclass(frozen=True, slots=True)
class Item:
    """What a task shows at one place: the labelled asset's own measures. None where they do not apply."""

    width_px: int | None = None
    height_px: int | None = None
    duration_s: float | None = None
    frames: int | None = None
    sampling_rate_hz: float | None = None

    @staticmethod
    def from_facts(facts: Mapping[str, Any]) -> "Item":
        """Return the measures among an asset's facts."""
        return Item(**{each.name: facts.get(each.name) for each in fields(Item)})


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


def from_result(result: object, template: Template, items: Sequence[Item]) -> Parsed:
    """Return the regions of a result and what of it was rejected. Never raises, whatever `result` is."""
    if not isinstance(result, list):
        return Parsed((), (Rejected(None, f"the result is {type(result).__name__}, not a list"),))
    regions: list[Region] = []
    rejected: list[Rejected] = []
    for index, part in enumerate(result):
        try:
            regions.append(_region(index, part, template, items))
        except InvalidRecord as error:
            rejected.append(Rejected(index, error.problem))
    return Parsed(tuple(regions), (*rejected, *_whole(regions, template)))


def _whole(regions: Sequence[Region], template: Template) -> list[Rejected]:
    """Return what is wrong with the answer as a whole: a question unanswered or answered twice, an id used twice."""
    answered = Counter(region.control for region in regions)
    wrong = [f"{c.name} is required" for c in template.controls if c.required and not answered[c.name]]
    wrong += [
        f"{c.name} is answered {answered[c.name]} times"
        for c in template.controls
        if c.kind == "choices" and answered[c.name] > 1
    ]
    ids = Counter(region.id for region in regions if not isinstance(region, Choice))
    wrong += [f"region id {each!r} is used {n} times" for each, n in ids.items() if n > 1]
    return [Rejected(None, reason) for reason in wrong]


@dataclass(frozen=True, slots=True)
class _Part:
    """One entry of a result whose frame is sound: it answers `control`, and `value` and `around` are objects."""

    id: str
    control: Control
    value: Mapping[str, Any]
    around: Mapping[str, Any]
    items: Sequence[Item]


def _region(index: int, part: object, template: Template, items: Sequence[Item]) -> Region:
    if not isinstance(part, dict):
        raise InvalidRecord(f"part {index} is {type(part).__name__}, not an object")
    control = template.control(str(part.get("from_name")))
    if control is None:
        raise InvalidRecord(f"part {index} answers {part.get('from_name')!r}, which {template.name} does not ask")
    if part.get("type") != control.kind or part.get("to_name") != control.to_name:
        got = f"{part.get('type')!r} on {part.get('to_name')!r}"
        raise InvalidRecord(f"part {index}: {control.name} sends {control.kind!r} on {control.to_name!r}, this is {got}")
    value = part.get("value")
    if not isinstance(value, dict):
        raise InvalidRecord(f"part {index}: the value is {type(value).__name__}, not an object")
    return _READERS[control.kind](_Part(_id(part, control), control, value, part, items))


def _id(part: Mapping[str, Any], control: Control) -> str:
    found = part.get("id", control.name if control.kind == "choices" else None)
    if not isinstance(found, str) or not found or not found.isprintable():
        raise InvalidRecord(f"a region of {control.name} has the id {found!r}, need printable text")
    return found


def _choice(part: _Part) -> Region:
    return Choice(control=part.control.name, labels=_labels(part.control, part.value))


def _box(part: _Part) -> Region:
    if _number(part.around, "image_rotation", 0.0):
        raise InvalidRecord(f"{part.id}: the picture was turned by {part.around['image_rotation']} degrees")
    item = _whole_number(part.around, "item_index", 0)
    width, height = _size(part.id, item, part.items)
    x, y, across, down = (_number(part.value, name) for name in ("x", "y", "width", "height"))
    box = Box(
        id=part.id,
        control=part.control.name,
        label=_label(part.control, part.value),
        item=item,
        x_px=round(x * width / 100, _DIGITS),
        y_px=round(y * height / 100, _DIGITS),
        width_px=round(across * width / 100, _DIGITS),
        height_px=round(down * height / 100, _DIGITS),
        rotation_deg=_number(part.value, "rotation", 0.0),
    )
    _check_inside(box, width, height)
    return box


def _size(region: str, item: int, items: Sequence[Item]) -> tuple[int, int]:
    if not 0 <= item < len(items):
        raise InvalidRecord(f"{region}: item {item} of {len(items)}")
    width, height = items[item].width_px, items[item].height_px
    if not width or not height:
        raise InvalidRecord(f"{region}: the size of item {item} is not known")
    return width, height


def _check_inside(box: Box, width: int, height: int) -> None:
    """Refuse a box out of the picture; of a turned one only the middle must lie in it, for its corners may well not."""
    if box.rotation_deg == 0:
        left, top, right, bottom = box.x_px, box.y_px, box.x_px + box.width_px, box.y_px + box.height_px
    else:
        turned = math.radians(box.rotation_deg)
        left = right = box.x_px + (box.width_px * math.cos(turned) - box.height_px * math.sin(turned)) / 2
        top = bottom = box.y_px + (box.width_px * math.sin(turned) + box.height_px * math.cos(turned)) / 2
    if left < -_EDGE_PX or top < -_EDGE_PX or right > width + _EDGE_PX or bottom > height + _EDGE_PX:
        raise InvalidRecord(f"{box.id}: {left}..{right} x {top}..{bottom} px is outside the picture of {width} x {height}")


def _segment(part: _Part) -> Region:
    start, end = _number(part.value, "start"), _within(part, _number(part.value, "end"))
    channel = None if part.value.get("channel") is None else _whole_number(part.value, "channel", 0)
    return Segment(part.id, part.control.name, _label(part.control, part.value), start, end, channel)


def _series_segment(part: _Part) -> Region:
    """Return a stretch of all channels. An instant, which the editor makes of a double click, is as long as one sample."""
    if part.value.get("channel") is not None:
        raise InvalidRecord(f"{part.id}: is of channel {part.value['channel']!r}, need a stretch of all channels")
    start, end = _number(part.value, "start"), _number(part.value, "end")
    rate = part.items[0].sampling_rate_hz if part.items else None
    if start == end and rate:
        end = start + 1 / rate
    return Segment(part.id, part.control.name, _label(part.control, part.value), start, _within(part, end))


def _within(part: _Part, end_s: float) -> float:
    """Return the end of a stretch, no later than the recording's. Raises InvalidRecord: much later."""
    duration = part.items[0].duration_s if part.items else None
    if duration is None:
        return end_s
    if end_s > duration + _SLACK_S:
        raise InvalidRecord(f"{part.id}: ends at {end_s} s, the recording at {duration} s")
    return min(end_s, duration)


def _frame_range(part: _Part) -> Region:
    ranges = part.value.get("ranges")
    if not isinstance(ranges, list) or len(ranges) != 1 or not isinstance(ranges[0], dict):
        raise InvalidRecord(f"{part.id}: ranges is {ranges!r}, need one range")
    first, last = (_whole_number(ranges[0], name, None) for name in ("start", "end"))
    frames = part.items[0].frames if part.items else None
    if frames is not None and last > frames:
        raise InvalidRecord(f"{part.id}: ends at frame {last} of {frames}")
    return FrameRange(part.id, part.control.name, _label(part.control, part.value), first, last)


_READERS: Mapping[str, Callable[[_Part], Region]] = MappingProxyType(
    {
        "choices": _choice,
        "rectanglelabels": _box,
        "labels": _segment,
        "timelinelabels": _frame_range,
        "timeserieslabels": _series_segment,
    }
)


def _labels(control: Control, value: Mapping[str, Any]) -> tuple[str, ...]:
    labels = value.get(control.kind)
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
        raise InvalidRecord(f"{control.name}: labels are {labels!r}, need a list of text")
    unknown = [label for label in labels if label not in control.labels]
    if unknown:
        raise InvalidRecord(f"{control.name}: no such label {unknown[0]!r}; it has {', '.join(control.labels)}")
    if len(set(labels)) != len(labels) or (control.single and len(labels) != 1):
        raise InvalidRecord(f"{control.name}: labels are {labels!r}, need {'one' if control.single else 'each once'}")
    return tuple(labels)


def _label(control: Control, value: Mapping[str, Any]) -> str:
    labels = _labels(control, value)
    if len(labels) != 1:
        raise InvalidRecord(f"{control.name}: a region has labels {labels!r}, need one")
    return labels[0]


def _number(value: Mapping[str, Any], name: str, default: float | None = None) -> float:
    found = value.get(name, default)
    if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) <= _EXACT:  # NaN is not <= anything
        raise InvalidRecord(f"{name} is {found!r}, need a finite number")
    return float(found)


def _whole_number(value: Mapping[str, Any], name: str, default: int | None) -> int:
    found = value.get(name, default)
    if isinstance(found, bool) or not isinstance(found, int) or abs(found) > _EXACT:
        raise InvalidRecord(f"{name} is {found!r}, need a whole number")
    return found


def to_result(regions: Sequence[Region], template: Template, items: Sequence[Item]) -> list[dict[str, Any]]:
    """Return the regions as Label Studio's result. Raises InvalidRecord: a region that `from_result` would reject."""
    result = [_part(region, template, items) for region in regions]
    rejected = from_result(result, template, items).rejected
    if rejected:
        raise InvalidRecord(f"not an answer to {template.name}: {rejected[0].reason}", "see its config.xml")
    return result


def _part(region: Region, template: Template, items: Sequence[Item]) -> dict[str, Any]:
    control = template.control(region.control)
    if control is None:
        raise InvalidRecord(f"{template.name} does not ask {region.control!r}", "see its config.xml")
    name = control.name if isinstance(region, Choice) else region.id
    part = {"id": name, "from_name": control.name, "to_name": control.to_name, "type": control.kind, "origin": "manual"}
    if isinstance(region, Box):
        return {**part, **_box_part(region, control, items)}
    value: dict[str, Any]
    if isinstance(region, Choice):
        value = {"choices": list(region.labels)}
    elif isinstance(region, Segment):
        more: dict[str, Any] = {} if region.channel is None else {"channel": region.channel}
        if control.kind == "timeserieslabels":
            more |= {"instant": False}
        value = {"start": region.start_s, "end": region.end_s, **more, control.kind: [region.label]}
    else:
        value = {"ranges": [{"start": region.first_frame, "end": region.last_frame}], control.kind: [region.label]}
    return {**part, "value": value}


def _box_part(box: Box, control: Control, items: Sequence[Item]) -> dict[str, Any]:
    width, height = _size(box.id, box.item, items)
    value = {
        "x": box.x_px * 100 / width,
        "y": box.y_px * 100 / height,
        "width": box.width_px * 100 / width,
        "height": box.height_px * 100 / height,
        "rotation": box.rotation_deg,
        control.kind: [box.label],
    }
    return {"original_width": width, "original_height": height, "image_rotation": 0, "item_index": box.item, "value": value}

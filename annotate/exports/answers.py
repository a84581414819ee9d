"""The answers of an export, typed: what every annotator, gold answer and model said to every task."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from yuelu.annotate.configuration import Control
from yuelu.annotate.exports.asked import READ, Question, controls_of, is_part, questions_of
from yuelu.annotate.exports.files import Given, read_file
from yuelu.annotate.results import Item, from_result
from yuelu.annotate.templates import Template
from yuelu.base.records import Choice, Medium, Region
from yuelu.base.schemas import TOGETHER

_MOST_ITEMS = 1 << 16
_SIDE = 100  # a picture of unknown size is so wide and so high: then pixels are percent
_ORIGINS = ("manual", "prediction", "prediction-changed")
_CASE = re.compile(r"^(part \d+|[^:]{1,80}): ")
_UNSIZED = "answers on pictures whose size the export does not say: measured in percent of each side"
_CLIPPED = "shapes that reach beyond their picture, cut off at its edge"


@dataclass(frozen=True, slots=True)
class ExportedAnswer:
    """What one of `role` (annotator, gold, model) said to one task, of all controls."""

    task: str
    annotator: str
    group: str
    role: str
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class Exported:
    """All answers of an export. `questions` is what the configuration says, by control; empty without one.

    `counts`: answers by sort. `left_out`: what could not be read, or only otherwise, each with how often. `pages`: where a
    task is on its server.
    """

    answers: tuple[ExportedAnswer, ...]
    controls: tuple[Control, ...]
    questions: Mapping[str, Question]
    counts: Mapping[str, int]
    left_out: Mapping[str, int]
    pages: Mapping[str, str]


def read_exported(path: Path, config: str | None = None) -> Exported:
    """Return the answers of the export at `path`, JSON or JSON_MIN. `config` is the project's configuration, where known.

    Raises NotFound; SchemaMismatch, InvalidRecord: it is no export; Misconfigured: the configuration is not XML.
    """
    questions = {} if config is None else questions_of(config)
    file = read_file(path, frozenset(questions))
    left_out: Counter[str] = Counter()
    sound = {task.key: [list(_sound(given, left_out)) for given in task.given] for task in file.tasks}
    controls = controls_of(result for results in sound.values() for result in results)
    relations = {label for results in sound.values() for result in results for label in _relation_labels(result)}
    template = Template("export", "", "", {}, Medium.IMAGE, controls, tuple(sorted(relations)))
    answers: list[ExportedAnswer] = []
    for task in file.tasks:
        items = _items(sound[task.key], left_out)
        for given, result in zip(task.given, sound[task.key], strict=True):
            parsed = from_result(result, template, items)
            left_out.update(_plain(each.reason) for each in parsed.rejected if each.index is not None)
            regions = _named(parsed.regions, controls)
            answers.append(ExportedAnswer(task.key, given.who, task.group, given.role, regions))
    pages = {task.key: task.page for task in file.tasks if task.page is not None}
    return Exported(tuple(answers), controls, questions, file.counts, dict(sorted(left_out.items())), pages)


def _named(regions: tuple[Region, ...], controls: Sequence[Control]) -> tuple[Region, ...]:
    """Return the regions, those without a label of their own with the one that a <Labels> beside them gave."""
    naming = {each.name for each in controls if each.kind == "labels" and each.shown in ("Image", "Video")}
    given = {
        each.region_id: TOGETHER.join(sorted(each.labels))
        for each in regions
        if isinstance(each, Choice) and each.control in naming and each.region_id is not None
    }
    if not given:
        return regions
    kept: Iterator[Any] = (each for each in regions if each.control not in naming)
    return tuple(
        replace(each, label=given[each.id]) if getattr(each, "label", None) == "" and getattr(each, "id", None) in given else each
        for each in kept
    )


def _relation_labels(result: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for part in result:
        labels = part.get("labels")
        if part.get("type") == "relation" and isinstance(labels, list):
            yield from (each for each in labels if isinstance(each, str))


def _sound(given: Given, left_out: Counter[str]) -> Iterator[dict[str, Any]]:
    """Yield the parts of a result in the form that `from_result` reads: with an id, on one object, one range of frames each."""
    for place, part in enumerate(given.result):
        if isinstance(part, dict) and part.get("type") == "relation":
            yield part
        elif not is_part(part):
            left_out["parts of a result without from_name and type"] += 1
        elif part["type"] not in READ:
            left_out[f"results of type {part['type']}, which nothing measures"] += 1
        else:
            made = {**part, "to_name": ""}
            made["origin"] = part.get("origin") if part.get("origin") in _ORIGINS else _ORIGINS[0]
            if not isinstance(part.get("meta", {}), dict):
                made.pop("meta")
            made.setdefault("id", f"part {place}")
            yield from _ranges(_within(made, left_out))


def _ranges(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    value = part.get("value")
    ranges = value.get("ranges") if isinstance(value, dict) else None
    if part["type"] != "timelinelabels" or not isinstance(ranges, list) or len(ranges) < 2:
        yield part
        return
    for number, each in enumerate(ranges):
        yield {**part, "id": f"{part['id']} {number}", "value": {**part["value"], "ranges": [each]}}


def _within(part: dict[str, Any], left_out: Counter[str]) -> dict[str, Any]:
    """Return an upright box or a polygon cut off at the picture's edge: rounding and models leave them beyond it."""
    value = part.get("value")
    if not isinstance(value, dict):
        return part
    numbers = [value.get(name) for name in ("x", "y", "width", "height")]
    if part["type"].startswith("rectangle") and all(map(_is_number, numbers)) and not value.get("rotation"):
        x, y, width, height = map(float, numbers)  # type: ignore[arg-type]
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + width, 100), min(y + height, 100)
        if (left, top) != (x, y) or right < x + width or bottom < y + height:
            left_out[_CLIPPED] += 1
            return {**part, "value": {**value, "x": left, "y": top, "width": right - left, "height": bottom - top}}
    points = value.get("points")
    if part["type"].startswith("polygon") and isinstance(points, list) and all(map(_is_point, points)):
        inside = [[min(max(number, 0), 100) for number in point] for point in points]
        if inside != points:
            left_out[_CLIPPED] += 1
            return {**part, "value": {**value, "points": inside}}
    return part


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_point(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _items(results: Sequence[Sequence[Mapping[str, Any]]], left_out: Counter[str]) -> list[Item]:
    """Return what a task shows, as far as the results know: the first size that any of them gives for each picture."""
    sizes: dict[int, tuple[int, int]] = {}
    shown, unsized = 0, False
    for result in results:
        for part in result:
            at = _place(part.get("item_index"))
            shown = max(shown, at)
            across, down = part.get("original_width"), part.get("original_height")
            if type(across) is int and type(down) is int and across > 0 and down > 0:
                sizes.setdefault(at, (across, down))
            unsized |= at not in sizes and _needs_size(part)
    if unsized:
        left_out[_UNSIZED] += 1
    return [Item(*sizes.get(at, (_SIDE, _SIDE))) for at in range(shown + 1)]


def _place(at: Any) -> int:
    return at if type(at) is int and 0 <= at < _MOST_ITEMS else 0


def _needs_size(part: Mapping[str, Any]) -> bool:
    value = part.get("value")
    return isinstance(value, dict) and bool({"x", "points", "vertices", "sequence", "imageDataURL"} & value.keys())


def _plain(reason: str) -> str:
    """Return a reason without the part or region that it begins with, so that like ones can be counted."""
    return _CASE.sub("", reason)

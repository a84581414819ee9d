"""Label Studio's full JSON export as the tables that scoring takes, without a workspace or a server."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, TypeGuard

import pyarrow as pa

from yuelu.base.errors import InvalidRecord, NotFound, SchemaMismatch
from yuelu.base.schemas import BOXES, LABELS, SEEN, SEGMENTS, TOGETHER, conform

Kind: TypeAlias = Literal["choice", "box", "segment"]
Row: TypeAlias = dict[str, Any]

SCHEMAS: Mapping[Kind, pa.Schema] = MappingProxyType({"choice": LABELS, "box": BOXES, "segment": SEGMENTS})
FRAMES_PER_S = 24.0  # what Label Studio's <Video> assumes when the configuration says nothing
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Control:
    """The answers given with one control of the configuration; `table` is in the schema of its kind."""

    kind: Kind
    table: pa.Table


@dataclass(frozen=True, slots=True)
class Export:
    """`controls` by name; `seen` in the schema SEEN; `ignored`, sentences about what was left out and how often."""

    controls: Mapping[str, Control]
    seen: pa.Table
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    task: str
    annotator: str
    results: list[Any]
    frames_per_s: float


class _Skip(Exception):
    """A result that cannot be scored, and why."""


def read_export(path: Path, *, frames_per_s: float = FRAMES_PER_S, most_bytes: int = _MOST_BYTES) -> Export:
    """Return the answers of the export at `path`.

    Tasks are named by `data.item_key`, or else by their id; `data.group` is their group, or else each is its own. Several
    choices or labels at once are one label, joined in order of text by " + ". Frames become seconds at the task's own
    `data.fps`, or else `frames_per_s`. Of several answers of one annotator to a task the last updated counts. Cancelled
    answers and results of other types are left out, and `ignored` reports them.
    Raises NotFound; SchemaMismatch: too large, not JSON, not an export of tasks.
    """
    ignored: Counter[str] = Counter()
    answers, seen = [], []
    for task in _tasks(path, most_bytes):
        key, data = _key(task), task["data"]
        rate = data.get("fps")
        rate = float(rate) if _is_number(rate) and rate > 0 else frames_per_s
        group = data["group"] if isinstance(data.get("group"), str) else key
        for annotator, results in _counting(task, ignored).items():
            answers.append(_Answer(key, annotator, results, rate))
            seen.append({"task": key, "annotator": annotator, "group": group})
    rows: dict[tuple[str, Kind], list[Row]] = {}
    for answer in answers:
        for control, kind, row in _rows(answer, ignored):
            rows.setdefault((control, kind), []).append(row)
    controls = {
        name: Control(kind, conform(pa.Table.from_pylist(found, SCHEMAS[kind]), SCHEMAS[kind]))
        for (name, kind), found in sorted(rows.items())
    }
    sentences = tuple(f"{count} x {what}" for what, count in sorted(ignored.items()))
    return Export(MappingProxyType(controls), pa.Table.from_pylist(seen, SEEN), sentences)


def _tasks(path: Path, most_bytes: int) -> list[dict[str, Any]]:
    if not path.is_file():
        raise NotFound(f"no file {path}", "give the path of a Label Studio JSON export")
    size = path.stat().st_size
    if size > most_bytes:
        raise SchemaMismatch(f"{path.name} has {size} bytes, more than {most_bytes}", "export the project in parts")
    try:
        content = json.loads(path.read_bytes(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise SchemaMismatch(f"{path.name} is not JSON: {error}", "export the project as JSON, not CSV or COCO") from None
    tasks = [content] if isinstance(content, dict) else content
    for place, task in enumerate(tasks if isinstance(tasks, list) else [None]):
        if isinstance(task, dict):
            task.setdefault("annotations", [])  # a task that nobody has answered
            task.setdefault("id", f"entry {place}")
        if not (isinstance(task, dict) and isinstance(task.get("data"), dict) and isinstance(task["annotations"], list)):
            raise SchemaMismatch(
                f"{path.name}: entry {place} is not a task with data and annotations", "use the format JSON, not JSON-MIN"
            )
    keys = Counter(_key(task) for task in tasks)
    twice = sorted(key for key, count in keys.items() if count > 1)
    if twice:
        raise InvalidRecord(f"{path.name}: task {twice[0]} is there twice", "keep one entry per task")
    return list(tasks)


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number of JSON")


def _key(task: dict[str, Any]) -> str:
    key = task["data"].get("item_key")
    return key if isinstance(key, str) and key else str(task.get("id"))


def _counting(task: dict[str, Any], ignored: Counter[str]) -> dict[str, list[Any]]:
    """Return the results that count, by annotator: not cancelled, the last updated one."""
    found: dict[str, tuple[tuple[str, str], list[Any]]] = {}
    for annotation in task["annotations"]:
        if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
            ignored["annotation without a result"] += 1
        elif annotation.get("was_cancelled"):
            ignored["cancelled annotation"] += 1
        else:
            annotator = _annotator(annotation.get("completed_by"))
            stamp = (str(annotation.get("updated_at", "")), str(annotation.get("id", "")).rjust(20, "0"))
            if annotator in found:
                ignored["earlier annotation of the same annotator"] += 1
            if annotator not in found or stamp > found[annotator][0]:
                found[annotator] = (stamp, annotation["result"])
    return {annotator: results for annotator, (_, results) in sorted(found.items())}


def _annotator(completed_by: Any) -> str:
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("id", completed_by.get("email"))
    return str(completed_by)


def _rows(answer: _Answer, ignored: Counter[str]) -> Iterator[tuple[str, Kind, Row]]:
    for result in answer.results:
        kind = str(result.get("type")) if isinstance(result, dict) else "unknown"
        if kind not in _READERS or not isinstance(result.get("value"), dict):
            ignored[f"result of type {kind}"] += 1
            continue
        name, read = _READERS[kind]
        try:
            parsed = list(read(result, result["value"], answer))
        except _Skip as skip:
            ignored[str(skip)] += 1
            continue
        for row in parsed:
            yield str(result.get("from_name")), name, {"task": answer.task, "annotator": answer.annotator, **row}


def _choices(result: Row, value: Row, _: _Answer) -> Iterator[Row]:
    if {"x", "start", "points", "ranges"} & value.keys():
        raise _Skip("choices of a region")
    yield {"label": _label(value.get("choices"), "choices")}


def _box(result: Row, value: Row, _: _Answer) -> Iterator[Row]:
    across, down = result.get("original_width"), result.get("original_height")
    if not (_is_number(across) and _is_number(down) and across > 0 and down > 0):
        raise _Skip("rectanglelabels without the size of the image")
    x, y, width, height, rotation = _numbers(value, "x", "y", "width", "height", "rotation")
    if width <= 0 or height <= 0:
        raise _Skip("empty rectanglelabels")
    item = result.get("item_index", value.get("item_index", 0))
    yield {
        "label": _label(value.get("rectanglelabels"), "rectanglelabels"),
        "item": item if isinstance(item, int) and item >= 0 else 0,
        "x": x * across / 100,
        "y": y * down / 100,
        "width": width * across / 100,
        "height": height * down / 100,
        "rotation": rotation,
    }


def _sound(result: Row, value: Row, _: _Answer) -> Iterator[Row]:
    start, end = value.get("start"), value.get("end")
    if "text" in value or not (_is_number(start) and _is_number(end)):
        raise _Skip("labels that are not of a sound")
    yield _stretch(start, end, _label(value.get("labels"), "labels"))


def _series(result: Row, value: Row, _: _Answer) -> Iterator[Row]:
    start, end = value.get("start"), value.get("end")
    if not (_is_number(start) and _is_number(end)):
        raise _Skip("timeserieslabels under a clock of dates")
    yield _stretch(start, end, _label(value.get("timeserieslabels"), "timeserieslabels"))


def _frames(result: Row, value: Row, answer: _Answer) -> Iterator[Row]:
    label, ranges = _label(value.get("timelinelabels"), "timelinelabels"), value.get("ranges")
    if not isinstance(ranges, list) or not all(isinstance(each, dict) for each in ranges):
        raise _Skip("timelinelabels without ranges")
    for each in ranges:
        first, last = _numbers(each, "start", "end")
        yield _stretch((first - 1) / answer.frames_per_s, last / answer.frames_per_s, label)  # both included, from 1


def _stretch(start: float, end: float, label: str) -> Row:
    if not start < end:
        raise _Skip("empty stretch of time")
    return {"label": label, "start": float(start), "end": float(end)}


def _label(labels: Any, what: str) -> str:
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) and label for label in labels):
        raise _Skip(f"{what} without a label")
    return TOGETHER.join(sorted(set(labels)))


def _numbers(value: Row, *names: str) -> list[float]:
    found = [value.get(name, 0 if name == "rotation" else None) for name in names]
    numbers = [float(number) for number in found if _is_number(number)]
    if len(numbers) < len(names):
        raise _Skip("region without its numbers")
    return numbers


def _is_number(value: Any) -> TypeGuard[float]:
    # Bounded, for JSON knows 1e999 and integers of any length.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


# One screen holds every type of result that is read; all others are reported.
_READERS: Mapping[str, tuple[Kind, Callable[[Row, Row, _Answer], Iterator[Row]]]] = MappingProxyType(
    {
        "choices": ("choice", _choices),
        "rectanglelabels": ("box", _box),
        "labels": ("segment", _sound),
        "timelinelabels": ("segment", _frames),
        "timeserieslabels": ("segment", _series),
    }
)

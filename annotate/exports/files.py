"""The file of an export: JSON or JSON_MIN, as tasks with everything that was answered to them."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yuelu.base.errors import InvalidRecord, NotFound, SchemaMismatch

MOST_BYTES = 1 << 30
_MIN = frozenset({"annotation_id", "annotator", "lead_time", "created_at", "updated_at"})  # what JSON_MIN writes beside answers
_ABOUT = _MIN | {"id", "agreement"}
_MODEL = "model"


@dataclass(frozen=True, slots=True)
class Given:
    """One answer as it stands in the file. `role`: annotator, gold (ground truth) or model (a prediction)."""

    who: str
    role: str
    result: list[Any]


@dataclass(frozen=True, slots=True)
class ExportedTask:
    """A task and its answers that count; `group` is `data.group`, or else the task itself; `page` its address on its server."""

    key: str
    group: str
    page: str | None
    given: tuple[Given, ...]


@dataclass(frozen=True, slots=True)
class ExportFile:
    """The tasks of a file, and how many answers of each sort it has, counted or not."""

    tasks: tuple[ExportedTask, ...]
    counts: Mapping[str, int]


def read_file(path: Path, answered: frozenset[str] = frozenset(), *, most_bytes: int = MOST_BYTES) -> ExportFile:
    """Return the tasks of the export at `path`.

    Tasks are named by `data.item_key`, or else by their id. Of several answers of one annotator (or one model version) to a
    task the last updated counts. In JSON_MIN answers stand among the task's data: `answered` are the names of the controls,
    from the configuration; without it, what holds regions and what differs within a task is taken for an answer.
    Raises NotFound; SchemaMismatch: too large, not JSON, not an export; InvalidRecord: a task twice.
    """
    content = _content(path, most_bytes)
    entries = [content] if isinstance(content, dict) else content
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise SchemaMismatch(f"{path.name} is not a list of tasks", "export the project as JSON or JSON_MIN")
    whole = list(_from_min(entries, answered)) if entries and all(each.keys() >= _MIN for each in entries) else entries
    counts: Counter[str] = Counter(tasks=len(whole))
    tasks = tuple(_task(path.name, place, entry, counts) for place, entry in enumerate(whole))
    twice = [key for key, count in Counter(task.key for task in tasks).items() if count > 1]
    if twice:
        raise InvalidRecord(f"{path.name}: task {min(twice)} is there twice", "keep one entry per task")
    return ExportFile(tasks, dict(sorted(counts.items())))


def _content(path: Path, most_bytes: int) -> Any:
    if not path.is_file():
        raise NotFound(f"no file {path}", "give the path of a Label Studio JSON export")
    size = path.stat().st_size
    if size > most_bytes:
        raise SchemaMismatch(f"{path.name} has {size} bytes, more than {most_bytes}", "export the project in parts")
    try:
        return json.loads(path.read_bytes(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise SchemaMismatch(f"{path.name} is not JSON: {error}", "export the project as JSON, not CSV or COCO") from None


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number of JSON")


def _task(file: str, place: int, entry: dict[str, Any], counts: Counter[str]) -> ExportedTask:
    data, answers = entry.get("data"), entry.get("annotations", entry.get("completions", []))
    if not isinstance(data, dict) or not isinstance(answers, list):
        raise SchemaMismatch(
            f"{file}: entry {place} is not a task with data and annotations", "export the project as JSON or JSON_MIN"
        )
    key = data.get("item_key")
    key = key if isinstance(key, str) and key else str(entry.get("id", f"entry {place}"))
    counts["drafts"] += len(entry["drafts"]) if isinstance(entry.get("drafts"), list) else 0
    predictions = entry.get("predictions")
    given = [*_last(_answers(answers, counts), counts), *_last(_predictions(predictions), counts)]
    for each in given:
        counts[{"annotator": "counted answers", "gold": "ground truth", "model": "predictions"}[each.role]] += 1
    group = data.get("group")
    return ExportedTask(key, group if isinstance(group, str) and group else key, _page(entry), tuple(given))


def _page(entry: Mapping[str, Any]) -> str | None:
    project, task = entry.get("project"), entry.get("id")
    return f"/projects/{project}/data?task={task}" if type(project) is int and type(task) is int else None


def _answers(found: list[Any], counts: Counter[str]) -> Iterator[tuple[tuple[str, str], Given]]:
    for each in found:
        if not isinstance(each, dict) or not isinstance(each.get("result"), list):
            counts["answers without a result"] += 1
        elif each.get("was_cancelled") or each.get("skipped"):
            counts["skipped"] += 1
        else:
            role = "gold" if each.get("ground_truth") else "annotator"
            yield _stamp(each), Given(annotator_of(each.get("completed_by")), role, each["result"])


def _predictions(found: Any) -> Iterator[tuple[tuple[str, str], Given]]:
    for each in found if isinstance(found, list) else []:
        if isinstance(each, dict) and isinstance(each.get("result"), list):
            name = str(each.get("model_version") or "").strip()
            yield _stamp(each), Given(f"{_MODEL} {name}" if name else _MODEL, "model", each["result"])


def _stamp(answer: Mapping[str, Any]) -> tuple[str, str]:
    return str(answer.get("updated_at") or ""), str(answer.get("id", "")).rjust(20, "0")


def annotator_of(completed_by: Any) -> str:
    """Return an annotator's name: the id, or the email where there is none."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("id", completed_by.get("email"))
    return "unknown" if completed_by is None else str(completed_by)


def _last(found: Iterator[tuple[tuple[str, str], Given]], counts: Counter[str]) -> list[Given]:
    """Return the last answer of each in each role."""
    kept: dict[tuple[str, str], tuple[tuple[str, str], Given]] = {}
    for stamp, given in found:
        name = given.role, given.who
        if name in kept:
            counts["earlier answers of the same annotator"] += 1
        if name not in kept or stamp > kept[name][0]:
            kept[name] = stamp, given
    return [given for _, (_, given) in sorted(kept.items())]


def _from_min(entries: list[dict[str, Any]], answered: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield the tasks of a JSON_MIN export, whose entries are answers, in the form of JSON."""
    by_task: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        by_task[str(entry.get("id"))].append(entry)
    names = answered or _answer_names(by_task)
    for key, found in by_task.items():
        data = {name: value for name, value in found[0].items() if name not in _ABOUT | names}
        yield {
            "id": key,
            "data": data,
            "annotations": [
                {
                    "id": each["annotation_id"],
                    "completed_by": each["annotator"],
                    "updated_at": each["updated_at"],
                    "result": [part for name in sorted(names) if name in each for part in _parts(name, each[name])],
                }
                for each in found
                if each["annotation_id"] is not None
            ],
        }


def _answer_names(by_task: Mapping[str, list[dict[str, Any]]]) -> frozenset[str]:
    names = {name for found in by_task.values() for each in found for name in each} - _ABOUT
    return frozenset(name for name in names if any(_answers_it(name, found) for found in by_task.values()))


def _answers_it(name: str, found: list[dict[str, Any]]) -> bool:
    values = [each[name] for each in found if name in each]
    return any(_holds_regions(value) for value in values) or any(value != values[0] for value in values)


def _holds_regions(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict) and _type_of(each) is not None for each in value)


def _parts(name: str, value: Any) -> Iterator[dict[str, Any]]:
    """Yield the parts of a result that JSON_MIN wrote as `value`: one choice or text as it is, several and all else in lists."""
    values = value if isinstance(value, list) else [value]
    if values and all(isinstance(each, str) for each in values):
        values = [{"choices": values}]
    for each in values:
        if isinstance(each, dict):
            size = {side: each[side] for side in ("original_width", "original_height") if side in each}
            told = {field: kept for field, kept in each.items() if field not in size and field not in ("id", "parentID")}
            yield {"from_name": name, "to_name": "", "type": _type_of(each) or "unknown", **size, "value": told}


def _type_of(value: Mapping[str, Any]) -> str | None:
    """Return the type of a result by the field that only it has."""
    labels = [field for field in value if field.endswith("labels") and isinstance(value[field], list)]
    if "sequence" in value:
        return "videorectangle"
    if labels:
        return labels[0]
    known = {
        "choices": "choices", "taxonomy": "taxonomy", "rating": "rating", "number": "number", "datetime": "datetime",
        "ranker": "ranker", "selected": "pairwise", "text": "textarea", "vertices": "vector", "imageDataURL": "bitmask",
        "rle": "brush", "radiusX": "ellipse", "points": "polygon",
    }  # fmt: skip
    for field, kind in known.items():
        if field in value:
            return kind
    return "rectangle" if {"x", "y", "width", "height"} <= value.keys() else None

"""Predictions as files: JSON lines of ours, or Label Studio's list of tasks with predictions."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from yuelu.annotate.predictions import Incoming
from yuelu.base.errors import InvalidRecord


def read_predictions(path: Path, versions: frozenset[str]) -> Iterator[Incoming]:
    """Yield what the file predicts, in its order.

    A line is `{"item_key" or "asset", "score", "result" or "regions"}`. A list has Label Studio's tasks, each named by
    `data.item_key` or `data.asset`; of their predictions those are taken whose `model_version` is one of `versions` or is not
    said. Raises InvalidRecord: it is neither.
    """
    with path.open(encoding="utf-8") as file:
        first = next((line for line in file if line.strip()), "").lstrip()
        file.seek(0)
        if first.startswith("["):
            yield from _tasks(_parsed(file.read(), path), versions)
            return
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _line(number, line)


def _parsed(text: str, path: Path) -> list[Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidRecord(f"{path} is no JSON: {error}", "give JSON lines, or Label Studio's JSON") from None
    return list(found)


def _line(number: int, line: str) -> Incoming:
    try:
        found = json.loads(line)
    except ValueError as error:
        return Incoming(number, None, None, None, None, problem=f"no JSON: {error}")
    return _incoming(number, found, found)


def _tasks(tasks: list[Any], versions: frozenset[str]) -> Iterator[Incoming]:
    for number, task in enumerate(tasks, 1):
        predictions = task.get("predictions") if isinstance(task, dict) else None
        data = task.get("data") if isinstance(task, dict) else None
        if not isinstance(predictions, list) or not isinstance(data, dict):
            yield Incoming(number, None, None, None, None, problem="no task with data and predictions")
            continue
        for each in predictions:
            named = each.get("model_version") if isinstance(each, dict) else None
            if named is None or named in versions:
                yield _incoming(number, data, each)
            else:
                told = f"its model_version is {named!r}, not {' or '.join(sorted(versions))}"
                yield Incoming(number, _text(data, "item_key"), _text(data, "asset"), None, None, problem=told)


def _incoming(number: int, named: Any, told: Any) -> Incoming:
    if not isinstance(named, dict) or not isinstance(told, dict):
        return Incoming(number, None, None, None, None, problem="not an object")
    key, asset = _text(named, "item_key"), _text(named, "asset")
    problem = None
    if (key is None) == (asset is None):
        problem = "it needs an item_key, or the hash of an asset"
    elif ("result" in told) == ("regions" in told):
        problem = "it needs a result (Label Studio's) or regions (typed)"
    return Incoming(number, key, asset, told.get("score"), told.get("result"), told.get("regions"), problem)


def _text(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    return value if isinstance(value, str) else None

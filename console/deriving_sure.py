"""How sure the consensus of an export is: its classes against gold, and which of its tasks deserve one more answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from yuelu.annotate.exports.answers import ExportedAnswer, read_exported
from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.base.records import Choice, Moment, Preference, Rating, Region, region_from_json
from yuelu.console.deriving import Checked, check
from yuelu.quality.adaptive import Plan
from yuelu.quality.asking import Advice, Wanted, advise_tasks
from yuelu.quality.kinds.classes import label_of
from yuelu.quality.tables import read_controls_gold

_CLASSES = (Choice, Rating, Moment, Preference)
Known = Mapping[tuple[str, str], str]  # (task, control) -> label


def known_answers(path: Path, config: str | None, controls: Sequence[str]) -> Known:
    """Return the known labels in a table (task, label and perhaps control), or those that an export marks as ground truth.

    `controls` are those of the export that ask for one class. Raises NotFound, SchemaMismatch; Misconfigured: it does not say
    which control, or names one that is not there.
    """
    if path.suffix == ".json":
        answers = read_exported(path, config).answers
        found = {(e.task, r.control): label_of((r,)) for e in answers if e.role == "gold" for r in e.regions if _is_class(r)}
        if not found:
            raise InvalidRecord(f"no answer in {path.name} is marked as ground truth", "mark some, or give a table: task, label")
        return found
    told = read_controls_gold(path)
    if any(control is None for _, control in told):
        if len(controls) != 1:
            known = ", ".join(controls) or "none"
            raise Misconfigured(f"{path.name} does not say which control its labels are of", f"add a column control: {known}")
        return {(task, controls[0]): label for (task, _), label in told.items()}
    strange = sorted({str(control) for _, control in told} - set(controls))
    if strange:
        known = ", ".join(controls) or "none"
        raise Misconfigured(
            f"{path.name} has labels of {', '.join(strange)}", f"gold is held against controls that ask for one class: {known}"
        )
    return {(task, str(control)): label for (task, control), label in told.items()}


def classes_of(rows: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """Return the label of each row of the consensus that is a class, else None."""
    regions = [region_from_json(row["region"]) for row in rows]
    return [label_of((region,)) if _is_class(region) else None for region in regions]


def _is_class(region: Region) -> bool:
    return isinstance(region, _CLASSES)


def against(known: Known, rows: Sequence[Mapping[str, Any]], labels: Sequence[str | None]) -> tuple[Checked, list[float | None]]:
    """Return how the classes stand against gold, and each row's calibrated probability, None where nothing was learnt of it.

    The map is learnt from all controls that have gold, together.
    """
    asked = {control for _, control in known}
    keys = [(row["task"], row["control"]) for row in rows]
    mine = np.asarray([label is not None and key[1] in asked for key, label in zip(keys, labels, strict=True)], bool)
    said = np.asarray([row["probability"] or 0.0 for row in rows], np.float64)
    has = np.asarray([key in known for key in keys], bool) & mine
    right = np.asarray([known.get(key) == label for key, label in zip(keys, labels, strict=True)], bool)[has]
    checked, learnt = check(said[has], right)
    if learnt is None:
        return checked, [None] * len(rows)
    sure = learnt(said).tolist()
    return checked, [value if one else None for value, one in zip(sure, mine.tolist(), strict=True)]


def ask(
    people: Sequence[ExportedAnswer],
    rows: Sequence[Mapping[str, Any]],
    sure: Sequence[float | None],
    plan: Plan,
    budget: int | None,
) -> Advice:
    """Return which tasks to ask once more: one more answer answers all controls, so a task is as sure as its least sure part.

    Where most drew nothing, it is the share of them. Raises InvalidRecord: nothing that was asked has a probability.
    """
    least: dict[str, tuple[float, str]] = {}
    for row, calibrated in zip(rows, sure, strict=True):
        probability = row["probability"] if calibrated is None else calibrated
        if probability is not None:
            least[row["task"]] = min(least.get(row["task"], (1.1, "")), (probability, f"{row['control']}: {row['answer']}"))
    if rows and not least:
        raise InvalidRecord(
            "numbers have no probability, so no task is less sure than another", "leave --target and --budget out"
        )
    given: dict[str, list[ExportedAnswer]] = {}
    for each in people:
        given.setdefault(each.task, []).append(each)
    for task, answers in given.items():
        nothing = sum(not each.regions for each in answers)
        least.setdefault(task, (nothing / len(answers), "-"))
    doubtful = [Wanted(task, least[task][1], least[task][0], len(answers)) for task, answers in sorted(given.items())]
    return advise_tasks(doubtful, plan, budget)


def with_calibrated(table: pa.Table, sure: Sequence[float | None]) -> pa.Table:
    """Return the table with the column of calibrated probabilities."""
    return table.append_column("calibrated", pa.array(sure, pa.float64()))

"""The report on a file: its answers brought to the kinds that quality measures. The console joins the two rooms here."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any

from yuelu.annotate.configuration import Control
from yuelu.annotate.exports.answers import Exported, ExportedAnswer, read_exported
from yuelu.base.errors import Misconfigured, NotFound, SchemaMismatch
from yuelu.base.records import Choice, Region, Relation, kind_of
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.placing import PLACING, about_regions
from yuelu.quality.kinds.report import ControlReport, Told, control_report, table_report
from yuelu.quality.kinds.scoring import TaskValues
from yuelu.quality.tables import read_labels

GOLD = "gold"
RELATIONS = "relations"
_ALONE = "answers about a region that only one of two annotators drew"
_ALL_GOLD = "every answer is marked as ground truth, as imported ones are; they are taken for annotators' answers"

# The kind of a region (`base.records`) and the kind of answers that it is measured as; choices are looked at one by one.
_MEASURED_AS: Mapping[str, str] = MappingProxyType(
    {
        "rating": "ordinal", "number": "interval", "moment": "moment", "text": "text", "taxonomy": "taxonomy",
        "preference": "preference", "ranking": "ranking", "box": "box", "ellipse": "outline", "polygon": "outline",
        "keypoint": "keypoint", "vector": "polyline", "mask": "mask", "segment": "segment", "frame_range": "frame_range",
        "track": "track", "text_span": "span", "hypertext_span": "span", "paragraph_span": "span",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """What people say besides the file. `orders`: by control its labels from low to high; None for the configuration's order.

    `companies` and `models` are by annotator. `level` is that of numbers and of the labels of a table.
    """

    level: str | None = None
    orders: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    companies: Mapping[str, str] = field(default_factory=dict)
    models: frozenset[str] = frozenset()
    spacing_mm: tuple[float, float, float] | None = None
    gamma: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """The agreement on every question of a file. `counts` are answers by sort; `notes` what was left out, with how often."""

    source: str
    controls: Mapping[str, ControlReport]
    counts: Mapping[str, int]
    notes: Mapping[str, int]
    pages: Mapping[str, str]


def report_of_table(path: Path, options: Options) -> Report:
    """Return the report on a table of labels; a column `company` says whose each annotator is."""
    read = read_labels(path)
    order = next(iter(options.orders.values()), None)
    companies = {**_company_column(read.table), **options.companies}
    asked = Asked("label", options.level or "nominal", order)
    told = Told(options.models, frozenset(), companies)
    report = table_report(read.labels, read.groups, asked, told)
    counts = {"tasks": len(set(read.labels["task"].to_pylist())), "counted answers": len(read.labels)}
    return Report(path.name, {"label": report}, counts, {}, {})


def _company_column(table: Any) -> dict[str, str]:
    if "company" not in table.column_names:
        return {}
    rows = zip(table["annotator"].to_pylist(), table["company"].to_pylist(), strict=True)
    return {str(annotator): str(company) for annotator, company in rows if company}


def read_companies(path: Path) -> dict[str, str]:
    """Return annotator -> company from a CSV with these columns. Raises NotFound, SchemaMismatch."""
    if not path.is_file():
        raise NotFound(f"no file {path}", "give the path of a CSV with the columns annotator and company")
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        if not {"annotator", "company"} <= set(rows.fieldnames or ()):
            found = ", ".join(rows.fieldnames or ()) or "none"
            raise SchemaMismatch(f"{path.name} has the columns {found}", "it needs annotator and company")
        return {row["annotator"]: row["company"] for row in rows if row["annotator"] and row["company"]}


def report_of_export(path: Path, config: str | None, options: Options) -> Report:
    """Return the report on an export; questions that nobody answered are not in it."""
    exported, notes = _roles(read_exported(path, config))
    answers = exported.answers
    told = Told(
        frozenset(each.annotator for each in answers if each.role == "model") | options.models,
        frozenset(each.annotator for each in answers if each.role == "gold"),
        options.companies,
    )
    left_out: Counter[str] = Counter({**exported.left_out, **notes})
    controls = {
        name: control_report(found, asked, told)
        for name, asked, found in _questions(exported, options, left_out)
    }  # fmt: skip
    for report in controls.values():
        left_out.update(report.left_out)
    unknown = sorted(set(options.orders) - {control.name for control in exported.controls})
    if unknown:
        known = ", ".join(control.name for control in exported.controls) or "none"
        raise Misconfigured(f"no answers of a control {unknown[0]!r}", f"the export has answers of {known}")
    return Report(path.name, controls, exported.counts, dict(sorted(left_out.items())), exported.pages)


def _roles(exported: Exported) -> tuple[Exported, dict[str, int]]:
    """Return the export with gold answers under a name of their own, unless there are no others."""
    gold = [each for each in exported.answers if each.role == "gold"]
    if gold and not any(each.role == "annotator" for each in exported.answers):
        answers = tuple(replace(each, role="annotator") if each.role == "gold" else each for each in exported.answers)
        return replace(exported, answers=answers), {_ALL_GOLD: len(gold)}
    several = any(count > 1 for count in Counter(each.task for each in gold).values())
    answers = tuple(
        replace(each, annotator=f"{GOLD} {each.annotator}" if several else GOLD) if each.role == "gold" else each
        for each in exported.answers
    )
    return replace(exported, answers=answers), {}


def _questions(exported: Exported, options: Options, left_out: Counter[str]) -> Iterator[tuple[str, Asked, list[Answer]]]:
    whole = [
        _answer(each, [r for r in each.regions if kind_of(r) in PLACING or isinstance(r, Relation)]) for each in exported.answers
    ]
    for control in exported.controls:
        said = [_answer(each, [r for r in each.regions if r.control == control.name]) for each in exported.answers]
        kinds = Counter(kind_of(region) for each in said for region in each.said)
        if not kinds:
            continue
        asked = _asked(control, kinds.most_common(1)[0][0], said, exported, options)
        if any(getattr(region, "region_id", None) is not None for each in said for region in each.said):
            about = about_regions([_regions(each) for each in whole], said)
            if about.alone:
                left_out[_ALONE] += about.alone
            yield control.name, asked, list(about.answers)
        else:
            yield control.name, asked, list(_by_item(said))
    if any(isinstance(region, Relation) for each in whole for region in each.said):
        yield RELATIONS, Asked(RELATIONS, "relation"), whole


def _answer(each: ExportedAnswer, said: Sequence[Region]) -> Answer:
    return Answer(each.task, each.annotator, each.group, tuple(said))


def _regions(answer: Answer) -> Answer:
    return replace(answer, said=tuple(each for each in answer.said if not isinstance(each, Relation)))


def _by_item(answers: Sequence[Answer]) -> Iterator[Answer]:
    """Yield answers about single items of a task (the question is asked of each) as answers to tasks of their own."""
    items = sorted({item for each in answers for region in each.said if (item := _item(region)) is not None})
    if not items:
        yield from answers
        return
    for each in answers:
        for item in items:
            said = tuple(region for region in each.said if _item(region) == item)
            if said:
                yield replace(each, task=f"{each.task} / {item}", said=said)


def _item(region: Region) -> int | None:
    return None if kind_of(region) in PLACING else getattr(region, "item", None)


def _asked(control: Control, kind: str, said: Sequence[Answer], exported: Exported, options: Options) -> Asked:
    name, question = control.name, exported.questions.get(control.name)
    if kind == "choice":
        several = (question is not None and question.several) or any(
            len(region.labels) > 1 for each in said for region in each.said if isinstance(region, Choice)
        )
        declared = question is not None and question.level == "ordinal" and not several
        if name in options.orders or declared:
            order = options.orders.get(name) or (question.labels if question else None)
            if not order:
                raise Misconfigured(
                    f"the order of the labels of {name} is not known", f"give --config, or --order {name}=low,middle,high"
                )
            return Asked(name, "ordinal", tuple(order))
        return Asked(name, "multilabel" if several else "nominal")
    measured = _MEASURED_AS[kind]
    level = options.level or (question.level if question else None)
    if measured == "interval" and level in ("ratio", "ordinal", "interval"):
        measured = level
    if measured == "mask" and options.spacing_mm:
        measured = "volume"
    return Asked(name, measured, spacing_mm=options.spacing_mm, gamma=options.gamma)


def to_json(report: Report) -> dict[str, Any]:
    """Return the report as the JSON that docs/quality.md describes."""
    each = [(name, control) for name, control in report.controls.items()]
    return {
        "source": report.source,
        "counts": dict(report.counts),
        "controls": [
            {"control": name, "kind": c.asked.kind, "main": c.main, "less_is_better": c.less_is_better} for name, c in each
        ],
        "scores": [{"control": name, **score.to_json()} for name, c in each for score in c.scores],
        "pairs": _parts(each, "pairs", ("one", "other")),
        "annotators": _parts(each, "annotators", ("annotator",)),
        "companies": [
            {"control": name, "company": part.names[0], "other": part.names[-1], **part.score.to_json()}
            for name, c in each
            for part in c.companies
        ],
        "labels": _parts(each, "labels", ("label",)),
        "confusions": [
            {"control": name, "one": found.one, "other": found.other, "count": found.count}
            for name, c in each
            for found in c.confusions
        ],
        "tasks": [task for name, c in each for task in _tasks(name, c.tasks)],
        "models": _parts(each, "models", ("model",)),
        "gold": _parts(each, "gold", ("gold",)),
        "left_out": [{"what": what, "count": count} for what, count in report.notes.items()],
    }


def _parts(each: list[tuple[str, ControlReport]], what: str, names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {"control": name, **dict(zip(names, part.names, strict=True)), **part.score.to_json()}
        for name, control in each
        for part in getattr(control, what)
    ]


def _tasks(control: str, tasks: TaskValues) -> list[dict[str, Any]]:
    return [
        {"control": control, "task": name, "metric": tasks.metric, "value": value, "reason": None}
        if isfinite(value)
        else {"control": control, "task": name, "metric": tasks.metric, "value": None, "reason": tasks.undefined}
        for name, value in zip(tasks.names, tasks.values.tolist(), strict=True)
    ]

"""What `yuelu consensus` makes of a Label Studio export: one answer to each control of each task, and the raw answers."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from yuelu.annotate.exports.answers import Exported, ExportedAnswer, read_exported
from yuelu.base.canonical import canonical
from yuelu.base.records import Region, kind_of, region_said, region_to_json
from yuelu.console.deriving import Derived
from yuelu.console.deriving_sure import against, ask, classes_of, known_answers, with_calibrated
from yuelu.quality.adaptive import Plan
from yuelu.quality.fusion.fused import Fused
from yuelu.quality.fusion.table import FUSIONS, fuse, method_of
from yuelu.quality.kinds.answers import Answer

ANSWERS = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("task", "control", "kind", "method", "answer")),
        pa.field("probability", pa.float64()),  # null: a number is no matter of right and wrong
        pa.field("support", pa.float64(), nullable=False),
        pa.field("votes", pa.int64(), nullable=False),
        pa.field("seen", pa.int64(), nullable=False),
        pa.field("region", pa.string(), nullable=False, metadata={"unit": "JSON, in the fields of base.records"}),
        pa.field("told", pa.string(), nullable=False, metadata={"unit": "JSON, what else the method found"}),
        pa.field("answers", pa.string(), nullable=False, metadata={"unit": "JSON, annotator -> what they said"}),
    ],
    metadata={"table": "fused", "version": "1"},
)
_SHOWN = ("task", "control", "answer", "probability", "support", "votes", "seen")
_NOT_SHOWN = frozenset({"kind", "id", "control", "label", "item", "counts", "levels", "region_id", "text", "closed"})


def derive_export(
    path: Path,
    config: Path | None,
    method: str,
    *,
    gold: Path | None = None,
    plan: Plan | None = None,
    budget: int | None = None,
) -> Derived:
    """Return the consensus of the export at `path`, by `method` where a kind knows it, else by the kind's own.

    `gold` are known answers to controls that ask for one class (`deriving_sure.known_answers`); by `plan` it says what to ask.

    Answers of annotators count; predictions and ground truth do not. Answers about single regions or items are left out, since
    which region of one annotator is which of another's is settled by the regions' own consensus. Raises as `read_exported`
    and `known_answers`.
    """
    text = config.read_text("utf-8") if config else None
    found = read_exported(path, text)
    people = [each for each in found.answers if each.role == "annotator"]
    ignored: Counter[str] = Counter(found.left_out)
    rows: list[dict[str, Any]] = []
    for control, kind, answers in _questions(people, ignored):
        for task, fused in fuse(answers, control, kind, method).items():
            given = {each.annotator: [region_said(region) for region in each.said] for each in answers if each.task == task}
            rows += [_row(task, control, kind, method_of(kind, method), each, given) for each in fused]
    table = pa.Table.from_pylist(sorted(rows, key=lambda row: row["task"]), ANSWERS)  # stable: controls stay in their order
    sentences = tuple(f"{count} x {what}" for what, count in sorted(ignored.items()))
    derived = Derived(method, table, _in_words(people), ignored=sentences, shown=_SHOWN, raw=_raw(found))
    if gold is None and plan is None:
        return derived
    rows = derived.rows()
    sure: list[float | None] = [None] * len(rows)
    if gold is not None:
        labels = classes_of(rows)
        controls = sorted({row["control"] for row, label in zip(rows, labels, strict=True) if label is not None})
        checked, sure = against(known_answers(gold, text, controls), rows, labels)
        derived = replace(derived, checked=checked)
        if any(each is not None for each in sure):
            derived = replace(derived, table=with_calibrated(table, sure), shown=(*_SHOWN, "calibrated"))
    return derived if plan is None else replace(derived, advice=ask(people, rows, sure, plan, budget))


def _questions(people: Sequence[ExportedAnswer], ignored: Counter[str]) -> Iterator[tuple[str, str, list[Answer]]]:
    """Yield each control with the kind of its answers, and the answers of everyone who saw a task."""
    whole = [[region for region in each.regions if _is_whole(region, ignored)] for each in people]
    kinds: dict[str, Counter[str]] = {}
    for regions in whole:
        for region in regions:
            kinds.setdefault(region.control, Counter())[kind_of(region)] += 1
    for control, found in sorted(kinds.items()):
        kind = max(sorted(found), key=lambda name: found[name])
        if kind not in FUSIONS:
            ignored[f"answers of kind {kind}, which nothing makes one of"] += found.total()
            continue
        if others := found.total() - found[kind]:
            ignored[f"answers of another kind than most of {control}"] += others
        said = [tuple(r for r in regions if (r.control, kind_of(r)) == (control, kind)) for regions in whole]
        yield control, kind, [Answer(e.task, e.annotator, e.group, each) for e, each in zip(people, said, strict=True)]


def _is_whole(region: Region, ignored: Counter[str]) -> bool:
    about = "region" if getattr(region, "region_id", None) else "item" if _of_item(region) else ""
    if about:
        ignored[f"answers about a single {about}"] += 1
    return not about


def _of_item(region: Region) -> bool:
    return not hasattr(region, "id") and getattr(region, "item", None) is not None


def _row(task: str, control: str, kind: str, method: str, fused: Fused, given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "task": task,
        "control": control,
        "kind": kind,
        "method": method,
        "answer": in_words(fused.region),
        "probability": fused.probability,
        "support": fused.support,
        "votes": fused.votes,
        "seen": fused.seen,
        "region": canonical(region_said(fused.region)).decode(),
        "told": canonical(dict(fused.told)).decode(),
        "answers": canonical(dict(given)).decode(),
    }


def in_words(region: Region) -> str:
    """Return what a region says in one short line."""
    match kind_of(region):
        case "mask":
            inside = sum(count for count, level in zip(region.counts, region.levels, strict=True) if level >= 128)  # type: ignore[union-attr]
            return f"{region.label} {inside} px"  # type: ignore[union-attr]
        case "track":
            frames = [each.frame for each in region.keyframes]  # type: ignore[union-attr]
            return f"{region.label} {frames[0]}..{frames[-1]}"  # type: ignore[union-attr]
    values = [value for name, value in region_said(region).items() if name not in _NOT_SHOWN and value is not None]
    return " ".join(part for part in (getattr(region, "label", ""), *map(_short, values)) if part)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_short(each)}" for name, each in value.items())
    if isinstance(value, list):
        text = " ".join(map(_short, value)) if value and isinstance(value[0], list) else ", ".join(map(_short, value))
        return text if len(text) <= 80 else f"{text[:79]}…"
    return str(value)


def _in_words(people: Sequence[ExportedAnswer]) -> dict[tuple[str, str], dict[str, str]]:
    found: dict[tuple[str, str], dict[str, str]] = {}
    for each in people:
        for region in each.regions:
            of_control = found.setdefault((each.task, region.control), {})
            before = of_control.get(each.annotator)
            of_control[each.annotator] = f"{before}; {in_words(region)}" if before else in_words(region)
    return found


def _raw(found: Exported) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for each in found.answers:
        told.setdefault(each.task, {}).setdefault(each.role, {})[each.annotator] = [region_to_json(r) for r in each.regions]
    return told

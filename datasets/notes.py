"""Release notes, made from the difference to the version before: what changed, who settled it, and what the gates said."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from yuelu.datasets.diff import Diff
from yuelu.datasets.drift import total
from yuelu.datasets.notes_words import CHINESE

PATHS: Mapping[str, str] = {"NOTES.md": "en", "NOTES_zh.md": "zh"}  # document of a release -> its language
_MOST = 50  # lines of one table; the rest is what `yuelu releases diff` lists


@dataclass(frozen=True, slots=True)
class Notes:
    """What the notes of a release tell. `adjudicators`: pseudonym -> how many items of this release they settled."""

    title: str
    items: int
    difference: Diff
    adjudicators: Mapping[str, int]
    gates: Sequence[Mapping[str, Any]]

    @property
    def first(self) -> bool:
        """Whether there is no version before."""
        return not self.difference.old


def markdown(notes: Notes, language: str = "en") -> str:
    """Return the notes as Markdown in `language`, en or zh."""

    def say(text: str, **values: Any) -> str:
        return (CHINESE[text] if language == "zh" else text).format(**values)

    lines = [f"# {notes.title}", ""]
    if notes.first:
        lines += [say("The first version: {items} items.", items=notes.items), ""]
    else:
        lines += [say("{items} items. Since {old}:", items=notes.items, old=notes.difference.old), "", *_counts(notes, say), ""]
        lines += _relabelled(notes.difference, say)
    lines += [*_adjudicators(notes, say), *_drift(notes, say), *_gates(notes, say)]
    return "\n".join(lines).rstrip() + "\n"


def _counts(notes: Notes, say: Any) -> Iterable[str]:
    found = notes.difference
    yield say("- items added: {count}", count=len(found.added))
    yield say("- items removed: {count}", count=len(found.removed))
    yield say("- items changed: {count}", count=len(found.changed))
    yield say("- labels changed: {count}", count=len(found.relabelled))
    if found.moved:
        mean = fmean(move.iou for move in found.moved)
        yield say("- regions moved: {count}; mean overlap (IoU) {mean:.2f}", count=len(found.moved), mean=mean)
    else:
        yield say("- regions moved: {count}", count=0)
    drawn = Counter(region.added for region in found.redrawn)
    yield say("- regions added: {count}", count=drawn[True])
    yield say("- regions removed: {count}", count=drawn[False])
    yield say("- items that changed their split: {count}", count=len(found.resplit))


def _relabelled(found: Diff, say: Any) -> list[str]:
    pairs = Counter((change.what, " + ".join(change.before), " + ".join(change.after)) for change in found.relabelled)
    rows = [[what, was or "-", now or "-", str(count)] for (what, was, now), count in sorted(pairs.items())]
    return _table(say("Labels changed"), [say("what"), say("was"), say("is"), say("times")], rows, say)


def _adjudicators(notes: Notes, say: Any) -> list[str]:
    rows = [[who, str(count)] for who, count in sorted(notes.adjudicators.items())]
    return _table(say("Who adjudicated"), [say("pseudonym"), say("items settled")], rows, say)


def _drift(notes: Notes, say: Any) -> list[str]:
    rows = []
    for each in notes.difference.drift:
        psi = "-" if each.psi is None else f"{each.psi:.4f}"
        reason = f" ({say(each.reason)})" if each.reason and not notes.first else ""
        rows.append([each.control, each.label, *([] if notes.first else [str(each.before)]), str(each.after)])
        rows[-1] += [] if notes.first else [psi + reason]
    if notes.first:
        return _table(say("Classes"), [say("control"), say("class"), say("labels")], rows, say)
    head = [say("control"), say("class"), say("before"), say("now"), say("part of the PSI")]
    by_control = {each.control for each in notes.difference.drift}
    told = _table(say("Drift of classes"), head, rows, say)
    for control in sorted(by_control):
        whole = total([each for each in notes.difference.drift if each.control == control])
        if whole is None:
            told += [say("{control}: no PSI, for a class has no share in one of the two.", control=control)]
        else:
            told += [say("{control}: PSI {psi:.4f}.", control=control, psi=whole)]
    return [*told, ""] if by_control else told


def _gates(notes: Notes, say: Any) -> list[str]:
    rows = []
    for gate in notes.gates:
        for kind in ("batches", "tasks"):
            ended = ", ".join(f"{outcome} {count}" for outcome, count in sorted(gate[kind].items()))
            rows.append([gate["policy"], say(kind), ended or "-"])
    told = _table(say("Gates"), [say("policy"), say("of what"), say("how they ended")], rows, say)
    waivers = [
        [each["batch"], each["outcome"], each["rule"], each["owner"], each["reason"]]
        for gate in notes.gates
        for each in gate["waivers"]
    ]
    head = [say("batch"), say("decision"), say("rule"), say("who waived it"), say("why")]
    return told + _table(say("Waivers"), head, waivers, say)


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], say: Any) -> list[str]:
    if not rows:
        return []
    lines = [f"## {title}", "", _line(head), "|" + "---|" * len(head), *map(_line, rows[:_MOST])]
    more = [say("and {count} more", count=len(rows) - _MOST), ""] if len(rows) > _MOST else []
    return [*lines, "", *more]


def _line(cells: Sequence[str]) -> str:
    """Return a row of a table; what people wrote may not end a cell or begin a tag."""
    safe = (cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(safe)} |"

"""yuelu signals: what looks like cheating, or like gold that leaked, in a batch or a plain table. Advice, never a penalty."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuelu.base.settings import Settings
from yuelu.console.show import json_option, print_json, table
from yuelu.console.words import say

if TYPE_CHECKING:
    from yuelu.quality.signals.record import Looked

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("batch", required=False)
@click.option(
    "--table", "labels", type=_FILE, help="A table instead: task, annotator, label, and perhaps company, seconds, gold."
)
@click.option("--all", "everything", is_flag=True, help="Show all tests, not only those worth a look.")
@json_option
@click.pass_obj
def signals(settings: Settings, batch: str | None, labels: Path | None, everything: bool, as_json: bool) -> None:
    """Look for signs of cheating in BATCH: too fast, constant, copied or alike answers, gold that leaked. Advice, no verdict."""
    if (batch is None) == (labels is None):
        raise click.UsageError("give one of BATCH and --table FILE")
    found = _of_table(labels) if labels is not None else _of_batch(settings, str(batch))
    if as_json:
        print_json({"signals": [_json(control, looked) for control, looked in found]})
        return
    _print(found, settings.language, everything=everything)


def _of_table(path: Path) -> "list[tuple[str, Looked]]":
    from yuelu.console.judging import signals_of_table

    return [("label", looked) for looked in signals_of_table(path)]


def _of_batch(settings: Settings, batch: str) -> "list[tuple[str, Looked]]":
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.signals import signals_of

    with open_workspace(settings).ledger.reading() as session:
        return [(seen.control, looked) for seen in signals_of(session, batch) for looked in seen.looked]


def _json(control: str, looked: "Looked") -> dict[str, Any]:
    tests = [signal.to_json() for signal in looked.signals]
    return {"control": control, "kind": looked.kind, "tests": tests, "raised": len(looked.raised), "reason": looked.reason}


def _print(found: "list[tuple[str, Looked]]", language: str, *, everything: bool) -> None:
    heads = ("control", "kind", "annotators", "seen", "expected", "tasks", "p-value, corrected", "what it is")
    rows = [
        (
            control, say(language, s.kind), " + ".join(s.annotators), s.statistic, s.expected, s.count, f"{s.adjusted:.2g}",
            say(language, s.meaning),
        )
        for control, looked in found
        for s in (sorted(looked.signals, key=lambda s: s.adjusted) if everything else looked.raised)
    ]  # fmt: skip
    if rows:
        table("", [say(language, head) for head in heads], rows)
        click.echo(say(language, "Something to look into, with a person's eye: none of this proves anything."))
    else:
        click.echo(say(language, "nothing is worth a look"))
    for control, looked in found:
        if looked.reason is not None:
            told = say(
                language, "not looked at: {kind} ({reason})", kind=say(language, looked.kind), reason=say(language, looked.reason)
            )
            click.echo(f"{control}: {told}" if control else told)

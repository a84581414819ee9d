"""yuelu annotator reliability: how often each annotator is right, whom they mistake for what, and whether that changed."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from yuelu.base.settings import Settings
from yuelu.console.show import json_option, print_json, table
from yuelu.console.words import say

if TYPE_CHECKING:
    from yuelu.quality.reliability import Accuracy, Annotator

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command()
@click.option("--table", "labels", type=_FILE, required=True, help="CSV or Parquet with columns task, annotator, label.")
@click.option("--gold", type=_FILE, help="Known answers (task, label): without them there is only what the others' answers tell.")
@click.option(
    "--repeats",
    type=click.Choice(("refuse", "first", "last", "keep")),
    default="refuse",
    show_default=True,
    help="Which of an annotator's answers to one task counts.",
)
@click.option("--good", type=_SHARE, default=0.95, show_default=True, help="The accuracy that clears an annotator.")
@click.option("--poor", type=_SHARE, default=0.85, show_default=True, help="The accuracy that suspends one.")
@click.option("--least", type=click.IntRange(min=1), default=20, show_default=True, help="Answers that a figure needs.")
@click.option("--confusion", is_flag=True, help="Also show what each annotator answers for which true label.")
@json_option
@click.pass_obj
def reliability(
    settings: Settings,
    labels: Path,
    gold: Path | None,
    repeats: str,
    good: float,
    poor: float,
    least: int,
    confusion: bool,
    as_json: bool,
) -> None:
    """Measure how reliable each annotator of a table of labels is: on gold, and by a model of what the others answered.

    The verdict is a sequential test (SPRT) of the gold answers in the order of the rows; drift is where they began to look
    like a poor annotator's (CUSUM). Both are advice to a person.
    """
    from yuelu.quality.monitor import Sprt
    from yuelu.quality.reliability import annotators
    from yuelu.quality.tables import read_gold, read_labels

    known = read_gold(gold) if gold else None
    found = annotators(read_labels(labels).labels, known, repeats=repeats, test=Sprt(good, poor), least=least)  # type: ignore[arg-type]
    if as_json:
        print_json({"annotators": [each.to_json() for each in found]})
        return
    columns = ("annotator", "gold answers", "right", "by the others", "verdict", "after", "drift since")
    heads = [say(settings.language, each) for each in columns]
    table("", heads, [_row(each, settings.language) for each in found])
    if confusion:
        rows = [
            [e.annotator, true, said, count] for e in found for true, row in e.confusion.items() for said, count in row.items()
        ]
        table("", [say(settings.language, each) for each in ("annotator", "true label", "answered", "times")], rows)


def _row(each: "Annotator", language: str) -> list[object]:
    verdict = say(language, each.verdict.value) if each.verdict else None
    since = each.drift.since + 1 if each.drift else None
    return [each.annotator, each.gold.answers, _share(each.gold), _share(each.model), verdict, each.verdict_after or None, since]


def _share(accuracy: "Accuracy") -> str | None:
    if accuracy.value is None:
        return None
    return f"{accuracy.value:.3f} [{accuracy.low:.3f}, {accuracy.high:.3f}]"

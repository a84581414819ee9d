"""yuelu consensus: one answer out of several, of a table of labels or of a Label Studio export."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from yuelu.base.errors import Misconfigured
from yuelu.base.settings import Settings
from yuelu.console.show import json_option, print_json, table
from yuelu.console.words import say

if TYPE_CHECKING:
    import pyarrow as pa

    from yuelu.console.deriving import Checked, Derived
    from yuelu.quality.asking import Advice

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW = click.Path(dir_okay=False, path_type=Path)
_CLASSES = ("majority", "weighted-majority", "dawid-skene", "one-coin", "mace", "glad")
_OTHERS = ("median", "mean", "bradley-terry", "wbf", "vote", "staple")
_LEAST, _MOST = 2, 10


@click.command()
@click.option("--table", "labels", type=_FILE, help="CSV or Parquet with columns task, annotator, label.")
@click.option("--export", type=_FILE, help="A Label Studio JSON export instead of a table.")
@click.option("--config", type=_FILE, help="The label configuration of --export, when it is not to be guessed.")
@click.option(
    "--method",
    type=click.Choice((*_CLASSES, *_OTHERS)),
    default="majority",
    show_default=True,
    help="How answers are derived: of labels; numbers median, mean; preferences bradley-terry; boxes wbf; masks vote, staple.",
)
@click.option(
    "--repeats",
    type=click.Choice(("refuse", "first", "last", "keep")),
    default="refuse",
    show_default=True,
    help="Which of an annotator's answers to one task counts.",
)
@click.option("--gold", type=_FILE, help="Known answers (task, label, for an export control): a reliability curve; calibrates.")
@click.option("--target", type=click.FloatRange(0.5, 1, min_open=True, max_open=True), help="Ask again below this probability.")
@click.option("--budget", type=click.IntRange(min=1), help="How many more answers may be asked; the most doubtful tasks first.")
@click.option("--least", type=click.IntRange(min=1), default=_LEAST, show_default=True, help="Answers that every task needs.")
@click.option("--most", type=click.IntRange(min=1), default=_MOST, show_default=True, help="Answers that no task goes beyond.")
@click.option("--out", type=_NEW, help="Write the result here, as Parquet.")
@click.option("--html", type=_NEW, help="Write a page here: the result, its reliability and the raw answers.")
@json_option
@click.pass_obj
def consensus(
    settings: Settings,
    labels: Path | None,
    export: Path | None,
    config: Path | None,
    method: str,
    repeats: str,
    gold: Path | None,
    target: float | None,
    budget: int | None,
    least: int,
    most: int,
    out: Path | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Derive one answer for each task from what several annotators said, with its probability; say what to ask once more."""
    from yuelu.console.deriving import derive
    from yuelu.console.deriving_export import derive_export
    from yuelu.quality.adaptive import Plan

    if (labels is None) == (export is None):
        raise click.UsageError("give one of --table FILE and --export FILE")
    plan = Plan(target or 0.95, least, most) if target or budget else None
    if labels is not None:
        found = derive(labels, method, repeats=repeats, gold=gold, plan=plan, budget=budget)  # type: ignore[arg-type]
    else:
        if repeats != "refuse":
            raise click.UsageError("--repeats goes with --table; of an export each annotator's last answer counts")
        found = derive_export(Path(str(export)), config, method, gold=gold, plan=plan, budget=budget)
    if html is not None:
        from yuelu.console.page.consensus import consensus_page

        _written(html, consensus_page(found, settings.language).encode())
    if out is not None:
        _write_parquet(found.table, out)
    if as_json:
        print_json(found.to_json())
    else:
        _print(found, out, html, settings.language)


def _written(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise _cannot(path, error) from None


def _write_parquet(found: "pa.Table", out: Path) -> None:
    import pyarrow.parquet as pq

    try:
        pq.write_table(found, out)
    except OSError as error:
        raise _cannot(out, error) from None


def _cannot(path: Path, error: OSError) -> Misconfigured:
    return Misconfigured(f"cannot write {path}: {error.strerror or error}", "give a file in a folder that is there")


def _print(found: "Derived", out: Path | None, html: Path | None, language: str) -> None:
    if out is not None:
        told = "{count} tasks in {path}" if found.raw is None else "{count} answers in {path}"
        click.echo(say(language, told, count=found.table.num_rows, path=out))
    elif html is None:
        columns = found.shown
        table("", [say(language, name) for name in columns], [[row[name] for name in columns] for row in found.rows()])
    if html is not None:
        click.echo(say(language, "the report is {path}", path=html))
    for sentence in found.ignored:
        click.echo(say(language, "left out: {what}", what=sentence))
    if found.checked is not None:
        _print_checked(found.checked, language)
    if found.advice is not None:
        _print_advice(found.advice, language)


def _print_checked(checked: "Checked", language: str) -> None:
    told = "{right} of {gold} labels with a known answer are right"
    click.echo(say(language, told, right=checked.right, gold=checked.gold))
    for name, curve in (("as the method says", checked.said), ("calibrated", checked.calibrated)):
        if curve is None or curve.brier is None:
            continue
        columns = [say(language, each) for each in ("probability", "right", "low", "high", "labels")]
        rows = [[each.said, each.right, each.low, each.high, each.labels] for each in curve.bins]
        errors = say(language, "Brier score {brier:.4f}, calibration error {ece:.4f}", brier=curve.brier, ece=curve.ece)
        table(f"{say(language, name)}: {errors}", columns, rows)
    if checked.reason is not None:
        click.echo(checked.reason)


def _print_advice(advice: "Advice", language: str) -> None:
    columns = ("task", "answers", "label", "probability")
    if advice.tasks:
        rows = [[getattr(each, name) for name in columns] for each in advice.tasks]
        table(say(language, "ask once more"), [say(language, name) for name in columns], rows)
    told = "{ask} tasks to ask once more, {settled} settled at {target}, {full} have all answers they may have, {unpaid} not paid"
    counts = {"settled": advice.settled, "full": advice.full, "unpaid": advice.unpaid}
    click.echo(say(language, told, ask=len(advice.tasks), target=advice.target, **counts))
    if advice.stop:
        click.echo(say(language, "stop asking"))

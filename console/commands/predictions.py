"""yuelu predictions: what models say of tasks before people do."""

from dataclasses import asdict
from pathlib import Path

import click

from yuelu.base.settings import Settings
from yuelu.console.show import json_option, print_json, table

_REFUSED = ("line", "task", "reason")
_COLUMNS = ("model", "version", "policy", "shown", "hidden", "blind")


@click.group()
def predictions() -> None:
    """Import and list predictions of models (pre-labels)."""


@predictions.command("import")
@click.argument("project")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", required=True, metavar="NAME", help="The model that predicted.")
@click.option("--model-version", required=True, metavar="V", help="Its version; predictions of one version never change.")
@click.option(
    "--policy", default="show", show_default=True, help="Who sees them: show, hide or blind:N% (withheld from N% of tasks)."
)
@json_option
@click.pass_context
def import_(context: click.Context, project: str, file: Path, model: str, model_version: str, policy: str, as_json: bool) -> None:
    """Import FILE: JSON lines, or tasks with predictions as Label Studio writes them. Exit code 1 when some are refused."""
    from yuelu.annotate.prediction_files import read_predictions
    from yuelu.annotate.predictions import import_predictions
    from yuelu.annotate.tasks import project_row
    from yuelu.base.workspace import open_workspace

    settings: Settings = context.obj
    ledger = open_workspace(settings).ledger
    with ledger.reading() as session:
        project_row(session, project)
    found = read_predictions(file, frozenset({model_version, f"{model} {model_version}"}))
    done = import_predictions(ledger, "operator", project, found, model=model, version=model_version, policy=policy)
    if as_json:
        print_json(asdict(done))
    else:
        click.echo(f"{done.new} new ({done.shown} shown, {done.hidden} hidden, {done.blind} blind), {done.unchanged} were there")
        if done.refused:
            table(f"{len(done.refused)} refused", _REFUSED, [list(asdict(each).values()) for each in done.refused[:50]])
    context.exit(1 if done.refused else 0)


@predictions.command("list")
@click.argument("project")
@json_option
@click.pass_obj
def list_(settings: Settings, project: str, as_json: bool) -> None:
    """List a project's predictions by model: how many tasks they are shown, hidden and withheld in."""
    from sqlalchemy import func, select

    from yuelu.annotate.tasks import project_row
    from yuelu.base.ledger.places import PredictionRow
    from yuelu.base.ledger.work import BatchRow, TaskRow
    from yuelu.base.workspace import open_workspace

    by = (PredictionRow.model, PredictionRow.version, PredictionRow.policy)
    with open_workspace(settings).ledger.reading() as session:
        project_row(session, project)
        mine = select(*by, PredictionRow.shown, func.count()).join(TaskRow, TaskRow.item_key == PredictionRow.item_key)
        mine = mine.join(BatchRow, BatchRow.id == TaskRow.batch).where(BatchRow.project == project)
        counts: dict[tuple[str, ...], dict[str, int]] = {}
        for *named, shown, count in session.execute(mine.group_by(*by, PredictionRow.shown).order_by(*by)):
            counts.setdefault(tuple(named), {})[shown] = count
    rows = [
        {**dict(zip(_COLUMNS[:3], named, strict=True)), **{state: found.get(state, 0) for state in _COLUMNS[3:]}}
        for named, found in counts.items()
    ]
    print_json(rows) if as_json else table("", _COLUMNS, [list(row.values()) for row in rows])

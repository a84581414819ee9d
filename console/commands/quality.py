"""yuelu agreement: judging labels, of a project or of a plain table or export."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuelu.base.settings import Settings
from yuelu.console.show import computing_options, json_option, print_json, table

if TYPE_CHECKING:
    from yuelu.quality.score import Score

_LEVELS = ("nominal", "ordinal", "interval", "ratio")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_SCORE = ("control", "metric", "level", "value", "low", "high", "tasks", "annotators", "annotations", "reason")


@click.command()
@click.argument("project", required=False)
@click.option(
    "--table",
    "labels",
    metavar="FILE|FOLDER|PATTERN",
    help="A table instead of a project: CSV or Parquet with columns task, annotator, label; of a folder all such files together.",
)
@click.option("--export", type=_FILE, help="A Label Studio export instead of a project: JSON or JSON_MIN.")
@click.option(
    "--config", type=_FILE, help="The export's label configuration (XML): the order of labels, and what JSON_MIN lacks."
)
@click.option(
    "--level",
    type=click.Choice(_LEVELS),
    help="Level of measurement of the labels of --table (default nominal), or of the numbers of --export (default interval).",
)
@click.option(
    "--order",
    "orders",
    multiple=True,
    metavar="[CONTROL=]LOW,…,HIGH",
    help="Labels from low to high; for an export with its control, or the control alone for the order of --config.",
)
@click.option("--groups", type=_FILE, help="Companies of annotators: CSV with columns annotator, company.")
@click.option("--model", "models", multiple=True, metavar="NAME", help="An annotator that is a model; may be repeated.")
@click.option("--spacing-mm", metavar="Z,Y,X", help="Size of a voxel, where the pictures of a task are the slices of a volume.")
@click.option("--gamma", is_flag=True, help="Compute gamma of stretches too: few tasks only, it takes its time.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write the report with pictures here, as one page.")
@click.option("--server", metavar="URL", help="The Label Studio that links to tasks on the page lead to.")
@computing_options
@click.option(
    "--scratch",
    type=_FOLDER,
    metavar="FOLDER",
    help="Where a table lies in parts meanwhile; the cluster sees it. [default: /tmp]",
)
@json_option
@click.pass_obj
def agreement(
    settings: Settings,
    project: str | None,
    labels: str | None,
    export: Path | None,
    config: Path | None,
    level: str | None,
    orders: tuple[str, ...],
    groups: Path | None,
    models: tuple[str, ...],
    spacing_mm: str | None,
    gamma: bool,
    html: Path | None,
    server: str | None,
    scheduler: str | None,
    workers: int | None,
    scratch: Path | None,
    as_json: bool,
) -> None:
    """Measure how well annotators agree, with confidence intervals: of a project, a table of labels, or an export.

    A folder or a pattern of tables, and a table with --workers or --scheduler, is scored in parts: memory need not hold it.
    """
    if sum(given is not None for given in (project, labels, export)) != 1:
        raise click.UsageError("give one of PROJECT, --table FILE and --export FILE")
    if project is not None:
        from yuelu.console.tasks import scores_of_project

        print_scores(scores_of_project(settings, project, scheduler, workers or 1), as_json)
        return
    from yuelu.console.agreement.measure import report_of_export, report_of_table
    from yuelu.console.agreement.options import options_of
    from yuelu.console.agreement.parts import report_of_parts
    from yuelu.console.agreement.show import show_report

    options = options_of(level, orders, groups, models, spacing_mm, gamma=gamma, export=export is not None)
    if labels is None:
        if scheduler or workers:
            raise click.UsageError("--scheduler and --workers go with PROJECT or --table")
        report = report_of_export(Path(str(export)), None if config is None else config.read_text("utf-8"), options)
    elif scheduler or workers or not Path(labels).is_file():
        report = report_of_parts(labels, options, scheduler, workers or 1, scratch)
    else:
        report = report_of_table(Path(labels), options)
    show_report(report, settings.language, (html, server), as_json=as_json)


def print_scores(scores: "dict[str, tuple[Score, ...]] | Any", as_json: bool) -> None:
    """Print scores by control: as a table, or as the documented object."""
    rows: list[dict[str, Any]] = [{"control": control, **asdict(score)} for control, found in scores.items() for score in found]
    if as_json:
        print_json({"scores": rows})
        return
    table("", _SCORE, [[row[name] for name in _SCORE] for row in rows])

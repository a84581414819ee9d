"""yuelu agreement, consensus: judging labels, of a project or of a plain table or export."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuelu.base.errors import Misconfigured
from yuelu.base.settings import Settings
from yuelu.console.show import json_option, print_json, table

if TYPE_CHECKING:
    from yuelu.quality.score import Score

_LEVELS = ("nominal", "ordinal", "interval", "ratio")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SCORE = ("control", "metric", "level", "value", "low", "high", "tasks", "annotators", "annotations", "reason")


@click.command()
@click.argument("project", required=False)
@click.option(
    "--table", "labels", type=_FILE, help="A table instead of a project: CSV or Parquet with columns task, annotator, label."
)
@click.option("--export", type=_FILE, help="A Label Studio JSON export instead of a project.")
@click.option(
    "--level",
    type=click.Choice(_LEVELS),
    default="nominal",
    show_default=True,
    help="Level of measurement of the labels of --table.",
)
@json_option
@click.pass_obj
def agreement(
    settings: Settings, project: str | None, labels: Path | None, export: Path | None, level: str, as_json: bool
) -> None:
    """Measure how well annotators agree, with confidence intervals: of a project, a table of labels, or an export."""
    from yuelu.console.judging import scores_of_export, scores_of_table

    if sum(given is not None for given in (project, labels, export)) != 1:
        raise click.UsageError("give one of PROJECT, --table FILE and --export FILE")
    if labels is not None:
        scores = scores_of_table(labels, level)
    elif export is not None:
        scores = scores_of_export(export)
    else:
        from yuelu.console.tasks import scores_of_project

        scores = scores_of_project(settings, str(project))
    print_scores(scores, as_json)


@click.command()
@click.option("--table", "labels", type=_FILE, required=True, help="CSV or Parquet with columns task, annotator, label.")
@click.option(
    "--method",
    type=click.Choice(("majority", "weighted-majority", "dawid-skene", "one-coin", "mace", "glad")),
    default="majority",
    show_default=True,
    help="How labels are derived.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the result here, as Parquet.")
@json_option
def consensus(labels: Path, method: str, out: Path | None, as_json: bool) -> None:
    """Derive one label for each task from what several annotators said, with its probability."""
    import pyarrow.parquet as pq

    from yuelu.console.judging import consensus_of_table

    found = consensus_of_table(labels, method)
    if out is not None:
        try:
            pq.write_table(found, out)
        except OSError as error:
            raise Misconfigured(
                f"cannot write {out}: {error.strerror or error}", "give a file in a folder that is there"
            ) from None
    if as_json:
        print_json(found.to_pylist())
    elif out is not None:
        click.echo(f"{found.num_rows} tasks in {out}")
    else:
        table("", found.column_names, [list(row.values()) for row in found.to_pylist()])


def print_scores(scores: "dict[str, tuple[Score, ...]] | Any", as_json: bool) -> None:
    """Print scores by control: as a table, or as the documented object."""
    rows: list[dict[str, Any]] = [{"control": control, **asdict(score)} for control, found in scores.items() for score in found]
    if as_json:
        print_json({"scores": rows})
        return
    table("", _SCORE, [[row[name] for name in _SCORE] for row in rows])

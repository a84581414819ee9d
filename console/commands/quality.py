"""yuelu agreement, gate, review: judging labels, of a project or of a plain table or export."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuelu.base.errors import GateNotPassed
from yuelu.base.settings import Settings
from yuelu.console.show import bar, json_option, print_json, table

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
@json_option
@click.pass_obj
def agreement(
    settings: Settings,
    project: str | None,
    labels: Path | None,
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
    as_json: bool,
) -> None:
    """Measure how well annotators agree, with confidence intervals: of a project, a table of labels, or an export."""
    if sum(given is not None for given in (project, labels, export)) != 1:
        raise click.UsageError("give one of PROJECT, --table FILE and --export FILE")
    if project is not None:
        from yuelu.console.tasks import scores_of_project

        _print_scores(scores_of_project(settings, project), as_json)
        return
    from yuelu.console.agreement.options import options_of
    from yuelu.console.agreement.show import show_report

    options = options_of(level, orders, groups, models, spacing_mm, gamma=gamma, export=export is not None)
    show_report(settings.language, (labels, export, config), options, (html, server), as_json=as_json)


@click.command()
@click.argument("project")
@click.option("--policy", type=_FILE, help="The gate policy. [default: the one that the project was made with]")
@click.option("--dry-run", is_flag=True, help="Decide nothing; only show what the policy would make of the answers.")
@json_option
@click.pass_obj
def gate(settings: Settings, project: str, policy: Path | None, dry_run: bool, as_json: bool) -> None:
    """Score a project's answered tasks and decide each: accept, rework or review. Exit code 3 when the batch does not pass."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.policy import read_policy
    from yuelu.pipelines.policies import policy_of
    from yuelu.pipelines.score import score

    workspace = open_workspace(settings)
    chosen = policy_of(workspace, project) if policy is None else read_policy(policy)
    with bar("gate", quiet=as_json) as progress:
        report = score(workspace, project, chosen, progress, dry_run=dry_run)
    if as_json:
        print_json(report.to_json())
    else:
        for each in (*report.earlier, report):
            _print_scores(each.scores, as_json=False)
            click.echo(
                ", ".join(f"{count} {outcome}" for outcome, count in each.outcomes.items()) or "no task waits for a decision"
            )
            click.echo(f"batch: {each.batch.outcome} ({each.batch.rule})")
    if not all(each.batch.accepted for each in (*report.earlier, report)):
        click.get_current_context().exit(GateNotPassed.exit_code)


@click.group()
def review() -> None:
    """Settle tasks that rework did not settle, and correct what was accepted."""


@review.command("list")
@json_option
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """List the tasks in review, with the rule that they failed."""
    from yuelu.console.tasks import in_review

    rows = in_review(settings)
    columns = ("project", "item_key", "round", "rule")
    print_json(rows) if as_json else table("", columns, [[row[name] for name in columns] for row in rows])


@review.command()
@click.argument("item_key")
@click.option(
    "--regions", type=_FILE, required=True, help="The answer: JSON, a list of regions as 'yuelu review show' prints them."
)
@click.option("--owner", required=True, help="Who answers for it.")
@click.option("--reason", required=True, help="Why.")
@json_option
@click.pass_obj
def settle(settings: Settings, item_key: str, regions: Path, owner: str, reason: str, as_json: bool) -> None:
    """Record a curator's answer to a task; it stands above the consensus, and a task in review is accepted by it."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.tasks import read_regions
    from yuelu.pipelines.correct import correct

    new = correct(open_workspace(settings), item_key, read_regions(regions), owner=owner, reason=reason)
    print_json({"item_key": item_key, "new": new}) if as_json else click.echo("recorded" if new else "was recorded before")


@review.command()
@click.argument("item_key")
@json_option
@click.pass_obj
def show(settings: Settings, item_key: str, as_json: bool) -> None:
    """Show a task's answers, consensus, decisions and corrections."""
    from yuelu.console.tasks import task_file

    facts = task_file(settings, item_key)
    print_json(facts)  # nested: JSON is the readable form


def _print_scores(scores: "dict[str, tuple[Score, ...]] | Any", as_json: bool) -> None:
    rows: list[dict[str, Any]] = [{"control": control, **asdict(score)} for control, found in scores.items() for score in found]
    if as_json:
        print_json({"scores": rows})
        return
    table("", _SCORE, [[row[name] for name in _SCORE] for row in rows])

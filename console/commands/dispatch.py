"""yuelu dispatch: tasks go to the Label Studio servers."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from yuelu.base.settings import Settings
from yuelu.console.show import bar, json_option, print_json, table

if TYPE_CHECKING:
    from yuelu.base.workspace import Workspace
    from yuelu.pipelines.dispatch import SiteReport
    from yuelu.pipelines.outbox.verifying import Verified


@click.command()
@click.argument("project")
@click.option("--site", "asked", multiple=True, metavar="NAME", help="Where new tasks go; several share them by their weights.")
@click.option(
    "--tasks", type=click.IntRange(1, 10_000), default=5000, show_default=True, help="How many tasks one request holds."
)
@click.option("--no-lease", is_flag=True, help="Lease nothing; annotators take packets themselves.")
@click.option("--verify", is_flag=True, help="Send nothing; compare what the servers hold with what they were given.")
@json_option
@click.pass_context
def dispatch(
    context: click.Context, project: str, asked: tuple[str, ...], tasks: int, no_lease: bool, verify: bool, as_json: bool
) -> None:
    """Send a project's open tasks to Label Studio, each exactly once, and lease them to its annotators.

    A site in trouble delays only its own work; the exit code is then that of its problem. --verify exits with 4 when
    something differs; the next dispatch puts right what can be.
    """
    from yuelu.base.workspace import open_workspace
    from yuelu.console.service import SITE
    from yuelu.console.sites import connections
    from yuelu.pipelines.dispatch import chosen_sites, dispatch_to_sites, verify_project

    settings: Settings = context.obj
    workspace = open_workspace(settings)
    sites = chosen_sites(workspace.ledger, project, asked) or (SITE,)
    if verify:
        with bar("verify", quiet=as_json) as progress, connections(workspace, settings, sites) as connect:
            found = verify_project(workspace, project, sites, connect, progress)
        _print_verified(found, as_json=as_json)
        context.exit(4 if found.differences else 0)
    leased = 0 if no_lease else _lease(workspace, project)
    with bar("dispatch", quiet=as_json) as progress, connections(workspace, settings, sites) as connect:
        reports = dispatch_to_sites(workspace, project, sites, connect, progress, tasks=tasks)
    _print_sent(reports, leased, as_json=as_json)
    context.exit(next((each.problem.exit_code for each in reports if each.problem), 0))


def _lease(workspace: "Workspace", project: str) -> int:
    from sqlalchemy import select

    from yuelu.annotate.packets import lease
    from yuelu.base.ledger.work import AnnotatorRow

    with workspace.ledger.reading() as session:
        people = list(session.scalars(select(AnnotatorRow.id)))
    return lease(workspace.ledger, "operator", project, people)


def _print_sent(reports: Sequence["SiteReport"], leased: int, *, as_json: bool) -> None:
    total = sum((each.report for each in reports[1:]), reports[0].report)
    if as_json:
        sites = [{"site": each.site, **asdict(each.report), "problem": _said(each)} for each in reports]
        print_json({**asdict(total), "leased": leased, "sites": sites})
        return
    click.echo(f"{total.total} open tasks: {total.created} sent, {total.already} were there; {leased} leased")
    if total.deleted or total.doubled:
        click.echo(f"{total.deleted} doubled tasks deleted on the server, {total.doubled} kept because somebody answered them")
    for each in reports if len(reports) > 1 else ():
        click.echo(f"  {each.site}: {each.report.created} sent, {each.report.already} were there, of {each.report.total}")
    for each in reports:
        if each.problem:
            click.secho(f"  {each.site} is behind: {each.problem}", fg="red", err=True)


def _said(each: "SiteReport") -> str | None:
    return each.problem.problem if each.problem else None


def _print_verified(found: "Verified", *, as_json: bool) -> None:
    rows: list[dict[str, Any]] = [asdict(each) for each in found.differences]
    if as_json:
        print_json({"ok": not rows, "tasks": found.tasks, "differences": rows, "more": found.more})
        return
    click.echo(f"{found.tasks} tasks compared, {len(rows)}{' or more' if found.more else ''} differences")
    if rows:
        table("", tuple(rows[0]), [list(row.values()) for row in rows])

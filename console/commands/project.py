"""yuelu project: labelling efforts."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuelu.base.settings import Settings
from yuelu.console.show import json_option, print_json, table
from yuelu.console.words import say

if TYPE_CHECKING:
    from yuelu.annotate.access import Access

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PROJECT = ("name", "collection", "medium", "template", "template_version", "overlap", "policy")


@click.group()
def project() -> None:
    """Create, list and show labelling projects; say which companies they are open to."""


@project.command()
@click.argument("name")
@click.option("--collection", required=True, metavar="NAME", help="The collection to label.")
@click.option("--template", metavar="NAME", help="A label configuration that comes with Yuelu; see 'yuelu templates list'.")
@click.option("--template-version", default="1", show_default=True, help="Its version.")
@click.option("--config", type=_FILE, metavar="FILE.xml", help="A label configuration of your own instead.")
@click.option("--description", type=_FILE, metavar="FILE.md", help="The task description that goes with --config.")
@click.option("--overlap", type=click.IntRange(min=1), default=3, show_default=True, help="How many annotators answer each task.")
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The gate policy. [default: the one that comes with Yuelu]",
)
@click.option("--company", "companies", multiple=True, help="Open it to this company; may be repeated. [default: to all]")
@json_option
@click.pass_obj
def create(
    settings: Settings,
    name: str,
    collection: str,
    template: str | None,
    template_version: str,
    config: Path | None,
    description: Path | None,
    overlap: int,
    policy: Path | None,
    companies: tuple[str, ...],
    as_json: bool,
) -> None:
    """Create a project and plan its tasks; run again after an ingest, it adds the tasks of the new media."""
    from yuelu.annotate.projects import create_project
    from yuelu.annotate.tasks import create_tasks
    from yuelu.base.workspace import open_workspace
    from yuelu.console.policy import read_policy
    from yuelu.console.templates import chosen_template
    from yuelu.pipelines.policies import keep_policy

    workspace, chosen = open_workspace(settings), read_policy(policy)
    configuration = chosen_template(template, template_version, config, description)
    keep_policy(workspace, chosen)
    new = create_project(
        workspace.ledger,
        "operator",
        name=name,
        collection=collection,
        template=configuration,
        overlap=overlap,
        policy=chosen.name,
        policy_digest=chosen.digest,
        companies=companies,
    )
    added = create_tasks(workspace.ledger, "operator", name)
    facts = {"project": name, "new": new, "tasks_added": added}
    print_json(facts) if as_json else click.echo(f"{name}: {'created' if new else 'was there'}, {added} tasks added")


@project.command()
@click.argument("name")
@click.option("--template", help="Another label configuration that comes with Yuelu.")
@click.option("--template-version", default="1", show_default=True, help="Its version.")
@click.option("--config", type=_FILE, help="A label configuration of your own (XML), instead.")
@click.option("--description", type=_FILE, help="The task description that belongs to it (Markdown).")
@click.option("--move-unanswered", is_flag=True, help="Let tasks that nobody answered yet be asked under it too.")
@json_option
@click.pass_obj
def configure(
    settings: Settings,
    name: str,
    template: str | None,
    template_version: str,
    config: Path | None,
    description: Path | None,
    move_unanswered: bool,
    as_json: bool,
) -> None:
    """Give a project a new version of its label configuration: a batch and server projects of their own.

    What was answered stays with what it was asked under, and answers under two versions are never mixed.
    """
    from yuelu.annotate.configurations import configure as run
    from yuelu.base.workspace import open_workspace
    from yuelu.console.configuring import moved
    from yuelu.console.templates import chosen_template

    workspace, wanted = open_workspace(settings), chosen_template(template, template_version, config, description)
    done = run(workspace.ledger, "operator", name, wanted)
    if move_unanswered:
        done = moved(workspace, settings, name, done)
    if as_json:
        print_json({"project": name, **asdict(done)})
        return
    click.echo(f"{name}: configuration {done.number} {'begins' if done.new else 'was there'}, {done.moved} tasks moved to it")
    if done.answered or done.on_their_way:
        click.echo(
            f"  {done.answered} stay: they have answers; {done.on_their_way} stay: dispatch them first, their way is not clear"
        )


@project.command("open")
@click.argument("name")
@click.option("--company", "companies", multiple=True, help="To this company; may be repeated.")
@click.option("--all", "everybody", is_flag=True, help="To all companies, those too that come later.")
@json_option
@click.pass_obj
def open_(settings: Settings, name: str, companies: tuple[str, ...], everybody: bool, as_json: bool) -> None:
    """Open a project to a company. One that was open to all is theirs alone from then on; the others do not see it."""
    from yuelu.annotate.opening import open_to, open_to_all
    from yuelu.base.workspace import open_workspace

    if everybody == bool(companies):
        raise click.UsageError("say --company NAME, or --all")
    ledger = open_workspace(settings).ledger
    access, ended = (open_to_all(ledger, "operator", name), 0) if everybody else open_to(ledger, "operator", name, companies)
    _tell_access(settings, name, access, ended, as_json)


@project.command()
@click.argument("name")
@click.option("--company", "companies", multiple=True, help="To this company; may be repeated.")
@click.option("--all", "everybody", is_flag=True, help="To all companies.")
@click.option("--reason", required=True, help="Why; it stands in the log.")
@json_option
@click.pass_obj
def close(settings: Settings, name: str, companies: tuple[str, ...], everybody: bool, reason: str, as_json: bool) -> None:
    """Close a project to a company: its people's packets end at once. What they sent stays, the rest is free for others."""
    from yuelu.annotate.opening import close_to
    from yuelu.base.workspace import open_workspace

    if everybody == bool(companies):
        raise click.UsageError("say --company NAME, or --all")
    access, ended = close_to(open_workspace(settings).ledger, "operator", name, None if everybody else companies, reason)
    _tell_access(settings, name, access, ended, as_json)


def _tell_access(settings: Settings, name: str, access: "Access", ended: int, as_json: bool) -> None:
    if as_json:
        print_json({"project": name, **asdict(access), "packets_ended": ended})
        return
    admits = access.everybody or access.companies
    told = "{project} is open to {whom}" if admits else "{project} is open to nobody"
    told = say(settings.language, told, project=name, whom=_whom(settings, access))
    more = say(settings.language, "; {count} packets ended", count=ended) if ended else ""
    click.echo(told + more)


@project.command("list")
@json_option
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """List the projects."""
    from sqlalchemy import select

    from yuelu.annotate.access import access_of
    from yuelu.base.ledger.work import ProjectRow
    from yuelu.base.workspace import open_workspace

    with open_workspace(settings).ledger.reading() as session:
        found = session.scalars(select(ProjectRow).order_by(ProjectRow.name)).all()
        rows: list[dict[str, Any]] = [
            {**{name: getattr(row, name) for name in _PROJECT}, "open_to": access_of(session, row.name)} for row in found
        ]
    if as_json:
        print_json([{**row, "open_to": asdict(row["open_to"])} for row in rows])
        return
    shown = [{**row, "open_to": _whom(settings, row["open_to"])} for row in rows]
    table("", (*_PROJECT, "open_to"), [list(row.values()) for row in shown])


def _whom(settings: Settings, access: "Access") -> str:
    return ", ".join(access.companies) or say(settings.language, "all companies" if access.everybody else "nobody")


@project.command()
@click.argument("name")
@json_option
@click.pass_obj
def show(settings: Settings, name: str, as_json: bool) -> None:
    """Show where a project's tasks are and how well its answers agree."""
    from yuelu.base.errors import NotFound
    from yuelu.base.workspace import open_workspace
    from yuelu.console.overview import Overview, overview
    from yuelu.console.report import print_overview

    ledger = open_workspace(settings).ledger
    with ledger.reading() as session:
        view = overview(session, ledger.now())
    found = tuple(each for each in view.projects if each.name == name)
    if not found:
        raise NotFound(f"no project {name!r}", "see 'yuelu project list'")
    if as_json:
        print_json(asdict(found[0]))
        return
    print_overview(Overview((), found, (), view.log_size, view.log_root), settings.language)

"""yuelu project, annotator, dispatch, sync: labelling efforts, their people, and the traffic with Label Studio."""

from dataclasses import asdict
from pathlib import Path

import click

from yuelu.base.settings import Settings
from yuelu.console.show import bar, json_option, print_json, table

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PROJECT = ("name", "collection", "medium", "template", "template_version", "overlap", "policy")


@click.group()
def project() -> None:
    """Create, list and show labelling projects."""


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
    as_json: bool,
) -> None:
    """Create a project and plan its tasks; run again after an ingest, it adds the tasks of the new media."""
    from yuelu.annotate.projects import create_project
    from yuelu.annotate.tasks import create_tasks
    from yuelu.annotate.templates import keep_template
    from yuelu.base.workspace import open_workspace
    from yuelu.console.policy import read_policy
    from yuelu.console.templates import chosen_template
    from yuelu.pipelines.policies import keep_policy

    workspace, chosen = open_workspace(settings), read_policy(policy)
    configuration = chosen_template(template, template_version, config, description)
    keep_policy(workspace, chosen)
    keep_template(workspace.store, configuration)
    new = create_project(
        workspace.ledger,
        "operator",
        name=name,
        collection=collection,
        template=configuration,
        overlap=overlap,
        policy=chosen.name,
        policy_digest=chosen.digest,
    )
    added = create_tasks(workspace.ledger, "operator", name)
    facts = {"project": name, "new": new, "tasks_added": added}
    print_json(facts) if as_json else click.echo(f"{name}: {'created' if new else 'was there'}, {added} tasks added")


@project.command("list")
@json_option
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """List the projects."""
    from sqlalchemy import select

    from yuelu.base.ledger.work import ProjectRow
    from yuelu.base.workspace import open_workspace

    with open_workspace(settings).ledger.reading() as session:
        found = session.scalars(select(ProjectRow).order_by(ProjectRow.name))
        rows = [{name: getattr(row, name) for name in _PROJECT} for row in found]
    print_json(rows) if as_json else table("", _PROJECT, [list(row.values()) for row in rows])


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

    with open_workspace(settings).ledger.reading() as session:
        view = overview(session)
    found = tuple(each for each in view.projects if each.name == name)
    if not found:
        raise NotFound(f"no project {name!r}", "see 'yuelu project list'")
    if as_json:
        print_json(asdict(found[0]))
        return
    print_overview(Overview((), found, (), view.log_size, view.log_root), settings.language)


@click.group()
def annotator() -> None:
    """Add and list the people who label."""


@annotator.command()
@click.argument("name")
@click.option("--company", required=True, help="The annotation company they work for.")
@json_option
@click.pass_obj
def add(settings: Settings, name: str, company: str, as_json: bool) -> None:
    """Add an annotator, with an account on the workspace's Label Studio."""
    from yuelu.annotate.label_studio.accounts import Annotator
    from yuelu.base.workspace import open_workspace
    from yuelu.console.service import for_command, sign_ins

    person, workspace = Annotator(name, company), open_workspace(settings)
    with bar("Label Studio", quiet=as_json) as progress, for_command(workspace, settings, progress, [person]):
        password = sign_ins(workspace)[person.email]
    if as_json:
        print_json({**asdict(person), "email": person.email, "password": password})
        return
    click.echo(f"{person.id} ({person.company}) signs in to Label Studio as {person.email} with {password}")


@annotator.command("list")
@json_option
@click.pass_obj
def list_people(settings: Settings, as_json: bool) -> None:
    """List the annotators."""
    from sqlalchemy import select

    from yuelu.base.ledger.work import AnnotatorRow
    from yuelu.base.workspace import open_workspace

    names = ("id", "company", "scripted")
    with open_workspace(settings).ledger.reading() as session:
        rows = [
            {name: getattr(row, name) for name in names}
            for row in session.scalars(select(AnnotatorRow).order_by(AnnotatorRow.id))
        ]
    print_json(rows) if as_json else table("", names, [list(row.values()) for row in rows])


@click.command()
@click.argument("project")
@json_option
@click.pass_obj
def dispatch(settings: Settings, project: str, as_json: bool) -> None:
    """Send a project's open tasks to Label Studio, each exactly once, and lease them to its annotators."""
    from sqlalchemy import select

    from yuelu.annotate.packets import lease
    from yuelu.base.ledger.work import AnnotatorRow
    from yuelu.base.workspace import open_workspace
    from yuelu.console.service import SITE, for_command
    from yuelu.pipelines.dispatch import dispatch as run

    workspace = open_workspace(settings)
    with workspace.ledger.reading() as session:
        people = list(session.scalars(select(AnnotatorRow.id)))
    leased = lease(workspace.ledger, "operator", project, people)
    with bar("dispatch", quiet=as_json) as progress, for_command(workspace, settings) as site, site.admin() as client:
        report = run(workspace, project, client, SITE, progress)
    if as_json:
        print_json({**asdict(report), "leased": leased})
        return
    click.echo(f"{report.total} open tasks: {report.created} sent, {report.already} were there; {leased} leased")


@click.command()
@click.argument("project")
@click.option("--full", is_flag=True, help="Read every task again, not only what changed.")
@json_option
@click.pass_obj
def sync(settings: Settings, project: str, full: bool, as_json: bool) -> None:
    """Bring a project's answers from Label Studio into the ledger, each version exactly once."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.service import SITE, for_command
    from yuelu.pipelines.sync import sync as run

    workspace = open_workspace(settings)
    with bar("sync", quiet=as_json) as progress, for_command(workspace, settings) as site, site.admin() as client:
        report = run(workspace, project, client, SITE, progress, full=full)
    if as_json:
        print_json(asdict(report))
        return
    click.echo(", ".join(f"{count} {name}" for name, count in asdict(report).items()))

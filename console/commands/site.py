"""yuelu site: the Label Studio servers that work is spread over."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuelu.base.settings import Settings
from yuelu.console.show import bar, json_option, print_json, table

if TYPE_CHECKING:
    from yuelu.base.ledger.work import SiteRow

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_COLUMNS = ("name", "kind", "url", "state", "version", "weight", "seen_at", "problems")


@click.group()
def site() -> None:
    """Add, list and check the Label Studio servers that work is spread over."""


@site.command()
@click.argument("name")
@click.argument("url")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file that holds the token of the site's service user; only its owner may read it.",
)
@click.option("--env", "variable", metavar="NAME", help="The environment variable that holds the token, instead of a file.")
@click.option(
    "--weight", type=click.IntRange(min=1), default=1, show_default=True, help="Its share of new tasks, against others."
)
@json_option
@click.pass_obj
def add(
    settings: Settings, name: str, url: str, token_file: Path | None, variable: str | None, weight: int, as_json: bool
) -> None:
    """Add a Label Studio server at URL, once it is seen to be one that work may be sent to."""
    import os

    from yuelu.annotate.label_studio.client import Client
    from yuelu.annotate.label_studio.health import check_site, look, refuse_unfit
    from yuelu.annotate.label_studio.sites import add_site, read_token
    from yuelu.base.workspace import open_workspace

    if (token_file is None) == (variable is None):
        raise click.UsageError("give --token-file or --env, not both")
    workspace = open_workspace(settings)
    token_from = f"env:{variable}" if token_file is None else f"file:{token_file.absolute()}"
    with Client(url, read_token(token_from, os.environ)) as client:
        health = look(client)
    refuse_unfit(health, name)
    new = add_site(workspace.ledger, "operator", name=name, url=url, token_from=token_from, weight=weight)
    check_site(workspace.ledger, name, health)
    if as_json:
        print_json(
            {"site": name, "new": new, "state": health.state, "version": health.version, "insecure": list(health.insecure)}
        )
        return
    click.echo(f"{name}: {'added' if new else 'was there'}, Label Studio {health.version}")
    _warn(health.insecure)


@site.command("list")
@json_option
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """List the sites, as they were when they were last looked at."""
    from sqlalchemy import select

    from yuelu.base.ledger.work import SiteRow
    from yuelu.base.workspace import open_workspace

    with open_workspace(settings).ledger.reading() as session:
        rows = [_facts(row) for row in session.scalars(select(SiteRow).order_by(SiteRow.name))]
    if as_json:
        print_json(rows)
        return
    table("", _COLUMNS, [[*list(row.values())[:-1], "; ".join(row["problems"])] for row in rows])


@site.command()
@click.argument("name")
@json_option
@click.pass_obj
def show(settings: Settings, name: str, as_json: bool) -> None:
    """Show a site, and how much of each project lies there."""
    from yuelu.annotate.label_studio.sites import site_row
    from yuelu.base.workspace import open_workspace
    from yuelu.console.sites import work_on_site

    with open_workspace(settings).ledger.reading() as session:
        facts, work = _facts(site_row(session, name)), work_on_site(session, name)
    if as_json:
        print_json({**facts, "work": work})
        return
    for key, value in facts.items():
        click.echo(f"{key}: {'; '.join(value) or 'none' if isinstance(value, list) else value}")
    if facts["kind"] == "external":
        click.echo("media: none needed there, the gateway serves them; nobody signs in on the server itself")
    table("", ("project", "batch", "server_project", "sent", "waiting"), [list(row.values()) for row in work])


@site.command()
@click.argument("name", required=False)
@json_option
@click.pass_context
def check(context: click.Context, name: str | None, as_json: bool) -> None:
    """Look at the sites (or at one) now: do they answer, in the right version, and with safe settings?

    Exit code 1 when one is down or refused.
    """
    from sqlalchemy import select

    from yuelu.annotate.label_studio.health import IDLE, UP
    from yuelu.annotate.label_studio.sites import site_row
    from yuelu.base.ledger.work import SiteRow
    from yuelu.base.workspace import open_workspace
    from yuelu.console.sites import looked_at

    workspace = open_workspace(context.obj)
    with workspace.ledger.reading() as session:
        names = [site_row(session, name).name] if name else list(session.scalars(select(SiteRow.name).order_by(SiteRow.name)))
    found = {each: looked_at(workspace, each) for each in names}
    if as_json:
        print_json(
            [{"site": each, "state": h.state, "version": h.version, "problems": list(h.problems)} for each, h in found.items()]
        )
    for each, health in () if as_json else found.items():
        click.echo(f"{each}: {health.state}{f', Label Studio {health.version}' if health.version else ''}")
        _warn(health.problems)
    context.exit(0 if all(health.state in (UP, IDLE) for health in found.values()) else 1)


@site.command()
@click.argument("name")
@json_option
@click.pass_obj
def remove(settings: Settings, name: str, as_json: bool) -> None:
    """Forget a site that no work lies on. Nothing is changed there."""
    from yuelu.annotate.label_studio.sites import remove_site
    from yuelu.base.workspace import open_workspace

    remove_site(open_workspace(settings).ledger, "operator", name)
    print_json({"site": name, "removed": True}) if as_json else click.echo(f"{name}: removed")


@site.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--database", required=True, metavar="URL", help="postgresql://USER[:PASSWORD]@HOST[:PORT]/NAME, made if need be.")
@click.option("--host", required=True, help="The name or address that Yuelu will use for it.")
@click.option("--listen", default="127.0.0.1:8090", show_default=True, help="Where nginx listens: loopback or a private network.")
@click.option("--allow", multiple=True, default=("127.0.0.1",), show_default=True, help="Networks that Yuelu comes from.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Processes that serve.")
@click.option("--certificate", type=_FILE, help="TLS: the certificate, needed beyond loopback.")
@click.option("--key", type=_FILE, help="TLS: its key.")
@json_option
@click.pass_obj
def install(
    settings: Settings,
    folder: Path,
    database: str,
    host: str,
    listen: str,
    allow: tuple[str, ...],
    workers: int,
    certificate: Path | None,
    key: Path | None,
    as_json: bool,
) -> None:
    """Set up a Label Studio for production in FOLDER of this machine: PostgreSQL, gunicorn, nginx, safe settings.

    It makes the database and writes the files for gunicorn, systemd and nginx; nothing is started. Run again, it keeps
    the secrets and brings the rest up to date.
    """
    from yuelu.annotate.label_studio.postgres import ensure_database
    from yuelu.annotate.label_studio.production import Production, provision, read_variables, write

    wanted = Production(folder.absolute(), settings.label_studio, database, host, listen, allow, workers, certificate, key)
    write(wanted)
    with bar("database", quiet=as_json) as progress:
        made = ensure_database(database, read_variables(wanted.folder), wanted.env, wanted.data, progress)
    token = provision(wanted)
    if as_json:
        print_json({"url": wanted.url, "folder": str(wanted.folder), "database_made": made, "token_file": str(token)})
        return
    click.echo(f"{wanted.url}: files and database are ready in {wanted.folder}")
    click.echo(f"  start: systemctl enable --now {wanted.folder}/label-studio.service")
    click.echo(f"  nginx: ln -s {wanted.folder}/nginx.conf /etc/nginx/conf.d/label-studio.conf && systemctl reload nginx")
    click.echo(f"  then:  yuelu site add NAME {wanted.url} --token-file {token}")


def _warn(problems: tuple[str, ...]) -> None:
    for problem in problems:
        click.secho(f"  {problem}", fg="yellow")


def _facts(row: "SiteRow") -> dict[str, Any]:
    seen = row.seen_at.isoformat(timespec="seconds") if row.seen_at else "never"
    facts = {"name": row.name, "kind": row.kind, "url": row.url, "state": row.state, "version": row.version}
    return {**facts, "weight": row.weight, "seen_at": seen, "problems": list(row.problems)}

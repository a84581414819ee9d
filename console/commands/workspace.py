"""yuelu init, up, down, status, doctor: the workspace and its embedded services."""

from pathlib import Path

import click

from yuelu.base.settings import Settings
from yuelu.console.show import bar, json_option, print_json, table
from yuelu.console.words import say

GATEWAY = "http://127.0.0.1:8300"  # where 'yuelu serve' listens unless told otherwise


@click.command()
@json_option
@click.pass_obj
def init(settings: Settings, as_json: bool) -> None:
    """Create the workspace: its keys, its ledger, its store. Run again, it changes nothing."""
    from yuelu.base.workspace import init as create

    workspace = create(settings)
    facts = {"workspace": str(workspace.root), "store": workspace.store.address, "key_id": workspace.signing_key.public.key_id}
    if as_json:
        print_json(facts)
        return
    table("", ("", ""), list(facts.items()))


@click.command()
@json_option
@click.pass_obj
def up(settings: Settings, as_json: bool) -> None:
    """Start the workspace's own Label Studio, on this machine only, and leave it running."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.service import sign_ins, start

    workspace = open_workspace(settings)
    with bar("Label Studio", quiet=as_json) as progress:
        site = start(workspace, settings, progress)
    people = sign_ins(workspace)
    if as_json:
        print_json({"url": site.service.url, "sign_ins": people, "people_label_at": GATEWAY})
        return
    click.echo(say(settings.language, "People label at {url}, once 'yuelu serve' runs.", url=GATEWAY))
    click.echo(f"Label Studio: {site.service.url}")
    table("", ("sign in as", "with"), list(people.items()))


@click.command()
@json_option
@click.pass_obj
def down(settings: Settings, as_json: bool) -> None:
    """Stop the workspace's Label Studio."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.service import stop

    stopped = stop(open_workspace(settings))
    if as_json:
        print_json({"stopped": stopped})
        return
    click.echo("stopped" if stopped else "nothing was running")


@click.command()
@click.option("--html", type=click.Path(file_okay=False, path_type=Path), help="Write the overview as pages into this folder.")
@json_option
@click.pass_obj
def status(settings: Settings, html: Path | None, as_json: bool) -> None:
    """Show what the workspace holds: what went in, how well people agree, what came out."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.overview import overview
    from yuelu.console.report import print_overview

    workspace = open_workspace(settings)
    if html is not None:
        from yuelu.console.page.render import write_pages

        written = write_pages(workspace, html)
        print_json({"page": str(written)}) if as_json else click.echo(written)
        return
    with workspace.ledger.reading() as session:
        view = overview(session, workspace.ledger.now())
    print_json(view.to_json()) if as_json else print_overview(view, settings.language)


@click.command()
@click.option(
    "--formats", is_flag=True, help="List the formats instead: which are read here, and how to get or bring the others."
)
@json_option
@click.pass_obj
def doctor(settings: Settings, formats: bool, as_json: bool) -> None:
    """Check what the work needs: ledger, log, store, Label Studio, codecs; says what to do about what is missing."""
    from yuelu.console.doctor import examine

    if formats:
        _show_formats(settings.language, as_json)
        return
    findings = examine(settings)
    if as_json:
        print_json([finding.to_json() for finding in findings])
    else:
        table("", ("", "check", "found", "try"), [(f.mark, f.check, f.found, f.hint) for f in findings])
    if not all(finding.ok for finding in findings):
        click.get_current_context().exit(1)


def _show_formats(language: str, as_json: bool) -> None:
    from yuelu.pipelines.media.formats import formats

    known = formats()
    if as_json:
        print_json([one.to_json() for one in known])
        return
    columns = [say(language, name) for name in ("format", "read", "how to get it, or to bring it")]
    rows = [(say(language, one.name), say(language, "yes" if one.read else "no"), say(language, one.hint)) for one in known]
    table("", columns, rows, long=columns[2:])

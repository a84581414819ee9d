"""yuelu company, annotator: who labels, for whom, and who may sign in."""

import click

from yuelu.base.settings import Settings
from yuelu.console.commands.reliability import reliability
from yuelu.console.show import json_option, print_json, table
from yuelu.console.words import say


@click.group()
def company() -> None:
    """Add and list the annotation companies."""


@company.command("add")
@click.argument("name")
@json_option
@click.pass_obj
def add_company(settings: Settings, name: str, as_json: bool) -> None:
    """Add an annotation company; one that is there stays as it is."""
    from yuelu.annotate.people import add_company as run
    from yuelu.base.workspace import open_workspace

    new = run(open_workspace(settings).ledger, "operator", name)
    told = "{name}: added" if new else "{name}: was there"
    print_json({"name": name, "new": new}) if as_json else click.echo(say(settings.language, told, name=name))


@company.command("list")
@json_option
@click.pass_obj
def list_companies(settings: Settings, as_json: bool) -> None:
    """List the companies and how many annotators each has."""
    from yuelu.annotate.people import count_people
    from yuelu.base.workspace import open_workspace

    with open_workspace(settings).ledger.reading() as session:
        rows = [{"name": name, "annotators": number} for name, number in count_people(session).items()]
    print_json(rows) if as_json else table("", ("name", "annotators"), [list(row.values()) for row in rows])


@click.group()
def annotator() -> None:
    """Add the people who label, list them, suspend them, give them passwords."""


annotator.add_command(reliability)


@annotator.command("add")
@click.argument("name")
@click.option("--company", required=True, help="The annotation company they work for.")
@json_option
@click.pass_obj
def add_annotator(settings: Settings, name: str, company: str, as_json: bool) -> None:
    """Add an annotator and print their password, once; it is kept nowhere."""
    from yuelu.annotate.people import Annotator, new_password
    from yuelu.annotate.people import add_annotator as run
    from yuelu.base.errors import Conflict
    from yuelu.base.workspace import open_workspace

    password = new_password()
    if not run(open_workspace(settings).ledger, "operator", Annotator(name, company), password):
        raise Conflict(f"{name} of {company} was added before", f"for a new password: yuelu annotator password {name}")
    _tell_password(settings, name, password, as_json)


@annotator.command()
@click.argument("name")
@json_option
@click.pass_obj
def password(settings: Settings, name: str, as_json: bool) -> None:
    """Give an annotator a new password and print it, once; whoever is signed in as them is signed out."""
    from yuelu.annotate.people import new_password, set_password
    from yuelu.base.workspace import open_workspace

    made = new_password()
    set_password(open_workspace(settings).ledger, "operator", name, made)
    _tell_password(settings, name, made, as_json)


def _tell_password(settings: Settings, name: str, password: str, as_json: bool) -> None:
    if as_json:
        print_json({"id": name, "password": password})
        return
    click.echo(say(settings.language, "{name} signs in with {password} (shown this once)", name=name, password=password))


@annotator.command("list")
@click.option("--company", help="Only those of this company.")
@json_option
@click.pass_obj
def list_people(settings: Settings, company: str | None, as_json: bool) -> None:
    """List the annotators."""
    from sqlalchemy import select

    from yuelu.base.ledger.work import AnnotatorRow
    from yuelu.base.workspace import open_workspace

    names = ("id", "company", "scripted", "state")
    query = select(AnnotatorRow).order_by(AnnotatorRow.id)
    query = query if company is None else query.where(AnnotatorRow.company == company)
    with open_workspace(settings).ledger.reading() as session:
        rows = [{name: getattr(row, name) for name in names} for row in session.scalars(query)]
    print_json(rows) if as_json else table("", names, [list(row.values()) for row in rows])


@annotator.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why; it stands in the log.")
@json_option
@click.pass_obj
def suspend(settings: Settings, name: str, reason: str, as_json: bool) -> None:
    """Close every door to an annotator at once; what they have answered stays."""
    from yuelu.annotate.people import suspend as run
    from yuelu.base.workspace import open_workspace

    run(open_workspace(settings).ledger, "operator", name, reason)
    _tell_state(settings, name, "suspended", as_json)


@annotator.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why; it stands in the log.")
@json_option
@click.pass_obj
def resume(settings: Settings, name: str, reason: str, as_json: bool) -> None:
    """Let a suspended annotator work again."""
    from yuelu.annotate.people import resume as run
    from yuelu.base.workspace import open_workspace

    run(open_workspace(settings).ledger, "operator", name, reason)
    _tell_state(settings, name, "active", as_json)


def _tell_state(settings: Settings, name: str, state: str, as_json: bool) -> None:
    told = {"suspended": "{name} is suspended", "active": "{name} is active"}[state]
    print_json({"id": name, "state": state}) if as_json else click.echo(say(settings.language, told, name=name))

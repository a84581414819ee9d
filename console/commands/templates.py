"""yuelu templates: the label configurations that come with Yuelu, each with its task description."""

import click

from yuelu.base.settings import Settings
from yuelu.console.show import json_option, print_json, table


@click.group()
def templates() -> None:
    """List and show the label configurations that come with Yuelu."""


@templates.command("list")
@json_option
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """List the label configurations: medium, what they are for, and the types of answers they ask for."""
    from yuelu.console.templates import listed_templates

    found = listed_templates(settings.language)
    if as_json:
        print_json(found)
        return
    columns = ("name", "version", "medium", "title", "asks")
    table("", columns, [[*(each[name] for name in columns[:-1]), ", ".join(each["asks"])] for each in found], long=("asks",))


@templates.command()
@click.argument("name")
@click.option("--template-version", "version", default="1", show_default=True, help="Its version.")
@json_option
@click.pass_obj
def show(settings: Settings, name: str, version: str, as_json: bool) -> None:
    """Show a label configuration and its task description. Save the configuration to change it and use it with --config."""
    from yuelu.console.templates import shown_template

    found = shown_template(name, version, settings.language)
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['description'].rstrip()}\n\n{found['config'].rstrip()}\n\nsha256 {found['digest']}")

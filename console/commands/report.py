"""yuelu report: what went on, for reading and for filing."""

from pathlib import Path

import click

from yuelu.base.settings import Settings
from yuelu.console.show import json_option


@click.group()
def report() -> None:
    """Report on what went on."""


@report.command()
@click.option("--collection", required=True, metavar="NAME", help="The collection to report on.")
@click.option(
    "--html", "folder", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path), help="Write the report as pages, too."
)
@json_option
@click.pass_obj
def ingest(settings: Settings, collection: str, folder: Path | None, as_json: bool) -> None:
    """Show what came in with a collection: outcomes, media, quarantine, near-duplicates, alarms."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.ingested import show_collection

    show_collection(open_workspace(settings), collection, settings.language, folder, as_json=as_json)

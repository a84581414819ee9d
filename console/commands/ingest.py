"""yuelu ingest: raw media into the workspace."""

import os
from pathlib import Path

import click

from yuelu.base.settings import Settings
from yuelu.console.show import bar, json_option


@click.command()
@click.argument(
    "sources", nargs=-1, required=True, metavar="SOURCE...", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--collection", required=True, metavar="NAME", help="The collection that the media become part of.")
@click.option("--owner", required=True, help="Who owns the media.")
@click.option("--legal-basis", required=True, help="On what basis they may be processed: a contract, a consent, a licence.")
@click.option("--grade", default="general", show_default=True, help="Their grade (GB/T 43697), or the owner's own.")
@click.option("--terms", required=True, help="On what terms they may be used.")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="A Dask cluster (tcp://...) that sees the same folders and store. [default: threads here]",
)
@click.option(
    "--workers", type=click.IntRange(min=1), default=2, show_default=True, help="How many workers to start without --scheduler."
)
@click.option("--retry", is_flag=True, help="Read the files in quarantine again: what stopped them may have passed.")
@click.option(
    "--html", "folder", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path), help="Write the report as pages, too."
)
@json_option
@click.pass_obj
def ingest(
    settings: Settings,
    /,
    sources: tuple[Path, ...],
    collection: str,
    scheduler: str | None,
    workers: int,
    retry: bool,
    folder: Path | None,
    as_json: bool,
    **terms: str,
) -> None:
    """Ingest folders: each file ends as accepted, duplicate or quarantined. Run again, it takes only what is new."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.ingested import show_run
    from yuelu.pipelines.ingest.flow import ingest as run
    from yuelu.pipelines.ingest.records import Collection
    from yuelu.pipelines.sources.address import open_sources

    workspace = open_workspace(settings)
    with bar("ingest", quiet=as_json) as progress:
        report = run(
            workspace,
            open_sources(map(str, sources), os.environ),
            Collection(collection, **terms),
            scheduler=scheduler,
            workers=workers,
            progress=progress,
            retry=retry,
        )
    show_run(workspace, report, settings.language, folder, as_json=as_json)

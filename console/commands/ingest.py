"""yuelu ingest: raw media into the workspace."""

from pathlib import Path

import click

from yuelu.base.settings import Settings
from yuelu.console.show import bar, json_option, limit_option


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--collection", required=True, metavar="NAME", help="The collection that the media become part of.")
@click.option("--owner", help="Who owns the media. [required without --sheet]")
@click.option(
    "--legal-basis", help="On what basis they may be processed: a contract, a consent, a licence. [required without --sheet]"
)
@click.option("--grade", help="Their grade (GB/T 43697), or the owner's own. [default: general, or the sheet's highest]")
@click.option("--category", help="Their category (GB/T 43697), such as industry/health.")
@click.option("--terms", help="On what terms they may be used. [required without --sheet]")
@click.option(
    "--deid-options",
    metavar="NAMES",
    help="What DICOM keeps beyond the Basic Profile (PS3.15 E.3): names or codes of CID 7050, such as "
    "modified-dates,patient-characteristics; 'basic' for nothing. [default: as before, at first modified-dates]",
)
@click.option(
    "--detect",
    metavar="KINDS",
    help="Look into pictures and videos for 'text', 'faces' or 'plates', or several between commas: text is blanked, the others "
    "are blurred; it misses many. 'none' for nothing. [default: as before, at first none]",
)
@click.option(
    "--sheet",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A delivery sheet (CSV or JSON): a path in each row, and its owner, legal_basis, grade, category, terms or group. "
    "What a row leaves out, the options say.",
)
@click.option(
    "--require",
    multiple=True,
    type=click.Choice(["owner", "legal_basis", "grade", "category", "terms", "group"]),
    help="What every row of the sheet must say; may be repeated.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="A Dask cluster (tcp://...) that sees the same folders and store. [default: threads here]",
)
@click.option(
    "--workers", type=click.IntRange(min=1), default=2, show_default=True, help="How many workers to start without --scheduler."
)
@limit_option
@click.option("--retry", is_flag=True, help="Read the files in quarantine again: what stopped them may have passed.")
@click.option(
    "--html", "folder", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path), help="Write the report as pages, too."
)
@json_option
@click.pass_obj
def ingest(
    settings: Settings,
    /,
    sources: tuple[str, ...],
    collection: str,
    sheet: Path | None,
    require: tuple[str, ...],
    scheduler: str | None,
    workers: int,
    limit: tuple[str, ...],
    retry: bool,
    folder: Path | None,
    as_json: bool,
    **terms: str | None,
) -> None:
    """Ingest media: each object ends as accepted, duplicate or quarantined. Run again, it takes only what is new.

    A SOURCE is one of

    \b
      /data/ct                           a folder; archives in it are folders, too
      /data/ct.zip                       an archive: .zip .tar .tar.gz .tar.xz .tar.bz2
      /media/cdrom/DICOMDIR              what a DICOM medium lists
      s3://bucket/prefix                 an S3 prefix; credentials as for all S3 tools
      s3://bucket/prefix?endpoint=URL    ... elsewhere than at Amazon (or AWS_ENDPOINT_URL)
      dicomweb+https://host/dicom-web?StudyDate=20260101-20260131&Modality=CT
                                         a PACS, by YUELU_DICOMWEB_USER and ..._PASSWORD,
                                         or YUELU_DICOMWEB_TOKEN
    """
    from yuelu.base.workspace import open_workspace
    from yuelu.console.asked import asked_for
    from yuelu.console.ingested import show_run
    from yuelu.pipelines.ingest.flow import ingest as run
    from yuelu.pipelines.media.limits import limits_of

    limits = limits_of(limit)
    workspace = open_workspace(settings)
    given, described = asked_for(workspace, sources, collection, terms, sheet, require)
    with bar("ingest", quiet=as_json) as progress:
        report = run(
            workspace,
            given,
            described,
            scheduler=scheduler,
            workers=workers,
            progress=progress,
            limits=limits,
            retry=retry,
        )
    show_run(workspace, report, settings.language, folder, as_json=as_json)

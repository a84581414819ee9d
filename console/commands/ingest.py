"""yuelu ingest, assets: raw media into the workspace, and what became of them."""

from pathlib import Path
from typing import Any

import click

from yuelu.base.settings import Settings
from yuelu.console.show import bar, json_option, print_json, table


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--collection", required=True, metavar="NAME", help="The collection that the media become part of.")
@click.option("--owner", help="Who owns the media.")
@click.option("--legal-basis", help="On what basis they may be processed: a contract, a consent, a licence.")
@click.option("--grade", help="Their grade (GB/T 43697), or the owner's own. [default: general, or the sheet's highest]")
@click.option("--category", help="Their category (GB/T 43697), such as industry/health.")
@click.option("--terms", help="On what terms they may be used.")
@click.option(
    "--sheet",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A delivery sheet (CSV or JSON): a path in each row, and its owner, legal_basis, grade, category, terms or group.",
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
@click.option("--retry", is_flag=True, help="Read the files in quarantine again: what stopped them may have passed.")
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
    retry: bool,
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
    from yuelu.pipelines.ingest.flow import ingest as run

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
            retry=retry,
        )
    if as_json:
        print_json(report.to_json())
        return
    click.echo(
        f"{report.listed} listed = {report.accepted} accepted + {report.duplicate} duplicate + {report.quarantined} quarantined"
        f"  ({report.already} known before, {report.seconds:.1f} s)"
    )
    table("", ("quarantined because", "files"), list(report.reasons.items()))


@click.group()
def assets() -> None:
    """Show the media: what was accepted, and what is in quarantine and why."""


@assets.command("list")
@click.option("--collection", metavar="NAME", help="Only this collection.")
@json_option
@click.pass_obj
def list_(settings: Settings, collection: str | None, as_json: bool) -> None:
    """List every file that was listed, with its outcome."""
    _print_listings(settings, collection, None, as_json)


@assets.command()
@click.option("--collection", metavar="NAME", help="Only this collection.")
@json_option
@click.pass_obj
def quarantine(settings: Settings, collection: str | None, as_json: bool) -> None:
    """List the files in quarantine, with the reason."""
    _print_listings(settings, collection, "quarantined", as_json)


@assets.command()
@click.argument("sha256")
@json_option
@click.pass_obj
def show(settings: Settings, sha256: str, as_json: bool) -> None:
    """Show what is known of one asset; the first digits of its hash are enough."""
    from sqlalchemy import select

    from yuelu.base.errors import NotFound
    from yuelu.base.ledger.media import AssetRow
    from yuelu.base.workspace import open_workspace

    with open_workspace(settings).ledger.reading() as session:
        rows = session.scalars(select(AssetRow).where(AssetRow.sha256.startswith(sha256, autoescape=True)).limit(2)).all()
        if len(rows) != 1:
            raise NotFound(f"{len(rows) or 'no'} assets begin with {sha256!r}", "see 'yuelu assets list'")
        facts: dict[str, Any] = {column.key: getattr(rows[0], column.key) for column in AssetRow.__table__.columns}
    print_json(facts) if as_json else table("", ("", ""), list(facts.items()))


def _print_listings(settings: Settings, collection: str | None, outcome: str | None, as_json: bool) -> None:
    from sqlalchemy import select

    from yuelu.base.ledger.media import ListingRow
    from yuelu.base.workspace import open_workspace

    wanted = select(ListingRow).order_by(ListingRow.collection, ListingRow.path)
    if collection:
        wanted = wanted.where(ListingRow.collection == collection)
    if outcome:
        wanted = wanted.where(ListingRow.outcome == outcome)
    names = ("collection", "path", "outcome", "bytes", "sha256", "reason")
    with open_workspace(settings).ledger.reading() as session:
        rows = [{name: getattr(row, name) for name in names} for row in session.scalars(wanted)]
    if as_json:
        print_json(rows)
        return
    table("", names, [[row[name][:12] if name == "sha256" and row[name] else row[name] for name in names] for row in rows])

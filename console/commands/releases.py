"""yuelu publish, releases, pull: versions of datasets, for those who make and those who use them."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from yuelu.base.errors import NotFound
from yuelu.base.settings import Settings
from yuelu.console.pulled import from_option, key_option, public_key, release_store
from yuelu.console.show import bar, json_option, print_json, table
from yuelu.console.words import say


@click.command()
@click.argument("projects", nargs=-1, required=True, metavar="PROJECT...")
@click.option("--as", "dataset", required=True, metavar="NAME", help="The name of the dataset.")
@click.option("--waive", metavar="REASON", help="Publish although a gate holds a batch back; the reason stands in the release.")
@click.option("--owner", metavar="NAME", help="Who answers for the waiver; stands in the release.")
@json_option
@click.pass_obj
def publish(
    settings: Settings, projects: tuple[str, ...], dataset: str, waive: str | None, owner: str | None, as_json: bool
) -> None:
    """Publish the accepted tasks as the next version of a dataset. Nothing new: no new version. Exit code 3: a gate holds it."""
    if (waive is None) != (owner is None):
        raise click.UsageError("--waive REASON and --owner NAME go together")
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.publish import publish as run
    from yuelu.pipelines.released_gate import Waiver

    waiver = None if waive is None or owner is None else Waiver(owner, waive)
    with bar("publish", quiet=as_json) as progress:
        report = run(open_workspace(settings), dataset, projects, progress, waiver=waiver)
    if as_json:
        print_json(asdict(report))
        return
    new = "published" if report.new else "nothing changed since"
    click.echo(f"{new} {dataset}@{report.version}: {report.rows} rows (+{report.added} -{report.removed} ~{report.changed})")
    click.echo(f"digest {report.digest}")


@click.group()
def releases() -> None:
    """List, show and compare the versions of datasets."""


@releases.command("list")
@from_option
@json_option
@click.pass_obj
def list_(settings: Settings, root: str | None, as_json: bool) -> None:
    """List the newest version of every dataset."""
    from yuelu.datasets.release import names, open_release, summary

    store = release_store(settings, root)
    _print_releases([summary(open_release(store, name)) for name in names(store)], as_json)


@releases.command()
@click.argument("name")
@from_option
@key_option
@json_option
@click.pass_obj
def log(settings: Settings, name: str, root: str | None, key: Path | None, as_json: bool) -> None:
    """List all versions of a dataset, oldest first, and check that each follows the one before."""
    from yuelu.datasets.release import history, summary

    found = history(release_store(settings, root), name, key=public_key(key))
    if not found:
        raise NotFound(f"no dataset {name!r}", "see 'yuelu releases list'")
    _print_releases([summary(release) for release in found], as_json)


@releases.command()
@click.argument("release", metavar="NAME[@VERSION]")
@from_option
@key_option
@json_option
@click.pass_obj
def show(settings: Settings, release: str, root: str | None, key: Path | None, as_json: bool) -> None:
    """Show a release: its manifest as JSON, or the main facts."""
    from yuelu.datasets.release import open_release, summary

    found = open_release(release_store(settings, root), release, key=public_key(key))
    if as_json:
        print_json(found.manifest.document)
        return
    table("", ("", ""), list(summary(found).items()))


@releases.command()
@click.argument("old", metavar="NAME[@VERSION]")
@click.argument("new", metavar="NAME[@VERSION]")
@from_option
@json_option
@click.pass_obj
def diff(settings: Settings, old: str, new: str, root: str | None, as_json: bool) -> None:
    """Show what changed from one release to another: items added and removed, labels changed, boxes moved."""
    from yuelu.datasets.diff import diff as compare
    from yuelu.datasets.release import open_release

    store = release_store(settings, root)
    found = compare(open_release(store, old), open_release(store, new))
    if as_json:
        print_json(found.to_json())
        return
    click.echo("\n".join(found.sentences(partial(say, settings.language))))


@click.command()
@click.argument("release", metavar="NAME[@VERSION]")
@click.argument("dest", type=click.Path(file_okay=False, path_type=Path))
@from_option
@key_option
@json_option
@click.pass_obj
def pull(settings: Settings, release: str, dest: Path, root: str | None, key: Path | None, as_json: bool) -> None:
    """Write a release to the folder DEST, every byte checked. Run again, it fetches only what is missing."""
    from yuelu.datasets.pull import pull as run

    name, _, version = release.partition("@")
    with bar("pull", quiet=as_json) as progress:
        report = run(release_store(settings, root), name, version or None, dest, key=public_key(key), progress=progress)
    if as_json:
        print_json(asdict(report))
        return
    click.echo(
        f"{report.name}@{report.version} in {dest}: {report.fetched} fetched, {report.kept} were there, {report.removed} removed"
    )


def _print_releases(rows: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    table("", ("release", "rows", "digest"), [(f"{row['name']}@{row['version']}", row["rows"], row["digest"]) for row in rows])

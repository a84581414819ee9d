"""yuelu publish, releases: versions of datasets, for those who make and those who use them."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuelu.base.errors import NotFound
from yuelu.base.settings import Settings
from yuelu.console.pulled import from_option, key_option, public_key, release_store
from yuelu.console.show import bar, json_option, print_json, table
from yuelu.console.words import say

if TYPE_CHECKING:
    from yuelu.datasets.signed.notices import Standing

DESCRIPTIONS = ("croissant", "prov", "card", "dcat", "dossier", "listing")


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
    from yuelu.datasets.release import names, newest, summary
    from yuelu.datasets.signed.notices import standing_in

    store = release_store(settings, root)
    rows = [_with_standing(summary(newest(store, name)), standing_in(store, name)[0]) for name in names(store)]
    _print_releases(rows, as_json, settings.language)


@releases.command()
@click.argument("name")
@from_option
@key_option
@json_option
@click.pass_obj
def log(settings: Settings, name: str, root: str | None, key: Path | None, as_json: bool) -> None:
    """List all versions of a dataset, oldest first, and check that each follows the one before."""
    from yuelu.datasets.release import history, summary
    from yuelu.datasets.signed.keys import trust_in
    from yuelu.datasets.signed.notices import standing_in

    store, trust = release_store(settings, root), public_key(key)
    found = history(store, name, key=trust)
    if not found:
        raise NotFound(f"no dataset {name!r}", "see 'yuelu releases list'")
    standing, _ = standing_in(store, name, trust_in(store, trust))
    _print_releases([_with_standing(summary(release), standing) for release in found], as_json, settings.language)


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
@click.argument("release", metavar="NAME@VERSION")
@click.argument("name", metavar="TAG")
@click.option("--remove", is_flag=True, help="Take the tag away.")
@click.option("--owner", default="curator", show_default=True, metavar="NAME", help="Who says so; stands in the notice.")
@json_option
@click.pass_obj
def tag(settings: Settings, release: str, name: str, remove: bool, owner: str, as_json: bool) -> None:
    """Let a TAG such as 'stable' point to a version; each change is a signed notice."""
    _say(settings, release, {"action": "untag" if remove else "tag", "tag": name}, owner, as_json)


@releases.command()
@click.argument("release", metavar="NAME@VERSION")
@click.option("--reason", default="", metavar="TEXT", help="Why; whoever pulls the version reads it.")
@click.option("--remove", is_flag=True, help="Say that it is not deprecated any more.")
@click.option("--owner", default="curator", show_default=True, metavar="NAME", help="Who says so; stands in the notice.")
@json_option
@click.pass_obj
def deprecate(settings: Settings, release: str, reason: str, remove: bool, owner: str, as_json: bool) -> None:
    """Say of a version that another one should be used; it can still be pulled."""
    _say(settings, release, {"action": "undeprecate" if remove else "deprecate", "reason": reason}, owner, as_json)


@releases.command()
@click.argument("name")
@from_option
@key_option
@json_option
@click.pass_obj
def notices(settings: Settings, name: str, root: str | None, key: Path | None, as_json: bool) -> None:
    """List the signed notices about a dataset: tags, deprecations, withdrawals, deletions."""
    from yuelu.datasets.signed.keys import trust_in
    from yuelu.datasets.signed.notices import notices as read

    store = release_store(settings, root)
    pages = read(store, name, trust_in(store, public_key(key)))
    if as_json:
        print_json([dict(page.said) for page in pages])
        return
    t = partial(say, settings.language)
    rows = [
        (page.number, t(page.said["action"]), _about(page.said), page.said["owner"], page.said["at"], page.said["reason"])
        for page in pages
    ]
    table("", (t("number"), t("notice"), t("about"), t("by"), t("at"), t("reason")), rows)


@releases.command()
@click.argument("release", metavar="NAME[@VERSION]|FOLDER")
@click.argument("dest", type=click.Path(file_okay=False, path_type=Path))
@click.option("--as", "kind", type=click.Choice(DESCRIPTIONS), required=True, help="Which description.")
@from_option
@key_option
@json_option
@click.pass_obj
def render(settings: Settings, release: str, dest: Path, kind: str, root: str | None, key: Path | None, as_json: bool) -> None:
    """Write a description of a release, made from its manifest and rows, to the folder DEST."""
    from yuelu.datasets.passport.facts import facts_of
    from yuelu.datasets.passport.render import KINDS
    from yuelu.datasets.release import open_folder, open_release

    trust = public_key(key)
    if (Path(release) / "manifest.json").is_file():
        found = open_folder(Path(release), key=trust)
    else:
        found = open_release(release_store(settings, root), release, key=trust)
    made = KINDS[kind](facts_of(found))
    dest.mkdir(parents=True, exist_ok=True)
    for name, data in made.items():
        (dest / name).write_bytes(data)
    if as_json:
        print_json({"release": found.manifest.title, "files": [str(dest / name) for name in made]})
        return
    click.echo("\n".join(str(dest / name) for name in made))


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


@releases.command()
@click.argument("receipts", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@click.pass_obj
def usage(settings: Settings, receipts: tuple[Path, ...], as_json: bool) -> None:
    """Show who uses which release, from the receipts (receipt.json of a pulled folder) that model teams sent back."""
    from yuelu.datasets.receipt import read_receipt
    from yuelu.datasets.receipt import usage as run

    t, found = partial(say, settings.language), run(map(read_receipt, receipts))
    if as_json:
        print_json(found)
        return
    rows = [(row["release"], row["pulls"], row["in_part"], ", ".join(row["accepted_by"]), row["last"][:10]) for row in found]
    table("", (t("release"), t("pulls"), t("in part"), t("terms accepted by"), t("last")), rows)


def _with_standing(row: dict[str, Any], standing: "Standing") -> dict[str, Any]:
    """Return the row with what the notices say of the version."""
    version = row["version"]
    withdrawn, old = standing.withdrawn.get(version), standing.deprecated.get(version)
    state = "withdrawn" if withdrawn else "deprecated" if old else "active"
    tags = sorted(tag for tag, at in standing.tags.items() if at == version)
    return {**row, "state": state, "why": withdrawn.reason if withdrawn else old, "tags": tags}


def _print_releases(rows: list[dict[str, Any]], as_json: bool, language: str) -> None:
    if as_json:
        print_json(rows)
        return
    t = partial(say, language)
    shown = [
        (f"{row['name']}@{row['version']}", row["rows"], t(row["state"]), ", ".join(row["tags"]) or None, row["digest"])
        for row in rows
    ]
    table("", (t("release"), t("rows"), t("state"), t("tags"), t("digest")), shown)


def _say(settings: Settings, release: str, change: dict[str, str], owner: str, as_json: bool) -> None:
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.tags import Change
    from yuelu.pipelines.tags import say as run

    name, _, version = release.partition("@")
    if not version:
        raise click.UsageError("give NAME@VERSION")
    standing = run(open_workspace(settings), name, Change(version=version, **change), owner)
    if as_json:
        print_json(standing.to_json())
        return
    t = partial(say, settings.language)
    table("", (t("tag"), t("version")), sorted(standing.tags.items()))
    if standing.deprecated:
        table("", (t("deprecated"), t("reason")), sorted(standing.deprecated.items()))


def _about(said: Mapping[str, Any]) -> str:
    if said["action"] == "withdraw":
        return ", ".join(said["versions"])
    if said["action"] == "deleted":
        return f"{len(said['objects'])} objects"
    return " ".join(each for each in (said["version"], said["tag"]) if each)

"""yuelu assets: what was accepted, what looks alike, and what is in quarantine and why."""

import os
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from yuelu.base.settings import Settings
from yuelu.console.commands.series import series
from yuelu.console.show import bar, json_option, limit_option, print_json, size, table
from yuelu.console.words import say, say_class, say_reason

if TYPE_CHECKING:
    from yuelu.base.workspace import Workspace
    from yuelu.pipelines.ingest.summary import Reason

_OUTCOMES = ("accepted", "duplicate", "quarantined")
_MEDIA = ("image", "audio", "video", "timeseries")
_SHOWN = 4  # members of a long list
_HASH = 12  # digits that people are shown


@click.group()
def assets() -> None:
    """Show the media: what was accepted, what looks alike, and what is in quarantine and why."""


assets.add_command(series)


@assets.command("list")
@click.option("--collection", metavar="NAME", help="Only this collection.")
@click.option("--outcome", type=click.Choice(_OUTCOMES), help="Only files that ended so.")
@click.option("--medium", type=click.Choice(_MEDIA), help="Only media of this kind.")
@click.option("--modality", metavar="CODE", help="Only images of this modality, such as CT.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N files. [default: all]")
@json_option
@click.pass_obj
def list_(settings: Settings, /, as_json: bool, **wanted: Any) -> None:
    """List every file that was listed, with its outcome."""
    from yuelu.console.listings import listings

    with _open(settings).ledger.reading() as session:
        rows = listings(session, **wanted)
    if as_json:
        print_json(rows)
        return
    language = settings.language
    names = ["path", "outcome", "kind", "bytes", "asset", "why"]
    if len({row["collection"] for row in rows}) > 1:
        names.insert(0, "collection")  # one that is the same in every line tells nothing
    columns = [say(language, name) for name in names]
    shown = [_shown(language, row) for row in rows]
    table("", columns, [[row[name] for name in names] for row in shown], long=[say(language, name) for name in ("path", "why")])


def _shown(language: str, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "collection": row["collection"],
        "path": row["path"],
        "outcome": say(language, row["outcome"]),
        "kind": row["modality"] or (say(language, row["medium"]) if row["medium"] else ""),
        "bytes": size(row["bytes"]),
        "asset": (row["sha256"] or "")[:_HASH],
        "why": say_reason(language, row["reason"]) if row["reason"] else "",
    }


@assets.command()
@click.argument("sha256")
@json_option
@click.pass_obj
def show(settings: Settings, sha256: str, as_json: bool) -> None:
    """Show what is known of one asset; the first digits of its hash are enough."""
    from yuelu.console.listings import asset

    with _open(settings).ledger.reading() as session:
        found = asset(session, sha256)
    if as_json:
        print_json(found)
        return
    language = settings.language
    plain = [
        (say(language, name.replace("_", " ")), value) for name, value in found.items() if not isinstance(value, list | dict)
    ]
    table("", ("", ""), plain)
    for title in ("facts", "facts of its deidentified copy"):
        if rows := list(_flat(found[title.replace(" ", "_")])):
            table("\n" + say(language, title), ("", ""), rows)
    for title, columns in (
        ("listed as", ("collection", "path", "outcome")),
        ("derived from it", ("role", "media_type", "sha256")),
    ):
        rows = found[title.replace(" ", "_")]
        if rows:
            heads = [say(language, column.replace("_", " ")) for column in columns]
            table("\n" + say(language, title), heads, [[row[name] for name in columns] for row in rows], long=heads[1:2])
    if found["near"]:
        _near_table(language, say(language, "near-duplicates"), found["near"])


def _flat(facts: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield facts with the names of those they lie in; of a long list only its length and first members."""
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            for number, each in enumerate(value[:_SHOWN]):
                yield from _flat(each, f"{above}{name}.{number}.")
            if len(value) > _SHOWN:
                yield f"{above}{name}", f"{len(value)}: ..."
        elif isinstance(value, list) and len(value) > _SHOWN:
            yield f"{above}{name}", f"{len(value)}: {', '.join(map(str, value[:_SHOWN]))}, ..."
        else:
            yield f"{above}{name}", ", ".join(map(str, value)) if isinstance(value, list) else value


@assets.command()
@click.option("--collection", metavar="NAME", help="Only clusters with a member in this collection.")
@click.option(
    "--distance", "distance_bits", type=click.IntRange(0, 16), metavar="N",
    help="How many of 64 bits two pictures may differ in; it holds from now on. [default: as before, at first 4]",
)  # fmt: skip
@json_option
@click.pass_obj
def near(settings: Settings, collection: str | None, distance_bits: int | None, as_json: bool) -> None:
    """Search for near-duplicates in the whole workspace and show the clusters; a cluster is never split in a release."""
    from yuelu.console.listings import clusters
    from yuelu.pipelines.near.rows import find_near, last_search

    workspace = _open(settings)
    find_near(workspace, distance_bits=distance_bits)
    with workspace.ledger.reading() as session:
        last = last_search(session)
        found = clusters(session, collection)
        made = None if last is None else {
            name: getattr(last, name) for name in ("assets", "codes", "distance_bits", "by_chance", "left_out", "clusters")
        }  # fmt: skip
    if as_json:
        print_json({"search": made, "clusters": found})
        return
    say_near(settings.language, made, found)


def say_near(language: str, made: dict[str, Any] | None, found: list[dict[str, Any]]) -> None:
    """Print what was searched and the clusters found."""
    if made is None:
        click.echo(say(language, "No asset has a fingerprint yet."))
        return
    text = "{assets} assets compared, pictures within {bits} of 64 bits: {clusters} clusters (about {chance} pairs by chance)"
    chance = f"{made['by_chance']:.2g}"
    click.echo(say(language, text, assets=made["assets"], bits=made["distance_bits"], clusters=made["clusters"], chance=chance))
    for why, count in made["left_out"].items():
        click.echo(say(language, "not compared: {count} fingerprints ({why})", count=count, why=say(language, why)))
    for number, cluster in enumerate(found, 1):
        title = say(language, "cluster {number}: {files} files in {groups} groups", number=number, files=len(cluster["members"]),
                    groups=cluster["groups"])  # fmt: skip
        _near_table(language, f"\n{title}", cluster["members"])


def _near_table(language: str, title: str, members: list[dict[str, Any]]) -> None:
    names = ("collection", "path", "kind", "distance", "shared", "asset")
    shown = ({**row, "kind": say(language, row["kind"]), "distance": row["distance_bits"], "asset": row["asset"][:_HASH]}
             for row in members)  # fmt: skip
    rows = [[row[name] for name in names] for row in shown]
    table(title, [say(language, name) for name in names], rows, long=[say(language, "path")])


@assets.group(invoke_without_command=True)
@click.option("--collection", metavar="NAME", help="Only this collection.")
@json_option
@click.pass_context
def quarantine(context: click.Context, collection: str | None, as_json: bool) -> None:
    """Show what is in quarantine and why; read it again. Without a subcommand: list."""
    if context.invoked_subcommand is None:
        _list_quarantine(context.obj, collection, as_json)


@quarantine.command("list")
@click.option("--collection", metavar="NAME", help="Only this collection.")
@json_option
@click.pass_obj
def list_quarantine(settings: Settings, collection: str | None, as_json: bool) -> None:
    """List the reasons of quarantine with how many files each has, some of them, and what to do next."""
    _list_quarantine(settings, collection, as_json)


def _list_quarantine(settings: Settings, collection: str | None, as_json: bool) -> None:
    from yuelu.console.listings import listings
    from yuelu.pipelines.ingest.summary import quarantine as reasons

    with _open(settings).ledger.reading() as session:
        if as_json:
            print_json(listings(session, collection=collection, outcome="quarantined"))
            return
        found = reasons(session, collection)
    say_quarantine(settings.language, found)


def say_quarantine(language: str, found: "tuple[Reason, ...]") -> None:
    """Print the reasons of quarantine, and what to do about each."""
    if not found:
        click.echo(say(language, "Nothing is in quarantine."))
        return
    columns = [say(language, name) for name in ("files", "why", "next step", "such as")]
    rows = [(one.files, say_class(language, one.reason, one.details, one.kinds), say(language, one.next_step), one.examples[0])
            for one in found]  # fmt: skip
    table("", columns, rows, long=columns[1:])


@quarantine.command("show")
@click.argument("path")
@click.option("--collection", metavar="NAME", help="Only this collection.")
@json_option
@click.pass_obj
def show_quarantined(settings: Settings, path: str, collection: str | None, as_json: bool) -> None:
    """Show why the file at PATH (below its source) is in quarantine, since when, and what to do."""
    from yuelu.base.errors import NotFound
    from yuelu.console.listings import listings

    with _open(settings).ledger.reading() as session:
        rows = listings(session, collection=collection, outcome="quarantined", path=path)
    if not rows:
        raise NotFound(f"{path!r} is not in quarantine", "see 'yuelu assets quarantine'; give the path as it stands there")
    if as_json:
        print_json(rows)
        return
    language = settings.language
    for row in rows:
        told = row | {"reason": say_reason(language, row["reason"]), "next_step": say(language, row["next_step"])}
        told["bytes"] = size(told["bytes"])
        names = ("collection", "source", "path", "reason", "next_step", "bytes", "listed_at", "sha256")
        table("", ("", ""), [(say(language, name.replace("_", " ")), told[name]) for name in names])


@quarantine.command()
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@click.option("--collection", metavar="NAME", help="Only this collection.")
@click.option("--reason", metavar="TEXT", help="Only files whose reason contains this text.")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="How many files to read at once.")
@limit_option
@json_option
@click.pass_obj
def retry(
    settings: Settings,
    /,
    paths: tuple[str, ...],
    collection: str | None,
    reason: str | None,
    workers: int,
    limit: tuple[str, ...],
    as_json: bool,
) -> None:
    """Read files in quarantine again: those at PATH... below their source, those of a reason, or all."""
    from yuelu.pipelines.ingest.again import read_again
    from yuelu.pipelines.media.limits import limits_of

    limits, words = limits_of(limit), partial(say_reason, settings.language)
    chosen: dict[str, Any] = {"collection": collection, "reason": reason, "paths": paths, "words": words}
    with bar("retry", quiet=as_json) as progress:
        reports = read_again(_open(settings), os.environ, **chosen, workers=workers, progress=progress, limits=limits)
    if as_json:
        print_json([report.to_json() for report in reports])
        return
    text = "{collection}: {listed} read again = {accepted} accepted + {duplicate} duplicate + {quarantined} still in quarantine"
    for report in reports:
        click.echo(say(settings.language, text, **report.to_json()))


def _open(settings: Settings) -> "Workspace":
    from yuelu.base.workspace import open_workspace

    return open_workspace(settings)

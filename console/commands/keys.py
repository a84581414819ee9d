"""yuelu keys: the keys that sign releases, and the signed list that tells which of them is good for what."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuelu.base.settings import Settings
from yuelu.console.pulled import from_option, release_store
from yuelu.console.show import json_option, print_json, table
from yuelu.console.words import say

if TYPE_CHECKING:
    from yuelu.datasets.signed.keys import KeyList


@click.group()
def keys() -> None:
    """Make, rotate and revoke the keys that sign releases, and give out their public halves."""


@keys.command()
@json_option
@click.pass_obj
def create(settings: Settings, as_json: bool) -> None:
    """Begin the signed list of keys with this workspace's key; finish a rotation that was cut off."""
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.signing_keys import create as run

    _show(run(open_workspace(settings)), settings.language, as_json)


@keys.command()
@click.option("--reason", default="", metavar="TEXT", help="Why; stands in the list.")
@json_option
@click.pass_obj
def rotate(settings: Settings, reason: str, as_json: bool) -> None:
    """Put a new key in the place of the current one. What the old one signed stays good."""
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.signing_keys import rotate as run

    _show(run(open_workspace(settings), reason), settings.language, as_json)


@keys.command()
@click.argument("key_id", metavar="KEY")
@click.option("--reason", required=True, metavar="TEXT", help="Why; stands in the list, and is told to whoever verifies.")
@click.option("--vouch/--no-vouch", default=True, show_default=True, help="Releases in the store that it signed stay good.")
@click.option("--since", type=click.IntRange(0), metavar="ENTRY", help="Except those from this entry of the log on.")
@json_option
@click.pass_obj
def revoke(settings: Settings, key_id: str, reason: str, vouch: bool, since: int | None, as_json: bool) -> None:
    """Revoke a key that was rotated away. Only releases that are vouched for now stay good under it."""
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.signing_keys import revoke as run

    found, bad = run(open_workspace(settings), key_id, reason, vouch=vouch, since=since)
    if as_json:
        print_json({"keys": _rows(found), "refused": [each.title for each in bad]})
        return
    _show(found, settings.language, as_json=False)
    t = partial(say, settings.language)
    click.echo(t("{count} releases are refused from now on", count=len(bad)))
    table("", ("",), [(each.title,) for each in bad]) if bad else None


@keys.command("list")
@from_option
@json_option
@click.pass_obj
def list_(settings: Settings, root: str | None, as_json: bool) -> None:
    """List the keys, from which entry of the log to which each signed, and what became of it."""
    from yuelu.base.errors import NotFound
    from yuelu.datasets.signed.keys import keys_in

    found = keys_in(release_store(settings, root))
    if found is None:
        raise NotFound("there is no list of keys", "run 'yuelu keys create' to begin one")
    _show(found, settings.language, as_json)


@keys.command()
@click.option("--list", "whole", is_flag=True, help="The signed list of all keys, which also verifies what older keys signed.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@json_option
@click.pass_obj
def export(settings: Settings, whole: bool, out: Path | None, as_json: bool) -> None:
    """Print the public key (PEM) that verifies this workspace's releases, or the list of keys."""
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.signing_keys import create as begun

    workspace = open_workspace(settings)
    key = workspace.signing_key.public
    text = begun(workspace).to_json().decode() if whole else key.pem().decode()
    if out:
        out.write_text(text, "utf-8")
    elif as_json and not whole:
        print_json({"key_id": key.key_id, "pem": text})
    else:
        click.echo(text, nl=whole)


def _rows(found: "KeyList") -> list[dict[str, Any]]:
    return [
        {
            "key_id": key_id,
            "state": each.state,
            "since": each.since,
            "until": each.until,
            "at": each.at,
            "reason": each.reason,
        }
        for key_id, each in found.known.items()
    ]


def _show(found: "KeyList", language: str, as_json: bool) -> None:
    if as_json:
        print_json(_rows(found))
        return
    t = partial(say, language)
    rows = [(each["key_id"], t(each["state"]), each["since"], each["until"], each["at"], each["reason"]) for each in _rows(found)]
    table("", (t("key"), t("state"), t("from entry"), t("to entry"), t("since"), t("reason")), rows)

"""yuelu pull: a release, or the part of it that is wanted, in a folder of one's own."""

import getpass
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuelu.base.errors import NotAllowed
from yuelu.base.settings import Settings
from yuelu.console.pulled import from_option, key_option, print_left_out, public_key, release_store
from yuelu.console.show import bar, json_option, print_json
from yuelu.console.words import say

if TYPE_CHECKING:
    from yuelu.datasets.manifest import Manifest
    from yuelu.datasets.receipt import Acceptance


@click.command()
@click.argument("release", metavar="NAME[@VERSION]")
@click.argument("dest", type=click.Path(file_okay=False, path_type=Path))
@click.option("--split", "splits", metavar="NAME,...", help="Only items of these splits.")
@click.option("--columns", metavar="NAME,...", help="Only these columns of items, and what tells items apart.")
@click.option("--label", "labels", multiple=True, metavar="LABEL", help="Only items that have this label; may be repeated.")
@click.option("--embed", is_flag=True, help="Put images and sound into items.parquet, as Hugging Face datasets decode them.")
@click.option("--accept-terms", is_flag=True, help="Accept the terms without being asked: for scripts.")
@click.option("--withdrawn", metavar="REASON", help="Why you need a version that was withdrawn.")
@from_option
@key_option
@json_option
@click.pass_obj
def pull(
    settings: Settings,
    release: str,
    dest: Path,
    splits: str | None,
    columns: str | None,
    labels: tuple[str, ...],
    embed: bool,
    accept_terms: bool,
    withdrawn: str | None,
    root: str | None,
    key: Path | None,
    as_json: bool,
) -> None:
    """Write a release to the folder DEST, every byte checked. Run again, it fetches only what is missing.

    VERSION: 1.2.0, ^1.2 (the newest 1.x from 1.2.0 on) or ~1.2 (the newest 1.2.x); none: the newest.
    """
    from yuelu.datasets.pull import pull as run
    from yuelu.datasets.receipt import write_receipt
    from yuelu.datasets.release import open_release
    from yuelu.datasets.selection import Selection

    t, store, trusted = partial(say, settings.language), release_store(settings, root), public_key(key)
    # Its very version is pulled, also when a newer one appears meanwhile.
    manifest = open_release(store, release, key=trusted, withdrawn=withdrawn).manifest
    wanted = Selection(_listed(splits) or (), _listed(columns), labels, embed)
    agreed = _agreed(settings, manifest, accept_terms=accept_terms)
    with bar("pull", quiet=as_json) as progress:
        report = run(
            store, manifest.name, str(manifest.version), dest,
            key=trusted, selection=wanted, progress=progress, withdrawn=withdrawn,
        )  # fmt: skip
    write_receipt(dest, report, _now(), selection=wanted, acceptance=agreed)
    if as_json:
        print_json(asdict(report))
        return
    title = f"{report.name}@{report.version}"
    counts = {"fetched": report.fetched, "kept": report.kept, "removed": report.removed, "items": report.items}
    click.echo(
        t("{title} in {dest}: {items} items; {fetched} files fetched, {kept} were there, {removed} removed",
          title=title, dest=dest, **counts)
    )  # fmt: skip
    print_left_out(dest, settings.language)


def _listed(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _agreed(settings: Settings, manifest: "Manifest", *, accept_terms: bool) -> "Acceptance":
    """Return the acceptance of the terms: the one that is noted, or a new one. Raises NotAllowed: it was not given."""
    from yuelu.datasets.receipt import accept, accepted, log_acceptance, terms_of

    t, log = partial(say, settings.language), settings.state / "accepted-terms.jsonl"
    if found := accepted(log, manifest):
        return found
    if not accept_terms:
        click.echo(t("{title} may be used under these terms:", title=manifest.title), err=True)
        for name, value in terms_of(manifest).items():
            click.echo(f"  {t(name)}: {_spelled(value)}", err=True)
        try:
            agreed = click.confirm(t("Do you accept them?"), err=True)
        except click.Abort:
            agreed = False
        if not agreed:
            raise NotAllowed(t("the terms were not accepted"), t("accept them, in a script with --accept-terms"))
    new = accept(manifest, getpass.getuser(), _now())
    log_acceptance(log, new)
    return new


def _spelled(value: Any) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)

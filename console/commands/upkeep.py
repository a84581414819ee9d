"""yuelu fsck, gc: is everything there that must be, and away with what nobody needs."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from yuelu.base.errors import IntegrityFailure
from yuelu.base.settings import Settings
from yuelu.console.show import json_option, print_json, size, table
from yuelu.console.words import say

if TYPE_CHECKING:
    from yuelu.datasets.upkeep.repair import Repaired
    from yuelu.pipelines.fsck import Checked


@click.command()
@click.option("--fast", is_flag=True, help="Look at presence and size only; read nothing.")
@click.option("--incremental", is_flag=True, help="Go on where a check that was stopped or killed has come to.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Stop after this time.")
@click.option("--repair", "copy", metavar="COPY", help="Put back what is missing or corrupt from this store, verified first.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the signed report to this file.")
@json_option
@click.pass_obj
def fsck(
    settings: Settings, fast: bool, incremental: bool, minutes: float | None, copy: str | None, out: Path | None, as_json: bool
) -> None:
    """Check every object of the store against releases and ledger. Exit code 4 when something is missing or corrupt."""
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.fsck import fsck as run

    workspace = open_workspace(settings)
    seconds = None if minutes is None else minutes * 60
    found = run(workspace, full=not fast, incremental=incremental, seconds=seconds)
    repaired: tuple[Repaired, ...] = ()
    if copy and not found.ok:
        from yuelu.base.store.address import open_store
        from yuelu.datasets.signed.keys import trust_in
        from yuelu.datasets.upkeep.repair import repair

        trust = trust_in(workspace.store, workspace.signing_key.public)
        repaired = repair(workspace.store, open_store(copy), found.progress.findings, trust)
        found = run(workspace, full=not fast)
    if out:
        out.write_bytes(found.report)
    if as_json:
        click.echo(found.report.decode())
    else:
        _show(found, repaired, settings.language)
    if not found.ok:
        click.get_current_context().exit(IntegrityFailure.exit_code)


def _show(found: "Checked", repaired: "tuple[Repaired, ...]", language: str) -> None:
    t, progress = partial(say, language), found.progress
    if repaired:
        rows = [(each.key, t("put back") if each.why is None else each.why) for each in repaired]
        table(t("Repaired"), (t("object"), t("outcome")), rows)
    click.echo(
        t("{checked} objects checked, {bytes}; {problems} findings", checked=progress.checked, bytes=size(progress.bytes),
          problems=len(progress.findings))
    )  # fmt: skip
    if progress.findings:
        table(
            "", (t("kind"), t("object"), t("problem")), [(t(each.kind), each.key, t(each.problem)) for each in progress.findings]
        )
    if not found.complete:
        click.echo(t("not everything was checked; 'yuelu fsck --incremental' goes on"))


@click.command()
@click.argument("names", nargs=-1, metavar="[DATASET]...")
@click.option("--days", type=click.IntRange(7), default=7, show_default=True, help="Objects younger than this stay.")
@click.option("--yes", is_flag=True, help="Delete. Without it nothing is touched.")
@json_option
@click.pass_obj
def gc(settings: Settings, names: tuple[str, ...], days: int, yes: bool, as_json: bool) -> None:
    """Show, and with --yes delete, objects of datasets that no version refers to."""
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.collect import collect_garbage

    found = collect_garbage(open_workspace(settings), names, timedelta(days=days), act=yes)
    if as_json:
        keys = ("name", "young", "held", "bytes")
        rows = [{**{key: getattr(each, key) for key in keys}, "objects": [entry.key for entry in each.objects]} for each in found]
        print_json({"deleted": yes, "datasets": rows})
        return
    t = partial(say, settings.language)
    rows_ = [(each.name, len(each.objects), size(each.bytes), each.young, each.held) for each in found]
    table("", (t("dataset"), t("objects"), t("size"), t("too young"), t("held by")), rows_)
    click.echo(t("deleted") if yes else t("nothing was deleted; --yes does it"))

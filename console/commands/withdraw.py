"""yuelu withdraw: what must not be used any more: what it touches first, and with --yes the withdrawal itself."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from yuelu.base.settings import Settings
from yuelu.console.show import json_option, print_json, size, table
from yuelu.console.words import say


@click.command()
@click.option("--patient", metavar="ID", help="A patient, by the id in the raw media.")
@click.option("--group", metavar="HASH", help="A patient, device or recording, by its group in the ledger.")
@click.option("--asset", metavar="SHA256", help="One asset.")
@click.option("--annotator", metavar="NAME", help="Everything that an annotator answered.")
@click.option("--collection", metavar="NAME", help="Everything of a collection.")
@click.option("--contributor", metavar="OWNER", help="Everything of one owner of collections.")
@click.option("--reason", metavar="TEXT", help="Why. Users of the releases read it: name no person.")
@click.option("--owner", metavar="NAME", help="Who answers for it.")
@click.option("--keep", is_flag=True, help="Delete nothing: it can still be pulled by those who give a reason.")
@click.option(
    "--proof", type=click.Path(file_okay=False, path_type=Path), help="Write the signed proofs of deletion to this folder."
)
@click.option("--yes", is_flag=True, help="Withdraw. Without it nothing is changed.")
@json_option
@click.pass_obj
def withdraw(settings: Settings, /, *, reason: str | None, owner: str | None, keep: bool, proof: Path | None, yes: bool,
             as_json: bool, **what: str | None) -> None:  # fmt: skip
    """Show which releases hold a patient, an asset, an annotator or a contributor; with --yes, take them out of all."""
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.withdraw import Said, plan
    from yuelu.pipelines.withdraw import withdraw as run

    workspace = open_workspace(settings)
    meant = _meant(what, workspace.secret)
    if not yes:
        found, files = plan(workspace, meant)
        rows = [each.to_json() for each in found]
        if as_json:
            print_json({"acted": False, "releases": rows, "files": len(files.keys), "shared": len(files.shared)})
        else:
            _show_plan(rows, len(files.keys), settings.language)
        return
    if not (reason and owner):
        raise click.UsageError("--yes needs --reason TEXT and --owner NAME")
    done = run(workspace, meant, Said(owner, reason), keep=keep)
    proofs = {each.name: each.proof for each in done if each.proof}
    if proof:
        proof.mkdir(parents=True, exist_ok=True)
        for name, data in proofs.items():
            (proof / f"{name}.deletion.json").write_bytes(data)
    keys = ("name", "versions", "instead", "deleted", "freed_bytes")
    if as_json:
        print_json({"acted": True, "datasets": [{key: getattr(each, key) for key in keys} for each in done]})
        return
    t = partial(say, settings.language)
    shown = [(each.name, ", ".join(each.versions), each.instead, each.deleted, size(each.freed_bytes)) for each in done]
    table("", (t("dataset"), t("withdrawn"), t("use instead"), t("objects deleted"), t("size")), shown)


def _meant(what: dict[str, str | None], secret: bytes) -> Any:
    from yuelu.base.canonical import keyed
    from yuelu.pipelines.withdrawn import Withdrawal

    given = [(kind, value) for kind, value in what.items() if value]
    if len(given) != 1:
        raise click.UsageError("give one of --patient, --group, --asset, --annotator, --collection, --contributor")
    kind, value = given[0]
    if kind == "patient":
        return Withdrawal("group", keyed(secret, "group", value))
    return Withdrawal("owner" if kind == "contributor" else kind, value)


def _show_plan(rows: list[dict[str, Any]], files: int, language: str) -> None:
    t = partial(say, language)
    shown = [(each["release"], each["items"], each["of"], each["annotations"]) for each in rows]
    table("", (t("release"), t("items touched"), t("items in all"), t("answers")), shown)
    click.echo(t("{releases} releases, and {files} files of the workspace; --yes withdraws", releases=len(rows), files=files))

"""yuelu verify, prove: is a release whole, is a row really in it, offline and without trust in whoever keeps it."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from yuelu.base.errors import IntegrityFailure
from yuelu.base.settings import Settings
from yuelu.console.pulled import from_option, key_option, print_left_out, print_proof, public_key, release_store
from yuelu.console.show import json_option, print_json, table
from yuelu.console.words import say

if TYPE_CHECKING:
    from yuelu.base.signing import Trust
    from yuelu.datasets.signed.notices import Standing


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@key_option
@click.option("--from", "root", metavar="ROOT", help="Where the releases are: heed the notices and keys that stand there by now.")
@click.option(
    "--notice", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The publisher's newest notice, a file."
)
@json_option
@click.pass_obj
def verify(settings: Settings, path: Path, key: Path | None, root: str | None, notice: Path | None, as_json: bool) -> None:
    """Check a pulled release, or a proof, offline: signature, every byte, the hash tree. Exit code 4 when it is not whole."""
    if path.is_file():
        _verify_proof(settings, path, key, as_json)
        return
    from yuelu.datasets.verify import verify as run

    trust, standing, differs = _heeded(path, public_key(key), root, notice)
    t, found = partial(say, settings.language), run(path, trust, standing, differs)
    if as_json:
        print_json(found.to_json())
    else:
        click.echo(t("{checked} files checked, {problems} problems", checked=found.checked, problems=len(found.problems)))
        if found.problems:
            table("", (t("file"), t("problem")), [(each.path, each.problem) for each in found.problems])
        if found.left_out:
            print_left_out(path, settings.language)
        elif found.items:
            told = {"items": found.items, "scores": found.scores, "not_shown": found.not_shown}
            click.echo(
                t("{items} items and {scores} scores worked out again from the votes; {not_shown} scores need more votes", **told)
            )
        if found.authentic is None:
            click.echo(t("without --key this shows damage, not who published it"))
    if not found.ok:
        click.get_current_context().exit(IntegrityFailure.exit_code)


def _heeded(
    path: Path, trust: "Trust | None", root: str | None, notice: Path | None
) -> "tuple[Trust | None, Standing | None, str | None]":
    """Return whom to trust, what stands, and how the store at `root` differs from what was pulled; or what a notice says."""
    if root is None and notice is None:
        return trust, None, None
    from yuelu.base.store.address import open_store
    from yuelu.datasets.heads import store_problem
    from yuelu.datasets.release import manifest_in
    from yuelu.datasets.signed.keys import trust_in
    from yuelu.datasets.signed.notices import read_notice, standing_in

    manifest = manifest_in(path)[0]
    if root is None:
        return trust, read_notice(notice.read_bytes(), manifest.name, trust) if notice else None, None
    store = open_store(root)
    trust = trust_in(store, trust)
    return trust, standing_in(store, manifest.name, trust)[0], store_problem(store, manifest)


def _verify_proof(settings: Settings, path: Path, key: Path | None, as_json: bool) -> None:
    from yuelu.datasets.proof import check_proof

    if path.read_bytes().startswith(b'{"document":'):
        _verify_document(settings, path, key, as_json)
        return
    proof = check_proof(path.read_bytes(), public_key(key))
    if as_json:
        rows = {"item": proof.item, "assets": proof.assets, "annotations": proof.annotations, "evidence": proof.evidence}
        print_json({"ok": True, "release": proof.manifest.title, "authentic": None if key is None else True, **rows})
        return
    print_proof(proof, signed=key is not None, language=settings.language)


def _verify_document(settings: Settings, path: Path, key: Path | None, as_json: bool) -> None:
    """Check a signed report, notice or proof of deletion, and show what it says."""
    from yuelu.datasets.signed.document import kind_of, read_trusted

    data = path.read_bytes()
    said = read_trusted(kind_of(data), data, public_key(key))
    if as_json:
        print_json({"ok": True, "kind": kind_of(data), "authentic": None if key is None else True, "document": dict(said)})
        return
    t = partial(say, settings.language)
    short = ("action", "mode", "store", "owner", "reason", "at", "started_at", "finished_at", "checked", "counts", "versions")
    table("", ("", ""), [(t(name), str(said[name])) for name in short if name in said])
    click.echo(t("the signature is right") if key else t("without --key this shows damage, not who published it"))


@click.command()
@click.argument("release", metavar="NAME[@VERSION]")
@click.option("--row", required=True, metavar="ID", help="The item's id, or how it begins.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write. [default: NAME@V-ID.proof.json]")
@from_option
@key_option
@json_option
@click.pass_obj
def prove(
    settings: Settings, release: str, row: str, out: Path | None, root: str | None, key: Path | None, as_json: bool
) -> None:
    """Write a small file that proves one item of a release to anybody: its rows, what led to them, the signed root."""
    from yuelu.datasets.proof import check_proof
    from yuelu.datasets.proof import prove as run
    from yuelu.datasets.release import open_release

    found = open_release(release_store(settings, root), release, key=public_key(key))
    made = run(found, row)
    item = str(check_proof(made).item["id"])
    path = out or Path(f"{found.manifest.title}-{item[:12]}.proof.json")
    path.write_bytes(made)
    if as_json:
        print_json({"release": found.manifest.title, "item": item, "path": str(path), "bytes": len(made)})
        return
    click.echo(say(settings.language, "{path}: {bytes} bytes; check it with 'yuelu verify'", path=path, bytes=len(made)))

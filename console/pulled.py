"""What the commands for users of releases share: where releases lie, whose key signed them, what a proof shows."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from yuelu.base.settings import Settings
from yuelu.console.show import table
from yuelu.console.words import say

if TYPE_CHECKING:
    from yuelu.base.signing import Trust
    from yuelu.base.store.port import Store
    from yuelu.datasets.proof import Proof

_Function = TypeVar("_Function", bound=Callable[..., Any])


def from_option(command: _Function) -> _Function:
    """Give a command the option --from, passed on as `root`."""
    text = "Where the releases are: a folder or an s3:// address. [default: the workspace]"
    return click.option("--from", "root", metavar="ROOT", help=text)(command)


def key_option(command: _Function) -> _Function:
    """Give a command the option --key, passed on as `key`."""
    kind = click.Path(exists=True, dir_okay=False, path_type=Path)
    return click.option("--key", type=kind, help="The publisher's public key (PEM), or list of keys.")(command)


def release_store(settings: Settings, root: str | None) -> "Store":
    """Return the store that `--from` names, or the workspace's."""
    from yuelu.base.store.address import open_store

    return open_store(root or settings.store or str(settings.workspace / "store"))


def public_key(path: Path | None) -> "Trust | None":
    """Return the key, or the list of keys, in the file; None for no file. Raises IntegrityFailure: neither is in it."""
    from yuelu.datasets.signed.keys import read_key_file

    return None if path is None else read_key_file(path.read_bytes())


def print_proof(proof: "Proof", *, signed: bool, language: str) -> None:
    """Print who labelled the item, under which rules, and how it was decided."""
    t, manifest, item = partial(say, language), proof.manifest, proof.item
    identity, published = manifest.document["identity"], manifest.document["proof"].get("published_at")
    project = next(each for each in manifest.document["labelling"]["projects"] if each["name"] == item["project"])
    config, description = project["label_config"], project["task_description"]
    facts = [
        (t("release"), f"{manifest.title}, {published}"),
        (t("published by"), f"{identity['publisher']['name'] or '-'} ({identity['publisher']['key_id']})"),
        (t("item"), item["id"]),
        (t("media"), "; ".join(each["id"] for each in proof.assets)),
        (t("labels"), _labels(item)),
        (t("decision"), item["decision"]),
        (t("project"), f"{item['project']}: {config['name']} {config['version']} ({config['digest'][:12]})"),
        (t("task description"), f"{description['version']} ({description['digest'][:12]})"),
        (t("gates"), "; ".join(_gate(gate) for gate in manifest.document["quality"]["gates"]) or "-"),
    ]
    table("", ("", ""), facts)
    answers = [(row["annotator_pid"], row["answered_on"], row["round"], _labels(row)) for row in proof.annotations]
    table("\n" + t("Answers"), (t("annotator"), t("day"), t("round"), t("labels")), answers)
    click.echo(t("the proof is whole: these rows are in the signed release"))
    if not signed:
        click.echo(t("without --key this shows damage, not who published it"))


def _labels(row: Mapping[str, Any]) -> str:
    choices = [f"{each['control']}: {', '.join(each['labels'])}" for each in row["choices"]]
    regions = [f"{each['control']}: {each['label']}" for kind in ("boxes", "segments", "frame_ranges") for each in row[kind]]
    return "; ".join([*choices, *regions]) or "-"


def _gate(gate: Mapping[str, Any]) -> str:
    outcomes = ", ".join(f"{name} {count}" for kind in ("batches", "tasks") for name, count in sorted(gate[kind].items()))
    waived = "".join(f"; {each['owner']}: {each['reason']}" for each in gate["waivers"])
    return f"{gate['policy']} ({gate['digest'][:12]}): {outcomes}{waived}"


def print_left_out(folder: Path, language: str) -> None:
    """Print what the pull into a folder left out, if it did."""
    from yuelu.datasets.plain import pulled_left_out, pulled_selection

    t, left_out = partial(say, language), pulled_left_out(folder)
    rows = ", ".join(f"{name} {count}" for name, count in left_out.get("rows", {}).items())
    columns = ", ".join(f"{name} {len(some)}" for name, some in left_out.get("columns", {}).items())
    if rows:
        click.echo(t("rows left out: {rows}", rows=rows))
    if columns:
        click.echo(t("columns left out: {columns} (plain.json names them)", columns=columns))
        click.echo(t("rows without all their columns cannot be checked against the signed root"))
    selection = pulled_selection(folder)
    if selection and selection.embed:
        click.echo(t("images and sound stand in items.parquet"))

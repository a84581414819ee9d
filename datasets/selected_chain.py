"""Whether what a selective pull kept says what the release's evidence and Merkle root say."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from yuelu.base import merkle
from yuelu.base.canonical import sha256
from yuelu.base.errors import YueluError
from yuelu.datasets.plain import PLAIN
from yuelu.datasets.release import Release
from yuelu.datasets.rows import leaf
from yuelu.datasets.schemas import TABLES
from yuelu.datasets.selecting import left_out
from yuelu.datasets.selection import EMBEDDED, Selection
from yuelu.datasets.tables import Row, row_digest

Problem = tuple[str, str]  # file, what is wrong

_INSIDE = frozenset([*EMBEDDED, *(f"{kind}s" for kind in EMBEDDED)])


def selected_problems(release: Release, selection: Selection, told: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the rows that are there; `told`: what the folder says was left out.

    The evidence is there whole, so every row that has all its columns is checked against the signed root. A row whose
    columns were left out has no digest: its file is held to its hash in `plain.json` alone, which nobody signed.
    """
    known = {table: {"rows": release.parts(table)[0].rows} for table in TABLES}
    if left_out(release.manifest, selection, known) != told:
        yield PLAIN, "does not tell what was left out"
    try:
        yield from _rows_problems(release, selection)
    except YueluError as error:
        yield "items.parquet", error.problem


def _rows_problems(release: Release, selection: Selection) -> Iterator[Problem]:
    leaves: list[bytes] = []
    chains: dict[str, Row] = {}
    for row in release.rows("evidence", checked=True):
        leaves.append(leaf(row))
        chains[row["id"]] = row
        if leaves[-1].hex() != row["leaf"]:
            yield "evidence.parquet", f"item {row['id']} is not what its evidence says"
            return
    if merkle.root(leaves).hex() != release.manifest.merkle_root or len(leaves) != release.manifest.rows:
        yield "evidence.parquet", "its Merkle root is not the one in the manifest"
        return
    assets = {row["id"]: row_digest(row) for row in release.rows("assets", checked=True)}
    answers = _answers(release, selection)
    for item in release.rows("items", checked=True):
        if item["id"] not in chains:
            yield "items.parquet", f"item {item['id']} is not in the release"
            return
        for file, right in _item(item, chains[item["id"]], assets, answers, selection).items():
            if not right:
                yield file, f"item {item['id']} is not what its evidence says"
                return


def _answers(release: Release, selection: Selection) -> dict[str, list[str]] | None:
    """Return digests of annotations by item, None where they have not all columns."""
    if selection.dropped("annotations"):
        return None
    found: dict[str, list[str]] = {}
    for row in release.rows("annotations", checked=True):
        found.setdefault(row["item"], []).append(row_digest(row))
    return found


def _item(
    item: Row, chain: Row, assets: Mapping[str, str], answers: Mapping[str, Sequence[str]] | None, selection: Selection
) -> dict[str, bool]:
    """Return of each file whether what it says of the item is right."""
    own = {name: value for name, value in item.items() if name not in _INSIDE}
    whole = bool(selection.dropped("items")) or row_digest(own) == chain["item"]
    return {
        "items.parquet": whole and _inside(item, selection),
        "assets.parquet": [assets.get(medium["sha256"]) for medium in item["media"]] == chain["assets"],
        "annotations.parquet": answers is None or answers.get(item["id"], []) == chain["annotations"],
    }


def _inside(item: Row, selection: Selection) -> bool:
    """Return whether the media in a row are the ones it names, in their order."""
    for kind in EMBEDDED:
        one = item.get(kind)
        cells: list[Row] = [one] if one else item.get(f"{kind}s") or []
        named = [
            medium["sha256"]
            for medium in item["media"]
            if selection.embeds(medium["media_type"]) and medium["media_type"].partition("/")[0] == kind
        ]
        if [sha256(cell["bytes"]) for cell in cells] != named:
            return False
    return True

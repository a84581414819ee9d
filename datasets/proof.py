"""A proof of one item: its rows, the evidence that joins them, and the way from its leaf to the root that was signed.

A proof is one small file that needs nothing else to be checked but the publisher's public key.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from yuelu.base import merkle
from yuelu.base.canonical import canonical
from yuelu.base.errors import IntegrityFailure, InvalidRecord, NotFound
from yuelu.base.signing import Trust
from yuelu.datasets import envelope
from yuelu.datasets.layout import checked_sha256
from yuelu.datasets.manifest import Manifest, read_manifest
from yuelu.datasets.release import Release
from yuelu.datasets.rows import leaf
from yuelu.datasets.tables import Row, row_digest

FORMAT = "yuelu-proof/1"
_HINT = "ask for the proof again"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a proof shows once it was checked: the rows of one item, and the release that has them.

    `item`, `assets` (in the item's order), `annotations` (by id) and `evidence` are rows of the tables of those names, as JSON.
    """

    manifest: Manifest
    item: Row
    assets: tuple[Row, ...]
    annotations: tuple[Row, ...]
    evidence: Row


def prove(release: Release, item: str) -> bytes:
    """Return the proof of the item with that id, or of the only one whose id begins so.

    Raises NotFound: there is none, or there are several. Raises IntegrityFailure: the release is damaged.
    """
    evidence = release.table("evidence")
    ids, leaves = evidence.column("id").to_pylist(), [bytes.fromhex(each) for each in evidence.column("leaf").to_pylist()]
    wanted = _only(release, ids, item)
    row = _rows(release, "items", "id", [wanted])[0]
    assets = {each["id"]: each for each in _rows(release, "assets", "id", [medium["sha256"] for medium in row["media"]])}
    index = ids.index(wanted)
    proof = {
        "format": FORMAT,
        "release": json.loads(release.signed),
        "index": index,
        "path": [each.hex() for each in merkle.inclusion_proof(leaves, index)],
        "item": row,
        "assets": [assets[medium["sha256"]] for medium in row["media"]],
        "annotations": _rows(release, "annotations", "item", [wanted]),
        "evidence": evidence.slice(index, 1).to_pylist()[0],
    }
    made = canonical(proof)
    check_proof(made)  # nobody is given a proof that proves nothing
    return made


def _only(release: Release, ids: Sequence[str], wanted: str) -> str:
    found = [wanted] if wanted in ids else [each for each in ids if each.startswith(wanted)] if wanted else []
    if len(found) != 1:
        many = f"the ids of {len(found)} items" if found else "no id of an item"
        problem = f"{many} of {release.manifest.title} begin{'' if found else 's'} with {wanted!r}"
        raise NotFound(problem, "the ids stand in the column 'id' of items.parquet")
    return found[0]


def _rows(release: Release, table: str, column: str, values: Sequence[str]) -> list[Row]:
    """Return the rows whose column has one of the values, as JSON, in the table's order."""
    found: list[Row] = []
    for some in release.batches(table):
        here = some.filter(pc.is_in(some.column(column), value_set=pa.array(values, pa.string())))
        found += [{name: _plain(value) for name, value in row.items()} for row in here.to_pylist()]
    return found


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def check_proof(data: bytes, key: Trust | None = None) -> Proof:
    """Return what the proof shows.

    Without `key` the signature is checked with the key that the proof names: that shows damage, not who published.
    Raises IntegrityFailure: altered, or it does not prove what it says. Raises SchemaMismatch: of a newer release format.
    """
    try:
        told = json.loads(data)
        if canonical(told) != data:
            raise IntegrityFailure("the proof is not in canonical form", _HINT)
        envelope.only(told, "format", "release", "index", "path", "item", "assets", "annotations", "evidence")
        if told["format"] != FORMAT:
            raise IntegrityFailure(f"{told['format']!r} is no proof that this reader knows", f"it knows {FORMAT}")
        manifest = read_manifest(canonical(told["release"]), key)
        _check_chain(told)
        _check_path(told, manifest)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError, InvalidRecord) as error:
        raise IntegrityFailure(f"the proof is damaged: {error!r}", _HINT) from None
    return Proof(manifest, told["item"], tuple(told["assets"]), tuple(told["annotations"]), told["evidence"])


def _check_chain(told: Mapping[str, Any]) -> None:
    item, evidence = told["item"], told["evidence"]
    seen = {
        "item": (row_digest(item), evidence["item"]),
        "assets": ([row_digest(row) for row in told["assets"]], evidence["assets"]),
        "annotations": ([row_digest(row) for row in told["annotations"]], evidence["annotations"]),
        "evidence": (leaf(evidence).hex(), evidence["leaf"]),
        "item's id": (item["id"], evidence["id"]),
        "files of the item": ([row["id"] for row in told["assets"]], [medium["sha256"] for medium in item["media"]]),
    }
    for name, (found, expected) in seen.items():
        if found != expected:
            raise IntegrityFailure(f"the proof is altered: its {name} is not what its evidence says", _HINT)


def _check_path(told: Mapping[str, Any], manifest: Manifest) -> None:
    path, index = [bytes.fromhex(checked_sha256(each)) for each in told["path"]], told["index"]
    root = bytes.fromhex(manifest.merkle_root)
    if not merkle.verify_inclusion(leaf(told["evidence"]), index, manifest.rows, path, root):
        raise IntegrityFailure(f"the proof's item is not in {manifest.title}: its path does not lead to the signed root", _HINT)

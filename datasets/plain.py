"""Plain tables in a pulled folder: each is one Parquet file, also where the store holds it in layers.

The manifest knows the layers' bytes and, by its Merkle root, every row, but not the bytes of the file that a pull makes of
them. These stand in `plain.json`, with the layers they were made of; a release without layers has no such file.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from yuelu.base.canonical import canonical
from yuelu.base.errors import IntegrityFailure, NotFound
from yuelu.datasets.layout import checked_sha256
from yuelu.datasets.manifest import BASE, Manifest, Part
from yuelu.datasets.places import open_regular
from yuelu.datasets.schemas import TABLES

PLAIN = "plain.json"

Known = dict[str, dict[str, Any]]  # table -> {sha256, bytes, parts}


def layered(manifest: Manifest) -> tuple[str, ...]:
    """Return the tables that the manifest has in more than one part."""
    return tuple(table for table in TABLES if len(manifest.layers(table)) > 1)


def read_plain(root: Path, manifest: Manifest) -> dict[str, Part]:
    """Return the file of each table that is in layers, as the one part that it is there.

    Raises IntegrityFailure: the file that tells their bytes is missing, damaged or of another version.
    """
    tables = layered(manifest)
    if not tables:
        return {}
    known = told(root)
    if sorted(known) != sorted(tables):
        raise IntegrityFailure(f"{PLAIN} tells of {sorted(known)}, not of {sorted(tables)}", "pull the release again")
    return {table: _part(manifest.layers(table), known[table]) for table in tables}


def _part(layers: tuple[Part, ...], known: Mapping[str, Any]) -> Part:
    base, newest = layers[0], layers[-1]
    if known["parts"] != [part.file.sha256 for part in layers]:
        raise IntegrityFailure(f"{PLAIN} tells of another version of {base.table}", "pull the release again")
    file = replace(base.file, key="", sha256=known["sha256"], bytes=known["bytes"])
    return Part(base.table, file, newest.total, base.schema_hash, BASE, newest.total)


def told(root: Path) -> Known:
    """Return what `plain.json` says. Raises IntegrityFailure: it is missing or damaged."""
    try:
        with open_regular(root, PLAIN) as opened:
            data = opened.read()
        known = json.loads(data)["tables"]
        whole = canonical({"tables": {table: _entry(**entry) for table, entry in known.items()}})
    except NotFound:
        raise IntegrityFailure(f"{PLAIN} is missing", "pull the release again") from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise IntegrityFailure(f"{PLAIN} is damaged: {error!r}", "pull the release again") from None
    if whole != data:
        raise IntegrityFailure(f"{PLAIN} is damaged: not in canonical form", "pull the release again")
    return dict(known)


def _entry(*, sha256: str, bytes: int, parts: list[str]) -> dict[str, Any]:
    if isinstance(bytes, bool) or not isinstance(bytes, int):
        raise TypeError(f"{bytes!r} is no number of bytes")
    return {"sha256": checked_sha256(sha256), "bytes": bytes, "parts": [checked_sha256(part) for part in parts]}


def tell(root: Path, unfinished: Path, known: Known) -> None:
    """Write `plain.json` in one step, by way of the folder `unfinished`; without tables there is none afterwards."""
    if not known:
        (root / PLAIN).unlink(missing_ok=True)
        return
    replace_file(unfinished, root / PLAIN, canonical({"tables": known}))


def replace_file(unfinished: Path, target: Path, data: bytes) -> None:
    """Write `data` to `target` in one step, by way of the folder `unfinished`."""
    part = unfinished / target.name
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(target)

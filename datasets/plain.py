"""Tables in a pulled folder that are other bytes than the manifest lists: each is one plain Parquet file.

The manifest knows the bytes of its parts and, by its Merkle root, every row, but not the bytes of a file that a pull makes:
of layers put together, or of a selection of rows and columns. These stand in `plain.json`, with the parts they were made of
and with what was selected and left out. A whole release without layers has no such file.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from yuelu.base.canonical import canonical
from yuelu.base.errors import IntegrityFailure, Misconfigured, NotFound
from yuelu.datasets.layout import checked_sha256
from yuelu.datasets.manifest import BASE, Manifest, Part
from yuelu.datasets.places import open_regular
from yuelu.datasets.schemas import TABLES
from yuelu.datasets.selection import Selection

PLAIN = "plain.json"
_HINT = "pull the release again"

Known = dict[str, dict[str, Any]]  # table -> {sha256, bytes, parts}, of a selection also {rows, schema_hash}


def layered(manifest: Manifest) -> tuple[str, ...]:
    """Return the tables that the manifest has in more than one part."""
    return tuple(table for table in TABLES if len(manifest.layers(table)) > 1)


def read_plain(root: Path, manifest: Manifest) -> dict[str, Part]:
    """Return the file of each table that is not as the manifest lists it, as the one part that it is there.

    Raises IntegrityFailure: the file that tells their bytes is missing, damaged or of another version.
    """
    selected = pulled_selection(root) is not None
    tables = tuple(TABLES) if selected else layered(manifest)
    if not tables:
        return {}
    known = told(root)
    if sorted(known) != sorted(tables):
        raise IntegrityFailure(f"{PLAIN} tells of {sorted(known)}, not of {sorted(tables)}", _HINT)
    return {table: _part(manifest.layers(table), known[table]) for table in tables}


def _part(layers: tuple[Part, ...], known: Mapping[str, Any]) -> Part:
    base, newest = layers[0], layers[-1]
    if known["parts"] != [part.file.sha256 for part in layers]:
        raise IntegrityFailure(f"{PLAIN} tells of another version of {base.table}", _HINT)
    file = replace(base.file, key="", sha256=known["sha256"], bytes=known["bytes"])
    rows = known.get("rows", newest.total)
    return Part(base.table, file, rows, known.get("schema_hash", base.schema_hash), BASE, rows)


def told(root: Path) -> Known:
    """Return what `plain.json` says of the tables. Raises IntegrityFailure: it is missing or damaged."""
    found = _read(root)
    if found is None:
        raise IntegrityFailure(f"{PLAIN} is missing", _HINT)
    return dict(found["tables"])


def pulled_selection(root: Path) -> Selection | None:
    """Return what the pull into `root` selected; None where it is a whole release. Raises IntegrityFailure: damaged."""
    found = _read(root)
    return Selection.from_json(found["selected"]) if found and "selected" in found else None


def pulled_left_out(root: Path) -> dict[str, Any]:
    """Return what `plain.json` says was left out; empty where it is a whole release. Raises IntegrityFailure: damaged."""
    return dict((_read(root) or {}).get("left_out", {}))


def _read(root: Path) -> dict[str, Any] | None:
    try:
        with open_regular(root, PLAIN) as opened:
            data = opened.read()
        whole = _whole(**json.loads(data))
        if canonical(whole) != data:
            raise IntegrityFailure(f"{PLAIN} is damaged: not in canonical form", _HINT)
    except NotFound:
        return None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, Misconfigured) as error:
        raise IntegrityFailure(f"{PLAIN} is damaged: {error!r}", _HINT) from None
    return whole


def _whole(
    *, tables: Mapping[str, Any], selected: Mapping[str, Any] | None = None, left_out: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    read: dict[str, Any] = {"tables": {table: _entry(**entry) for table, entry in tables.items()}}
    if selected is None:
        return read
    if left_out is None:
        raise TypeError("a selection says what it left out")
    return read | {"selected": Selection.from_json(selected).to_json(), "left_out": dict(left_out)}


def _entry(
    *, sha256: str, bytes: int, parts: list[str], rows: int | None = None, schema_hash: str | None = None
) -> dict[str, Any]:
    for number in (bytes, 0 if rows is None else rows):
        if isinstance(number, bool) or not isinstance(number, int):
            raise TypeError(f"{number!r} is no number")
    entry = {"sha256": checked_sha256(sha256), "bytes": bytes, "parts": [checked_sha256(part) for part in parts]}
    if rows is None and schema_hash is None:
        return entry
    return {**entry, "rows": rows, "schema_hash": checked_sha256(schema_hash)}


def tell(
    root: Path, unfinished: Path, known: Known, selection: Selection | None = None, left_out: Mapping[str, Any] | None = None
) -> None:
    """Write `plain.json` in one step, by way of the folder `unfinished`; without tables there is none afterwards."""
    if not known:
        (root / PLAIN).unlink(missing_ok=True)
        return
    said = {} if selection is None else {"selected": selection.to_json(), "left_out": dict(left_out or {})}
    replace_file(unfinished, root / PLAIN, canonical({"tables": known, **said}))


def replace_file(unfinished: Path, target: Path, data: bytes) -> None:
    """Write `data` to `target` in one step, by way of the folder `unfinished`."""
    part = unfinished / target.name
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(target)

"""The check of a whole workspace: the store's datasets and assets, and the ledger that mirrors them."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from yuelu.base.canonical import canonical
from yuelu.base.errors import YueluError
from yuelu.base.ledger.log import broken
from yuelu.base.ledger.media import AssetRow
from yuelu.base.ledger.releases import ReleaseRow
from yuelu.base.signing import Trust
from yuelu.base.workspace import Workspace
from yuelu.datasets.layout import version_key
from yuelu.datasets.release import load, names, version_numbers
from yuelu.datasets.signed.document import sign
from yuelu.datasets.signed.keys import trust_in
from yuelu.datasets.upkeep.fsck import CORRUPT, EXTRA, HARM, MISSING, UNREFERENCED, Finding, Progress, Unit, check
from yuelu.datasets.upkeep.references import Expected
from yuelu.datasets.upkeep.units import dataset_units
from yuelu.pipelines.signing_keys import log_head

REPORT = "fsck-report"  # the kind of the signed document
_CHECKPOINT = "fsck.json"
_OURS = ("assets/", "datasets/", "keys/", "lots/", "policies/", "probe/", "quarantine/")


@dataclass(frozen=True, slots=True)
class Checked:
    """How a check ended. `complete`: everything was looked at; else the next incremental check goes on from here."""

    progress: Progress
    complete: bool
    report: bytes

    @property
    def ok(self) -> bool:
        """Whether nothing is missing or corrupt in what was looked at."""
        return not any(each.kind in HARM for each in self.progress.findings)


def fsck(
    workspace: Workspace,
    *,
    full: bool = True,
    incremental: bool = False,
    seconds: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Checked:
    """Check the store against releases and ledger, and the ledger against the store; return what was found, signed.

    `full` reads and hashes every object, else only presence and size are looked at. A check that was stopped or killed is gone
    on with by the next one that is `incremental`; `seconds` ends this one after that time.
    """
    path = workspace.root / _CHECKPOINT
    progress = (_standing(path, full) if incremental else None) or Progress(_now(workspace), full)
    begun = clock()
    complete = check(
        workspace.store, _units(workspace), progress,
        save=lambda each: _save(path, each),
        clock=clock,
        until=lambda: seconds is not None and clock() - begun >= seconds,
    )  # fmt: skip
    if complete:
        path.unlink(missing_ok=True)
    return Checked(progress, complete, _signed(workspace, progress, complete))


def _standing(path: Path, full: bool) -> Progress | None:
    """Return the checkpoint of a check of the same kind; None: there is none, or it is damaged."""
    try:
        progress = Progress.of(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return progress if progress.full == full else None


def _save(path: Path, progress: Progress) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(canonical(progress.to_json()))
    part.replace(path)


def _signed(workspace: Workspace, progress: Progress, complete: bool) -> bytes:
    told = progress.to_json()
    counts = {kind: sum(each.kind == kind for each in progress.findings) for kind in (MISSING, CORRUPT, EXTRA, UNREFERENCED)}
    report: dict[str, Any] = {
        "store": workspace.store.address.partition("?")[0],
        "mode": "full" if progress.full else "fast",
        "started_at": progress.started_at,
        "finished_at": _now(workspace),
        "complete": complete,
        "checked": progress.checked,
        "bytes": progress.bytes,
        "counts": counts,
        "findings": told["findings"],
        "log": log_head(workspace),
    }
    return sign(REPORT, report["store"], report, workspace.signing_key)


def _now(workspace: Workspace) -> str:
    return workspace.ledger.now().isoformat(timespec="seconds")


def _units(workspace: Workspace) -> tuple[Unit, ...]:
    trust = _trust(workspace)
    return (
        Unit("ledger", "assets/", lambda: _assets(workspace), lambda: _mirror(workspace, trust), lambda key: UNREFERENCED),
        *dataset_units(workspace.store, trust),
        Unit("rest", "", lambda: iter(()), lambda: (), lambda key: None if key.startswith(_OURS) else EXTRA),
    )


def _trust(workspace: Workspace) -> Trust:
    """Return whom this workspace trusts: itself, and its list of keys where that is whole."""
    own = workspace.signing_key.public
    try:
        return trust_in(workspace.store, own) or own
    except YueluError:
        return own  # the unit of the keys tells what is wrong


def _assets(workspace: Workspace) -> Iterator[Expected]:
    """Yield the objects that the ledger's assets lie in, by rising key."""
    query = select(AssetRow.store_key, AssetRow.sha256, AssetRow.bytes).where(AssetRow.store_key.startswith("assets/"))
    last = ""
    with workspace.ledger.reading() as session:
        for key, sha256, size in session.execute(query.order_by(AssetRow.store_key)).yield_per(1000):
            if key and key > last:
                last = key
                yield Expected(key, sha256, size)


def _mirror(workspace: Workspace, trust: Trust) -> Iterator[Finding]:
    """Yield what is wrong with the ledger's log, and where its rows of releases differ from the store."""
    with workspace.ledger.reading() as session:
        yield from (Finding(CORRUPT, "ledger log", problem) for problem in broken(session))
        rows = {(row.dataset, row.number): (row.version, row.digest, row.rows) for row in session.scalars(select(ReleaseRow))}
    stored = {(name, number) for name in names(workspace.store) for number in version_numbers(workspace.store, name)}
    for name, number in sorted(rows.keys() - stored):
        yield Finding(MISSING, version_key(name, number), "is in the ledger and not in the store: the store went back")
    for name, number in sorted(stored - rows.keys()):
        yield Finding(MISSING, f"ledger release {name} {number}", "is in the store and not in the ledger; publish again")
    for name, number in sorted(stored & rows.keys()):
        try:
            manifest = load(workspace.store, name, number, trust).manifest
        except YueluError:
            continue  # told of by the unit of its dataset
        if rows[name, number] != (str(manifest.version), manifest.digest, manifest.rows):
            yield Finding(CORRUPT, version_key(name, number), "is another release than the ledger has")

"""Checking a whole store against what refers to its objects: missing, corrupt, extra, unreferenced. Looks, and changes nothing.

Objects are walked in the order of their keys, unit by unit (a dataset, the assets, ...), so that a place in that order is all
that a checkpoint has to remember.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from yuelu.base.errors import NotFound, YueluError
from yuelu.base.store.port import Entry, Store
from yuelu.datasets.upkeep.references import Expected

MISSING, CORRUPT, EXTRA, UNREFERENCED = "missing", "corrupt", "extra", "unreferenced"
HARM = (MISSING, CORRUPT)  # what a check fails for; the others only take room
EVERY_OBJECTS, EVERY_S = 1_000, 300.0  # a checkpoint after so many objects, or so many seconds
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with the object of a key."""

    kind: str
    key: str
    problem: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the store: all keys of `prefix`. `expected` yields what is referred to, by rising key.

    `problems` yields what is wrong beside the objects themselves (signatures, history, the ledger's rows), told first; `stray`
    says what a key is that nothing refers to: EXTRA, UNREFERENCED, or None where that is as it should be.
    """

    name: str
    prefix: str
    expected: Callable[[], Iterator[Expected]]
    problems: Callable[[], Iterable[Finding]]
    stray: Callable[[str], str | None]


@dataclass(slots=True)
class Progress:
    """How far a check has come: everything up to `key` of `unit` is checked. It is what a checkpoint holds."""

    started_at: str
    full: bool
    unit: str = ""
    key: str = ""
    checked: int = 0
    bytes: int = 0
    findings: list[Finding] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        findings = [{"kind": each.kind, "key": each.key, "problem": each.problem} for each in self.findings]
        values: dict[str, Any] = {name: getattr(self, name) for name in ("started_at", "full", "unit", "key", "checked", "bytes")}
        return {**values, "findings": findings}

    @staticmethod
    def of(told: dict[str, Any]) -> "Progress":
        """Return the progress in its JSON form."""
        return Progress(**{**told, "findings": [Finding(**each) for each in told["findings"]]})


def check(
    store: Store,
    units: Sequence[Unit],
    progress: Progress,
    *,
    save: Callable[[Progress], None],
    clock: Callable[[], float],
    until: Callable[[], bool] = lambda: False,
) -> bool:
    """Check the units from where `progress` stands, and return whether all were done before `until` said to stop.

    `save` is given the progress every 1,000 objects or five minutes of `clock` (seconds), and when the check ends.
    """
    names = [unit.name for unit in units]
    begun = progress.unit in names
    for unit in units[names.index(progress.unit) if begun else 0 :]:
        if progress.unit != unit.name:
            progress.unit, progress.key = unit.name, ""
            progress.findings.extend(unit.problems())
        if not _unit(store, unit, progress, save=save, clock=clock, until=until):
            save(progress)
            return False
    save(progress)
    return True


def _unit(
    store: Store,
    unit: Unit,
    progress: Progress,
    *,
    save: Callable[[Progress], None],
    clock: Callable[[], float],
    until: Callable[[], bool],
) -> bool:
    saved_at, since = clock(), 0
    for entry, expected in _paired(store.list(unit.prefix), unit.expected()):
        key = entry.key if entry else expected.key if expected else ""
        if key <= progress.key:
            continue
        finding = _finding(store, unit, entry, expected, full=progress.full)
        if finding:
            progress.findings.append(finding)
        progress.key, progress.checked = key, progress.checked + 1
        progress.bytes += entry.bytes if entry else 0
        since += 1
        if since >= EVERY_OBJECTS or clock() - saved_at >= EVERY_S:
            save(progress)
            saved_at, since = clock(), 0
        if until():
            return False
    return True


def _paired(entries: Iterator[Entry], expected: Iterator[Expected]) -> Iterator[tuple[Entry | None, Expected | None]]:
    """Yield what is there beside what should be, key by key; both come by rising key, each key once."""
    entry, wanted = next(entries, None), next(expected, None)
    while entry or wanted:
        if wanted is None or (entry is not None and entry.key < wanted.key):
            yield entry, None
            entry = next(entries, None)
        elif entry is None or wanted.key < entry.key:
            yield None, wanted
            wanted = next(expected, None)
        else:
            yield entry, wanted
            entry, wanted = next(entries, None), next(expected, None)


def _finding(store: Store, unit: Unit, entry: Entry | None, expected: Expected | None, *, full: bool) -> Finding | None:
    if expected is None:
        kind = unit.stray(entry.key) if entry else None
        said = {EXTRA: "is no object of ours", UNREFERENCED: "is referred to by nothing"}
        return Finding(kind, entry.key, said[kind]) if entry and kind else None
    if entry is None:
        return Finding(MISSING, expected.key, "is missing")
    if expected.bytes is not None and entry.bytes != expected.bytes:
        return Finding(CORRUPT, entry.key, f"has {entry.bytes} bytes, not {expected.bytes}")
    return _content(store, expected) if full and expected.sha256 is not None else None


def _content(store: Store, expected: Expected) -> Finding | None:
    """Read an object and compare its hash."""
    try:
        found = sha256_in(store, expected.key)
    except NotFound:
        return Finding(MISSING, expected.key, "is missing")
    except (YueluError, OSError) as error:
        return Finding(CORRUPT, expected.key, f"cannot be read: {error}")
    return None if found == expected.sha256 else Finding(CORRUPT, expected.key, f"its SHA-256 is {found}, not {expected.sha256}")


def sha256_in(store: Store, key: str) -> str:
    """Return the SHA-256 of an object, read piece by piece. Raises NotFound."""
    hashed = hashlib.sha256()
    with store.open(key) as opened:
        while chunk := opened.read(_CHUNK):
            hashed.update(chunk)
    return hashed.hexdigest()

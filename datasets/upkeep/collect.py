"""Clearing away objects that no version refers to: only after grace, and never beside somebody who publishes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from yuelu.base.errors import InvalidRecord
from yuelu.base.store.port import Entry, Store
from yuelu.datasets.release import history
from yuelu.datasets.upkeep.leases import collecting, leases_in
from yuelu.datasets.upkeep.references import files_of, sha256_of_key

LEAST_GRACE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Collected:
    """What was, or with a dry run would be, cleared from one dataset. `held`: why nothing was touched; None: nothing held it."""

    name: str
    objects: tuple[Entry, ...]
    young: int
    held: str | None = None

    @property
    def bytes(self) -> int:
        """The size of the objects together."""
        return sum(entry.bytes for entry in self.objects)


def collect(store: Store, name: str, now: datetime, *, grace: timedelta = LEAST_GRACE, act: bool = False) -> Collected:
    """Return the objects of a dataset that nothing refers to and that are older than `grace`; `act`: delete them.

    `young` counts those that are younger. A lease younger than `grace` (somebody publishes or pulls, or an earlier outcome is
    unknown) holds everything back; older ones are cleared away.

    Raises InvalidRecord: less than seven days of grace. Raises IntegrityFailure: the history is broken, so nobody knows what is
    needed. Raises Conflict: somebody else clears.
    """
    if grace < LEAST_GRACE:
        raise InvalidRecord(f"{grace} is too short a grace", "an unknown outcome may be older: give seven days or more")
    if not act:
        return _candidates(store, name, now, grace)
    with collecting(store, name, now):
        found = _candidates(store, name, now, grace)  # again, and only now: leases are seen from here on
        if found.held is None:
            for entry in found.objects:
                store.delete(entry.key)
            for lease in leases_in(store, name):
                store.delete(lease.key)
    return found


def _candidates(store: Store, name: str, now: datetime, grace: timedelta) -> Collected:
    held = [entry for entry in leases_in(store, name) if not _older(entry, now, grace)]
    if held:
        return Collected(name, (), 0, f"{held[0].key} is held: somebody publishes or pulls, or an outcome is unknown")
    seen = set[str]()
    for release in history(store, name):
        for _ in files_of(release, seen):
            pass
    objects = [entry for entry in _hashed(store, name) if entry.key not in seen]
    old = tuple(entry for entry in objects if _older(entry, now, grace))
    return Collected(name, old, len(objects) - len(old))


def _hashed(store: Store, name: str) -> Iterator[Entry]:
    return (entry for entry in store.list(f"datasets/{name}/") if sha256_of_key(entry.key))


def _older(entry: Entry, now: datetime, grace: timedelta) -> bool:
    return entry.written_at is not None and now - entry.written_at > grace

"""Leases: who is writing to, reading from or clearing a dataset right now, as small objects beside its versions.

A publisher writes its lease, then looks whether a collector is at work; a collector writes its own, then looks for leases. Of
two that meet at least one sees the other, whatever the order. Ages are those that the store tells, so one clock counts.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from yuelu.base.canonical import canonical
from yuelu.base.errors import Conflict, KeyTaken, OutcomeUnknown, YueluError
from yuelu.base.store.port import Entry, Store, create_once

STALE = timedelta(hours=1)  # a collector works for half of this at most; what is older was left behind by a killed one


def leases_in(store: Store, name: str) -> list[Entry]:
    """Return the leases of a dataset, that of a collector excepted."""
    return [entry for entry in store.list(_prefix(name)) if entry.key != _collector(name)]


@contextmanager
def leased(store: Store, name: str, kind: str, nonce: str) -> Iterator[None]:
    """Hold a lease while the block runs: nothing of the dataset is cleared away meanwhile.

    It stays where the outcome is unknown or the process dies, so that what it may have referred to stays too.

    Raises Conflict: a collector is at work.
    """
    key = f"{_prefix(name)}{kind}-{nonce}.json"
    create_once(store, key, canonical({"kind": kind, "nonce": nonce}))
    _refuse_collector(store, name, key)
    try:
        yield
    except OutcomeUnknown:
        raise
    except YueluError:
        _release(store, key)
        raise
    _release(store, key)


def _refuse_collector(store: Store, name: str, ours: str) -> None:
    found = {entry.key: entry for entry in store.list(_prefix(name))}
    collector = found.get(_collector(name))
    if collector is None or _age(collector, found[ours].written_at if ours in found else None) > STALE:
        return
    _release(store, ours)
    raise Conflict(f"{name} is being cleared of what nobody needs", "wait some minutes and run the command again")


@contextmanager
def collecting(store: Store, name: str, now: datetime) -> Iterator[None]:
    """Hold the only lease under which objects of a dataset are deleted. Raises Conflict: another collector is at work."""
    key = _collector(name)
    for entry in list(store.list(key)):
        if _age(entry, now) > STALE:
            store.delete(entry.key)
    try:
        store.create(key, canonical({"kind": "collect"}))
    except KeyTaken:
        raise Conflict(f"{name} is being cleared by somebody else", "wait until that has ended") from None
    try:
        yield
    finally:
        _release(store, key)


def _release(store: Store, key: str) -> None:
    with suppress(YueluError):  # what stays behind holds things back for a while, and harms nothing
        store.delete(key)


def _age(entry: Entry, now: datetime | None) -> timedelta:
    return now - entry.written_at if now and entry.written_at else timedelta()


def _prefix(name: str) -> str:
    return f"datasets/{name}/leases/"


def _collector(name: str) -> str:
    return f"{_prefix(name)}collector.json"

"""Putting back what is missing or corrupt, from a copy whose bytes are proved to be the right ones first."""

from collections.abc import Iterable
from dataclasses import dataclass

from yuelu.base.canonical import sha256
from yuelu.base.errors import YueluError
from yuelu.base.signing import Trust
from yuelu.base.store.port import Store, create_once
from yuelu.datasets.layout import version_number
from yuelu.datasets.manifest import read_manifest
from yuelu.datasets.upkeep.fsck import CORRUPT, HARM, Finding
from yuelu.datasets.upkeep.references import sha256_of_key


@dataclass(frozen=True, slots=True)
class Repaired:
    """What became of one finding. `why` is None when the object is whole again."""

    key: str
    why: str | None


def repair(store: Store, copy: Store, findings: Iterable[Finding], trust: Trust | None) -> tuple[Repaired, ...]:
    """Put back each missing or corrupt object from `copy`, and return what became of each.

    Bytes are taken only when they are what the key's SHA-256, or the publisher's signature, says. What lay there is kept under
    `quarantine/`.
    """
    return tuple(Repaired(each.key, _one(store, copy, each, trust)) for each in findings if each.kind in HARM)


def _one(store: Store, copy: Store, finding: Finding, trust: Trust | None) -> str | None:
    key = finding.key
    try:
        data = copy.read(key)
        if problem := _unproved(key, data, trust):
            return problem
        if finding.kind == CORRUPT and store.exists(key):
            damaged = store.read(key)
            if damaged == data:
                return None
            create_once(store, f"quarantine/{sha256(damaged)}/{key}", damaged)
            store.delete(key)
        create_once(store, key, data)
    except YueluError as error:
        return error.problem
    return None


def _unproved(key: str, data: bytes, trust: Trust | None) -> str | None:
    """Return why `data` may not become the object of `key`, None when it may."""
    expected = sha256_of_key(key) or _asset(key)
    if expected is not None:
        return None if sha256(data) == expected else f"the copy's SHA-256 is {sha256(data)}, not {expected}"
    number = version_number(key)
    if number is None:
        return "nothing proves what its bytes must be; restore it by hand"
    manifest = read_manifest(data, trust)
    same = (manifest.name, manifest.number) == (key.split("/")[1], number)
    return None if same else f"the copy holds {manifest.title}, number {manifest.number}"


def _asset(key: str) -> str | None:
    parts = key.split("/")
    return parts[2] if len(parts) == 3 and parts[0] == "assets" and parts[2].startswith(parts[1]) else None

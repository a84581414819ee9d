"""The heads of the publisher's log that releases name: whether each continues the one before."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from yuelu.base import merkle
from yuelu.base.canonical import canonical
from yuelu.base.errors import IntegrityFailure, NotFound
from yuelu.base.store.port import Store
from yuelu.datasets.layout import checked_sha256, version_key
from yuelu.datasets.manifest import Manifest, read_manifest


def head_of(leaves: Sequence[bytes], before: int = 0) -> dict[str, Any]:
    """Return the head of a log, with the proof that its first `before` entries are those of an earlier head (RFC 9162, 2.1.4)."""
    head: dict[str, Any] = {"tree_size": len(leaves), "root": merkle.root(leaves).hex()}
    if not 0 < before <= len(leaves):
        return head
    proof = [each.hex() for each in merkle.consistency_proof(leaves, before)]
    return {**head, "consistency": {"tree_size": before, "proof": proof}}


def head_problem(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> str | None:
    """Return what is wrong between two heads of one log, None when the newer may continue the older.

    A log that shrank was rolled back; one of the same size with another root, or whose proof fails, was forked.
    """
    if not old or not new:
        return None
    before, after = int(old["tree_size"]), int(new["tree_size"])
    if after < before:
        return f"the log went back, from {before} entries to {after}"
    if after == before:
        return None if old["root"] == new["root"] else f"the log forked: two roots of {after} entries"
    told = new.get("consistency")
    if told is None or int(told["tree_size"]) != before or before == 0:
        return None  # written before heads were proved, or about an earlier release
    try:
        roots = [bytes.fromhex(checked_sha256(each["root"])) for each in (old, new)]
        path = [bytes.fromhex(checked_sha256(each)) for each in told["proof"]]
    except IntegrityFailure as error:
        return f"the proof of the log is damaged: {error.problem}"
    whole = merkle.verify_consistency(before, after, roots[0], roots[1], path)
    return None if whole else f"the log forked: its {before} entries are not the first of its {after}"


def heads_problems(manifests: Sequence[Manifest]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the heads of a history: title, problem."""
    before: Mapping[str, Any] | None = None
    for manifest in manifests:
        head = manifest.document["proof"].get("log")
        if problem := head_problem(before, head):
            yield manifest.title, problem
        before = head or before


def store_problem(store: Store, known: Manifest) -> str | None:
    """Return how a store differs from a release that somebody holds of it: rolled back, forked; None when it has that release."""
    try:
        stored = read_manifest(store.read(version_key(known.name, known.number)))
    except NotFound:
        return f"the store went back: it has no number {known.number} of {known.name}, which was {known.title}"
    except IntegrityFailure as error:
        return f"the store's {version_key(known.name, known.number)} is damaged: {error.problem}"
    if canonical(stored.document) != canonical(known.document):
        return f"the store forked: its number {known.number} of {known.name} is another release than {known.title} here"
    return None

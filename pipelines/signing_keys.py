"""The workspace's signing keys: the list begun, a key rotated, a key revoked. The list in the store is the truth."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from yuelu.base.canonical import digest
from yuelu.base.errors import Conflict, IntegrityFailure, InvalidRecord, NotFound
from yuelu.base.ledger.log import leaves
from yuelu.base.signing import PublicKey, SigningKey, promote_secret, read_secret, write_secret
from yuelu.base.workspace import SIGNING, SIGNING_NEXT, Workspace
from yuelu.datasets.heads import head_of
from yuelu.datasets.layout import version_key
from yuelu.datasets.manifest import read_manifest
from yuelu.datasets.release import names, version_numbers
from yuelu.datasets.signed.keys import BOOK, KeyList, keys_in, said_of_key
from yuelu.datasets.signed.logbook import append

ACTOR = "keys"


@dataclass(frozen=True, slots=True)
class Signed:
    """A release and the key that signed it. `digest` is that of its whole manifest."""

    title: str
    key_id: str
    log_size: int
    digest: str


def log_head(workspace: Workspace, before: int = 0) -> dict[str, Any]:
    """Return the head of the ledger's log, with the proof that it continues the head of `before` entries."""
    with workspace.ledger.reading() as session:
        return head_of(leaves(session), before)


def create(workspace: Workspace) -> KeyList:
    """Begin the list with the workspace's key, or return the list there is. Finishes a rotation that was cut off."""
    found = keys_in(workspace.store)
    if found is None:
        key = workspace.signing_key
        _said(workspace, "create", key.public, None, None, key)
        return _list(workspace)
    _finish(workspace, found)
    return found


def rotate(workspace: Workspace, reason: str) -> KeyList:
    """Put a new key in the place of the current one. What the old one signed stays good.

    Raises Conflict: the workspace does not hold the current key of the list.
    """
    found = create(workspace)
    old = SigningKey(read_secret(workspace.root / SIGNING))
    if old.public != found.current:
        raise Conflict(
            f"this workspace holds key {old.public.key_id}, and {found.current.key_id} is current",
            "rotate where the current key lies",
        )
    write_secret(workspace.root / SIGNING_NEXT, secrets.token_bytes(32))
    new = SigningKey(read_secret(workspace.root / SIGNING_NEXT))
    _said(workspace, "rotate", new.public, found, reason, old, new)
    promote_secret(workspace.root / SIGNING_NEXT, workspace.root / SIGNING)
    return _list(workspace)


def revoke(
    workspace: Workspace, key_id: str, reason: str, *, vouch: bool, since: int | None = None
) -> tuple[KeyList, list[Signed]]:
    """Revoke a key that was rotated away; return the list, and the releases that are no longer good by it.

    `vouch`: the releases it signed that stand in the store stay good, those from entry `since` of the log on excepted. Anything
    else that bears its signature is refused from then on.

    Raises NotFound: no such key. Raises Conflict: it is the current one, or was revoked before.
    """
    if not reason.strip():
        raise InvalidRecord("a key is revoked for a reason", "give --reason")
    found = create(workspace)
    known = found.known.get(key_id)
    if known is None:
        raise NotFound(f"no key {key_id} in the list", f"it has {', '.join(found.known)}")
    if known.state == "current":
        raise Conflict(f"{key_id} is the current key", "run 'yuelu keys rotate' first, and revoke it then")
    if known.state == "revoked":
        raise Conflict(f"{key_id} was revoked before ({known.reason})", "see 'yuelu keys list'")
    signed = [each for each in releases_signed(workspace) if each.key_id == key_id]
    good = [each for each in signed if vouch and (since is None or each.log_size < since)]
    key = SigningKey(read_secret(workspace.root / SIGNING))
    _said(workspace, "revoke", known.key, found, reason, key, vouched=sorted(each.digest for each in good))
    return _list(workspace), [each for each in signed if each not in good]


def releases_signed(workspace: Workspace) -> Iterator[Signed]:
    """Yield every release in the store with the key that signed it; the signatures are checked, not yet trusted."""
    for name in names(workspace.store):
        for number in version_numbers(workspace.store, name):
            manifest = read_manifest(workspace.store.read(version_key(name, number)))
            yield Signed(manifest.title, manifest.publisher.key_id, manifest.log_size, digest(manifest.document))


def _said(
    workspace: Workspace,
    action: str,
    key: PublicKey,
    found: KeyList | None,
    reason: str | None,
    *signers: SigningKey,
    **more: Any,
) -> None:
    at = workspace.ledger.now().isoformat(timespec="seconds")
    told = said_of_key(action, key, log_head(workspace), at, **({"reason": reason} if reason else {}), **more)
    page = append(workspace.store, BOOK, found.pages[-1] if found else None, told, *signers)
    with workspace.ledger.transaction(ACTOR) as transaction:
        transaction.event(f"key.{action}", key.key_id, after=digest(page.said), reason=reason)


def _list(workspace: Workspace) -> KeyList:
    found = keys_in(workspace.store)
    if found is None:
        raise IntegrityFailure("the list of keys is gone", "restore the store from a copy")
    return found


def _finish(workspace: Workspace, found: KeyList) -> None:
    """Take the new key into use when a rotation was killed after the list had it; forget it when it never got there."""
    waiting = workspace.root / SIGNING_NEXT
    if not waiting.exists():
        return
    if SigningKey(read_secret(waiting)).public == found.current:
        promote_secret(waiting, workspace.root / SIGNING)

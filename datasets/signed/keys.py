"""The list of a publisher's keys: which one signed from when until when, counted in entries of the log and not by a clock.

A rotation is signed by the old key and the new one, so whoever trusts either can follow the list to the other. What a key
signed while it was current stays good for ever, unless it is revoked: then only what the publisher vouched for when it revoked
the key is good, whatever a thief of the key writes into a release.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from yuelu.base.canonical import canonical
from yuelu.base.errors import IntegrityFailure, InvalidRecord
from yuelu.base.signing import PublicKey, Trust
from yuelu.base.store.port import Store
from yuelu.datasets.envelope import only
from yuelu.datasets.signed.logbook import Page, check_chain, read_page, read_pages

BOOK = "keys"
FORMAT = "yuelu-keys/1"


@dataclass(frozen=True, slots=True)
class Known:
    """A key of the list. It signs releases that knew from `since` to `until` entries of the log; None: still current.

    `vouched`: digests of the manifests that stay good after the key was revoked; None: it was not. `reason`: why another took
    its place, or why it was revoked.
    """

    key: PublicKey
    since: int
    until: int | None = None
    vouched: frozenset[str] | None = None
    reason: str = ""
    at: str = ""

    @property
    def state(self) -> str:
        """`current`, `retired` or `revoked`."""
        return "revoked" if self.vouched is not None else "current" if self.until is None else "retired"


@dataclass(frozen=True, slots=True)
class KeyList:
    """All keys of a publisher, by their ids, the current one last that is not revoked. `pages` are the signed list itself."""

    known: Mapping[str, Known]
    pages: tuple[Page, ...]

    @property
    def current(self) -> PublicKey:
        """The key that signs now."""
        return next(each.key for each in self.known.values() if each.state == "current")

    def key_for(self, signer: PublicKey, log_size: int, digest: str) -> PublicKey:
        """Return `signer`, when it is a key of the list and was current then. Raises IntegrityFailure."""
        known = self.known.get(signer.key_id)
        if known is None or known.key != signer:
            raise IntegrityFailure(
                f"no valid signature of a key in the list; signed by {signer.key_id}",
                "this is another publisher's, or the list is an old one: ask the publisher for the newest",
            )
        if known.vouched is not None:
            if digest not in known.vouched:
                raise IntegrityFailure(
                    f"it is signed with key {signer.key_id}, which was revoked ({known.reason})",
                    "do not use it; ask the publisher for a release under a key that stands",
                )
        elif log_size < known.since or (known.until is not None and log_size > known.until):
            until = "on" if known.until is None else f"to {known.until}"
            raise IntegrityFailure(
                f"key {signer.key_id} signed from entry {known.since} of the log {until}, and this says entry {log_size}",
                "a key that was rotated away signs nothing new; ask the publisher",
            )
        return signer

    def to_json(self) -> bytes:
        """Return the list as one file, for those who verify."""
        return canonical({"format": FORMAT, "pages": [json.loads(page.data) for page in self.pages]})


def key_list(pages: Sequence[Page]) -> KeyList:
    """Return what the pages say. Raises IntegrityFailure: a page is not signed by the keys that had to sign it."""
    check_chain(BOOK, pages)
    known: dict[str, Known] = {}
    current: PublicKey | None = None
    try:
        for page in pages:
            current = _apply(known, current, page)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityFailure(f"the list of keys is damaged: {error!r}", "ask the publisher for it again") from None
    if current is None:
        raise IntegrityFailure("the list of keys is empty", "ask the publisher for it again")
    return KeyList(known, tuple(pages))


def _apply(known: dict[str, Known], current: PublicKey | None, page: Page) -> PublicKey:
    """Put what the page says into `known` and return the key that is current after it."""
    said = page.said
    action, key = said["action"], PublicKey(bytes.fromhex(said["key"]))
    needed = {"create": (key,), "rotate": (current, key), "revoke": (current,)}[action]
    fits = {"create": current is None, "rotate": key.key_id not in known, "revoke": key.key_id in known and key != current}[
        action
    ]
    if page.signers != needed or not fits:
        raise IntegrityFailure(f"page {page.number} of the list of keys may not {action} {key.key_id}", "the list is forged")
    if action == "revoke":
        vouched = frozenset(map(str, said["vouched"]))
        known[key.key_id] = replace(known[key.key_id], vouched=vouched, reason=str(said["reason"]))
        return needed[0] or key
    if current is not None:
        known[current.key_id] = replace(known[current.key_id], until=page.log_size, reason=str(said.get("reason", "")))
    # what the first key signed before there was a list was signed by the only key there was
    known[key.key_id] = Known(key, 0 if action == "create" else page.log_size, at=str(said["at"]))
    return key


def read_key_file(data: bytes) -> Trust:
    """Return the public key (PEM) or the list of keys in a file. Raises IntegrityFailure: neither."""
    if not data.lstrip().startswith(b"{"):
        return PublicKey.from_pem(data)
    try:
        told = json.loads(data)
        only(told, "format", "pages")
        pages = [read_page(canonical(each)) for each in told["pages"]]
    except (ValueError, TypeError, InvalidRecord, RecursionError) as error:
        raise IntegrityFailure(f"not a list of keys: {error!r}", "ask the publisher for it again") from None
    return key_list(pages)


def keys_in(store: Store) -> KeyList | None:
    """Return the list of keys that lies in a store, None where there is none. Raises IntegrityFailure."""
    pages = read_pages(store, BOOK)
    return key_list(pages) if pages else None


def trust_in(store: Store, key: Trust | None) -> Trust | None:
    """Return whom to trust about the store: with a single public key, the list in the store if the key is one of its own.

    Raises IntegrityFailure: the list is broken, or the given key was revoked.
    """
    if isinstance(key, KeyList):
        return _newer(key, keys_in(store))
    found = keys_in(store)
    if found is None or not isinstance(key, PublicKey | None):
        return key
    if key is None:
        return found
    known = found.known.get(key.key_id)
    if known is None:
        return key  # another publisher's list says nothing about this one
    if known.vouched is not None:
        raise IntegrityFailure(
            f"key {key.key_id} was revoked ({known.reason}): it proves nothing any more",
            "get the newest list of keys from the publisher, not from this store",
        )
    return found


def _newer(ours: KeyList, theirs: KeyList | None) -> KeyList:
    """Return the longer of two lists of which one continues the other; a store whose list went back, or forked, is refused."""
    if theirs is None or not ({page.data for page in ours.pages} & {page.data for page in theirs.pages}):
        return ours
    both = zip(ours.pages, theirs.pages, strict=False)
    if any(one.data != other.data for one, other in both):
        raise IntegrityFailure("the list of keys in the store is another one from some page on", "ask the publisher which holds")
    return max(ours, theirs, key=lambda each: len(each.pages))


def said_of_key(action: str, key: PublicKey, log: Mapping[str, Any], at: str, **more: Any) -> dict[str, Any]:
    """Return what a page of the list says."""
    return {"action": action, "key": key.raw.hex(), "key_id": key.key_id, "log": dict(log), "at": at, **more}

"""From an address to a store, and the proof that several writers may share it."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from yuelu.base.errors import KeyTaken, Misconfigured
from yuelu.base.store.local import LocalStore
from yuelu.base.store.port import Store


def open_store(address: str) -> Store:
    """Return the store at `address`: a folder, or `s3://bucket/prefix?endpoint=http://host:port`.

    `create=ledger` in the address tells that the server does not know `If-None-Match`: a workspace then lets its ledger decide.
    """
    if not address.startswith("s3://"):
        if "://" in address:
            raise Misconfigured(f"no store at {address!r}", "give a folder, or s3://bucket/prefix?endpoint=URL")
        return LocalStore(Path(address))
    from yuelu.base.store.s3 import S3Store  # noqa: PLC0415  boto3 takes most of a second to import

    parts = urlsplit(address)
    asked = parse_qs(parts.query)
    endpoint, how = asked.get("endpoint", [None])[0], asked.get("create", ["once"])[0]
    if how not in ("once", "ledger"):
        raise Misconfigured(
            f"create={how} in {address!r}", "leave it out, or give create=ledger for a server without If-None-Match"
        )
    return S3Store(parts.netloc, parts.path, endpoint, conditional=how == "once")


def needs_arbiter(store: Store) -> bool:
    """Return whether the address of the store says that its server cannot create a key only once."""
    return not getattr(store, "conditional", True)


def single_winner(store: Store, writers: int = 4) -> bool:
    """Return whether exactly one of several racing creates of one key wins. Leaves nothing behind."""
    key = f"probe/{secrets.token_hex(16)}"

    def attempt(number: int) -> bool:
        try:
            store.create(key, str(number).encode())
        except KeyTaken:
            return False
        return True

    with ThreadPoolExecutor(writers) as pool:
        won = sum(pool.map(attempt, range(writers)))
    store.delete(key)
    return won == 1


def require_single_winner(store: Store) -> None:
    """Return when the store lets one of racing writers win; a folder does, by what its file system promises.

    Raises Misconfigured: it does not, so two publishers could overwrite each other.
    """
    if not isinstance(store, LocalStore) and not single_winner(store):
        raise Misconfigured(
            f"{store.address}: several racing writers won", "add create=ledger to its address, so that the ledger decides"
        )

"""From an address to a store, and the proof that several writers may share it."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from yuelu.base.errors import KeyTaken, Misconfigured
from yuelu.base.store.local import LocalStore
from yuelu.base.store.port import Store


def open_store(address: str) -> Store:
    """Return the store at `address`: a folder, or `s3://bucket/prefix?endpoint=http://host:port`."""
    if not address.startswith("s3://"):
        if "://" in address:
            raise Misconfigured(f"no store at {address!r}", "give a folder, or s3://bucket/prefix?endpoint=URL")
        return LocalStore(Path(address))
    from yuelu.base.store.s3 import S3Store  # noqa: PLC0415  boto3 takes most of a second to import

    parts = urlsplit(address)
    endpoint = parse_qs(parts.query).get("endpoint", [None])[0]
    return S3Store(parts.netloc, parts.path, endpoint)


def single_winner(store: Store, writers: int = 4) -> bool:
    """Return whether exactly one of several racing creates of one key wins. Leaves one small object under `probe/`."""
    key = f"probe/{secrets.token_hex(16)}"

    def attempt(number: int) -> bool:
        try:
            store.create(key, str(number).encode())
        except KeyTaken:
            return False
        return True

    with ThreadPoolExecutor(writers) as pool:
        return sum(pool.map(attempt, range(writers))) == 1

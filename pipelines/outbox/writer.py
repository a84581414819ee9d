"""One writer for each site: two imports at once go four times slower on an SQLite server, and mix their tasks."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from zlib import crc32

from sqlalchemy import text

from yuelu.base.workspace import Workspace


@contextmanager
def only_writer(workspace: Workspace, site: str) -> Iterator[None]:
    """Hold the site for this process; waits while another has it. A process that is killed gives it back.

    Workspaces that share a ledger on PostgreSQL take turns too.
    """
    folder = workspace.root / "locks"
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder / f"dispatch-{site}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if workspace.ledger.engine.dialect.name != "postgresql":
            yield
            return
        with workspace.ledger.engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": crc32(f"dispatch {site}".encode())})
            connection.commit()  # the lock is the session's, not the transaction's
            try:
                yield
            finally:
                connection.invalidate()  # closes the session, and with it the lock, whatever state it is in
    finally:
        os.close(descriptor)

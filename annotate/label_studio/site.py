"""Opening the embedded site: the server is started while its accounts are made, which takes as long."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from yuelu.annotate.label_studio.accounts import Accounts, provision, record_accounts
from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.environment import fill
from yuelu.annotate.label_studio.service import Service, start
from yuelu.annotate.people import Annotator
from yuelu.base.ledger.engine import Ledger
from yuelu.base.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class Site:
    """A running server and its users."""

    name: str
    service: Service
    accounts: Accounts

    def admin(self) -> Client:
        """Return a client that works as the administrator; close it after use."""
        return Client(self.service.url, self.accounts.admin.token)

    def annotator(self, annotator: str) -> Client:
        """Return a client that answers as that annotator; close it after use. Raises NotFound."""
        return Client(self.service.url, self.accounts.of(annotator).token)


def open_site(
    ledger: Ledger,
    env: Path,
    data_dir: Path,
    media_root: Path,
    *,
    name: str,
    annotators: Sequence[Annotator],
    port: int | None = None,
    progress: Progress = silent,
) -> Site:
    """Return the site, running and with an account for each of `annotators`. Raises ServiceUnavailable."""
    fill(env, data_dir)  # once, before two would do it
    with ThreadPoolExecutor(1) as pool:
        making = pool.submit(provision, env, data_dir, annotators)
        service = start(env, data_dir, media_root, port=port, progress=progress)
        accounts = making.result()
    record_accounts(ledger, name, service.url, annotators, accounts)
    return Site(name, service, accounts)

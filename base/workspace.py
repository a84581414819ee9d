"""A workspace: a store, a ledger, and the secrets that only this place knows."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from yuelu.base.errors import NotFound
from yuelu.base.ledger.engine import Ledger
from yuelu.base.settings import Settings
from yuelu.base.signing import SigningKey, read_secret, write_secret
from yuelu.base.store.address import needs_arbiter, open_store
from yuelu.base.store.arbitrated import ArbitratedStore
from yuelu.base.store.port import Store

_SECRET, SIGNING = "secrets/workspace.key", "secrets/signing.key"
SIGNING_NEXT = "secrets/signing.next.key"  # of a rotation under way


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a flow needs to work: bytes, state, and keys.

    `secret` (32 bytes) keys group hashes, pseudonyms and the identifiers of de-identified media; destroying it makes
    them all unlinkable.
    """

    root: Path
    store: Store
    ledger: Ledger
    secret: bytes
    signing_key: SigningKey

    @property
    def media_root(self) -> Path:
        """The only folder that an embedded Label Studio may serve files from: proxies, named by their hash."""
        return self.root / "label-studio" / "media"

    @property
    def label_studio_data(self) -> Path:
        """The data folder of the embedded Label Studio."""
        return self.root / "label-studio" / "data"


def init(settings: Settings, *, secret: bytes | None = None, signing_seed: bytes | None = None) -> Workspace:
    """Create the workspace, or complete one that was left half made; never replaces a key. Returns it open.

    `secret` and `signing_seed` (32 bytes each) are for demonstrations whose result must be the same everywhere;
    real workspaces draw them at random.
    """
    settings.workspace.mkdir(parents=True, exist_ok=True)
    write_secret(settings.workspace / _SECRET, secret or secrets.token_bytes(32))
    write_secret(settings.workspace / SIGNING, signing_seed or secrets.token_bytes(32))
    workspace = _opened(settings)
    workspace.ledger.migrate()
    return workspace


def open_workspace(settings: Settings) -> Workspace:
    """Return the existing workspace. Raises NotFound: there is none at `settings.workspace`."""
    if not (settings.workspace / _SECRET).exists():
        raise NotFound(f"no workspace at {settings.workspace}", "run 'yuelu init' there, or set YUELU_WORKSPACE")
    workspace = _opened(settings)
    workspace.ledger.migrate()
    return workspace


def _opened(settings: Settings) -> Workspace:
    root = settings.workspace
    ledger = Ledger(settings.ledger or f"sqlite:///{root / 'ledger.sqlite3'}")
    store = open_store(settings.store or str(root / "store"))
    return Workspace(
        root=root,
        store=ArbitratedStore(store, ledger.lock) if needs_arbiter(store) else store,
        ledger=ledger,
        secret=read_secret(root / _SECRET),
        signing_key=SigningKey(read_secret(root / SIGNING)),
    )

"""Proxies as files, where Label Studio may serve them from."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from yuelu.base.errors import NotFound
from yuelu.base.ledger.media import AssetRow
from yuelu.base.records import Role, asset_key
from yuelu.base.store.local import LocalStore
from yuelu.base.workspace import Workspace

_ENDINGS: Mapping[str, str] = MappingProxyType(
    {"image/png": "png", "image/jpeg": "jpg", "audio/flac": "flac", "video/mp4": "mp4", "application/json": "json"}
)


def stage(workspace: Workspace, sha256: str) -> Path:
    """Return the file `<sha256>.<ending>` in the media folder, made from the stored proxy or thumbnail if need be.

    Whole or not at all, and safe to repeat. Raises NotFound: no such proxy. Nothing else is ever served to annotators.
    """
    with workspace.ledger.reading() as session:
        asset = session.get(AssetRow, sha256)
        # A source whose bytes are stored is there as somebody's proxy: sources themselves are never stored.
        media_type = asset.media_type if asset is not None and asset.role != Role.DEIDENTIFIED else ""
    if media_type not in _ENDINGS or not workspace.store.exists(asset_key(sha256)):
        raise NotFound(f"no proxy {sha256}", "stage the hash that proxy_of gives")
    target = workspace.media_root / f"{sha256}.{_ENDINGS[media_type]}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        _place(workspace, asset_key(sha256), target)
    return target


def _place(workspace: Workspace, key: str, target: Path) -> None:
    if isinstance(workspace.store, LocalStore):
        with suppress(OSError):  # another file system, or one without hard links: copy
            _link(workspace.store.path(key), target)
            return
    with workspace.store.open(key) as stored, tempfile.NamedTemporaryFile(dir=target.parent, prefix=".part-") as part:
        shutil.copyfileobj(stored, part, 1 << 20)
        part.flush()
        Path(part.name).chmod(0o444)
        _link(Path(part.name), target)


def _link(origin: Path, target: Path) -> None:
    with suppress(FileExistsError):  # somebody else was first, with the same bytes
        os.link(origin, target)

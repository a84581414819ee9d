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
        name = None if asset is None else file_name(sha256, asset.media_type, asset.role)
    return stage_file(workspace, sha256, name)


def file_name(sha256: str, media_type: str, role: str) -> str | None:
    """Return the name of the file that a proxy is shown as; None for what is no proxy and never shown."""
    # A source whose bytes are stored is there as somebody's proxy: sources themselves are never stored.
    ending = _ENDINGS.get(media_type) if role != Role.DEIDENTIFIED else None
    return ending and f"{sha256}.{ending}"


def stage_file(workspace: Workspace, sha256: str, name: str | None) -> Path:
    """Return the proxy as the file of that name, as `stage` does; for callers that know the asset already."""
    target = workspace.media_root / (name or "")
    if name is not None and target.exists():
        return target
    if name is None or not workspace.store.exists(asset_key(sha256)):
        raise NotFound(f"no proxy {sha256}", "stage the hash that proxy_of gives")
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

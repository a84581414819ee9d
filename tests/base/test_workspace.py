from pathlib import Path

import pytest

from yuelu.base.errors import NotFound
from yuelu.base.settings import Settings
from yuelu.base.workspace import init, open_workspace


def test_init_twice_keeps_the_keys_and_what_is_there(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "w")
    with pytest.raises(NotFound, match="no workspace at"):
        open_workspace(settings)
    first = init(settings)
    first.store.create("a/b", b"1")
    second = init(settings, secret=b"x" * 32)
    assert (second.secret, second.signing_key) == (first.secret, first.signing_key)
    assert open_workspace(settings).store.read("a/b") == b"1"
    assert first.media_root == tmp_path / "w" / "label-studio" / "media"


def test_a_demonstration_may_fix_its_keys(tmp_path: Path) -> None:
    workspace = init(Settings(tmp_path / "w"), secret=b"s" * 32, signing_seed=b"k" * 32)
    assert (workspace.secret, workspace.signing_key.seed) == (b"s" * 32, b"k" * 32)


def test_a_workspace_can_lie_elsewhere(tmp_path: Path) -> None:
    ledger = f"sqlite:///{tmp_path / 'other.sqlite3'}"
    workspace = init(Settings(tmp_path / "w", ledger=ledger, store=str(tmp_path / "s")))
    workspace.store.create("k", b"v")
    assert (tmp_path / "s" / "k").read_bytes() == b"v"
    assert (tmp_path / "other.sqlite3").exists()

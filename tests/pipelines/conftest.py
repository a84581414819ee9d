import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest

from yuelu.base.settings import Settings
from yuelu.base.workspace import Workspace, init
from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.readers import READERS, recognise
from yuelu.pipelines.media.reading import Context

KEY = b"k" * 32


@pytest.fixture(scope="session")
def fixtures() -> Path:
    folder = Path(os.environ.get("YUELU_FIXTURES", Path(__file__).resolve().parents[3] / "shared/fixtures"))
    if not folder.is_dir():
        pytest.skip("the shared fixtures are not here; set YUELU_FIXTURES")
    return folder


@pytest.fixture(scope="session")
def dicom_files() -> Path:
    return Path(pydicom.__file__).parent / "data/test_files"


@pytest.fixture
def context_for() -> Callable[[bytes], Context]:
    """What the reader of these bytes would be told."""

    def make(data: bytes, limits: Limits | None = None) -> Context:
        known = READERS[recognise(data[:4096])]
        return Context(limits or Limits(), KEY, hashlib.sha256(data).hexdigest(), known.media_type, known.demuxer)

    return make


@pytest.fixture
def make_workspace(tmp_path: Path) -> Iterator[Callable[[str], Workspace]]:
    opened = []

    def make(name: str) -> Workspace:
        workspace = init(Settings(tmp_path / name), secret=b"s" * 32, signing_seed=b"g" * 32)
        opened.append(workspace)
        return workspace

    yield make
    for workspace in opened:
        workspace.ledger.close()


@pytest.fixture
def small_decoders() -> Iterator[Decoders]:
    """Decoders whose limits a test reaches quickly."""
    decoders = Decoders(Limits(wall_s=3.0, cpu_s=1, memory_bytes=1 << 30, reply_bytes=1 << 20))
    yield decoders
    decoders.close()

"""What the demonstration does: its names, its projects, its terms. All of it fixed, so that its result is too."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from yuelu.base.canonical import sha256

# Public on purpose, so that the release has the same digest wherever the demonstration runs. Real workspaces draw theirs.
SECRET = bytes.fromhex(sha256(b"the demonstration's workspace secret is no secret"))
SIGNING_SEED = bytes.fromhex(sha256(b"the demonstration's signing key is no secret"))

DATASET = "yuelu-sample"
CURATOR = "curator"
SITE = "local"
OVERLAP = 3
MAX_ROUNDS = 3

COLLECTION: Mapping[str, str] = MappingProxyType(
    {
        "name": "sample",
        "owner": "the packages named in docs/demo-media.md",
        "legal_basis": "open licences",
        "grade": "public",
        "terms": "as each package's licence says",
    }
)
# Project -> label configuration. One project per kind of work.
PROJECTS: Mapping[str, str] = MappingProxyType(
    {"sample-images": "image-boxes", "sample-audio": "audio-segments", "sample-video": "video-ranges"}
)


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the demonstration keeps things, below one folder."""

    root: Path

    @property
    def media(self) -> Path:
        """The raw media that go in."""
        return self.root / "media"

    @property
    def workspace(self) -> Path:
        """The workspace."""
        return self.root / "workspace"

    @property
    def pages(self) -> Path:
        """The overview, as pages."""
        return self.root / "console"

    def pulled(self, version: str) -> Path:
        """Where a version is pulled to."""
        return self.root / "pulled" / f"{DATASET}-{version}"

    @property
    def damaged(self) -> Path:
        """A copy in which one byte is flipped."""
        return self.root / "pulled" / "damaged-on-purpose"

"""Media as records: what an asset is, what it is for, and how a listed object ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from yuelu.base.errors import InvalidRecord


class Medium(StrEnum):
    """What kind of proxy an annotator looks at."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    TIMESERIES = "timeseries"
    TEXT = "text"


class Role(StrEnum):
    """What an asset is for. Only `SOURCE` bytes may stay outside the store."""

    SOURCE = "source"
    DEIDENTIFIED = "deidentified"
    PROXY = "proxy"
    THUMBNAIL = "thumbnail"
    FRAME_TABLE = "frame_table"  # of a video: which source time each frame of the proxy shows


class Outcome(StrEnum):
    """How a listed object ended. The three add up to what was listed."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Asset:
    """One media object, known by the SHA-256 (hex) of its bytes.

    `group` is a keyed hash of what must not be split across train and test. `facts` are JSON values whose names carry
    their units (`duration_s`, `width_px`, `frame_rate_hz`). `store_key` is None while the bytes stay at the source.
    """

    sha256: str
    medium: Medium
    media_type: str
    bytes: int
    role: Role
    group: str
    derived_from: str | None = None
    store_key: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.sha256) != 64:
            raise InvalidRecord(f"asset id {self.sha256!r} is not a SHA-256", "need 64 hex digits")
        if self.bytes < 0:
            raise InvalidRecord(f"asset of {self.bytes} bytes", "need 0 or more")


def asset_key(sha256: str) -> str:
    """Return the store key of the asset with that hash."""
    return f"assets/{sha256[:2]}/{sha256}"

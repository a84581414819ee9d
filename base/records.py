"""The records that pass between rooms: media, regions, annotations. Parsed once at the border, frozen from then on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType, NoneType
from typing import Any, TypeAlias

from yuelu.base.canonical import digest
from yuelu.base.errors import InvalidRecord


class Medium(StrEnum):
    """What kind of proxy an annotator looks at."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    TIMESERIES = "timeseries"


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


def _finite(record: object) -> None:
    for entry in fields(record):  # type: ignore[arg-type]  # every caller is a dataclass instance
        value = getattr(record, entry.name)
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidRecord(f"{type(record).__name__}.{entry.name} is {value}", "need a finite number")


@dataclass(frozen=True, slots=True)
class Choice:
    """Labels for the whole task, or for the region `region_id` when it is set."""

    control: str
    labels: tuple[str, ...]
    region_id: str | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A box in pixels of image `item` of the task (0-based); x, y its top left corner.

    `rotation_deg` turns it clockwise about that corner, as Label Studio does.
    """

    id: str
    control: str
    label: str
    item: int
    x_px: float
    y_px: float
    width_px: float
    height_px: float
    rotation_deg: float = 0.0

    def __post_init__(self) -> None:
        _finite(self)
        if self.item < 0 or self.width_px <= 0 or self.height_px <= 0:
            raise InvalidRecord(f"empty box {self}", "need item >= 0, width_px > 0 and height_px > 0")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time [start_s, end_s) on the asset's own clock; `channel` is None for all channels."""

    id: str
    control: str
    label: str
    start_s: float
    end_s: float
    channel: int | None = None

    def __post_init__(self) -> None:
        _finite(self)
        if not 0 <= self.start_s < self.end_s:
            raise InvalidRecord(f"empty or negative segment {self}", "need 0 <= start_s < end_s")


@dataclass(frozen=True, slots=True)
class FrameRange:
    """Frames first_frame..last_frame of the proxy, both included, counted from 1 as Label Studio counts them."""

    id: str
    control: str
    label: str
    first_frame: int
    last_frame: int

    def __post_init__(self) -> None:
        if not 1 <= self.first_frame <= self.last_frame:
            raise InvalidRecord(f"empty frame range {self}", "need 1 <= first_frame <= last_frame")


Region: TypeAlias = Choice | Box | Segment | FrameRange

REGION_KINDS: Mapping[str, type[Choice] | type[Box] | type[Segment] | type[FrameRange]] = MappingProxyType(
    {"choice": Choice, "box": Box, "segment": Segment, "frame_range": FrameRange}
)
_KIND_OF = {kind: name for name, kind in REGION_KINDS.items()}


def region_to_json(region: Region) -> dict[str, Any]:
    """Return the region as JSON, with its `kind`."""
    values = {entry.name: getattr(region, entry.name) for entry in fields(region)}
    if isinstance(region, Choice):
        values["labels"] = list(region.labels)
    return {"kind": _KIND_OF[type(region)], **values}


# What JSON may say where a field has this type.
_TYPES: Mapping[Any, tuple[type, ...]] = MappingProxyType(
    {str: (str,), int: (int,), float: (float, int), str | None: (str, NoneType), int | None: (int, NoneType)}
)


def _texts(found: object) -> tuple[str, ...]:
    if not isinstance(found, list | tuple) or not all(isinstance(text, str) for text in found):
        raise InvalidRecord(f"choice: labels is {found!r}", "need a list of text")
    return tuple(found)


def region_from_json(data: Mapping[str, Any]) -> Region:
    """Return the region that `data` describes. Raises InvalidRecord: unknown kind, missing, unknown or wrong field."""
    if not isinstance(data, Mapping):
        raise InvalidRecord(f"a region is {type(data).__name__}, not an object", "give each region its kind and fields")
    values = dict(data)
    kind = values.pop("kind", None)
    if kind not in REGION_KINDS:
        raise InvalidRecord(f"unknown kind of region {kind!r}", f"known kinds: {', '.join(REGION_KINDS)}")
    if kind == "choice":
        values["labels"] = _texts(values.get("labels", []))
    for entry in fields(REGION_KINDS[kind]):
        known, found = _TYPES.get(entry.type), values.get(entry.name)
        if known and entry.name in values and (isinstance(found, bool) or not isinstance(found, known)):
            raise InvalidRecord(f"{kind}: {entry.name} is {found!r}", f"need {' or '.join(each.__name__ for each in known)}")
    try:
        return REGION_KINDS[kind](**values)
    except TypeError as error:
        raise InvalidRecord(f"{kind}: {error}", "see base/records.py for its fields") from None


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotator's whole answer to one task, as it stood at `updated_at`.

    `uid` is the annotation's own UUID, the same for all its versions. `lead_time_s` is what the client reported; None
    when it did not. `cancelled` means the annotator skipped the task; such an answer has no say in any score.
    """

    uid: str
    item_key: str
    annotator: str
    created_at: datetime
    updated_at: datetime
    regions: tuple[Region, ...]
    lead_time_s: float | None = None
    cancelled: bool = False
    version: int = 1

    @property
    def content(self) -> str:
        """The digest of what was answered: the same answer has the same digest, whenever and by whomever."""
        return digest({"cancelled": self.cancelled, "regions": [region_to_json(region) for region in self.regions]})

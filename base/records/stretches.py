"""Stretches of time: on sound and series in seconds, on videos in frames of the proxy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yuelu.base.errors import InvalidRecord
from yuelu.base.records.entry import Entry, check_finite


@dataclass(frozen=True, slots=True)
class Segment(Entry):
    """A stretch of time [start_s, end_s) on the asset's own clock; `channel` is None for all channels."""

    id: str
    control: str
    label: str
    start_s: float
    end_s: float
    channel: int | None = None

    def __post_init__(self) -> None:
        check_finite(self)
        if not 0 <= self.start_s < self.end_s:
            raise InvalidRecord(f"empty or negative segment {self}", "need 0 <= start_s < end_s")


@dataclass(frozen=True, slots=True)
class FrameRange(Entry):
    """Frames first_frame..last_frame of the proxy, both included, counted from 1 as Label Studio counts them."""

    id: str
    control: str
    label: str
    first_frame: int
    last_frame: int

    def __post_init__(self) -> None:
        if not 1 <= self.first_frame <= self.last_frame:
            raise InvalidRecord(f"empty frame range {self}", "need 1 <= first_frame <= last_frame")


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A box in one frame of the proxy, in its pixels; x, y its top left corner, about which it is turned clockwise.

    `enabled` says whether the box goes on after this frame. `time_s` is what the editor wrote: frame / frame rate.
    """

    frame: int
    enabled: bool
    x_px: float
    y_px: float
    width_px: float
    height_px: float
    rotation_deg: float = 0.0
    time_s: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        check_finite(self)
        if self.frame < 1 or self.width_px <= 0 or self.height_px <= 0:
            raise InvalidRecord(f"empty box in frame {self.frame}", "need frame >= 1, width_px > 0 and height_px > 0")


@dataclass(frozen=True, slots=True)
class Track(Entry):
    """A box over time, given by keyframes in order of their frames.

    `frames` are those of the whole proxy, as the editor counted them.
    """

    id: str
    control: str
    label: str
    keyframes: tuple[Keyframe, ...]
    frames: int

    def __post_init__(self) -> None:
        numbers = [each.frame for each in self.keyframes]
        if not numbers or numbers != sorted(set(numbers)):
            raise InvalidRecord(f"track {self.id} has keyframes {numbers}", "need one or more, each frame once, in order")

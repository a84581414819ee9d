"""What is really in the sample: the answers that the scripted annotators start from."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from yuelu.base.errors import InvalidRecord
from yuelu.base.records import Box, Choice, FrameRange, Medium, Segment

Region: TypeAlias = Choice | Box | Segment | FrameRange  # what the sample media are known to show


@dataclass(frozen=True, slots=True)
class Truth:
    """The right answer for one file of the sample.

    Boxes are in pixels of the file's own grid, on item 0. `hard`: people are expected to answer loosely. `disputed`: the
    choice can be argued. `corrected_later`: the answer is revised after the first release.
    """

    path: str
    medium: Medium
    regions: tuple[Region, ...]
    hard: bool = False
    disputed: bool = False
    corrected_later: bool = False


def _regions(entry: Mapping[str, Any]) -> Iterable[Region]:
    numbered = [*entry.get("boxes", ()), *entry.get("segments", ()), *entry.get("ranges", ())]
    for index, found in enumerate(numbered):
        name, label = f"t{index}", found["label"]
        if "width" in found:
            yield Box(name, "object", label, 0, found["x"], found["y"], found["width"], found["height"])
        elif "start_s" in found:
            yield Segment(name, "sound", label, found["start_s"], found["end_s"])
        else:
            yield FrameRange(name, "event", label, found["first_frame"], found["last_frame"])
    for control in ("scene", "quality", "camera"):
        if control in entry:
            yield Choice(control, (entry[control],))


_MEDIUM_OF = {"scene": Medium.IMAGE, "quality": Medium.AUDIO, "camera": Medium.VIDEO}
_FLAGS = ("hard", "disputed", "corrected_later")


def truth_from_json(path: str, entry: Mapping[str, Any]) -> Truth:
    """Return the truth that one entry of truth.json states. Raises InvalidRecord: not exactly one choice."""
    media = [medium for control, medium in _MEDIUM_OF.items() if control in entry]
    if len(media) != 1:
        raise InvalidRecord(f"truth of {path} has {len(media)} choices", f"need one of {', '.join(_MEDIUM_OF)}")
    flags = {name: bool(entry.get(name, False)) for name in _FLAGS}
    return Truth(path, media[0], tuple(_regions(entry)), **flags)


def load_truth() -> dict[str, Truth]:
    """Return the truth by path inside the sample's folder, in order of path. Duplicate and unusable files have none."""
    entries = json.loads(Path(__file__).with_name("truth.json").read_text(encoding="utf-8"))
    return {path: truth_from_json(path, entries[path]) for path in sorted(entries)}

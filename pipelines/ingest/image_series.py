"""What became of each image series: its slices in order, and what is missing, doubled or mixed. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np

_SAME_DIRECTION = 0.999  # cosine: 2.6 degrees
_SAME_PLACE_MM = 0.01
_GAP = 1.5  # steps: what lies further apart has something missing between


@dataclass(frozen=True, slots=True)
class Slice:
    """One picture of a series: the asset it belongs to, which of its pictures (from 0), and where it lies."""

    asset: str
    frame: int
    along_mm: float | None
    orientation: tuple[float, ...] | None
    spacing_mm: tuple[float, ...] | None
    size_px: tuple[int | None, int | None]
    number: int | None


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where slices are missing: between which positions along the normal, and how many by the usual spacing."""

    after_mm: float
    before_mm: float
    missing: int


@dataclass(frozen=True, slots=True)
class ImageSeries:
    """One series and what is odd about it.

    `series` is its pseudonym. `spacing_mm` is the usual distance of neighbours, None with fewer than two places. `passes`
    is how often every place was taken, where all were taken equally often (phases, echoes); 1 otherwise. `duplicates` are
    slices at a place that another has, beyond the passes. `unplaced` slices say no position or orientation, `unspaced` ones
    no spacing of pixels.
    """

    series: str
    modality: str | None
    assets: tuple[str, ...]
    slices: int
    spacing_mm: float | None
    gaps: tuple[Gap, ...]
    duplicates: int
    passes: int
    orientations: int
    sizes: int
    spacings: int
    unplaced: int
    unspaced: int

    @property
    def missing(self) -> int:
        """How many slices the gaps leave out."""
        return sum(gap.missing for gap in self.gaps)

    @property
    def whole(self) -> bool:
        """Whether the slices make one volume: nothing missing, doubled, mixed or unknown."""
        mixed = max(self.orientations, self.sizes, self.spacings) > 1
        return not (self.gaps or self.duplicates or mixed or self.unplaced or self.unspaced)

    def to_json(self) -> dict[str, Any]:
        """Return the series as JSON values."""
        return {**asdict(self), "missing": self.missing, "whole": self.whole}


def image_series(facts: Iterable[tuple[str, Mapping[str, Any]]]) -> list[ImageSeries]:
    """Return the series among assets, given as (sha256, facts of the labelled asset); those without a series are no part."""
    slices: dict[str, list[Slice]] = {}
    modalities: dict[str, str | None] = {}
    for sha256, told in facts:
        if series := told.get("series"):
            slices.setdefault(series, []).extend(slices_of(sha256, told))
            modalities.setdefault(series, told.get("modality"))
    return [_judged(series, modalities[series], in_order(each)) for series, each in sorted(slices.items())]


def slices_of(sha256: str, facts: Mapping[str, Any]) -> list[Slice]:
    """Return the pictures of one asset: one, or as many as it has frames in space. A film is one picture."""
    along = facts.get("slice_positions_mm")
    count = len(along) if isinstance(along, list) else 1
    places = along if isinstance(along, list) else [facts.get("slice_position_mm")]
    turned, spaced = (_each(facts.get(name), count) for name in ("image_orientation", "pixel_spacing_mm"))
    size = facts.get("width_px"), facts.get("height_px")
    number = facts.get("instance_number")
    return [
        Slice(sha256, frame, places[frame], _tuple(turned[frame]), _tuple(spaced[frame]), size, number) for frame in range(count)
    ]


def in_order(slices: Iterable[Slice]) -> list[Slice]:
    """Return the slices by their place along the normal, those without a place last, by their numbers."""
    return sorted(
        slices,
        key=lambda one: (one.along_mm is None, one.along_mm or 0.0, one.number is None, one.number or 0, one.asset, one.frame),
    )


def _judged(series: str, modality: str | None, slices: Sequence[Slice]) -> ImageSeries:
    stacks: list[list[Slice]] = []
    unplaced = [one for one in slices if one.along_mm is None or one.orientation is None]
    for one in slices:
        if one.along_mm is not None and one.orientation is not None:
            _stack_of(one, stacks).append(one)
    places = [_places([one.along_mm for one in stack if one.along_mm is not None]) for stack in stacks]
    counts = [count for place in places for _, count in place]
    passes = counts[0] if counts and len(set(counts)) == 1 else 1
    steps = [step for place in places for step in _steps(place)]
    usual = median(steps) if steps else None
    return ImageSeries(
        series,
        modality,
        tuple(dict.fromkeys(one.asset for one in slices)),
        len(slices),
        None if usual is None else round(usual, 6),
        tuple(gap for place in places for gap in _gaps(place, usual)),
        sum(count - passes for count in counts),
        passes,
        len(stacks),
        len({one.size_px for one in slices}),
        len({one.spacing_mm and tuple(round(mm, 4) for mm in one.spacing_mm) for one in slices}),
        len(unplaced),
        sum(one.spacing_mm is None for one in slices),
    )


def _stack_of(one: Slice, stacks: list[list[Slice]]) -> list[Slice]:
    """Return the stack whose slices are turned as `one` is; a new one is added to `stacks`."""
    for stack in stacks:
        mine, theirs = np.asarray(one.orientation), np.asarray(stack[0].orientation)
        if min(mine[:3] @ theirs[:3], mine[3:] @ theirs[3:]) > _SAME_DIRECTION:
            return stack
    stacks.append([])
    return stacks[-1]


def _places(along: Sequence[float]) -> list[tuple[float, int]]:
    """Return the different places, in order, and how many slices lie at each."""
    places: Counter[float] = Counter()
    last: float | None = None
    for mm in sorted(along):
        last = mm if last is None or mm - last > _SAME_PLACE_MM else last
        places[last] += 1
    return list(places.items())


def _steps(places: Sequence[tuple[float, int]]) -> list[float]:
    return [after - before for (before, _), (after, _) in pairwise(places)]


def _gaps(places: Sequence[tuple[float, int]], usual: float | None) -> list[Gap]:
    if usual is None:
        return []
    far = [(before, after) for (before, _), (after, _) in pairwise(places) if after - before > _GAP * usual]
    return [Gap(before, after, round((after - before) / usual) - 1) for before, after in far]


def _each(value: Any, count: int) -> list[Any]:
    """Return the value of each picture: facts of one picture hold one, those of several a list."""
    listed = isinstance(value, list) and len(value) == count and all(one is None or isinstance(one, list) for one in value)
    return list(value) if listed else [value] * count


def _tuple(value: Any) -> tuple[float, ...] | None:
    return tuple(value) if isinstance(value, list) else None

"""Which regions of two annotators are the same thing, of whatever kinds they are; and answers about such regions."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from yuelu.base.records import Region, kind_of
from yuelu.quality.kinds import masks, points, shapes, spans, stretches
from yuelu.quality.kinds.answers import Answer
from yuelu.quality.kinds.pairwise import Said
from yuelu.quality.kinds.regions import LEAST, Placed
from yuelu.quality.matching import candidates, match

PLACING: Mapping[str, Callable[[Sequence[Any]], Placed]] = MappingProxyType(
    {
        "box": shapes.place_boxes,
        "ellipse": shapes.place_outlines,
        "polygon": shapes.place_outlines,
        "vector": shapes.place_lines,
        "mask": masks.place_masks,
        "keypoint": points.place_points,
        "segment": stretches.place_segments,
        "frame_range": stretches.place_frames,
        "text_span": spans.place_spans,
        "hypertext_span": spans.place_spans,
        "paragraph_span": spans.place_spans,
    }
)


def match_any(one: Said, other: Said) -> dict[str, str]:
    """Return the ids of the first annotator's regions by those of the other's that are the same thing, whatever their labels.

    Regions are matched within a control, one to one, at an overlap of 0.5 or more.
    """
    found: dict[str, str] = {}
    keys = {(each.control, kind_of(each)) for each in (*one, *other) if kind_of(each) in PLACING}
    for key in sorted(keys):
        here, there = ([each for each in side if (each.control, kind_of(each)) == key] for side in (one, other))
        regions: list[Any] = [*here, *there]
        placed = PLACING[key[1]](regions)
        side = np.repeat([0, 1], [len(here), len(there)]).astype(np.int64)
        lone = int(placed.item.max(initial=0)) + 1 + np.arange(len(regions))
        cell = np.where([reason is None for reason in placed.reasons], placed.item, lone)
        for a, b in _pairs(cell, side, placed):
            found[regions[b].id] = regions[a].id
    return found


def _pairs(cell: Any, side: Any, placed: Placed) -> list[tuple[int, int]]:
    matched = match(candidates(cell, side, placed.places, placed.iou, LEAST), side)
    return list(zip(matched.one.tolist(), matched.other.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class AboutRegions:
    """Answers about regions that two annotators both drew: each such region is a task of its own. `alone` were not matched."""

    answers: tuple[Answer, ...]
    alone: int


def about_regions(drawn: Sequence[Answer], asked: Sequence[Answer]) -> AboutRegions:
    """Return what two annotators said about one region, for every two who drew it.

    `drawn` are whole answers (regions of any control), `asked` those to the question, whose entries carry a `region_id`. Of
    three annotators who drew a region there are three pairs, and each is a task: chance is what pairs would give.
    """
    said = {(each.task, each.annotator): _by_region(each.said) for each in asked}
    tasks: dict[str, list[Answer]] = {}
    for each in drawn:
        tasks.setdefault(each.task, []).append(each)
    found: list[Answer] = []
    used: Counter[tuple[str, str, str]] = Counter()
    for task, answers in sorted(tasks.items()):
        order = sorted(answers, key=lambda each: each.annotator)
        for at, one in enumerate(order):
            for other in order[at + 1 :]:
                here, there = (said.get((task, each.annotator), {}) for each in (one, other))
                for theirs, ours in match_any(one.said, other.said).items():
                    if ours in here and theirs in there:
                        key = f"{task} / {one.annotator} {ours} = {other.annotator} {theirs}"
                        found += [
                            Answer(key, one.annotator, one.group, here[ours]),
                            Answer(key, other.annotator, one.group, there[theirs]),
                        ]
                        used.update([(task, one.annotator, ours), (task, other.annotator, theirs)])
    return AboutRegions(tuple(found), sum(len(each) for each in said.values()) - len(used))


def _by_region(said: Said) -> dict[str, tuple[Region, ...]]:
    found: dict[str, tuple[Region, ...]] = {}
    for each in said:
        region = getattr(each, "region_id", None)
        if region is not None:
            found[region] = (*found.get(region, ()), each)
    return found

"""Answers compared in parts are answers compared at once, to the last bit."""

import random
from dataclasses import replace

import numpy as np
import pytest
from kinds_said import C, answer, box, line, mask

from yuelu.base.records import Choice, KeyPoint, Number, Ranking, Rating, Region, Segment, Text, TextSpan
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.joined import joined
from yuelu.quality.kinds.scoring import by_label, by_task, confusions
from yuelu.quality.kinds.table import agreement, kind_named, scores_of
from yuelu.quality.resample import Sampling


def some(kind: str, draw: random.Random) -> tuple[Region, ...]:
    x, label = draw.choice((0, 1, 2, 6)), draw.choice("uvw")
    made: dict[str, tuple[Region, ...]] = {
        "nominal": (Choice(C, (label,)),),
        "multilabel": (Choice(C, tuple(sorted({label, draw.choice("uvw")}))),),
        "ordinal": (Rating(C, x + 1),),
        "interval": (Number(C, x / 2),),
        "ranking": (Ranking(C, (("r", tuple(draw.sample("uvw", 3))),)),),
        "text": (Text(C, (f"one {label} three",)),),
        "box": (box(label, x), box("u", 40 + x, "2")),
        "polyline": (line((0, x), (30, 10)),),
        "keypoint": tuple(KeyPoint(id=n, control=C, label=n, item=0, x_px=9.0 * x, y_px=1.0, width_px=1) for n in "uv"),
        "mask": (mask(np.eye(6, k=x % 2, dtype=bool), label),),
        "segment": (Segment(id="s", control=C, label=label, start_s=x / 10, end_s=2 + x / 10),),
        "span": (TextSpan(id="s", control=C, label=label, start=x, end=x + 4),),
    }
    return made[kind] if draw.random() < 0.9 else ()


def answers(kind: str, draw: random.Random) -> list[Answer]:
    said = [
        replace(answer(f"t{task:02}", who, *some(kind, draw)), group=f"g{task // 2}")
        for task in range(12)
        for who in sorted(draw.sample("abcd", draw.choice((1, 2, 3))))
    ]
    # A label that stands only where nobody else looked.
    lone: dict[str, Region] = {"span": TextSpan(id="s", control=C, label="a", start=0, end=4), "box": box("a", 0)}
    more = [replace(answer("t00a", "d", lone[kind]), group="g0")] if kind in lone else []
    return sorted([*said, *more], key=lambda each: each.task)


@pytest.mark.parametrize(
    "kind",
    ["nominal", "multilabel", "ordinal", "interval", "ranking", "text", "box", "polyline", "keypoint", "mask", "segment", "span"],
)
def test_parts_leave_no_trace(kind: str) -> None:
    draw = random.Random(7)
    whole, asked, sampling = answers(kind, draw), Asked(C, kind), Sampling(replicates=50)
    compare, measures = kind_named(kind).compare, kind_named(kind).measures
    tasks = sorted({each.task for each in whole})
    groups = {each.task: each.group for each in whole}
    at_once = compare(whole, asked)
    for size in (1, 5, len(tasks)):
        parts = [set(tasks[start : start + size]) for start in range(0, len(tasks), size)]
        found = joined([compare([each for each in whole if each.task in part], asked) for part in parts], groups)
        assert scores_of(whole, asked, found, sampling) == agreement(whole, asked, sampling)
        assert by_task(found, measures) == by_task(at_once, measures)
        assert by_label(found, sampling) == by_label(at_once, sampling)
        assert confusions(found) == confusions(at_once)

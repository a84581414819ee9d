"""Answers of every kind for tests of agreement."""

from typing import Any

import numpy as np

from yuelu.base.records import (
    Box,
    Mask,
    Region,
    Vector,
    Vertex,
)
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.table import agreement

C = "c"


def answer(task: Any, who: str, *said: Region) -> Answer:
    return Answer(str(task), who, str(task), said)


def value(kind: str, metric: str, *answers: Answer, **more: Any) -> float | None:
    """Return one measure over all answers."""
    found = {score.metric: score.value for score in agreement(answers, Asked(C, kind, **more))}
    return found[metric]


def box(label: str, x: float, name: str = "b", **more: Any) -> Box:
    return Box(id=name, control=C, label=label, item=0, x_px=x, y_px=0, width_px=10, height_px=10, **more)


def mask(cells: Any, label: str = "u", item: int = 0, name: str = "m") -> Mask:
    flat = np.asarray(cells, bool).ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    counts = np.diff(starts, append=flat.size)
    high, wide = np.asarray(cells).shape
    levels = tuple((flat[starts] * 255).tolist())
    return Mask(
        id=name, control=C, label=label, item=item, width_px=wide, height_px=high, counts=tuple(counts.tolist()), levels=levels
    )


def line(*points: tuple[float, float]) -> Vector:
    vertices = [Vertex(str(at), *point, None if at == 0 else str(at - 1)) for at, point in enumerate(points)]
    return Vector(id="v", control=C, label="u", item=0, vertices=tuple(vertices))

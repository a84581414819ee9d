"""IoU and one-to-one matching of boxes of three annotators, ten boxes each, against pycocotools and supervision."""

import numpy as np
from measuring import Row, Settings
from numpy.typing import NDArray
from peers import ask, found_by_peers, turns_rows

from yuelu.quality.matching import Matches, candidates, match
from yuelu.quality.overlap import box_iou

BOXES, ANNOTATORS = 10, 3

_PEER = """
from itertools import combinations
boxes = given["boxes"]
import supervision as sv
from pycocotools import mask as coco
def each(iou):
    total = 0.0
    for task in boxes:
        for a, b in combinations(range(len(task)), 2):
            total += iou(task[a], task[b]).sum()
    return total
def by_coco():
    return each(lambda a, b: coco.iou(a, b, crowd))
def by_supervision():
    return each(lambda a, b: sv.box_iou_batch(np.c_[a[:, :2], a[:, :2] + a[:, 2:]], np.c_[b[:, :2], b[:, :2] + b[:, 2:]]))
crowd = [0] * boxes.shape[2]
for way, do in (("pycocotools", by_coco), ("supervision", by_supervision)):
    found = timed(way, do)
    told[way][2] = float(found)
"""
_SCIPY = """
from itertools import combinations
from scipy.optimize import linear_sum_assignment
boxes = given["boxes"]
def iou(a, b):
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    return shared / (a[:, 2:].prod(axis=1)[:, None] + b[:, 2:].prod(axis=1) - shared)
def matched():
    count = 0
    for task in boxes:
        for a, b in combinations(range(len(task)), 2):
            table = iou(task[a], task[b])
            rows, columns = linear_sum_assignment(np.where(table >= 0.5, table + len(table) + 1, 0), maximize=True)
            count += int((table[rows, columns] >= 0.5).sum())
    return count
way = "numpy and scipy, task by task"
found = timed(way, matched)
told[way][2] = found
"""
_HUNGARIAN = """
from scipy.optimize import linear_sum_assignment
tables = given["tables"]
def matched():
    count = 0
    for table in tables:
        rows, columns = linear_sum_assignment(table, maximize=True)
        count += int((table[rows, columns] > 0).sum())
    return count
way = "scipy linear_sum_assignment, table by table"
found = timed(way, matched)
told[way][2] = found
"""


def rows(settings: Settings) -> list[Row]:
    """Return the overlaps of all pairs of boxes, then their matches."""
    tasks = 2_000 if settings.quick else 20_000
    boxes = _boxes(tasks, settings.seed)
    flat, cell, annotator = _flat(boxes)
    pairs = tasks * (ANNOTATORS * (ANNOTATORS - 1) // 2) * BOXES * BOXES

    def overlap() -> float:
        return float(candidates(cell, annotator, flat, box_iou, 1e-12).iou.sum())

    def matched() -> int:
        return len(match(candidates(cell, annotator, flat, box_iou, 0.5), annotator).iou)

    told = ask(settings, _PEER, overlap, boxes=boxes)  # supervision adds up in single precision
    assert all(abs(found / overlap() - 1) < 1e-5 for found in found_by_peers(told)), "the overlaps differ"
    job = f"IoU, {tasks} tasks x 3 annotators x 10 boxes (pairs of boxes)"
    made = turns_rows(job, "yuelu", pairs, told)
    told = ask(settings, _SCIPY, matched, boxes=boxes)
    assert all(found == matched() for found in found_by_peers(told)), "the matches differ"
    made += turns_rows(f"IoU and matching at 0.5, {tasks} tasks (pairs of annotators)", "yuelu", tasks * 3, told)
    found = candidates(cell, annotator, flat, box_iou, 0.5)
    told = ask(settings, _HUNGARIAN, lambda: match(found, annotator), tables=_tables(found, tasks))
    assert all(count == matched() for count in found_by_peers(told)), "the matches differ"
    job = f"matching alone, 10 x 10, {tasks} tasks (pairs of annotators)"
    return [*made, *turns_rows(job, "yuelu", tasks * 3, told, "without what makes the tables")]


def _tables(found: Matches, tasks: int) -> NDArray[np.float64]:
    """Return what each pair of boxes is worth to the Hungarian method, shape (pairs of annotators, boxes, boxes)."""
    (cell, one, row), (_, other, column) = (
        np.unravel_index(rows, (tasks, ANNOTATORS, BOXES)) for rows in (found.one, found.other)
    )
    tables = np.zeros((tasks, ANNOTATORS, BOXES, BOXES))
    tables[cell, one + other - 1, row, column] = found.iou + BOXES + 1
    return tables.reshape(-1, BOXES, BOXES)


def _boxes(tasks: int, seed: int) -> NDArray[np.float64]:
    """Return x, y, width, height, shape (tasks, annotators, boxes, 4): the same boxes, drawn a little differently."""
    draw = np.random.default_rng(seed)
    place, size = draw.uniform(0, 900, (tasks, 1, BOXES, 2)), draw.uniform(20, 100, (tasks, 1, BOXES, 2))
    truth = np.concatenate([place, size], axis=3)
    return np.asarray(truth + draw.normal(0, 3, (tasks, ANNOTATORS, BOXES, 4)))


def _flat(boxes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    flat = boxes.reshape(-1, 4)
    cell = np.repeat(np.arange(len(boxes)), ANNOTATORS * BOXES)
    annotator = np.tile(np.repeat(np.arange(ANNOTATORS), BOXES), len(boxes))
    return np.concatenate([flat, np.zeros((len(flat), 1))], axis=1), cell, annotator

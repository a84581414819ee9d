"""A DICOM Segmentation of a series: one segment for each label, one bit for each pixel."""

import math
from itertools import pairwise

import numpy as np
from highdicom.seg import Segmentation, SegmentDescription
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from yuelu.datasets.coco_rle import inside
from yuelu.datasets.exports.report import Tally
from yuelu.datasets.exports.shapes import Point, cells, labels
from yuelu.datasets.tables import Row
from yuelu.pipelines.dicom_export.series import Instance, Made, Series, code


def segmentation(series: Series, made: Made, tally: Tally) -> Dataset | None:
    """Return the SEG of a series, None where nothing on it has an area."""
    sources = [instance.dataset for instance in series.instances]
    rows, columns = int(sources[0].Rows), int(sources[0].Columns)
    drawn: dict[str, dict[int, NDArray[np.bool_]]] = {}
    for number, instance in enumerate(series.instances):
        for column, region in instance.picture.drawn:
            grid = _grid(instance, column, region, tally)
            if grid is None:
                tally.left_out[column, "no area"] += 1
                continue
            tally.written[column] += 1
            for label in labels(region):
                frames = drawn.setdefault(label, {})
                frames[number] = frames.get(number, np.zeros((rows, columns), bool)) | grid
    if not any(grid.any() for frames in drawn.values() for grid in frames.values()):
        return None
    pixels = np.zeros((len(sources), rows, columns, len(drawn)), np.uint8)
    for place, label in enumerate(sorted(drawn)):
        for number, grid in drawn[label].items():
            pixels[number, :, :, place] = grid
    return Segmentation(
        sources, pixels, "BINARY", [_segment(number, label) for number, label in enumerate(sorted(drawn), 1)],
        series_instance_uid=made.uid("seg series", series.name), series_number=9_001,
        sop_instance_uid=made.uid("seg", series.name), instance_number=1,
        content_label="LABELS", content_description=made.title[:64], **made.equipment(),
    )  # fmt: skip


def _segment(number: int, label: str) -> SegmentDescription:
    return SegmentDescription(number, label[:64] or "without a label", code("annotated class"), code(label), "MANUAL")


def _grid(instance: Instance, column: str, region: Row, tally: Tally) -> NDArray[np.bool_] | None:
    rows, columns = int(instance.dataset.Rows), int(instance.dataset.Columns)
    if column == "masks":
        if region["size"] != [rows, columns]:
            tally.changed[column, "brought from its own grid to the object's"] += 1
        flags = np.zeros(rows * columns, bool)
        for start, end in inside(cells(region, columns, rows).counts):
            flags[start:end] = True
        return flags.reshape(columns, rows).T
    points = instance.outline(column, region)
    if points is None:
        return None
    tally.changed[column, "the pixels whose centres are inside"] += 1
    return filled(points, columns, rows)


def filled(points: list[Point], columns: int, rows: int) -> NDArray[np.bool_]:
    """Return the pixels, shape (rows, columns), whose centres are inside an outline (even-odd rule)."""
    grid = np.zeros((rows, columns), bool)
    edges = list(pairwise([*points, points[0]]))
    for row in range(rows):
        y = row + 0.5
        crossed = sorted(x0 + (y - y0) * (x1 - x0) / (y1 - y0) for (x0, y0), (x1, y1) in edges if (y0 <= y) != (y1 <= y))
        for left, right in zip(crossed[::2], crossed[1::2], strict=True):
            grid[row, max(0, math.ceil(left - 0.5)) : max(0, math.ceil(right - 0.5))] = True
    return grid

"""Shapes on pictures, and how much two of them cover each other."""

from collections.abc import Sequence

import numpy as np

from yuelu.base.records import Box
from yuelu.quality.kinds.regions import Placed, region_measures
from yuelu.quality.overlap import box_iou


def place_boxes(regions: Sequence[Box]) -> Placed:
    """Return boxes, turned ones too."""
    numbers = [(each.x_px, each.y_px, each.width_px, each.height_px, each.rotation_deg) for each in regions]
    items = np.asarray([each.item for each in regions], np.int64)
    return Placed(np.asarray(numbers, np.float64).reshape(-1, 5), box_iou, items, [None] * len(regions), {}, {})


BOXES = region_measures("boxes")

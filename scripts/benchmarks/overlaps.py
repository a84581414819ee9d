"""Masks: IoU of pairs against pycocotools, and STAPLE against SimpleITK."""

import numpy as np
from measuring import Row, Settings
from numpy.typing import NDArray
from peers import ask, found_by_peers, turns_rows

from yuelu.quality.masks.overlap import shared
from yuelu.quality.masks.staple import staple

ANNOTATORS = 5

_COCO = """
from pycocotools import mask as coco
def from_pixels(masks):
    runs = coco.encode(masks)
    return float(coco.iou(runs, runs, [0] * masks.shape[2]).sum())
def by_columns():
    return np.asfortranarray(np.moveaxis(given_masks, 0, 2).astype(np.uint8))
given_masks = given["masks"]
ready = by_columns()
for way, do in (
    ("pycocotools, encode and iou, of pixels ordered as it wants them", lambda: from_pixels(ready)),
    ("the same, ordering included", lambda: from_pixels(by_columns())),
):
    found = timed(way, do)
    told[way][2] = found
"""
_ITK = """
import SimpleITK as sitk
sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
masks = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in given["masks"]]
def combine():
    filter = sitk.STAPLEImageFilter()
    filter.SetForegroundValue(1)
    return filter.Execute(masks)
found = timed("SimpleITK STAPLE, 1 thread", combine)
told["SimpleITK STAPLE, 1 thread"][2] = float((sitk.GetArrayFromImage(found) > 0.5).sum())
"""


def rows(settings: Settings) -> list[Row]:
    """Return IoU and STAPLE of five annotators' masks."""
    made: list[Row] = []
    for size in (512, 1024) if settings.quick else (512, 1024, 2048):
        masks = _masks(size, settings.seed)
        told = ask(settings, _COCO, lambda masks=masks: shared(list(masks)).iou, masks=masks)
        same = float(shared(list(masks)).iou.sum())
        assert all(abs(found - same) < 1e-9 for found in found_by_peers(told)), "the overlaps differ"
        pairs = ANNOTATORS * (ANNOTATORS - 1) // 2
        made += turns_rows(f"IoU of 5 masks of {size}^2, all pairs, from pixels", "yuelu", pairs, told)
        told = ask(settings, _ITK, lambda masks=masks: staple(list(masks)), masks=masks)
        pixels = int(staple(list(masks)).mask.sum())
        assert all(abs(found - pixels) <= 1e-4 * pixels for found in found_by_peers(told)), "the masks differ"
        made += turns_rows(f"STAPLE of 5 masks of {size}^2", "yuelu", 1, told)
    return made


def _masks(size: int, seed: int) -> NDArray[np.bool_]:
    draw, (y, x) = np.random.default_rng(seed), np.mgrid[:size, :size]
    off = draw.normal(0, size / 40, (ANNOTATORS, 3))
    return np.stack([(x - size / 2 - dx) ** 2 + (y - size / 2 - dy) ** 2 < (size / 4 + dr) ** 2 for dx, dy, dr in off])

"""Masks: IoU of pairs against pycocotools, and STAPLE against SimpleITK."""

import numpy as np
from measuring import OURS, Row, Settings, row
from numpy.typing import NDArray
from peers import ask, peer_rows

from yuelu.quality.masks.overlap import shared
from yuelu.quality.masks.staple import staple

ANNOTATORS = 5

_COCO = """
from pycocotools import mask as coco
masks = np.asfortranarray(np.moveaxis(given["masks"], 0, 2).astype(np.uint8))
def from_pixels():
    runs = coco.encode(masks)
    return coco.iou(runs, runs, [0] * masks.shape[2])
told_sum = float(timed("pycocotools, encode and iou", from_pixels).sum())
told["pycocotools, encode and iou"][2] = told_sum
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
        told = ask(settings, _COCO, masks=masks)
        found = float(shared(list(masks)).iou.sum())
        assert all(abs(each.found - found) < 1e-9 for each in told.values()), "the overlaps differ"
        job = f"IoU of 5 masks of {size}^2, all pairs, from pixels"
        pairs = ANNOTATORS * (ANNOTATORS - 1) // 2
        made += [row(job, "yuelu", OURS, lambda masks=masks: shared(list(masks)), settings.rounds, pairs)]
        made += peer_rows(job, pairs, told)
        told = ask(settings, _ITK, masks=masks)
        pixels = int(staple(list(masks)).mask.sum())
        assert all(abs(each.found - pixels) <= 1e-4 * pixels for each in told.values()), "the masks differ"
        job = f"STAPLE of 5 masks of {size}^2"
        made += [row(job, "yuelu", OURS, lambda masks=masks: staple(list(masks)), settings.rounds)]
        made += peer_rows(job, 1, told)
    return made


def _masks(size: int, seed: int) -> NDArray[np.bool_]:
    draw, (y, x) = np.random.default_rng(seed), np.mgrid[:size, :size]
    off = draw.normal(0, size / 40, (ANNOTATORS, 3))
    return np.stack([(x - size / 2 - dx) ** 2 + (y - size / 2 - dy) ** 2 < (size / 4 + dr) ** 2 for dx, dy, dr in off])

"""Brush masks: regions matched by IoU, pixels of a label shared, and of volumes the surfaces in millimetres."""

from collections.abc import Iterator, Sequence
from types import MappingProxyType

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.csgraph import maximum_bipartite_matching

from yuelu.base.records import Mask
from yuelu.quality.coded import Codes
from yuelu.quality.covered import Covered, covered, shared, size
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.compared import Compared, Measure, share
from yuelu.quality.kinds.pairwise import Found, Said, compare_pairs
from yuelu.quality.kinds.regions import Placed, compare_regions, region_measures
from yuelu.quality.kinds.shapes import by_place
from yuelu.quality.masks.overlap import Mask as Voxels
from yuelu.quality.masks.surfaces import surfaces
from yuelu.quality.resample import Floats

TOLERANCES_MM = (1.0, 2.0)
_BAND = 0.02  # of the picture's diagonal: how wide boundary IoU looks
_INSIDE = 128  # of 255: from here on a cell belongs
_OTHER_GRID = "masks of one picture on grids of different sizes"


def inside(mask: Mask) -> Covered:
    """Return the cells that belong to the mask, counted row by row."""
    ends = np.cumsum(np.asarray(mask.counts, np.int64))
    belongs = np.asarray(mask.levels) >= _INSIDE
    return covered((ends - np.asarray(mask.counts))[belongs], ends[belongs])


def compare_masks(answers: Sequence[Answer], asked: Asked) -> Compared:
    """Return the tallies of masks as regions, of their pixels by label and, with a spacing, of the volumes they make up."""
    regions = compare_regions(answers, place_masks)
    names = {**dict.fromkeys(("pixels_both", "pixels"), ()), **(dict.fromkeys(_VOLUME, ()) if asked.spacing_mm else {})}
    pixels = compare_pairs(answers, names, lambda one, other: _pair(one, other, asked.spacing_mm))
    left_out = {**regions.left_out, **pixels.left_out}
    return Compared(
        regions.pairs, MappingProxyType({**regions.counts, **pixels.counts}), regions.labels, regions.named, left_out=left_out
    )


def place_masks(regions: Sequence[Mask]) -> Placed:
    """Return masks, which overlap where they are on one grid."""
    cells = [inside(each) for each in regions]
    grids = [(each.width_px, each.height_px) for each in regions]
    sizes = [size(each) for each in cells]

    def iou(one: int, other: int) -> float:
        both = shared(cells[one], cells[other]) if grids[one] == grids[other] else 0
        union = sizes[one] + sizes[other] - both
        return both / union if union else 0.0

    def dice(one: Codes, other: Codes) -> Floats:
        found = np.asarray([iou(a, b) for a, b in zip(one.tolist(), other.tolist(), strict=True)], np.float64)
        return np.asarray(2 * found / (1 + found))

    def boundary(one: Codes, other: Codes) -> Floats:
        pairs = zip(one.tolist(), other.tolist(), strict=True)
        return np.asarray([boundary_iou(regions[a], regions[b]) for a, b in pairs], np.float64)

    items = np.asarray([each.item for each in regions], np.int64)
    empty = ["masks without a cell" if not each else None for each in sizes]
    places = np.arange(len(regions), dtype=np.float64)[:, np.newaxis]
    return Placed(places, by_place(iou), items, empty, {"dice": dice, "boundary": boundary}, {})


def boundary_iou(one: Mask, other: Mask) -> float:
    """Return the IoU of what of each mask lies within 2 % of the picture's diagonal of its border.

    Source: B. Cheng et al. (2021), Boundary IoU: Improving Object-Centric Image Segmentation Evaluation.
    """
    wide = max(1, round(_BAND * float(np.hypot(one.width_px, one.height_px))))
    first, second = (_border(grid_of(each), wide) for each in (one, other))
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 0.0


def _border(cells: Voxels, wide: int) -> Voxels:
    rows, columns = (np.flatnonzero(cells.any(axis=axis)) for axis in (1, 0))
    found = np.zeros_like(cells)
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    part = cells[window]
    inner = ndimage.distance_transform_cdt(np.pad(part, 1), "chessboard")[1:-1, 1:-1] > wide
    found[window] = part & ~inner
    return found


def grid_of(mask: Mask) -> Voxels:
    """Return the mask as booleans, shape (height, width)."""
    belongs = np.repeat(np.asarray(mask.levels) >= _INSIDE, mask.counts)
    return np.asarray(belongs.reshape(mask.height_px, mask.width_px))


def _pair(one: Said, other: Said, spacing_mm: tuple[float, float, float] | None) -> Found:
    both = total = 0
    for here, there in _by_label_and_item(one, other):
        if len({(each.width_px, each.height_px) for each in (*here, *there)}) > 1:
            return Found({}, left_out=_OTHER_GRID)
        a, b = _union(here), _union(there)
        both, total = both + shared(a, b), total + size(a) + size(b)
    counts: dict[str, float | Floats] = {"pixels_both": both, "pixels": total}
    return Found({**counts, **(_volumes(one, other, spacing_mm) if spacing_mm else {})})


def _union(masks: Sequence[Mask]) -> Covered:
    parts = [inside(each) for each in masks]
    starts, ends = (np.concatenate([np.zeros(0, np.int64), *(part[side] for part in parts)]) for side in (0, 1))
    return covered(starts, ends)


def _by_label_and_item(one: Said, other: Said) -> Iterator[tuple[list[Mask], list[Mask]]]:
    for key in sorted({(each.label, each.item) for each in (*one, *other) if isinstance(each, Mask)}):
        yield tuple([e for e in side if isinstance(e, Mask) and (e.label, e.item) == key] for side in (one, other))  # type: ignore[misc]


_VOLUME = (
    "lesions",
    "lesions_found",
    "border",
    *(f"near_{bound:.0f}" for bound in TOLERANCES_MM),
    "hd95",
    "surfaces",
    "apart_ml",
    "volumes",
)


def _volumes(one: Said, other: Said, spacing_mm: tuple[float, float, float]) -> dict[str, float]:
    """Return the tallies of the volume of each label: its slices are the items of the task, in their order."""
    counts = dict.fromkeys(_VOLUME, 0.0)
    masks = [each for each in (*one, *other) if isinstance(each, Mask)]
    slices = max((each.item for each in masks), default=-1) + 1
    for label in sorted({each.label for each in masks}):
        a, b = (_volume(side, label, slices, masks[0]) for side in (one, other))
        found = surfaces(a, b, spacing_mm)
        borders = len(found.one_to_other) + len(found.other_to_one)
        counts["border"] += borders
        for bound in TOLERANCES_MM:
            counts[f"near_{bound:.0f}"] += (found.dice(bound) or 0.0) * borders
        hd95 = found.hausdorff_mm(95)
        counts["surfaces"] += hd95 is not None
        counts["hd95"] += hd95 or 0.0
        counts["lesions"], counts["lesions_found"] = np.add((counts["lesions"], counts["lesions_found"]), lesions(a, b)).tolist()
        counts["volumes"] += 1
        counts["apart_ml"] += abs(int(a.sum()) - int(b.sum())) * float(np.prod(spacing_mm)) / 1000
    return counts


def lesions(one: Voxels, other: Voxels) -> tuple[int, int]:
    """Return how many lesions two volumes have together, and how many of them are found in the other one.

    A lesion is what hangs together, over corners too. One of each volume that share a voxel may be the same, and as many are
    matched as can be.
    """
    (here, ours), (there, theirs) = (ndimage.label(each, np.ones((3, 3, 3))) for each in (one, other))
    both = one & other
    meets = sparse.csr_array(
        (np.ones(int(both.sum()), np.int64), (here[both] - 1, there[both] - 1)), (max(ours, 1), max(theirs, 1))
    )
    meets.sum_duplicates()
    return ours + theirs, 2 * int((maximum_bipartite_matching(meets, perm_type="column") >= 0).sum())


def _volume(said: Said, label: str, slices: int, like: Mask) -> Voxels:
    found = np.zeros((slices, like.height_px, like.width_px), np.bool_)
    for each in said:
        if isinstance(each, Mask) and each.label == label:
            found[each.item] |= grid_of(each)
    return found


_NOTHING, _NO_MATCH = "nobody drew any masks", "no two masks overlap by IoU 0.50 or more"
DICE = Measure("dice", share({"pixels_both": 2}, "pixels"), _NOTHING)
MASKS = (
    DICE,
    *region_measures("masks"),
    Measure("mean_dice", share("dice", "any_label"), _NO_MATCH),
    Measure("mean_boundary_iou", share("boundary", "any_label"), _NO_MATCH),
)
VOLUMES = (
    Measure("lesion_f1", share("lesions_found", "lesions"), _NOTHING),
    *(Measure(f"surface_dice@{bound:.1f}_mm", share(f"near_{bound:.0f}", "border"), _NOTHING) for bound in TOLERANCES_MM),
    Measure("hd95_mm", share("hd95", "surfaces"), "no label was drawn by both, so nothing is any distance away", (0.0, np.inf)),
    Measure("volume_difference_ml", share("apart_ml", "volumes"), _NOTHING, (0.0, np.inf)),
)

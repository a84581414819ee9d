import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from yuelu.base.errors import InvalidRecord
from yuelu.quality.masks.overlap import Mask, shared
from yuelu.quality.masks.staple import staple, voted
from yuelu.quality.masks.surfaces import surfaces


def discs(count: int, size: int = 64, seed: int = 5) -> list[Mask]:
    """Return discs about the middle, each a little off."""
    rng, (y, x) = np.random.default_rng(seed), np.mgrid[:size, :size]
    return [
        np.asarray((x - size / 2 - dx) ** 2 + (y - size / 2 - dy) ** 2 < (size / 4 + dr) ** 2)
        for dx, dy, dr in rng.normal(0, size / 32, (count, 3))
    ]


def test_iou_is_that_of_pycocotools() -> None:
    masks = discs(4)
    runs = coco.encode(np.asfortranarray(np.stack(masks, axis=2).astype(np.uint8)))
    np.testing.assert_allclose(shared(masks).iou, coco.iou(runs, runs, [0] * 4), atol=1e-12)


def test_dice_is_that_of_simpleitk() -> None:
    one, other = discs(2)
    measured = sitk.LabelOverlapMeasuresImageFilter()
    measured.Execute(sitk.GetImageFromArray(one.astype(np.uint8)), sitk.GetImageFromArray(other.astype(np.uint8)))
    assert shared([one, other]).dice[0, 1] == pytest.approx(measured.GetDiceCoefficient())


@given(arrays(np.bool_, st.tuples(st.just(3), st.integers(1, 9), st.integers(1, 9))))
def test_shared_pixels_are_what_numpy_counts(stack: Mask) -> None:
    both = shared(list(stack)).both
    assert both.tolist() == [[int((a & b).sum()) for b in stack] for a in stack]


def test_nothing_and_nothing_agree() -> None:
    nothing, something = np.zeros((4, 4), np.bool_), np.ones((4, 4), np.bool_)
    found = shared([nothing, nothing, something])
    assert (found.iou[0, 1], found.iou[0, 2], found.dice[0, 1], found.dice[0, 2]) == (1, 0, 1, 0)


def test_masks_of_two_shapes_are_refused() -> None:
    with pytest.raises(InvalidRecord, match=r"bool \(2, 2\), bool \(3, 3\)"):
        shared([np.ones((2, 2), np.bool_), np.ones((3, 3), np.bool_)])


# Of two annotators the likelihood is nearly flat along a ridge, and SimpleITK stops earlier on it.
@pytest.mark.parametrize(("annotators", "close"), [(2, 1e-2), (3, 1e-5), (5, 1e-3)])
def test_staple_is_that_of_simpleitk(annotators: int, close: float) -> None:
    masks = discs(annotators, 128)
    peer = sitk.STAPLEImageFilter()
    peer.SetForegroundValue(1)
    expected = sitk.GetArrayFromImage(peer.Execute([sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in masks]))
    found = staple(masks)
    assert np.abs(found.probability - expected).max() < close
    np.testing.assert_allclose(found.sensitivity, peer.GetSensitivity(), atol=close)
    np.testing.assert_allclose(found.specificity, peer.GetSpecificity(), atol=close)


def test_staple_trusts_the_careful() -> None:
    careful = discs(1, 64)[0]
    rng = np.random.default_rng(0)
    careless = careful ^ (rng.random(careful.shape) < 0.2)
    found = staple([careful, careful, careless])
    assert found.sensitivity[0] > found.sensitivity[2]
    assert (found.mask == careful).all()


@pytest.mark.parametrize("drawn", [False, True])
def test_masks_that_are_all_alike_and_full_or_empty(drawn: bool) -> None:
    found = staple([np.full((3, 3), drawn)] * 2)
    assert (found.probability == drawn).all()


def test_staple_refuses_a_prior_of_one_and_too_many() -> None:
    mask = discs(1, 8)[0]
    with pytest.raises(InvalidRecord, match="with prior 1"):
        staple([mask], prior=1)
    with pytest.raises(InvalidRecord, match="17 masks"):
        staple([mask] * 17)


def test_votes() -> None:
    assert voted([np.array([True, False]), np.array([True, True])]).tolist() == [1, 0.5]


def test_hausdorff_is_that_of_simpleitk() -> None:
    spacing = (3.0, 0.7, 0.5)  # z, y, x
    one, other = np.zeros((2, 12, 30, 30), np.bool_)
    one[3:9, 5:20, 6:22] = True
    other[4:10, 7:21, 4:20] = True
    other[5, 25, 25] = True
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (one, other)]
    for image in images:
        image.SetSpacing(spacing[::-1])
    peer = sitk.HausdorffDistanceImageFilter()
    peer.Execute(*images)
    assert surfaces(one, other, spacing).hausdorff_mm() == pytest.approx(peer.GetHausdorffDistance())


def test_surface_dice_by_hand() -> None:
    # Two squares of 4 x 4 voxels, 2 mm apart along x: borders of 12 voxels each. Of one square the column that is
    # farthest is 2 mm from the other's border, and nothing is farther.
    one, other = np.zeros((2, 10, 10), np.bool_)
    one[3:7, 2:6] = other[3:7, 4:8] = True
    found = surfaces(one, other, (1, 1))
    assert found.hausdorff_mm() == 2
    assert found.dice(2) == 1
    # Within 0 mm: columns 4 and 5 of rows 3 and 6, 4 of 12 of either border.
    assert found.dice(0) == pytest.approx(8 / 24)
    assert found.hausdorff_mm(95) is not None


def test_an_empty_mask_is_no_distance_away() -> None:
    nothing, something = np.zeros((5, 5), np.bool_), np.zeros((5, 5), np.bool_)
    something[2, 2] = True
    assert surfaces(nothing, nothing, (1, 1)).dice(1) is None
    missing = surfaces(something, nothing, (1, 1))
    assert (missing.dice(1), missing.hausdorff_mm(), missing.hausdorff_mm(95)) == (0, None, None)


def test_spacing_needs_each_axis() -> None:
    mask = discs(1, 8)[0]
    with pytest.raises(InvalidRecord, match=r"spacing \(1,\) mm for 2 axes"):
        surfaces(mask, mask, (1,))

"""Gaps, doubles and mixtures in series; counted by hand."""

import hashlib
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuelu.pipelines.ingest.image_series import Gap, image_series, in_order, slices_of
from yuelu.pipelines.media.dicom.reader import read
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context
from yuelu.pipelines.media.volumes.geometry import Plane, plane_facts

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def facts(mm: float | None, number: int = 1, orientation: tuple[float, ...] = AXIAL, **others: object) -> dict[str, object]:
    plane = Plane(None if mm is None else (0.0, 0.0, mm), orientation, (0.5, 0.5))
    known = {"series": "s", "modality": "CT", "width_px": 512, "height_px": 512, "instance_number": number}
    return {**known, **plane_facts([plane]), **others}


def test_a_whole_series_is_whole_whatever_the_order_of_its_files() -> None:
    (found,) = image_series((f"asset {mm}", facts(mm)) for mm in (5.0, -2.5, 2.5, 0.0))
    assert (found.slices, found.spacing_mm, found.gaps, found.duplicates, found.whole) == (4, 2.5, (), 0, True)
    assert found.assets == ("asset -2.5", "asset 0.0", "asset 2.5", "asset 5.0")
    assert found.to_json()["missing"] == 0


def test_gaps_tell_where_and_how_many() -> None:
    (found,) = image_series((f"{mm}", facts(float(mm))) for mm in (0, 2, 4, 10, 12, 16))
    assert found.gaps == (Gap(4.0, 10.0, 2), Gap(12.0, 16.0, 1))
    assert (found.missing, found.whole) == (3, False)


def test_doubles_are_told_from_passes() -> None:
    (doubled,) = image_series((f"{n}", facts(mm, n)) for n, mm in enumerate((0.0, 1.0, 1.0004, 2.0)))
    assert (doubled.duplicates, doubled.passes, doubled.spacing_mm) == (1, 1, 1.0)
    (phases,) = image_series((f"{n}", facts(mm, n)) for n, mm in enumerate((0.0, 1.0, 0.0, 1.0, 0.0, 1.0)))
    assert (phases.duplicates, phases.passes, phases.whole) == (0, 3, True)


def test_mixtures_are_counted() -> None:
    (found,) = image_series(
        [
            ("a", facts(0.0)),
            ("b", facts(0.0, orientation=SAGITTAL)),
            ("c", facts(1.0, width_px=256)),
            ("d", facts(None)),
            ("e", facts(3.0, pixel_spacing_mm=None)),
        ]
    )
    assert (found.orientations, found.sizes, found.spacings, found.unplaced, found.unspaced) == (2, 2, 2, 1, 1)
    assert found.assets[-1] == "d"


def test_series_are_kept_apart_and_what_has_none_is_left_out() -> None:
    found = image_series([("a", facts(0.0)), ("b", facts(1.0, series="t")), ("c", facts(2.0, series=None))])
    assert [(one.series, one.assets, one.spacing_mm) for one in found] == [("s", ("a",), None), ("t", ("b",), None)]


def test_frames_of_one_object_are_slices_too() -> None:
    planes = [Plane((0.0, 0.0, float(mm)), AXIAL, (0.5, 0.5)) for mm in (0, 3, 9)]
    told = {"series": "s", "modality": "MR", "width_px": 64, "height_px": 64, "instance_number": 1, **plane_facts(planes)}
    (found,) = image_series([("one", told), ("other", facts(6.0, width_px=64, height_px=64))])
    assert (found.slices, found.spacing_mm, found.gaps, found.assets) == (4, 3.0, (), ("one", "other"))
    assert [one.frame for one in slices_of("one", told)] == [0, 1, 2]


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30, unique=True))
def test_order_is_by_place(places: list[float]) -> None:
    slices = [one for number, mm in enumerate(places) for one in slices_of(f"{number:03}", facts(mm))]
    along = [one.along_mm for one in in_order(slices)]
    assert along == sorted(along, key=lambda mm: mm or 0.0)


@pytest.mark.parametrize(("folder", "spacing"), [("ct-3slice", 1.0), ("24x38x3/image", 2.5)])
def test_real_series_are_whole(fixtures: Path, folder: str, spacing: float) -> None:
    """The spacings of their segmentations' reference volumes."""
    told = []
    for path in sorted((fixtures / "dicom_dcmqi_seg" / folder).glob("*.dcm")):
        data = path.read_bytes()
        context = Context(Limits(), b"k" * 32, hashlib.sha256(data).hexdigest(), "application/dicom")
        told.append((context.sha256, read(BytesIO(data), context).facts))
    (found,) = image_series(told)
    assert (found.slices, found.spacing_mm, found.whole) == (3, spacing, True)

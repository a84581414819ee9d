"""Labels back to millimetres: against SimpleITK (GDCM and ITK know nothing of our code), nibabel, and by hand."""

import gzip
import hashlib
from io import BytesIO
from pathlib import Path

import nibabel
import pytest
import SimpleITK
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread

from yuelu.pipelines.media.dicom import reader as dicom
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context
from yuelu.pipelines.media.volumes import nifti
from yuelu.pipelines.media.volumes.geometry import Plane, plane_facts, source_frame, to_patient_mm, to_pixels, to_voxel

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SAGITTAL = Plane((90.0, -120.0, 130.0), (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), (2.0, 0.5))


def facts_of(data: bytes) -> dict[str, object]:
    context = Context(Limits(), b"k" * 32, hashlib.sha256(data).hexdigest(), "application/dicom")
    return dict(dicom.read(BytesIO(data), context).facts)


def test_by_hand() -> None:
    """Sagittal, rows run to the back at 0.5 mm a column, columns run down at 2 mm a row; enlarged four times."""
    facts = {**plane_facts([SAGITTAL]), "scale": 4}
    assert to_patient_mm(facts, 0, 2, 2) == (90.0, -120.0, 130.0)  # the middle of the first pixel
    assert to_patient_mm(facts, 0, 4 * 10 + 2, 4 * 3 + 2) == (90.0, -115.0, 124.0)
    # The normal is row x column: here towards the right, which is -x.
    assert to_pixels(facts, 0, (87.0, -115.0, 124.0)) == pytest.approx((42.0, 14.0, 3.0))
    assert facts["slice_position_mm"] == -90.0


def test_what_the_object_does_not_say_is_none() -> None:
    for plane in (Plane(None, None, (1.0, 1.0)), Plane((0.0, 0.0, 0.0), SAGITTAL.orientation, None)):
        facts = plane_facts([plane])
        assert to_patient_mm(facts, 0, 1, 1) is None
        assert to_pixels(facts, 0, (0.0, 0.0, 0.0)) is None
    assert to_voxel(plane_facts([SAGITTAL]), 0, 1, 1) is None
    assert source_frame({}, 0) == 1


numbers = st.floats(-500, 500)


@given(st.tuples(numbers, numbers, numbers), st.integers(1, 64), st.floats(0, 2000), st.floats(0, 2000))
def test_there_and_back(position: tuple[float, float, float], scale: int, x_px: float, y_px: float) -> None:
    plane = Plane(position, (0.8, 0.6, 0.0, -0.36, 0.48, 0.8), (0.4, 0.7))
    facts = {**plane_facts([SAGITTAL, plane]), "scale": scale}
    there = to_patient_mm(facts, 1, x_px, y_px)
    assert there is not None
    assert to_pixels(facts, 1, there) == pytest.approx((x_px, y_px, 0.0), abs=1e-6)


@pytest.mark.parametrize(
    "place", ["ct-3slice/01.dcm", "24x38x3/image/IMG0002.dcm", "24x38x3/multiframe/mf.dcm", "23x38x3/multiframe/mf.dcm"]
)
def test_as_itk_places_it(fixtures: Path, place: str) -> None:
    path = fixtures / "dicom_dcmqi_seg" / place
    check_against_itk(path, facts_of(path.read_bytes()))


def test_as_itk_places_one_image(dicom_files: Path) -> None:
    for name in ("MR_small.dcm", "CT_small.dcm", "examples_overlay.dcm"):
        check_against_itk(dicom_files / name, facts_of((dicom_files / name).read_bytes()))


def test_as_itk_places_an_enhanced_mr_and_ct(tmp_path: Path, pydicom_data: Path) -> None:
    """A sagittal MPRAGE of 176 frames, oblique in every direction; and a CT whose frames are stored from the head down."""
    packed = Path(nibabel.__file__).parent / "nicom/tests/data/philips_mprage.dcm.gz"
    whole = dcmread(BytesIO(gzip.decompress(packed.read_bytes())))
    kept = 5
    whole.PixelData = whole.PixelData[: kept * whole.Rows * whole.Columns * 2]
    whole.NumberOfFrames = kept
    whole.PerFrameFunctionalGroupsSequence = whole.PerFrameFunctionalGroupsSequence[:kept]
    mr = tmp_path / "mr.dcm"
    whole.save_as(mr)
    check_against_itk(mr, facts_of(mr.read_bytes()))
    ct = pydicom_data / "eCT_Supplemental.dcm"
    facts = facts_of(ct.read_bytes())
    assert facts["source_frame"] == [2, 1]
    assert facts["slice_positions_mm"] == [149.0, 159.0]
    check_against_itk(ct, facts)


def check_against_itk(path: Path, facts: dict[str, object]) -> None:
    image = SimpleITK.ReadImage(str(path), imageIO="GDCMImageIO")
    scale = facts["scale"]
    assert isinstance(scale, int)
    for frame in range(image.GetSize()[2]):
        stored = source_frame(facts, frame) - 1
        # ITK steps along the third axis by the mean distance of the frames, hence the tolerance.
        theirs = image.TransformContinuousIndexToPhysicalPoint((6.75, 3.0, float(stored)))
        ours = to_patient_mm(facts, frame, 7.25 * scale, 3.5 * scale)
        assert ours == pytest.approx(theirs, abs=2e-4)


def test_voxel_of_a_nifti_agrees_with_nibabel() -> None:
    path = Path(nibabel.__file__).parent / "tests/data/example4d.nii.gz"
    image = nibabel.load(path)
    data = path.read_bytes()
    facts = nifti.read(BytesIO(data), Context(Limits(), b"k" * 32, hashlib.sha256(data).hexdigest(), "application/x-nifti")).facts
    for frame, x_px, y_px in ((0, 1.5, 1.5), (7, 100.0, 33.3), (23, 383.0, 2.0)):
        voxel, mm = to_voxel(facts, frame, x_px, y_px), to_patient_mm(facts, frame, x_px, y_px)
        assert voxel is not None
        assert mm is not None
        right, front, up, _ = image.affine @ (*voxel, 1)
        assert mm == pytest.approx((-right, -front, up), abs=1e-4)
    assert facts["voxel_axes"] == "".join(nibabel.aff2axcodes(image.affine)) == "LAS"

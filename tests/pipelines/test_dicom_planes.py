"""Frames in space: where they lie, in what order they are shown, and what each shows; enhanced objects hold no names."""

import hashlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset

from yuelu.base.records import Role
from yuelu.pipelines.media.dicom.greyscale import robust_window, shown_grey, through_window
from yuelu.pipelines.media.dicom.look import Look, Window, look_of
from yuelu.pipelines.media.dicom.planes import planes_of, shown_order
from yuelu.pipelines.media.dicom.reader import read
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context
from yuelu.pipelines.media.volumes.geometry import Plane

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


def at(mm: float, orientation: tuple[float, ...] = AXIAL) -> Plane:
    return Plane((0.0, 0.0, mm) if orientation == AXIAL else (0.0, mm, 0.0), orientation, (1.0, 1.0))


def item(**attributes: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def test_order_is_from_the_feet_to_the_head() -> None:
    assert list(shown_order([at(5), at(-5), at(0)])) == [1, 2, 0]
    assert shown_order([at(0), at(1)]) == range(2)


def test_passes_through_one_volume_follow_each_other() -> None:
    """Two phases of three slices, stored slice by slice."""
    assert list(shown_order([at(2), at(2), at(1), at(1), at(0), at(0)])) == [4, 2, 0, 5, 3, 1]


def test_directions_stand_together() -> None:
    assert list(shown_order([at(1), at(1, CORONAL), at(0), at(0, CORONAL)])) == [2, 0, 3, 1]


def test_frames_that_do_not_all_say_where_they_are_stay_as_stored() -> None:
    assert shown_order([at(1), Plane(None, AXIAL, None), at(0)]) == range(3)


def test_slices_of_nuclear_medicine_follow_the_normal() -> None:
    """PS3.3 section C.8.4.15: a positive spacing stacks them behind the first."""
    detector = item(ImagePositionPatient=[-100, -80, 40], ImageOrientationPatient=list(AXIAL))
    dataset = item(
        DetectorInformationSequence=[detector], SliceVector=[1, 2, 3], SpacingBetweenSlices="4.5", PixelSpacing=["2", "3"]
    )
    assert [plane.position_mm for plane in planes_of(dataset, 3)] == [(-100, -80, 40), (-100, -80, 44.5), (-100, -80, 49)]
    dataset.SpacingBetweenSlices = "-4.5"
    assert planes_of(dataset, 3)[2].along_mm == 31.0
    dataset.SliceVector = [1, 2]  # one is missing
    assert {plane.position_mm for plane in planes_of(dataset, 3)} == {None}


def test_one_position_is_not_that_of_several_frames() -> None:
    dataset = item(ImagePositionPatient=[0, 0, 0], ImageOrientationPatient=list(AXIAL), PixelSpacing=[1, 1])
    assert planes_of(dataset, 1)[0].position_mm == (0, 0, 0)
    assert planes_of(dataset, 2)[1].position_mm is None


@pytest.mark.parametrize("orientation", [[1, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0], [2, 0, 0, 0, 2, 0], [1, 0, 0], ["a"] * 6])
def test_what_are_no_direction_cosines_is_not_said(orientation: list[object]) -> None:
    dataset = Dataset()
    dataset.add_new("ImageOrientationPatient", "LO", orientation)  # a VR that takes whatever a file may hold
    assert planes_of(dataset, 1)[0].orientation is None


def test_each_frame_has_its_own_look_and_shares_the_rest() -> None:
    frame = item(FrameVOILUTSequence=[item(WindowCenter=[50, 1], WindowWidth=[100, 2], VOILUTFunction="LINEAR_EXACT")])
    shared = item(
        PixelValueTransformationSequence=[item(RescaleSlope=2, RescaleIntercept=-1000)],
        FrameVOILUTSequence=[item(WindowCenter=0, WindowWidth=10)],
    )
    dataset = item(PerFrameFunctionalGroupsSequence=[frame, item()], SharedFunctionalGroupsSequence=[shared], WindowWidth=7)
    one, other = look_of(dataset, 0), look_of(dataset, 1)
    assert (one.slope, one.intercept, one.window) == (2.0, -1000.0, Window(50, 100, "LINEAR_EXACT"))
    assert (other.slope, other.window) == (2.0, Window(0, 10))


@pytest.mark.parametrize(
    ("window", "values", "shown"),
    [
        # An example of PS3.3 section C.11.2.1.2.1: c = 2048, w = 4096 is the identity of 12 bits.
        (Window(2048, 4096), [0, 4095], [0, 255]),
        (Window(2048, 1), [2047, 2048], [0, 255]),
        (Window(0, 100), [-50.5, -50, 49, 49.5], [0, 1, 254, 255]),
        (Window(0, 100, "LINEAR_EXACT"), [-50, 0, 50], [0, 128, 255]),
        # 255 / (1 + exp(-4 * x / w)) at x = 0, w / 4 and beyond both ends
        (Window(0, 100, "SIGMOID"), [-1e9, 0, 25, 1e9], [0, 128, 186, 255]),
    ],
)
def test_windows_are_those_of_the_standard(window: Window, values: list[float], shown: list[int]) -> None:
    assert through_window(np.array(values), window).tolist() == pytest.approx(shown, abs=1)


def test_few_values_go_through_a_table_and_come_out_the_same() -> None:
    stored = np.random.default_rng(1).integers(-1000, 3000, (80, 90)).astype(np.int16)
    look = Look(slope=0.7, intercept=-24.5, window=Window(40, 400), inverted=True)
    assert (shown_grey(stored, look) == shown_grey(stored.astype(np.float64), look)).all()


def test_a_robust_window_leaves_out_the_outermost_values() -> None:
    window = robust_window([np.arange(1001), np.array([np.nan, np.inf])])
    assert (window.centre, window.width) == pytest.approx((500, 990))
    assert robust_window([np.full(9, 7)]) == Window(7, 1, "LINEAR_EXACT")
    assert robust_window([]).width == 1


def test_no_name_survives_in_an_enhanced_object(pydicom_data: Path) -> None:
    dataset = dcmread(pydicom_data / "eCT_Supplemental.dcm")
    dataset.PatientName = "Zhang^San"
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        frame.FrameContentSequence[0].FrameComments = "Zhang^San"
        block = frame.private_block(0x0009, "Zhang^San", create=True)
        block.add_new(1, "LO", "Zhang^San")
    dataset.SharedFunctionalGroupsSequence[0].add_new("ImageComments", "LT", "Zhang^San")
    file = BytesIO()
    dcmwrite(file, dataset)
    data = file.getvalue()
    assert data.count(b"Zhang^San") == 8
    made = read(BytesIO(data), Context(Limits(), b"k" * 32, hashlib.sha256(data).hexdigest(), "application/dicom"))
    assert not any(b"Zhang" in part.data for part in made.derived)
    copy = dcmread(BytesIO(next(part.data for part in made.derived if part.role is Role.DEIDENTIFIED)))
    assert len(copy.PerFrameFunctionalGroupsSequence) == 2
    assert planes_of(copy, 2) == planes_of(dataset, 2)
    assert copy.PixelData == dataset.PixelData

"""Films: which objects are one, when their frames were taken, and that the proxy shows each of them once."""

import hashlib
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.dicom.film_times import FrameTimes, frame_times, is_cine
from yuelu.pipelines.media.dicom.reader import read
from yuelu.pipelines.media.dicom.render import render
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context, Reading, Refused
from yuelu.pipelines.media.video.frame_table import read_table
from yuelu.pipelines.media.volumes.geometry import Plane

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

NOWHERE = Plane(None, None, None)
FRAME_TIME, FRAME_TIME_VECTOR, SLICE_VECTOR = 0x00181063, 0x00181065, 0x00540080


def reading(dataset: Dataset, limits: Limits | None = None) -> Reading:
    file = BytesIO()
    dcmwrite(file, dataset)
    data = file.getvalue()
    return read(BytesIO(data), Context(limits or Limits(), b"k" * 32, hashlib.sha256(data).hexdigest(), "application/dicom"))


def decoded(data: bytes, form: str) -> list[NDArray[np.uint8]]:
    with av.open(BytesIO(data), "r") as container:
        return [np.asarray(frame.to_ndarray(format=form), np.uint8) for frame in container.decode(video=0)]


def dataset_of(**attributes: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"Modality": "US"}, True),
        ({"Modality": "XA"}, True),
        ({"Modality": "MR"}, False),
        ({"Modality": "OT", "FrameTime": 40}, True),
        ({"Modality": "OT", "CineRate": 15}, True),
        ({"Modality": "NM", "FrameIncrementPointer": SLICE_VECTOR, "FrameTime": 40}, False),
        ({"Modality": "NM", "FrameIncrementPointer": FRAME_TIME, "FrameTime": 40}, True),
        ({"Modality": "MR", "FrameIncrementPointer": [FRAME_TIME_VECTOR]}, True),
    ],
)
def test_what_is_a_film(attributes: dict[str, object], expected: bool) -> None:
    assert is_cine(dataset_of(**attributes), [NOWHERE, NOWHERE]) is expected


def test_frames_at_different_places_are_no_film() -> None:
    ultrasound = dataset_of(Modality="US", FrameTime=40)
    places = [Plane((0.0, 0.0, mm), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (1.0, 1.0)) for mm in (0.0, 1.0)]
    assert not is_cine(ultrasound, places)
    assert not is_cine(ultrasound, [NOWHERE])  # one frame
    assert is_cine(ultrasound, [places[0], places[0]])


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"FrameTime": "33.333"}, FrameTimes((0, 33333, 66666), Fraction(30), "FrameTime")),
        ({"FrameTimeVector": [0, 40, 60]}, FrameTimes((0, 40000, 100000), Fraction(20), "FrameTimeVector")),
        ({"FrameTimeVector": [0, 40], "CineRate": 50}, FrameTimes((0, 20000, 40000), Fraction(50), "CineRate")),  # one too few
        ({"FrameTimeVector": [0, 40, -60], "FrameTime": 10}, FrameTimes((0, 10000, 20000), Fraction(60), "FrameTime")),
        ({"RecommendedDisplayFrameRate": 8}, FrameTimes((0, 125000, 250000), Fraction(8), "RecommendedDisplayFrameRate")),
        ({"FrameTime": 0}, FrameTimes((0, 40000, 80000), Fraction(25), None)),
    ],
)
def test_times_of_frames(attributes: dict[str, object], expected: FrameTimes) -> None:
    """At 100 Hz the proxy goes at a screen's 60: its frames are the source's, its pace is not."""
    assert frame_times(dataset_of(**attributes), 3) == expected


def test_times_of_acquisition() -> None:
    def frame(at: str) -> Dataset:
        return dataset_of(FrameContentSequence=[dataset_of(FrameAcquisitionDateTime=at)])

    dataset = dataset_of(PerFrameFunctionalGroupsSequence=[frame("20200101120000.5"), frame("20200101120000.75")])
    assert frame_times(dataset, 2) == FrameTimes((0, 250000), Fraction(4), "FrameAcquisitionDateTime")


@pytest.fixture
def film(dicom_files: Path) -> Dataset:
    """Six frames of an X-ray film of 90 x 64 pixels, each brighter than the one before, at uneven times."""
    dataset = dcmread(dicom_files / "MR_small.dcm")
    dataset.Modality, dataset.BurnedInAnnotation = "XA", "NO"
    dataset.NumberOfFrames, dataset.Columns, dataset.Rows = 6, 90, 64
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = 127.5, 255, "LINEAR_EXACT"
    dataset.FrameIncrementPointer, dataset.FrameTimeVector = FRAME_TIME_VECTOR, [0, 40, 40, 40, 80, 40]
    for keyword in ("SmallestImagePixelValue", "LargestImagePixelValue", "PixelPaddingValue"):
        if keyword in dataset:
            del dataset[keyword]
    dataset.PixelData = b"".join(bytes([40 * number + 20]) * (90 * 64) for number in range(6))
    return dataset


def test_the_proxy_shows_every_frame_once(film: Dataset) -> None:
    made = reading(film)
    assert made.medium is Medium.VIDEO
    assert {name: made.facts[name] for name in ("frames", "frame_rate_hz", "width_px", "height_px", "frame_times_from")} == {
        "frames": 6, "frame_rate_hz": 25.0, "width_px": 90, "height_px": 64, "frame_times_from": "FrameTimeVector",
    }  # fmt: skip
    parts = {part.role: part for part in made.derived}
    shown = decoded(parts[Role.PROXY].content(), "gray")
    assert [one.shape for one in shown] == [(256, 360)] * 6  # enlarged four times
    assert made.facts["scale"] == 4
    assert [round(float(one.mean())) for one in shown] == pytest.approx([20, 60, 100, 140, 180, 220], abs=3)
    table = read_table(parts[Role.FRAME_TABLE].content())
    assert table["time_s"].to_pylist() == pytest.approx([0, 0.04, 0.08, 0.12, 0.2, 0.24])
    assert table["source_frame"].to_pylist() == [0, 1, 2, 3, 4, 5]
    copy = dcmread(BytesIO(parts[Role.DEIDENTIFIED].content()))
    assert copy.NumberOfFrames == 6
    assert (render(copy, 3) == 140).all()
    assert len(made.facts["fingerprints"]["picture"]) == 3


def test_a_film_in_colour(dicom_files: Path) -> None:
    """An ultrasound clip of 30 frames, as JPEG; its own first frame is what the proxy begins with."""
    dataset = dcmread(dicom_files / "examples_ybr_color.dcm")
    dataset.BurnedInAnnotation = "NO"
    made = reading(dataset)
    proxy = next(part for part in made.derived if part.role is Role.PROXY)
    shown = decoded(proxy.content(), "rgb24")
    assert len(shown) == made.facts["frames"] == 30
    assert np.abs(shown[0][::2, ::2].astype(float) - render(dataset)[: shown[0].shape[0] // 2]).mean() < 6


def test_limits_hold_before_anything_is_decoded(film: Dataset) -> None:
    with pytest.raises(Refused, match="6 frames are more than the limit of 5"):
        reading(film, Limits(frames=5))
    film.NumberOfFrames = 2_000_000_000
    with pytest.raises(Refused, match="2000000000 frames are more"):
        reading(film)
    film.NumberOfFrames = 0
    assert reading(film).medium is Medium.IMAGE  # as if not stated
    film.NumberOfFrames = -1
    with pytest.raises(Refused, match="-1 frames"):
        reading(film)

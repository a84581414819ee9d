"""Every file that pydicom ships to test its own decoders, and what becomes of it here.

`pydicom_files.txt` lists them all with their outcomes, as if their pixels had been found free of text. The pixels are
compared with those of GDCM (through SimpleITK), which shares no code with the decoders that we use.
"""

import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset

from yuelu.base.records import Medium, Role
from yuelu.pipelines.deid import copies
from yuelu.pipelines.media.dicom import reader as dicom
from yuelu.pipelines.media.dicom.render import Shown
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context, Reading, Refused
from yuelu.pipelines.media.recognise import recognise

pytestmark = pytest.mark.filterwarnings("ignore")

TABLE = [line.split("\t") for line in Path(__file__).with_name("pydicom_files.txt").read_text().splitlines()]
ROOTS = {"pydicom": Path(pydicom.__file__).parent / "data"}

# ITK thinks for six seconds about the first of these and leaves modality tables out; GDCM gets run-length encoded colour of
# more than 8 bits wrong (pydicom knows the values of that test card). The tests below look at the others.
NOT_AS_GDCM = ("SC_rgb_jpeg.dcm", "SC_rgb_rle_16bit", "SC_rgb_rle_32bit", "mlut_18")


@pytest.fixture(autouse=True)
def _pixels_without_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "burned_in", lambda _: None)


@pytest.fixture
def place(pydicom_data: Path) -> Callable[[str], Path]:
    roots = {**ROOTS, "pydicom-data": pydicom_data}

    def find(name: str) -> Path:
        package, _, inside = name.partition("/")
        return roots[package] / inside

    return find


def read(data: bytes) -> Reading:
    return dicom.read(BytesIO(data), Context(Limits(), b"k" * 32, hashlib.sha256(data).hexdigest(), "application/dicom"))


def outcome(data: bytes) -> str:
    if (name := recognise(data[:4096])) != "DICOM":
        return f"no reader for {name}"
    try:
        made = read(data)
    except Refused as refusal:
        return refusal.problem
    except Exception as error:  # the decoding process reports these
        return f"cannot be decoded: {type(error).__name__}"
    proxies = sum(part.role is Role.PROXY for part in made.derived)
    return f"video of {made.facts['frames']}" if made.medium is Medium.VIDEO else f"image of {proxies}"


@pytest.mark.parametrize(("expected", "name"), TABLE, ids=[row[1] for row in TABLE])
def test_outcome(expected: str, name: str, place: Callable[[str], Path]) -> None:
    assert outcome(place(name).read_bytes()) == expected


def test_the_table_names_every_file(place: Callable[[str], Path]) -> None:
    for package in ("pydicom", "pydicom-data"):
        root = place(f"{package}/")
        found = (path.relative_to(root) for path in root.rglob("*") if path.is_file() and not path.suffix.startswith(".py"))
        assert {f"{package}/{path}" for path in found} - {name for _, name in TABLE} == set()


SHOWN = [row[1] for row in TABLE if row[0].startswith(("image", "video"))]


@pytest.mark.parametrize("name", [name for name in SHOWN if not any(known in name for known in NOT_AS_GDCM)])
def test_pixels_are_those_of_gdcm(name: str, place: Callable[[str], Path]) -> None:
    dataset = dcmread(place(name), force=True)
    if "TransferSyntaxUID" not in dataset.file_meta:
        pytest.skip("GDCM's reader in ITK guesses another transfer syntax")
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(place(name)), imageIO="GDCMImageIO"))
    shown = Shown(dataset)
    count = shown.frames.count
    theirs = theirs.reshape(count, dataset.Rows, dataset.Columns, -1)
    for index in range(0, count, max(1, count // 10)):
        ours = frame(shown, index).astype(float).reshape(theirs.shape[1:])
        assert np.abs(ours - as_ours(theirs[index], dataset)).max() <= 1  # of two IDCTs and two colour conversions


def frame(shown: Shown, index: int) -> NDArray[Any]:
    if shown.photometric == "PALETTE COLOR":
        return shown.frame(index)
    values = shown.frames.values(index)
    return shown._look(index).modal(values) if shown.grey else values


def as_ours(theirs: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    if dataset.PhotometricInterpretation == "MONOCHROME1":  # ITK turns it round within the range of the bits stored
        slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
        return np.asarray(2 * intercept + slope * (2**dataset.BitsStored - 1) - theirs)
    if dataset.PhotometricInterpretation == "PALETTE COLOR" and theirs.dtype == np.uint16:
        return np.asarray(theirs / 257)
    return theirs


def test_a_scan_that_says_it_ends_with_the_means_is_the_picture_all_the_same(dicom_files: Path) -> None:
    """pydicom has one picture twice: as some writers tell it, with a scan that ends at 0, and as ITU-T T.81 has it."""
    odd = dcmread(dicom_files / "JPEG-lossy.dcm")
    told = odd.PixelData
    right = Shown(dcmread(dicom_files / "JPGExtended.dcm")).frames.values(0)
    assert np.array_equal(Shown(odd).frames.values(0), right)
    assert odd.PixelData == told


@pytest.mark.parametrize("name", ["SC_rgb_rle_16bit_2frame.dcm", "SC_rgb_rle_32bit_2frame.dcm"])
def test_deep_colour_is_the_test_card(name: str, dicom_files: Path) -> None:
    """Values as in pydicom, tests/pixels/pixels_reference.py: red at full in the first frame, inverted in the second."""
    one, other = (Shown(dcmread(dicom_files / name)).frame(index) for index in (0, 1))
    assert tuple(one[5, 50]) == (255, 0, 0)
    assert tuple(other[5, 50]) == (0, 255, 255)


def test_modality_table_is_applied(pydicom_data: Path) -> None:
    dataset = dcmread(pydicom_data / "mlut_18.dcm")
    look, stored = Shown(dataset)._look(0), dataset.pixel_array
    table = dataset.ModalityLUTSequence[0]
    first = table.LUTDescriptor[1]
    expected = np.asarray(table.LUTData)[np.clip(stored.astype(int) - first, 0, table.LUTDescriptor[0] - 1)]
    assert (look.modal(stored) == expected).all()


def test_frames_are_shown_in_the_order_of_the_source_when_no_place_is_stated(pydicom_data: Path) -> None:
    made = read((pydicom_data / "emri_small_RLE.dcm").read_bytes())
    dataset = dcmread(pydicom_data / "emri_small.dcm")
    proxies = [part for part in made.derived if part.role is Role.PROXY]
    assert made.facts["source_frame"] == list(range(1, 11))
    window = made.facts["window"]
    for index, proxy in enumerate(proxies):
        picture = np.asarray(Image.open(BytesIO(proxy.data)))[::4, ::4]
        low = window["centre"] - window["width"] / 2
        expected = np.clip((dataset.pixel_array[index] - low) / window["width"], 0, 1) * 255
        assert np.abs(picture - expected).max() <= 0.51

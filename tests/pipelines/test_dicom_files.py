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

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media import dicom
from yuelu.pipelines.media.dicom_render import Shown
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.readers import recognise
from yuelu.pipelines.media.reading import Context, Reading, Refused

pytestmark = pytest.mark.filterwarnings("ignore")

TABLE = [line.split("\t") for line in Path(__file__).with_name("pydicom_files.txt").read_text().splitlines()]
ROOTS = {"pydicom": Path(pydicom.__file__).parent / "data"}

# What GDCM is known to do otherwise: its MONOCHROME1 comes out inverted from ITK, its RLE of more than 8 bits in colour is
# wrong (pydicom knows the right values of that test card), it leaves modality tables out and shows bits as 0 and 255.
NOT_AS_GDCM = ("SC_rgb_rle_16bit", "SC_rgb_rle_32bit", "mlut_18", "liver", "rtdose")


@pytest.fixture(autouse=True)
def _pixels_without_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom, "clean_pixels", lambda *_: None)


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
        files = {f"{package}/{path.relative_to(root)}" for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
        assert files - {row[1] for row in TABLE} - {f"{package}/{name}" for name in ("__init__.py",)} == {
            name for name in files if name.endswith(".py") and not name.endswith("__init__.py")
        }


SHOWN = [row[1] for row in TABLE if row[0].startswith(("image", "video"))]


@pytest.mark.parametrize("name", [name for name in SHOWN if not any(known in name for known in NOT_AS_GDCM)])
def test_pixels_are_those_of_gdcm(name: str, place: Callable[[str], Path]) -> None:
    dataset = dcmread(place(name), force=True)
    if "TransferSyntaxUID" not in dataset.file_meta:
        pytest.skip("GDCM's reader in ITK guesses another transfer syntax")
    ours = frames(dataset)
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(place(name)), imageIO="GDCMImageIO")).reshape(ours.shape)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
        theirs = 2 * intercept + slope * (2**dataset.BitsStored - 1) - theirs.astype(float)
    if dataset.PhotometricInterpretation == "PALETTE COLOR" and theirs.dtype == np.uint16:
        theirs = theirs / 257
    assert np.abs(ours.astype(float) - theirs).max() <= 1  # of two IDCTs and two colour conversions


def frames(dataset: Any) -> NDArray[Any]:
    shown = Shown(dataset)
    each = range(shown.frames.count)
    if shown.photometric == "PALETTE COLOR":
        return np.stack([shown.frame(index) for index in each])
    values = (shown.frames.values(index) for index in each)
    return np.stack([shown._look(index).modal(one) if shown.grey else one for index, one in zip(each, values, strict=True)])


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

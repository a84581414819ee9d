from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_windowing
from pydicom.pixels.utils import pixel_array

from yuelu.base.records import Role
from yuelu.pipelines.media.dicom.planes import planes_of
from yuelu.pipelines.media.dicom.reader import read
from yuelu.pipelines.media.dicom.render import render
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context, Derived, Reading, Refused

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
Contexts = Callable[..., Context]


def reading(data: bytes, context_for: Contexts, limits: Limits | None = None) -> Reading:
    return read(BytesIO(data), context_for(data, limits))


def part(made: Reading, role: Role) -> Derived:
    return next(one for one in made.derived if one.role is role)


def saved(dataset: Dataset) -> bytes:
    file = BytesIO()
    dcmwrite(file, dataset)
    return file.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_expb.dcm",
        "MR_small_implicit.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_padded.dcm",
    ],
)
def test_transfer_syntax_is_kept_and_does_not_change_the_picture(dicom_files: Path, context_for: Contexts, name: str) -> None:
    plain = reading((dicom_files / "MR_small.dcm").read_bytes(), context_for)
    other = reading((dicom_files / name).read_bytes(), context_for)
    assert part(other, Role.PROXY).data == part(plain, Role.PROXY).data
    copy = dcmread(BytesIO(part(other, Role.DEIDENTIFIED).data))
    assert copy.file_meta.TransferSyntaxUID == dcmread(dicom_files / name).file_meta.TransferSyntaxUID


def test_facts_of_a_ct(dicom_files: Path, context_for: Contexts) -> None:
    made = reading((dicom_files / "CT_small.dcm").read_bytes(), context_for)
    assert {name: made.facts[name] for name in ("modality", "instance_number", "width_px", "height_px")} == {
        "modality": "CT", "instance_number": 1, "width_px": 128, "height_px": 128,
    }  # fmt: skip
    assert made.facts["slice_position_mm"] == pytest.approx(-75.699997)  # its own SliceLocation is -77.2040634155
    assert made.facts["pixel_spacing_mm"] == [0.661468, 0.661468]
    assert made.facts["sop_uid"] == dcmread(BytesIO(part(made, Role.DEIDENTIFIED).data)).SOPInstanceUID
    assert made.subject == "1CT1\0"
    proxy = part(made, Role.PROXY)
    assert dict(proxy.facts) == {"width_px": 256, "height_px": 256, "scale": 2}


def test_slice_position_is_along_the_normal() -> None:
    dataset = Dataset()
    assert planes_of(dataset, 1)[0].along_mm is None
    dataset.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]  # sagittal: the normal is -x
    dataset.ImagePositionPatient = [12.5, 100, -30]
    assert planes_of(dataset, 1)[0].along_mm == -12.5
    dataset.ImageOrientationPatient, dataset.ImagePositionPatient = [10, 0, 0, 0, 10, 0], [0, 0, 1e308]
    assert planes_of(dataset, 1)[0].along_mm is None


@pytest.mark.parametrize("name", ["MR_small.dcm", "examples_overlay.dcm", "693_J2KI.dcm", "J2K_pixelrep_mismatch.dcm"])
def test_window_agrees_with_pydicom(dicom_files: Path, name: str) -> None:
    dataset = dcmread(dicom_files / name)
    dataset.VOILUTFunction = "LINEAR"
    values = apply_modality_lut(dataset.pixel_array, dataset)
    if not dataset.get("WindowWidth"):
        dataset.WindowCenter, dataset.WindowWidth = float(values.mean()), float(values.std() * 2 + 2)
    shown = apply_windowing(values, dataset)
    # pydicom maps to the full range of the stored values, which it derives from BitsStored and the rescale.
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    low = -(2 ** (dataset.BitsStored - 1)) if dataset.PixelRepresentation else 0
    high = low + 2**dataset.BitsStored - 1
    expected = (shown - (low * slope + intercept)) / ((high - low) * slope) * 255
    assert np.abs(render(dataset).astype(float) - expected).max() <= 0.51


def test_voi_lut_sequence_is_applied(dicom_files: Path) -> None:
    dataset = dcmread(dicom_files / "MR_small.dcm")
    lut = Dataset()
    lut.LUTDescriptor, lut.LUTData = [4096, 0, 8], [(4095 - i) // 16 for i in range(4096)]
    lut["LUTDescriptor"].VR, lut["LUTData"].VR = "US", "US"
    dataset.VOILUTSequence = [lut]
    # Not compared with pydicom 3.0.2: its apply_voi counts entries of an 8-bit table in 8 bits, and 905 becomes 137.
    assert (render(dataset) == (4095 - dataset.pixel_array) // 16).all()


def test_monochrome1_is_turned_round(dicom_files: Path) -> None:
    dataset = dcmread(dicom_files / "MR_small.dcm")
    bright = render(dataset)
    dataset.PhotometricInterpretation = "MONOCHROME1"
    assert (render(dataset) == 255 - bright).all()


@pytest.mark.parametrize(
    "name",
    [
        "SC_rgb_rle.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "SC_rgb_dcmtk_+eb+cy+np.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
        "SC_rgb_gdcm_KY.dcm",
    ],
)
def test_colour_is_rgb(dicom_files: Path, name: str) -> None:
    dataset = dcmread(dicom_files / name)
    shown = render(dataset)
    assert shown.shape == (dataset.Rows, dataset.Columns, 3)
    assert np.abs(shown.astype(int) - pixel_array(dataset, raw=False)).max() <= 2  # of two decoders of lossy JPEG
    # All of these hold one test card, whose first bar is pure red (pydicom, tests/pixels/pixels_reference.py).
    assert np.abs(shown[5, 50].astype(int) - (255, 0, 0)).max() <= 3


def test_palette_and_deep_colour(dicom_files: Path) -> None:
    palette = dcmread(dicom_files / "examples_palette.dcm")
    wide = apply_color_lut(palette.pixel_array, palette)
    assert np.abs(render(palette).astype(float) - wide / 65535 * 255).max() <= 0.51
    deep = dcmread(dicom_files / "SC_rgb_rle_16bit.dcm")
    assert tuple(render(deep)[5, 50]) == (255, 0, 0)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("rtplan.dcm", r"no reader for DICOM without pixel data \(RTPLAN\)"),
        ("rtstruct.dcm", r"without pixel data \(RTSTRUCT\)"),
        ("test-SR.dcm", r"without pixel data \(SR\)"),
        ("waveform_ecg.dcm", r"without pixel data \(ECG\)"),
        ("liver_1frame.dcm", "no reader for DICOM SEG"),
        ("rtdose.dcm", "no reader for DICOM RTDOSE"),
    ],
)
def test_what_is_no_single_clean_image_is_refused(dicom_files: Path, context_for: Contexts, name: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        reading((dicom_files / name).read_bytes(), context_for)


def test_claimed_size_is_checked_before_decoding(dicom_files: Path, context_for: Contexts) -> None:
    dataset = dcmread(dicom_files / "CT_small.dcm")
    dataset.Rows = dataset.Columns = 65535
    with pytest.raises(Refused, match="65535 x 65535 pixels are more than the limit"):
        reading(saved(dataset), context_for)


def test_what_follows_the_pixels_is_cut(dicom_files: Path, context_for: Contexts) -> None:
    dataset = dcmread(dicom_files / "MR_small.dcm")
    dataset.PixelData += b"Zhang^Hidden"
    made = reading(saved(dataset) + b"Zhang^Behind", context_for)
    assert b"Zhang" not in part(made, Role.DEIDENTIFIED).data


def test_proxy_is_an_exact_enlargement(dicom_files: Path, context_for: Contexts) -> None:
    made = reading((dicom_files / "MR_small.dcm").read_bytes(), context_for)
    shown = np.asarray(Image.open(BytesIO(part(made, Role.PROXY).data)))
    assert shown.shape == (256, 256)
    assert (shown[::4, ::4] == render(dcmread(dicom_files / "MR_small.dcm"))).all()
    assert (shown[::4, ::4] == shown[3::4, 3::4]).all()

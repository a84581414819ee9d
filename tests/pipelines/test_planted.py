"""A marker in every place where an identifier has ever been found; no derived byte may hold it."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.sequence import Sequence
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, RLELossless

from yuelu.pipelines.deid.engine import deidentify
from yuelu.pipelines.deid.options import METHODS, Options

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

KEY = b"k" * 32
MARK = "QZXVKJ"
_TEXT_VRS = ("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT")
_BYTES_VRS = ("OB", "OW", "UN", "OD", "OF", "OL", "OV")


def planted(dataset: Dataset, depth: int = 0) -> Dataset:
    """Put the marker into every public attribute of a text VR, and of bytes that are no lookup tables, to five levels."""
    for tag, (vr, _, _, retired, keyword) in DicomDictionary.items():
        if not keyword or tag >> 16 < 8 or tag >> 16 in (0x7FE0, 0xFFFE) or retired or (tag in dataset and depth == 0):
            continue
        if vr in _TEXT_VRS and tag != 0x00080005:
            dataset.add_new(tag, vr, MARK)
        elif vr in _BYTES_VRS and tag >> 16 != 0x0028:
            dataset.add_new(tag, vr, MARK.encode() + b"  ")
    block = dataset.private_block(0x0031, MARK, create=True)
    block.add_new(1, "LO", MARK)
    block.add_new(2, "SQ", Sequence([_named()]))
    if depth < 5:
        dataset.AnatomicRegionSequence = Sequence([planted(Dataset(), depth + 1)])
        dataset.RequestAttributesSequence = Sequence([_named()])
    return dataset


def _named() -> Dataset:
    item = Dataset()
    item.PatientName = item.CodeMeaning = item.CodeValue = MARK
    return item


def around(dataset: Dataset) -> Dataset:
    """Put the marker beside the attributes: header, preamble, overlay, curve, icon, padding, file name in the header."""
    icon = Dataset()
    icon.Rows, icon.Columns, icon.PixelData = 2, 4, MARK.encode() + b"  "
    dataset.IconImageSequence = Sequence([icon])
    dataset.add_new(0x60003000, "OW", np.packbits(np.frombuffer(MARK.encode() * 4, np.uint8)).tobytes() + MARK.encode())
    dataset.add_new(0x60004000, "LT", MARK)
    dataset.add_new(0x50000040, "CS", MARK)
    dataset.add_new(0xFFFCFFFC, "OB", MARK.encode())
    dataset.preamble = (MARK * 22)[:128].encode()
    dataset.file_meta.SourceApplicationEntityTitle = dataset.file_meta.SendingApplicationEntityTitle = MARK
    dataset.file_meta.ImplementationVersionName = MARK
    dataset.file_meta.PrivateInformationCreatorUID, dataset.file_meta.PrivateInformation = UID("1.2.3"), MARK.encode()
    return dataset


def copy_of(dataset: Dataset, options: Options | None = None) -> tuple[bytes, str]:
    evidence = deidentify(dataset, KEY, "fallback", None, options)
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue(), repr(evidence)


def held(data: bytes) -> bool:
    return any(MARK.encode(code) in data for code in ("ascii", "utf-16-le", "utf-16-be")) or MARK.lower().encode() in data


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "examples_rgb_color.dcm"])
def test_no_byte_holds_what_was_planted(dicom_files: Path, name: str) -> None:
    before = pixel_array(dcmread(dicom_files / name))
    dataset = around(planted(dcmread(dicom_files / name)))
    data, evidence = copy_of(dataset)
    assert not held(data)
    assert MARK not in evidence
    assert (pixel_array(dcmread(io.BytesIO(data))) == before).all()


@pytest.mark.parametrize("option", ["113103", "113104", "113105", "113108"])
def test_options_that_clean_let_nothing_through(dicom_files: Path, option: str) -> None:
    assert option in METHODS
    data, _ = copy_of(around(planted(dcmread(dicom_files / "CT_small.dcm"))), Options((option,)))
    kept = {name for name in ("PatientState", "Allergies", "EthnicGroup") if option == "113108"}
    for keyword in kept:  # the table itself says K to some of the patient's characteristics
        assert dcmread(io.BytesIO(data)).get(keyword) in (None, "", MARK)
    if option != "113108":
        assert not held(data)


def test_deflated_content(dicom_files: Path) -> None:
    dataset = around(planted(dcmread(dicom_files / "image_dfl.dcm")))
    assert dataset.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    data, _ = copy_of(dataset)
    start = 144 + int.from_bytes(data[140:144], "little")  # group length of the header: what follows it is deflated
    assert not held(data)
    assert not held(zlib.decompress(data[start:], -zlib.MAX_WBITS))


def test_behind_the_segments_of_rle(dicom_files: Path) -> None:
    dataset = dcmread(dicom_files / "MR_small_RLE.dcm")
    before = pixel_array(dataset)
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    assert dataset.file_meta.TransferSyntaxUID == RLELossless
    dataset["PixelData"].value = encapsulate([frame + MARK.encode() * 3])
    data, _ = copy_of(dataset)
    assert not held(data)
    assert (pixel_array(dcmread(io.BytesIO(data))) == before).all()


@pytest.mark.parametrize("text", ["ZHANG SAN", "LI SI", "WANG_XIAOMING", "JOHN SMITH", "19610304", "13812345678"])
def test_words_that_are_no_terms_leave_honest_values(dicom_files: Path, text: str) -> None:
    dataset = dcmread(dicom_files / "CT_small.dcm")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", text]
    dataset.BodyPartExamined, dataset.ScanOptions = text, text
    dataset.Manufacturer, dataset.ManufacturerModelName = f"SIEMENS {text}", f"SOMATOM {text}"
    dataset.ConvolutionKernel, dataset.RescaleType = text, text
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "T-D4000", "SRT", f"Abdomen {text}"
    local = Dataset()
    local.CodeValue, local.CodingSchemeDesignator, local.CodeMeaning = "K7", text, text
    dataset.AnatomicRegionSequence = Sequence([code, local])
    data, _ = copy_of(dataset)
    back = dcmread(io.BytesIO(data))
    assert text.encode() not in data
    assert back.ImageType == ["ORIGINAL", "PRIMARY", "ANONYMIZED"]
    assert (back.Manufacturer, back.AnatomicRegionSequence[1].CodeMeaning) == ("SIEMENS", "K7")
    assert "abdom" in back.AnatomicRegionSequence[0].CodeMeaning.lower()


def test_words_of_a_description_that_are_no_names_stay_when_asked(dicom_files: Path) -> None:
    dataset = dcmread(dicom_files / "CT_small.dcm")
    dataset.SeriesDescription, dataset.StudyDescription = "Chest 5mm axial Zhang San 19610304", "Thorax for Dr. Smith"
    data, _ = copy_of(dataset, Options(("113105", "113107")))
    back = dcmread(io.BytesIO(data))
    assert back.SeriesDescription == "Chest 5mm axial"
    assert "Smith" not in back.StudyDescription
    assert [item.CodeValue for item in back.DeidentificationMethodCodeSequence] == ["113100", "113105", "113107"]


def test_the_very_old_are_ninety(dicom_files: Path) -> None:
    for age, told in (("093Y", "090Y"), ("089Y", "089Y"), ("034M", "034M"), ("Zhan", None)):
        dataset = dcmread(dicom_files / "CT_small.dcm")
        dataset.PatientAge = age
        data, _ = copy_of(dataset, Options(("113107", "113108")))
        assert (dcmread(io.BytesIO(data)).PatientAge or None) == told

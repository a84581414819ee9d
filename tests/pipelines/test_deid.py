import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread, dcmwrite
from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.sequence import Sequence
from pydicom.uid import UID

from yuelu.pipelines.deid.engine import deidentify
from yuelu.pipelines.deid.options import Options
from yuelu.pipelines.deid.rules import action_for
from yuelu.pipelines.deid.table import basic_profile
from yuelu.pipelines.deid.values import kept_time, new_uid, shift_days, shifted_date, shifted_datetime

KEY = b"k" * 32
PLANTED = "Zhang^Planted"

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # the test files break rules on purpose


def cleaned(dataset: Dataset, key: bytes = KEY) -> bytes:
    deidentify(dataset, key, "fallback")
    file = BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def everything(dataset: Dataset) -> Iterator[Dataset]:
    yield dataset
    for element in dataset:
        for item in element.value if element.VR == "SQ" else ():
            yield from everything(item)


def test_table_is_the_standards(fixtures: Path) -> None:
    rows = json.loads((fixtures / "deid_references/ps315.json").read_text())
    single = [row for row in rows if all(digit in "0123456789abcdef" for digit in row["id"].lower())]
    published = {int(row["id"], 16): row["basicProfile"] for row in single}
    assert dict(basic_profile().actions) == published


def test_every_row_of_the_table_is_obeyed(fixtures: Path) -> None:
    """Fill a data set with every attribute of the table and compare what is left with the published codes."""
    for tag, code in basic_profile().actions.items():
        if not dictionary_has_tag(tag):
            continue
        action = action_for(tag, vr := dictionary_VR(tag), Options())
        if tag in basic_profile().options["113107"] and vr in ("DA", "DT", "TM"):
            assert action == "shifted"
        elif code == "X":
            assert action == "removed", hex(tag)
        elif code == "Z":
            assert action == "emptied", hex(tag)
        elif code == "U":
            assert action == "uid", hex(tag)
        else:
            assert action in ("replaced", "emptied", "uid") or (code.endswith("U*") and action == "kept"), hex(tag)


def plant(dataset: Dataset) -> None:
    """Put an identifier wherever one has ever been found."""
    for keyword in ("PatientName", "PatientID", "OtherPatientIDs", "AccessionNumber", "InstitutionName", "PatientComments"):
        setattr(dataset, keyword, PLANTED)
    for keyword in ("ReferringPhysicianName", "StudyDescription", "SeriesDescription", "ImageComments", "PatientAddress"):
        setattr(dataset, keyword, PLANTED)
    inner = Dataset()
    inner.PatientName = PLANTED
    inner.add_new(0x00091001, "LO", PLANTED)
    inner.OperatorsName = PLANTED
    outer = Dataset()
    outer.CodeValue, outer.CodingSchemeDesignator, outer.CodeMeaning = "T-D4000", "SRT", "Abdomen"
    outer.AnatomicRegionModifierSequence = Sequence([inner])
    dataset.AnatomicRegionSequence = Sequence([outer])
    dataset.IconImageSequence = Sequence([inner])
    dataset.OriginalAttributesSequence = Sequence([inner])
    dataset.add_new(0x00090010, "LO", "PRIVATE CREATOR")
    dataset.add_new(0x00091001, "LO", PLANTED)
    dataset.add_new(0x00091002, "SQ", Sequence([inner]))
    dataset.add_new(0x60003000, "OW", PLANTED.encode() + b"\0")
    dataset.add_new(0x60004000, "LT", PLANTED)
    dataset.add_new(0x50003000, "OW", PLANTED.encode() + b"\0")
    dataset.add_new(0xFFFCFFFC, "OB", PLANTED.encode() + b"\0")
    dataset.add_new(0x00189999, "LO", PLANTED)  # no such attribute
    dataset.add_new(0x00081195, "UI", "1.2.3.4.5.6.7.8.9")
    dataset.preamble = (PLANTED.encode() * 10)[:128]
    dataset.file_meta.SourceApplicationEntityTitle = PLANTED
    dataset.file_meta.PrivateInformationCreatorUID = UID("1.2.3")
    dataset.file_meta.PrivateInformation = PLANTED.encode() + b"\0"


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm"]
)
def test_planted_identifiers_do_not_survive(dicom_files: Path, name: str) -> None:
    dataset = dcmread(dicom_files / name)
    known = ("PatientID", "StudyInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
    originals = [str(dataset[keyword].value).encode() for keyword in known]
    plant(dataset)
    data = cleaned(dataset)
    for secret in (PLANTED.encode(), b"PRIVATE CREATOR", b"1.2.3.4.5.6.7.8.9", *originals):
        assert secret not in data
    back = dcmread(BytesIO(data))
    assert back.preamble == bytes(128)
    assert back.file_meta.TransferSyntaxUID == dcmread(dicom_files / name).file_meta.TransferSyntaxUID
    assert back.AnatomicRegionSequence[0].CodeMeaning == "Abdomen"  # what the table leaves alone stays
    assert not [element for part in everything(back) for element in part if element.tag.is_private]
    assert (back.PatientIdentityRemoved, back.LongitudinalTemporalInformationModified) == ("YES", "MODIFIED")
    assert [item.CodeValue for item in back.DeidentificationMethodCodeSequence] == ["113100", "113107"]
    assert (back.pixel_array == dcmread(dicom_files / name).pixel_array).all()


@pytest.mark.parametrize("written", ["LO", "SH", "CS", "OB", "UI"])
def test_a_false_vr_hides_nothing(dicom_files: Path, written: str) -> None:
    """Write every public attribute that can hold text under a VR of the file's choice, as explicit VR files may."""
    dataset = dcmread(dicom_files / "CT_small.dcm")
    value = b"Zhang^P " if written == "OB" else "Zhang^P"
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if 8 <= tag >> 16 < 0x5000 and vr not in ("UI", "CS", "SQ") and keyword and keyword not in _LISTED:
            dataset.add_new(tag, written, value)
    assert len(dataset) > 2500
    assert b"Zhang^P" not in cleaned(dataset)


_LISTED = ("Manufacturer", "ManufacturerModelName", "ConvolutionKernel", "CodingSchemeDesignator", "CodingSchemeVersion",
           "CodeValue", "CodeMeaning", "RescaleType", "ModalityLUTType")  # fmt: skip


@pytest.mark.parametrize(
    "keyword",
    ["PatientBirthDateInAlternativeCalendar", "FillerOrderNumberProcedure", "Signature", "EncryptedContent", "WaveformData",
     "SecondaryReviewerName", "ICCProfile", "LUTExplanation", "WindowCenterWidthExplanation"],
)  # fmt: skip
def test_text_and_bytes_outside_the_table_go(keyword: str) -> None:
    dataset = Dataset()
    setattr(dataset, keyword, b"Zhang San" if dictionary_VR(keyword).startswith("O") else "Zhang San")
    assert action_for(dataset[keyword].tag, dictionary_VR(keyword).split(" or ")[0], Options()) == "removed_unknown"


COMMENT = b"\xff\xfe\0\x0fZhang^Planted"
APP = b"\xff\xe1\0\x0fZhang^Planted"
J2K_COMMENT = b"\xff\x64" + (4 + 13).to_bytes(2, "big") + b"\0\1" + b"Zhang^Planted"


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("SC_rgb_jpeg_dcmtk.dcm", COMMENT + APP),
        ("SC_rgb_dcmtk_+eb+cy+np.dcm", COMMENT + APP),
        ("SC_rgb_jpeg_gdcm.dcm", COMMENT + APP),
        ("JPGExtended.dcm", COMMENT + APP),
        ("MR_small_jpeg_ls_lossless.dcm", COMMENT + APP),
        ("MR_small_jp2klossless.dcm", J2K_COMMENT),
        ("693_J2KI.dcm", J2K_COMMENT),
    ],
)
def test_compressed_pixels_lose_their_remarks_and_nothing_else(dicom_files: Path, name: str, planted: bytes) -> None:
    dataset = dcmread(dicom_files / name)
    before = pixel_array(dataset)
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    at = 4 + int.from_bytes(frame[4:6], "big") if planted == J2K_COMMENT else 2  # SIZ comes first
    dataset["PixelData"].value = encapsulate([frame[:at] + planted + frame[at:] + planted])
    data = cleaned(dataset)
    assert PLANTED.encode() not in data
    assert (pixel_array(dcmread(BytesIO(data))) == before).all()


def test_a_comment_in_a_tile_is_blanked(dicom_files: Path) -> None:
    dataset = dcmread(dicom_files / "MR_small_jp2klossless.dcm")
    before = pixel_array(dataset)
    frame = bytearray(next(generate_frames(dataset.PixelData, number_of_frames=1)))
    tile = frame.index(b"\xff\x90\0\x0a")
    frame[tile + 6 : tile + 10] = (int.from_bytes(frame[tile + 6 : tile + 10], "big") + len(J2K_COMMENT)).to_bytes(4, "big")
    frame[tile + 12 : tile + 12] = J2K_COMMENT
    dataset["PixelData"].value = encapsulate([bytes(frame)])
    data = cleaned(dataset)
    assert PLANTED.encode() not in data
    assert (pixel_array(dcmread(BytesIO(data))) == before).all()


def test_every_compressed_sample_decodes_as_before(dicom_files: Path) -> None:
    seen = 0
    for path in sorted(dicom_files.glob("*.dcm")):
        dataset = dcmread(path, force=True)
        syntax = dataset.get("file_meta", Dataset()).get("TransferSyntaxUID")
        if "PixelData" not in dataset or not syntax or not syntax.is_encapsulated or dataset.Rows * dataset.Columns > 1 << 20:
            continue
        try:
            before = pixel_array(dataset)
        except Exception:  # noqa: S112  some samples are broken on purpose
            continue
        assert (pixel_array(dcmread(BytesIO(cleaned(dataset)))) == before).all(), path.name
        seen += 1
    assert seen >= 30


def test_series_stays_a_series_and_distances_in_time_stay(dicom_files: Path) -> None:
    files = sorted((dicom_files / "dicomdirtests/98892001").rglob("*"))
    before = [dcmread(file) for file in files if file.is_file()]
    after = [dcmread(BytesIO(cleaned(dcmread(file)))) for file in files if file.is_file()]
    assert len(before) > 5
    for one, other in zip(before, after, strict=True):
        assert str(other.SeriesInstanceUID).startswith("2.25.")
        for origin, copy in zip(before, after, strict=True):
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
                assert (one[keyword].value == origin[keyword].value) == (other[keyword].value == copy[keyword].value)
    shifts = {
        (old.PatientID, int(shifted_date(old.StudyDate, shift_days(KEY, f"{old.PatientID}\0")) == new.StudyDate))
        for old, new in zip(before, after, strict=True)
    }
    assert {agrees for _, agrees in shifts} == {1}
    assert [old.StudyTime for old in before] == [new.StudyTime for new in after]


def test_same_key_same_bytes_other_key_other_identifiers(dicom_files: Path) -> None:
    def make(key: bytes) -> bytes:
        return cleaned(dcmread(dicom_files / "CT_small.dcm"), key)

    assert make(KEY) == make(KEY)
    one, other = dcmread(BytesIO(make(KEY))), dcmread(BytesIO(make(b"o" * 32)))
    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.PatientID != other.PatientID
    assert one.SOPInstanceUID == one.file_meta.MediaStorageSOPInstanceUID


def test_registered_uids_stay(dicom_files: Path) -> None:
    dataset = dcmread(dicom_files / "CT_small.dcm")
    dataset.FrameOfReferenceUID = "1.2.840.10008.1.4.1.1"  # Talairach Brain Atlas (PS3.6 table A-2)
    assert b"1.2.840.10008.1.4.1.1\0" in cleaned(dataset)


def test_evidence_counts_every_attribute(dicom_files: Path) -> None:
    dataset = dcmread(dicom_files / "MR_small.dcm")
    flat = sum(1 for _ in dataset)
    evidence = deidentify(dataset, KEY, "fallback")
    assert sum(evidence["actions"].values()) >= flat
    assert evidence["actions"]["uid"] >= 3
    assert evidence["profile"] == "113100+113107"


def test_evidence_names_attributes_by_depth_and_never_a_value(dicom_files: Path) -> None:
    dataset = dcmread(dicom_files / "CT_small.dcm")
    plant(dataset)
    evidence = deidentify(dataset, KEY, "fallback")
    assert [0, "00100010", "emptied", 1] in evidence["attributes"]
    assert any(row[:3] == [0, "00090000", "removed_private"] for row in evidence["attributes"])  # told by group
    assert [2, "00100010", "emptied", 1] in evidence["attributes"]  # in an item of an item
    assert len(evidence["table_sha256"]) == 64
    assert PLANTED not in repr(evidence)


@pytest.mark.parametrize("name", ["rtstruct.dcm", "liver_1frame.dcm", "rtplan.dcm"])
def test_references_between_objects_survive(dicom_files: Path, name: str) -> None:
    """A structure set or segmentation still points at the images that were cleaned on their own."""
    dataset = dcmread(dicom_files / name, force=True)
    dataset.setdefault("SOPInstanceUID", "1.2.3")
    if not getattr(dataset, "file_meta", None) or "TransferSyntaxUID" not in dataset.file_meta:
        dataset.ensure_file_meta()
        dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2")
    keyword = "ReferencedSOPInstanceUID"
    before = [str(part[keyword].value) for part in everything(dataset) if keyword in part]
    deidentify(dataset, KEY, "fallback")
    after = [str(part[keyword].value) for part in everything(dataset) if keyword in part]
    wanted = {new_uid(KEY, uid) for uid in before}
    assert after
    assert set(after) <= wanted


def test_dicognito_samples_lose_what_dicognito_replaces(fixtures: Path) -> None:
    """dicognito's own tests look at these attributes (tests/test_anonymize_*.py)."""
    files = sorted((fixtures / "dicom_dicognito/orig_data").rglob("*.dcm"))
    seen = 0
    for file in files:
        try:
            before = dcmread(file)
        except Exception:  # noqa: S112  one sample is no DICOM, on purpose
            continue
        keywords = ("PatientID", "PatientName", "AccessionNumber", "StudyInstanceUID")
        values = [str(before[keyword].value) for keyword in keywords if before.get(keyword)]
        before.setdefault("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2")  # some samples are cut down to a few attributes
        data = cleaned(before)
        assert not [value for value in values if len(value) > 3 and value.encode() in data], file
        seen += 1
    assert seen >= 50


@pytest.mark.parametrize(
    ("value", "moved"),
    [
        ("20240301", "20240229"),
        ("20240101", "20231231"),
        ("1998.02.07", "19980206"),
        ("2024", ""),
        ("unknown", ""),
        ("20241301", ""),
    ],
)
def test_dates_go_back(value: str, moved: str) -> None:
    assert shifted_date(value, 1) == moved


def test_times_stay_and_nothing_else_passes_for_one() -> None:
    assert shifted_datetime("20240301120102.123456+0800", 1) == "20240229120102.123456+0800"
    assert kept_time("120102.5") == "120102.5"
    assert kept_time("Zhang San") == ""
    assert kept_time("12:01:02") == "12:01:02"
    assert shifted_datetime("20240301Zhang San", 1) == ""


def test_uids_are_of_the_form_of_ps3_5_annex_b() -> None:
    uid = new_uid(KEY, "1.2.3")
    assert uid.startswith("2.25.")
    assert 0 <= int(uid[5:]) < 2**128
    assert len(uid) <= 64
    assert uid == new_uid(KEY, "1.2.3") != new_uid(KEY, "1.2.4")

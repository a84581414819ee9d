"""The quick way gives what the slow way gives: the same attributes, the same evidence."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import config, dcmread, dcmwrite
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from yuelu.pipelines.deid.copies import deidentified
from yuelu.pipelines.deid.engine import Cleaner, deidentify, subject_of
from yuelu.pipelines.deid.options import Options
from yuelu.pipelines.deid.walker import Odd, walked

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

KEY = b"k" * 32


@pytest.fixture(autouse=True)
def _lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.IGNORE)
    monkeypatch.setattr(config.settings, "writing_validation_mode", config.IGNORE)


def slow(data: bytes, options: Options) -> tuple[bytes, dict[str, object]]:
    dataset = dcmread(io.BytesIO(data))
    told = deidentify(dataset, KEY, "fallback", None, options)
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue(), told


def quick(data: bytes, options: Options) -> tuple[bytes, dict[str, object]]:
    dataset = dcmread(io.BytesIO(data))
    return walked(data, dataset, Cleaner(KEY, subject_of(dataset) or "fallback", options))


def same(data: bytes, options: Options) -> None:
    (one, told), (other, also) = quick(data, options), slow(data, options)
    assert told == also
    left, right = dcmread(io.BytesIO(one)), dcmread(io.BytesIO(other))
    assert left.to_json_dict() == right.to_json_dict()
    assert left.file_meta == right.file_meta
    assert left.preamble == bytes(128)


@pytest.mark.parametrize("codes", [("113107",), ("113105", "113106", "113108", "113109", "113110", "113112")])
def test_real_files(dicom_files: Path, codes: tuple[str, ...]) -> None:
    walked = odd = 0
    for path in sorted(dicom_files.rglob("*")):
        if not path.is_file() or path.stat().st_size > 140_000:
            continue
        data = path.read_bytes()
        try:
            slow(data, Options(codes))
        except Exception:  # noqa: S112  not a file that either way takes
            continue
        try:
            same(data, Options(codes))
            walked += 1
        except Odd:
            odd += 1
    assert walked > 100
    assert odd < walked / 4


_VRS = ("CS", "LO", "SH", "PN", "DA", "TM", "DT", "UI", "AS", "DS", "IS", "US", "LT")
_KEYWORDS = [
    (tag, vr) for tag, (vr, *_, keyword) in DicomDictionary.items()
    if keyword and 0x0008 <= tag >> 16 < 0x5000 and vr in _VRS
]  # fmt: skip
_VALUES = {
    "DA": st.sampled_from(["20200131", "", "1998.02.07", "text"]), "TM": st.sampled_from(["101112.5", "x", ""]),
    "DT": st.sampled_from(["20200131101112", "2020", ""]), "UI": st.sampled_from(["1.2.3.4", "1.2.840.10008.1.4.1.1", ""]),
    "AS": st.sampled_from(["091Y", "034Y", "abc", ""]), "DS": st.sampled_from(["1.5", "-2e3", ""]),
    "IS": st.sampled_from(["12", "-4", ""]), "US": st.integers(0, 65535),
}  # fmt: skip
_TEXTS = st.sampled_from(["", "AXIAL", "Zhang San", "SIEMENS", "DCM", "121106", "a\\b", "ORIGINAL\\PRIMARY"])


@st.composite
def datasets(draw: st.DrawFn, depth: int = 0) -> Dataset:
    dataset = Dataset()
    for tag, vr in draw(st.lists(st.sampled_from(_KEYWORDS), max_size=8)):
        dataset.add_new(tag, vr, draw(_VALUES.get(vr, _TEXTS)))
    if draw(st.booleans()):
        dataset.private_block(0x0011, "MAKER", create=True).add_new(1, "LO", "secret")
    for keyword in ("AnatomicRegionSequence", "RequestAttributesSequence", "ReferencedImageSequence"):
        if depth < 3 and draw(st.booleans()):
            setattr(dataset, keyword, Sequence(draw(st.lists(datasets(depth + 1), max_size=2))))
            dataset[keyword].is_undefined_length = draw(st.booleans())
            for item in dataset[keyword].value:
                item.is_undefined_length_sequence_item = draw(st.booleans())
    return dataset


@settings(max_examples=80, deadline=None)
@given(datasets(), st.sampled_from([ExplicitVRLittleEndian, ImplicitVRLittleEndian]))
def test_made_up_files(dataset: Dataset, syntax: UID) -> None:
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.9"
    dataset.PatientID = "P1"
    file = io.BytesIO()
    dataset.ensure_file_meta()
    dataset.file_meta.TransferSyntaxUID = syntax
    dcmwrite(file, dataset, enforce_file_format=True)
    same(file.getvalue(), Options())


def test_what_is_odd_goes_the_slow_way(dicom_files: Path) -> None:
    data = (dicom_files / "MR_small_bigendian.dcm").read_bytes()
    with pytest.raises(Odd):
        quick(data, Options())
    copy, told = deidentified(data, dcmread(io.BytesIO(data)), KEY, "fallback")
    assert (copy, told) == slow(data, Options())


def test_bytes_behind_the_last_pixel_are_cut(dicom_files: Path) -> None:
    data = (dicom_files / "CT_small.dcm").read_bytes()
    dataset = dcmread(io.BytesIO(data))
    dataset.PixelData = dataset.PixelData + b"Zhang^San "
    file = io.BytesIO()
    dcmwrite(file, dataset)
    copy, _ = deidentified(file.getvalue(), dataset, KEY, "fallback")
    assert b"Zhang^San" not in copy
    assert len(dcmread(io.BytesIO(copy)).PixelData) == 128 * 128 * 2

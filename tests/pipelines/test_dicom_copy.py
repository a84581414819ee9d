"""What hides beside the samples: overlays in high bits, whatever lies in unused bits, frames beyond those counted."""

import hashlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.decoders.base import Decoder
from pydicom.uid import ExplicitVRBigEndian, RLELossless

from yuelu.base.records import Role
from yuelu.pipelines.media.dicom.reader import read
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context, Reading, Refused

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def reading(dataset: Dataset) -> Reading:
    file = BytesIO()
    dcmwrite(file, dataset)
    data = file.getvalue()
    return read(BytesIO(data), Context(Limits(), b"k" * 32, hashlib.sha256(data).hexdigest(), "application/dicom"))


def copy_of(made: Reading) -> Dataset:
    return dcmread(BytesIO(next(part.data for part in made.derived if part.role is Role.DEIDENTIFIED)))


def proxy_of(made: Reading) -> bytes:
    return next(part.data for part in made.derived if part.role is Role.PROXY)


@pytest.fixture
def twelve_bits(dicom_files: Path) -> Dataset:
    """An MR of 12 bits in cells of 16, unsigned, with the overlay of its own taken out."""
    dataset = dcmread(dicom_files / "examples_overlay.dcm")
    for tag in [tag for tag in dataset.keys() if tag.group == 0x6000]:  # noqa: SIM118
        del dataset[tag]
    assert (dataset.BitsAllocated, dataset.BitsStored, dataset.PixelRepresentation) == (16, 12, 0)
    return dataset


def cells(dataset: Dataset, order: str = "<") -> NDArray[np.uint16]:
    return np.frombuffer(dataset.PixelData, f"{order}u2").reshape(dataset.Rows, dataset.Columns)


def with_writing(plain: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Write a bar into bit 12, as the retired overlays did (PS3.5-2004 section 8.1.2)."""
    marked = plain.copy()
    marked[10:20, 10:200] |= 1 << 12
    return marked


def declare_overlay(dataset: Dataset) -> None:
    dataset.add_new(0x60000010, "US", dataset.Rows)
    dataset.add_new(0x60000011, "US", dataset.Columns)
    dataset.add_new(0x60000100, "US", 16)
    dataset.add_new(0x60000102, "US", 12)


@pytest.mark.parametrize("declared", [True, False])
def test_an_overlay_in_high_bits_is_emptied(twelve_bits: Dataset, declared: bool) -> None:
    """Also one that an earlier cleaning forgot when it removed its group."""
    before, plain = reading(twelve_bits), cells(twelve_bits).copy()
    twelve_bits.PixelData = with_writing(plain).tobytes()
    if declared:
        declare_overlay(twelve_bits)
    after = reading(twelve_bits)
    assert (cells(copy_of(after)) == plain).all()
    assert 0x60000100 not in copy_of(after)
    assert proxy_of(after) == proxy_of(before)
    assert after.facts["deid"]["unused_bits"] == {"cleaned_px": 10 * 190}
    assert "unused_bits" not in before.facts["deid"]


def test_the_same_in_run_length_encoding(twelve_bits: Dataset) -> None:
    plain = cells(twelve_bits).copy()
    twelve_bits.PixelData = with_writing(plain).tobytes()
    twelve_bits.compress(RLELossless)
    copy = copy_of(reading(twelve_bits))
    copy.decompress()
    assert (cells(copy) == plain).all()


def test_the_same_in_big_endian(twelve_bits: Dataset) -> None:
    plain = cells(twelve_bits).copy()
    twelve_bits.PixelData = with_writing(plain).astype(">u2").tobytes()
    twelve_bits.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    file = BytesIO()
    dcmwrite(file, twelve_bits, little_endian=False, implicit_vr=False)
    file.seek(0)
    copy = copy_of(reading(dcmread(file)))
    assert copy.file_meta.TransferSyntaxUID == ExplicitVRBigEndian
    assert (cells(copy, ">") == plain).all()


def test_samples_at_the_high_end_are_found(twelve_bits: Dataset) -> None:
    """High Bit 15 with 12 bits stored: the samples lie above, and something else below."""
    before, plain = reading(twelve_bits), cells(twelve_bits).copy()
    twelve_bits.PixelData, twelve_bits.HighBit = ((plain << 4) | 5).tobytes(), 15
    after = reading(twelve_bits)
    assert proxy_of(after) == proxy_of(before)
    copy = copy_of(after)
    assert copy.HighBit == 11
    assert (cells(copy) == plain).all()


def test_signed_samples_keep_their_sign(dicom_files: Path) -> None:
    dataset = dcmread(dicom_files / "CT_small.dcm")
    values = np.clip(dataset.pixel_array, 0, 4095).astype(np.int16) - 2048
    dataset.BitsStored, dataset.HighBit = 12, 11
    dataset.PixelData = values.tobytes()
    extended = reading(dataset)
    assert "unused_bits" not in extended.facts["deid"]
    dataset.PixelData = (values & 0x0FFF).astype(np.uint16).tobytes()  # empty above: nothing is hidden
    empty = reading(dataset)
    assert "unused_bits" not in empty.facts["deid"]
    dataset.PixelData = (np.where(values % 2, values & 0x0FFF, values)).astype(np.int16).tobytes()  # a message in the choice
    mixed = reading(dataset)
    assert mixed.facts["deid"]["unused_bits"]["cleaned_px"] > 0
    assert copy_of(mixed).PixelData == values.tobytes()
    assert proxy_of(mixed) == proxy_of(extended) == proxy_of(empty)


def test_frames_beyond_those_counted_are_cut(dicom_files: Path) -> None:
    dataset = dcmread(dicom_files / "MR_small_RLE.dcm")
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = encapsulate([frame, frame, frame])
    copy = copy_of(reading(dataset))
    assert len(list(generate_frames(copy.PixelData, number_of_frames=1))) == 1


def test_a_decoder_that_panics_refuses_the_object(dicom_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pylibjpeg-rle 2.2 raises pyo3's PanicException, which is no Exception, on some broken frames."""
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})

    def fail(*_: object, **__: object) -> None:
        raise panic("index out of bounds: the len is 8192 but the index is 8193")

    monkeypatch.setattr(Decoder, "as_array", fail)
    with pytest.raises(Refused, match="cannot be decoded: index out of bounds"):
        reading(dcmread(dicom_files / "MR_small_RLE.dcm"))


def test_float_pixels_are_shown(dicom_files: Path) -> None:
    """A parametric map: what MR_small stores, as floats, looks like MR_small."""
    plain = dcmread(dicom_files / "MR_small.dcm")
    dataset = dcmread(dicom_files / "MR_small.dcm")
    dataset.add_new("FloatPixelData", "OF", plain.pixel_array.astype("<f4").tobytes())
    del dataset.PixelData
    dataset.BitsAllocated = 32
    made = reading(dataset)
    assert proxy_of(made) == proxy_of(reading(plain))
    assert "FloatPixelData" in copy_of(made)

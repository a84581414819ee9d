"""Palettes: against pydicom where it follows the standard, else worked by hand from it."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from yuelu.pipelines.media.dicom.look import lut_of
from yuelu.pipelines.media.dicom.palette import coloured, expanded, palette_of
from yuelu.pipelines.media.reading import Refused


@pytest.mark.parametrize("name", ["hotiron.dcm", "pet.dcm", "hotmetalblue.dcm", "pet20step.dcm", "spring.dcm", "fall.dcm"])
def test_well_known_palettes_agree_with_pydicom(dicom_files: Path, name: str) -> None:
    dataset = dcmread(dicom_files.parent / "palettes" / name)
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (coloured(stored, palette_of(dataset)) == apply_color_lut(stored, dataset)[..., :3]).all()


def test_segments_by_the_example_of_the_standard() -> None:
    """A discrete, a linear and an indirect segment of 16 bits (PS3.3 section C.7.9.2); offsets are in bytes."""
    words = [0, 2, 10, 20, 1, 4, 60, 2, 2, 0, 0]
    data = np.array(words, "<u2").tobytes()
    assert expanded(data, 12, 16) == [10, 20, 30, 40, 50, 60, 10, 20, 30, 40, 50, 60]
    assert expanded(np.array(words, ">u2").tobytes(), 12, 16, little_endian=False)[:3] == [10, 20, 30]
    assert expanded(bytes([0, 1, 7, 1, 3, 10]), 4, 8) == [7, 8, 9, 10]


@pytest.mark.parametrize("data", [b"", bytes([0, 9, 1]), bytes([1, 4, 9]), bytes([7, 1, 1, 1])])
def test_broken_segments_are_refused(data: bytes) -> None:
    with pytest.raises(Refused, match="palette"):
        expanded(data, 8, 8)


def test_a_segment_cannot_grow_without_end() -> None:
    endless = np.array([0, 1, 5, 2, 65535, 0, 0], "<u2").tobytes()  # the indirect segment copies itself
    with pytest.raises(Refused, match="palette"):
        expanded(endless, 65536, 16)


@pytest.mark.parametrize(
    ("data", "entries"), [(b"\1\2\3\4", [1, 2, 3]), (b"\1\0\2\0\3\0", [1, 2, 3]), ([1, -1, 3], [1, 65535, 3])]
)
def test_entries_are_read_however_they_are_written(data: object, entries: list[int]) -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [3, 0, 16])
    item.add_new("LUTData", "OW" if isinstance(data, bytes) else "SS", data)
    assert lut_of(item, "LUTDescriptor", "LUTData").entries.tolist() == entries


def test_beyond_the_ends_the_outermost_entries_stand() -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS", [2, -1, 16])
    item.add_new("LUTData", "US", [100, 200])
    lut = lut_of(item, "LUTDescriptor", "LUTData")
    assert lut.of(np.array([-9, -1, 0, 9])).tolist() == [100, 100, 200, 200]
    assert lut.of(np.array([-0.6, 0.4])).tolist() == [100, 200]


def test_no_palette_is_refused() -> None:
    with pytest.raises(Refused, match="without a palette"):
        palette_of(Dataset())
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [3, 0])
    with pytest.raises(Refused, match="not three numbers"):
        lut_of(item, "LUTDescriptor", "LUTData")

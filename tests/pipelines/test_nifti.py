"""NIfTI: what comes out, against nibabel; the header's texts are gone; bombs and broken files are refused."""

import gzip
import hashlib
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.readers import READERS
from yuelu.pipelines.media.reading import Context, Reading, Refused
from yuelu.pipelines.media.recognise import recognise
from yuelu.pipelines.media.volumes.geometry import to_patient_mm, to_voxel
from yuelu.pipelines.media.volumes.nifti import inflated, read

SHIPPED = Path(nibabel.__file__).parent / "tests/data"


def reading(data: bytes, limits: Limits | None = None) -> Reading:
    context = Context(limits or Limits(), b"k" * 32, hashlib.sha256(data).hexdigest(), "application/x-nifti")
    return read(BytesIO(data), context)


def copy_of(made: Reading) -> bytes:
    return next(part.data for part in made.derived if part.role is Role.DEIDENTIFIED)


def proxies(made: Reading) -> list[np.ndarray[Any, Any]]:
    scale = made.facts["scale"]
    shown = [np.asarray(Image.open(BytesIO(part.data))) for part in made.derived if part.role is Role.PROXY]
    return [one[::scale, ::scale] for one in shown]


def volume(values: np.ndarray[Any, Any], affine: Any = None, kind: Any = nibabel.Nifti1Image) -> Any:
    return kind(values, np.eye(4) if affine is None else affine)


@pytest.mark.parametrize(
    "name", ["anatomical.nii", "example4d.nii.gz", "example_nifti2.nii.gz", "functional.nii", "standard.nii.gz"]
)
def test_the_copy_holds_the_voxels_and_none_of_the_texts(name: str) -> None:
    data = (SHIPPED / name).read_bytes()
    assert READERS[recognise(data[:4096])].reader.endswith("nifti:read")
    made, theirs = reading(data), nibabel.load(SHIPPED / name)
    copy = copy_of(made)
    assert (copy[:2] == b"\x1f\x8b") == name.endswith(".gz")
    plain = gzip.decompress(copy) if name.endswith(".gz") else copy
    ours = type(theirs).from_bytes(plain)
    assert (np.asarray(ours.dataobj) == np.asarray(theirs.dataobj)).all()
    assert np.array_equal(ours.affine, theirs.affine)
    assert ours.header.extensions == []
    for field in ("descrip", "aux_file", "intent_name"):
        assert ours.header[field].item() == b""
    assert made.facts["deid"]["extensions_removed"] == len(theirs.header.extensions)
    assert made.facts["volumes"] == (theirs.shape[3] if theirs.ndim == 4 else 1)


def test_no_planted_name_survives() -> None:
    image = volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    for field in ("descrip", "aux_file", "intent_name"):
        image.header[field] = b"Zhang^San"
    image.header["db_name"], image.header["data_type"] = b"Zhang^San", b"Zhang^San"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Zhang^San"))
    data = image.to_bytes() + b"Zhang^San"
    assert data.count(b"Zhang^San") == 7
    packed = BytesIO()
    with gzip.GzipFile("Zhang^San.nii", "wb", fileobj=packed) as file:
        file.write(data)
    for given in (data, packed.getvalue()):
        made = reading(given)
        parts = [part.data for part in made.derived]
        assert not any(b"Zhang" in part for part in [*parts, gzip.decompress(parts[0]) if parts[0][:1] == b"\x1f" else b""])
        assert made.facts["deid"] == {
            "profile": "nifti-header", "extensions_removed": 1, "trailing_bytes": 9,
            "emptied": ["aux_file", "data_type", "db_name", "descrip", "intent_name"],
        }  # fmt: skip


@pytest.mark.parametrize("axes", ["RAS", "LPS", "LAS", "PIR", "SAR", "ALI"])
def test_slices_are_axial_and_seen_from_the_feet(axes: str) -> None:
    """However the voxels lie, the patient's left is on the right, the back below, and the first slice is at the feet."""
    ras = np.zeros((8, 9, 5), np.uint8)
    ras[3:6, 3:6, 2] = 250  # what the window reaches up to
    ras[0, 0, 0], ras[-1, 0, 0], ras[0, -1, 0], ras[0, 0, -1] = 50, 100, 150, 200
    image = nibabel.Nifti1Image(ras, np.diag([2.0, 3.0, 4.0, 1.0]))
    image.set_sform(image.affine, 1)
    turn = nibabel.orientations.ornt_transform(nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(axes))
    made = reading(image.as_reoriented(turn).to_bytes())
    shown = proxies(made)
    assert len(shown) == 5
    assert shown[0].shape == (9, 8)
    order = [shown[0][-1, -1], shown[0][-1, 0], shown[0][0, -1], shown[-1][-1, -1]]  # left back, right back, left front, head
    assert sorted(order) == order
    assert len(set(order)) == 4
    assert made.facts["voxel_axes"] == axes
    scale = made.facts["scale"]
    left_back = (7.5 * scale, 8.5 * scale)
    assert to_patient_mm(made.facts, 0, *left_back) == (0.0, 0.0, 0.0)
    assert to_patient_mm(made.facts, 4, 0.5 * scale, 0.5 * scale) == (-14.0, -24.0, 16.0)
    voxel = to_voxel(made.facts, 0, *left_back)
    assert voxel is not None
    assert image.as_reoriented(turn).dataobj[tuple(round(index) for index in voxel)] == 50


def test_without_a_stated_place_there_are_no_millimetres_of_a_patient() -> None:
    whole = volume(np.zeros((4, 4, 4), np.float32)).to_bytes()
    header = nibabel.Nifti1Header(whole[:348])
    header["sform_code"] = header["qform_code"] = 0
    made = reading(header.binaryblock + whole[348:])
    assert made.facts["space"] is None
    assert to_patient_mm(made.facts, 0, 1, 1) is None
    assert made.facts["pixel_spacing_mm"][0] == [1.0, 1.0]
    assert made.medium is Medium.IMAGE


def test_colours_and_scaling() -> None:
    rgb = np.zeros((3, 2, 1), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    rgb["R"] = 200
    assert proxies(reading(volume(rgb).to_bytes()))[0][0, 0].tolist() == [200, 0, 0]
    scaled = volume(np.arange(1000, dtype=np.int16).reshape(10, 10, 10))
    scaled.header.set_slope_inter(2, 100)
    window = reading(scaled.to_bytes()).facts["window"]
    low, high = np.percentile(np.arange(1000), (0.5, 99.5)) * 2 + 100
    assert (window["centre"], window["width"]) == pytest.approx(((low + high) / 2, high - low))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((2, 2, 2, 1, 3), np.float32), "vectors or labels"),
        (np.zeros((2, 2, 2), np.complex64), "data type 32"),
    ],
)
def test_what_is_no_picture_is_refused(values: np.ndarray[Any, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        reading(volume(values).to_bytes())


def test_label_maps_are_refused() -> None:
    image = volume(np.zeros((2, 2, 2), np.uint8))
    image.header.set_intent("label")
    with pytest.raises(Refused, match="labels"):
        reading(image.to_bytes())


def test_bombs_and_broken_files_are_refused() -> None:
    image = volume(np.zeros((4, 4, 4), np.int16))
    whole = image.to_bytes()
    with pytest.raises(Refused, match="more than 1000 bytes in one volume"):
        reading(whole + bytes(5000), Limits(picture_bytes=1000))
    bomb = zlib.compress(bytes(50_000_000), 9, 31)
    with pytest.raises(Refused, match="more than 1000000 bytes"):
        inflated(bomb, 1_000_000)
    with pytest.raises(Refused, match="cut short"):
        inflated(gzip.compress(whole)[:-30], 1_000_000)
    with pytest.raises(Refused, match="bytes of voxels, not"):
        reading(whole[:-1])
    for dim, said in (([3, 30000, 30000, 1], "pixels are more"), ([3, 2, 2, 0], "a volume of"), ([0], "no axes")):
        broken = nibabel.Nifti1Header(whole[:348], check=False)
        broken["dim"] = [*dim, *[1] * (8 - len(dim))]
        with pytest.raises(Refused, match=said):
            reading(broken.binaryblock + whole[348:])
    flat = nibabel.Nifti1Header(whole[:348], check=False)
    flat["sform_code"], flat["srow_x"] = 1, 0
    with pytest.raises(Refused, match="span no space"):
        reading(flat.binaryblock + whole[348:])
    flat["vox_offset"] = 1e30
    with pytest.raises(Refused, match="voxels begin at"):
        reading(flat.binaryblock + whole[348:])


def test_only_volumes_are_recognised() -> None:
    whole = volume(np.zeros((4, 4, 4), np.int16)).to_bytes()
    assert recognise(gzip.compress(whole)[:4096]) == recognise(whole[:4096]) == "NIfTI"
    assert recognise(volume(np.zeros((2, 2, 2), np.int16), kind=nibabel.Nifti2Image).to_bytes()[:4096]) == "NIfTI"
    assert recognise(gzip.compress(b"a table of names")) == "gzip archives"
    assert recognise(b"\x1f\x8bnothing of the kind") == "gzip archives"
    assert "two files" in recognise(whole[:344] + b"ni1\0" + whole[348:])

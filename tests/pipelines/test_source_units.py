"""Regions in units of their sources: against ITK for DICOM, nibabel for NIfTI, libav's own times for video, and by hand."""

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from pydicom import dcmread

from yuelu.base.ledger.media import AssetRow
from yuelu.base.media import Shown
from yuelu.base.records import (
    Box,
    Choice,
    Ellipse,
    FrameRange,
    Keyframe,
    KeyPoint,
    Mask,
    Polygon,
    Region,
    Segment,
    Track,
    Vector,
    Vertex,
)
from yuelu.pipelines.media.dicom import reader as dicom
from yuelu.pipelines.media.images.tiles import Tile, to_facts
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context
from yuelu.pipelines.media.volumes import nifti
from yuelu.pipelines.source_units import Place, in_source_units, places_of

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
AT = (12.25, 7.5)  # x_px, y_px: the middle of a pixel is at .5
SQUARE = (AT, (AT[0] + 4, AT[1]), (AT[0] + 4, AT[1] + 2), (AT[0], AT[1] + 2))


def shapes(item: int) -> list[tuple[Region, list[tuple[float, float]]]]:
    """One region of each kind that lies on pictures, and the points that it must name, by hand."""
    x, y = AT
    vertices = (Vertex("a", x, y), Vertex("b", x + 4, y, "a"))
    ends = [(x, y), (x, y + 3), (x - 2, y), (x, y - 3), (x + 2, y)]  # turned by 90 degrees: the long axis points down
    return [
        (Box("r", "c", "l", item, x, y, 4, 2), list(SQUARE)),
        (Box("r", "c", "l", item, x, y, 4, 2, 90), [(x, y), (x, y + 4), (x - 2, y + 4), (x - 2, y)]),
        (Polygon("r", "c", "l", item, SQUARE[:3]), list(SQUARE[:3])),
        (KeyPoint("r", "c", "l", item, x, y, 1), [AT]),
        (Vector("r", "c", "l", item, vertices), [AT, SQUARE[1]]),
        (Ellipse("r", "c", "l", item, x, y, 3, 2, 90), ends),
    ]


def facts_of(data: bytes) -> dict[str, Any]:
    context = Context(Limits(), b"k" * 32, hashlib.sha256(data).hexdigest(), "application/dicom")
    return dict(dicom.read(BytesIO(data), context).facts)


@pytest.mark.parametrize("place", ["ct-3slice/01.dcm", "24x38x3/multiframe/mf.dcm"])
def test_shapes_in_millimetres_of_the_patient(fixtures: Path, place: str) -> None:
    path = fixtures / "dicom_dcmqi_seg" / place
    facts, image = facts_of(path.read_bytes()), SimpleITK.ReadImage(str(path), imageIO="GDCMImageIO")
    for picture in range(image.GetSize()[2]):
        where = Place("a", facts, picture)
        stored = float(facts["source_frame"][picture] - 1) if isinstance(facts.get("source_frame"), list) else float(picture)
        for shape, points in shapes(0):
            found = in_source_units(shape, [where])
            assert found is not None
            assert found["points_px"] == pytest.approx(np.array(points))
            theirs = [image.TransformContinuousIndexToPhysicalPoint((x - 0.5, y - 0.5, stored)) for x, y in points]
            assert np.allclose(found["points_mm"], theirs, atol=2e-4)
            assert found["source_frame"] == stored + 1


def test_the_instance_that_a_region_stands_on(fixtures: Path) -> None:
    """A series of three files: each item is a file of its own."""
    files = sorted((fixtures / "dicom_dcmqi_seg" / "ct-3slice").glob("*.dcm"))
    places = [Place(path.name, facts_of(path.read_bytes())) for path in files]
    for item, path in enumerate(files):
        found = in_source_units(KeyPoint("k", "c", "l", item, 1, 1, 1), places)
        assert found is not None
        assert (found["asset"], found["picture"]) == (path.name, 0)
        assert found["sop_uid"] == places[item].facts["sop_uid"] != dcmread(path).SOPInstanceUID  # the de-identified one
    assert len({place.facts["sop_uid"] for place in places}) == 3


def test_a_mask_in_the_patient(fixtures: Path) -> None:
    """Painted on a proxy twice as large: its centre, area and cells, as ITK places the voxels under it."""
    path = fixtures / "dicom_dcmqi_seg" / "ct-3slice" / "01.dcm"
    facts, image = facts_of(path.read_bytes()), SimpleITK.ReadImage(str(path), imageIO="GDCMImageIO")
    rows, columns = facts["height_px"], facts["width_px"]
    levels = np.zeros((rows * 2, columns * 2), np.uint8)
    levels[20:26, 40:60] = 255  # voxels 20..29 across, 10..12 down
    values = levels.ravel()
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    runs = tuple(np.diff(np.r_[starts, values.size]).tolist()), tuple(values[starts].tolist())
    found = in_source_units(Mask("m", "c", "l", 0, columns * 2, rows * 2, *runs), [Place("a", facts)])
    assert found is not None
    assert (found["cells"], found["cell_px"], found["area_px"]) == (120, [0.5, 0.5], 30)
    assert found["centre_mm"] == pytest.approx(image.TransformContinuousIndexToPhysicalPoint((24.5, 11.0, 0.0)), abs=2e-4)
    across, down, _ = image.GetSpacing()
    assert found["area_mm2"] == pytest.approx(30 * across * down, rel=1e-4)
    matrix = np.array(found["cell_to_mm"])
    there = matrix @ (41, 21, 0, 1)  # the cell of row 21 and column 41 has its middle at 20.25, 10.25 of the voxels
    assert there == pytest.approx(image.TransformContinuousIndexToPhysicalPoint((20.25, 10.25, 0.0)), abs=2e-4)
    assert in_source_units(Mask("m", "c", "l", 0, 2, 1, (2,), (0,)), [Place("a", facts)])["cells"] == 0  # type: ignore[index]


def test_shapes_in_voxels_and_millimetres_of_a_nifti() -> None:
    path = Path(nibabel.__file__).parent / "tests/data/example4d.nii.gz"
    data, image = path.read_bytes(), nibabel.load(path)
    facts = nifti.read(BytesIO(data), Context(Limits(), b"k" * 32, hashlib.sha256(data).hexdigest(), "application/x-nifti")).facts
    found = in_source_units(Box("r", "c", "l", 0, *AT, 4, 2), [Place("a", facts, 7)])
    assert found is not None
    for voxel, mm in zip(found["points_voxel"], found["points_mm"], strict=True):
        right, front, up, _ = image.affine @ (*voxel, 1)
        assert mm == pytest.approx((-right, -front, up), abs=1e-3)


def test_a_region_on_a_tile_lies_in_the_whole_picture() -> None:
    facts = {
        "tiles": to_facts([Tile(0, 0, 9000, 6000, 0.25), Tile(4000, 2000, 4096, 4096, 1.0)]),
        "width_px": 9000,
        "height_px": 6000,
    }
    box = Box("b", "c", "l", 1, 10, 20, 30, 40)
    found = in_source_units(box, [Place("a", facts, 0), Place("a", facts, 1)])
    assert found is not None
    assert found["points_px"] == [(4010, 2020), (4040, 2020), (4040, 2060), (4010, 2060)]
    assert "points_mm" not in found  # nobody says where it lies


def shown(asset: str, medium: str, facts: dict[str, Any], **proxy: Any) -> Shown:
    def row(name: str, role: str, told: dict[str, Any]) -> AssetRow:
        return AssetRow(sha256=name, medium=medium, media_type="", bytes=1, role=role, group="g", store_key=None, facts=told)

    return Shown(row(asset, "source", facts), row(f"proxy of {asset}", "proxy", proxy))


def test_places_count_the_pictures_of_each_asset() -> None:
    several = {"frames": ["p", "q"]}
    size = {"width_px": 10, "height_px": 10}
    found = places_of(
        [shown("a", "image", several, **size), shown("a", "image", several, **size), shown("b", "image", size, **size)]
    )
    assert [(place.asset, place.picture) for place in found] == [("a", 0), ("a", 1), ("b", 0)]


TIMES = [0.0, 0.04, 0.04, 0.2, 0.24]  # of a video whose rate varies: frame 3 of the proxy shows the same as frame 2


def test_frames_in_source_time_and_pixels() -> None:
    """A proxy of half the size. A stretch ends when the source presents the next other picture."""
    (place,) = places_of([shown("v", "video", {"width_px": 640, "height_px": 480}, width_px=320, height_px=240)])
    found = in_source_units(FrameRange("f", "c", "l", 2, 3), [place], TIMES)
    assert found == {"asset": "v", "start_s": 0.04, "end_s": 0.2}
    track = Track("t", "c", "l", (Keyframe(1, True, 10, 20, 30, 40), Keyframe(4, False, 40, 20, 30, 40)), 5)
    told = in_source_units(track, [place], TIMES, every_frame=True)
    assert told is not None
    assert [(box["frame"], box["time_s"]) for box in told["boxes"]] == [(1, 0.0), (2, 0.04), (3, 0.04), (4, 0.2)]
    assert told["boxes"][1]["points_px"] == [(40, 40), (100, 40), (100, 120), (40, 120)]
    assert [box["frame"] for box in in_source_units(track, [place], TIMES)["boxes"]] == [1, 4]  # type: ignore[index]


def test_what_is_not_known_is_none() -> None:
    place = Place("v", {})
    assert in_source_units(FrameRange("f", "c", "l", 2, 3), [place]) == {"asset": "v", "start_s": None, "end_s": None}
    assert in_source_units(Segment("s", "c", "l", 1.5, 2.0), [place]) == {"asset": "v", "start_s": 1.5, "end_s": 2.0}
    assert in_source_units(Choice("c", ("l",)), [place]) is None
    box = in_source_units(Track("t", "c", "l", (Keyframe(1, False, 0, 0, 1, 1),), 5), [place])
    assert box == {"asset": "v", "boxes": [{"frame": 1, "time_s": None, "points_px": [(0, 0), (1, 0), (1, 1), (0, 1)]}]}

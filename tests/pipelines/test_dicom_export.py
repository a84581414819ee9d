"""DICOM SEG and SR of a release: read back by highdicom, validated by dciodvfy of Debian's dicom3tools."""

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

hd = pytest.importorskip("highdicom")
from pydicom import dcmread  # noqa: E402
from pydicom.data import get_testdata_file  # noqa: E402

from yuelu.base.canonical import sha256  # noqa: E402
from yuelu.base.records import Box, Choice, Ellipse, KeyPoint, Mask, Polygon, Region, region_to_json  # noqa: E402
from yuelu.base.signing import SigningKey  # noqa: E402
from yuelu.base.store.local import LocalStore  # noqa: E402
from yuelu.datasets.build import build  # noqa: E402
from yuelu.datasets.commit import commit  # noqa: E402
from yuelu.datasets.draft import Draft  # noqa: E402
from yuelu.datasets.labelled import Judgement, LabelledItem, Medium  # noqa: E402
from yuelu.datasets.release import Release, open_release  # noqa: E402
from yuelu.datasets.split import assign_split  # noqa: E402
from yuelu.pipelines.dicom_export.export import export_dicom  # noqa: E402

ROWS = COLUMNS = 128  # of CT_small


@pytest.fixture(scope="module")
def ct() -> bytes:
    dataset = dcmread(str(get_testdata_file("CT_small.dcm")))
    written = io.BytesIO()
    dataset.save_as(written)
    return written.getvalue()


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """Two pictures: one twice as large as the CT slice that it shows, one whose object nobody gives."""
    said: list[Region] = [
        Box("b", "find", "nodule", 0, 20.0, 40.0, 60.0, 20.0),  # of the picture: columns 10..40 and rows 20..30 of the slice
        Polygon("p", "find", "肺", 0, ((100.0, 100.0), (140.0, 100.0), (140.0, 120.0), (100.0, 120.0))),
        Ellipse("e", "find", "nodule", 0, 200.0, 200.0, 20.0, 30.0),
        KeyPoint("k", "spot", "tip", 0, 3.0, 4.0, 1.0),
        Mask("m", "brush", "vessel", 0, 4, 4, (5, 2, 9), (0, 255, 0)),  # row 1, columns 1 and 2 of a grid of 4 x 4
        Choice("quality", ("good",)),
    ]
    items, facts, files = [], {"width_px": 2 * COLUMNS, "height_px": 2 * ROWS}, {}
    for number, regions in enumerate((said, said[:1])):
        data = b"picture %d" % number
        files[sha256(data)] = data
        one = Medium(sha256(data), "image", "image/png", len(data), f"source-{number}", True, facts)
        judged = Judgement(tuple(region_to_json(region) for region in regions), 3)
        split = assign_split(str(number), b"s" * 32)
        items.append(LabelledItem(f"item-{number}", "ct", "image", split, str(number), 1, "t" * 64, (one,), (), judged))
    governance = {"grade": "general", "terms": ["research"]}
    draft = Draft("ct", build(items), [], [], {"scores": [], "gates": []}, governance)
    proof = {"published_at": "2026-05-06T07:08:09+00:00", "nonce": "n"}
    store = LocalStore(tmp_path / "store")
    commit(store, draft, SigningKey(bytes(range(32))), files.__getitem__, proof)
    return open_release(store, "ct")


def _made(release: Any, dest: Path, form: str, ct: bytes) -> tuple[Any, Path]:
    report = export_dicom(release, dest, form, {"source-0": ct}.get)
    (path,) = dest.iterdir()
    return report, path


def _validated(path: Path) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed: apt-get install dicom3tools")
    told = subprocess.run(["dciodvfy", path], capture_output=True, text=True, errors="replace", check=False).stderr
    own = subprocess.run(
        ["dciodvfy", str(get_testdata_file("CT_small.dcm"))], capture_output=True, text=True, errors="replace", check=False
    ).stderr
    errors = [line for line in told.splitlines() if line.startswith("Error") and line not in own.splitlines()]
    assert errors == []


def test_a_segmentation_has_the_pixels_that_were_drawn(release: Any, ct: bytes, tmp_path: Path) -> None:
    report, path = _made(release, tmp_path / "seg", "dicom-seg", ct)
    seg = hd.seg.segread(path)
    source = dcmread(io.BytesIO(ct))
    assert seg.StudyInstanceUID == source.StudyInstanceUID
    numbers = {seg.get_segment_description(number).segment_label: number for number in seg.segment_numbers}
    assert list(numbers) == ["nodule", "vessel", "肺"]
    pixels = seg.get_pixels_by_source_instance([source.SOPInstanceUID])[0]  # rows, columns, segments
    lung = np.zeros((ROWS, COLUMNS))
    lung[50:60, 50:70] = 1
    assert np.array_equal(pixels[:, :, numbers["肺"] - 1], lung)
    nodule = pixels[:, :, numbers["nodule"] - 1]
    assert nodule[20:30, 10:40].all()
    assert nodule.sum() == pytest.approx(300 + np.pi * 10 * 15, rel=0.02)
    vessel = np.kron(np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]), np.ones((32, 32)))
    assert np.array_equal(pixels[:, :, numbers["vessel"] - 1], vessel)
    assert report.left_out == {
        ("boxes", "the object that was labelled was not given"): 1,
        ("keypoints", "no area"): 1,
        ("choices", "the object has no place for it"): 1,
    }
    _validated(path)
    _, again = _made(release, tmp_path / "again", "dicom-seg", ct)
    assert again.read_bytes() == path.read_bytes()


def test_a_structured_report_has_the_outlines_and_what_was_said(release: Any, ct: bytes, tmp_path: Path) -> None:
    report, path = _made(release, tmp_path / "sr", "dicom-sr", ct)
    read = hd.sr.srread(path)
    groups = read.content.get_planar_roi_measurement_groups()
    assert sorted(group.finding_type.meaning for group in groups) == ["nodule", "nodule", "肺"]
    regions = {str(group.roi.graphic_type.value): group.roi for group in groups if group.finding_type.meaning == "nodule"}
    assert regions["POLYLINE"].value.tolist() == [[10, 20], [40, 20], [40, 30], [10, 30], [10, 20]]
    # PS3.3 C.18.6.1.2: the end points of the major axis, then of the minor axis
    ends = [tuple(point) for point in np.round(regions["ELLIPSE"].value, 6)]
    assert (set(ends[:2]), set(ends[2:])) == ({(100, 115), (100, 85)}, {(90, 100), (110, 100)})
    (whole,) = read.content.get_image_measurement_groups()
    assert [(each.name.meaning, each.value.meaning) for each in whole.get_qualitative_evaluations()] == [("quality", "good")]
    assert report.written == {"boxes": 1, "polygons": 1, "ellipses": 1, "choices": 1}
    assert report.left_out["masks", "pixels: export dicom-seg"] == 1
    _validated(path)
    _, again = _made(release, tmp_path / "again", "dicom-sr", ct)
    assert again.read_bytes() == path.read_bytes()

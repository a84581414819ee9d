"""COCO of our own: read by pycocotools, and right where Label Studio's converter is wrong."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from yuelu.annotate.coco import Picture, box_corners, coco
from yuelu.annotate.results import Item, from_result
from yuelu.annotate.templates import parse_template
from yuelu.base.records import Box, Choice, Ellipse, KeyPoint, Mask, Polygon, Region

# pycocotools 2.0.10 under NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BOX = Box("b", "o", "part", 0, 64, 96, 192, 192, 15.0)  # 10, 20, 30, 40 % of 640 x 480


def read(tmp_path: Path, *pictures: Picture) -> COCO:
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(coco(pictures)), encoding="utf-8")
    return COCO(str(path))


def test_a_turned_box_on_a_picture_that_is_not_square() -> None:
    """Worked out for 640 x 480 and 15 degrees; the converter of SDK 2.1.2 says [-2.26, 96, 251.7, 222.7]."""
    (found,) = coco([Picture("p.png", 640, 480, {"ann": [BOX]})])["annotations"]
    assert found["bbox"] == pytest.approx([14.3, 96, 235.1, 235.1], abs=0.06)
    assert found["area"] == pytest.approx(192 * 192)


def test_the_corner_it_turns_about_stays() -> None:
    """By hand: turned by 90 degrees clockwise, the upper side runs down from the corner."""
    corners = box_corners(Box("b", "o", "l", 0, 10, 20, 30, 40, 90.0))
    assert np.allclose(corners, [(10, 20), (10, 50), (-30, 50), (-30, 20)])


def test_two_annotators_of_one_picture_share_its_entry(tmp_path: Path) -> None:
    both: dict[str, list[Region]] = {"ann": [BOX], "bob": [BOX, Choice("scene", ("x",))]}
    data = coco([Picture("p.png", 640, 480, both), Picture("q.png", 10, 10, {})])
    assert [image["file_name"] for image in data["images"]] == ["p.png", "q.png"]
    assert [(each["image_id"], each["annotator"]) for each in data["annotations"]] == [(1, "ann"), (1, "bob")]
    assert data["info"] == {"left_out": {"Choice": 1}}
    loaded = read(tmp_path, Picture("p.png", 640, 480, both))
    assert len(loaded.getAnnIds(imgIds=[1])) == 2


def test_shapes_as_pycocotools_fills_them(tmp_path: Path) -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[5:15, 20:50] = 255
    mask[8, 30] = 100  # less than half covered
    runs = Mask("m", "o", "mask", 0, 60, 40, *runs_of(mask))
    drawn: list[Region] = [
        Polygon("p", "o", "poly", 0, ((10, 10), (40, 10), (40, 30), (10, 30))),
        Ellipse("e", "o", "round", 0, 30, 20, 10, 5, 0.0),
        runs,
        KeyPoint("k", "o", "point", 0, 7.5, 8.5, 1),
    ]
    loaded = read(tmp_path, Picture("p.png", 60, 40, {"ann": drawn}))
    polygon, ellipse, painted, point = (loaded.anns[number] for number in (1, 2, 3, 4))
    assert loaded.annToMask(polygon).sum() == polygon["area"] == 30 * 20
    assert polygon["bbox"] == [10, 10, 30, 20]
    assert ellipse["area"] == pytest.approx(math.pi * 50, rel=0.01)
    assert ellipse["bbox"] == pytest.approx([20, 15, 20, 10], abs=0.1)
    assert np.array_equal(loaded.annToMask(painted), mask >= 128)
    assert (painted["bbox"], painted["area"]) == ([20, 5, 30, 10], 299)
    assert point["keypoints"] == [7.5, 8.5, 2]
    assert sorted(each["name"] for each in loaded.cats.values()) == ["mask", "point", "poly", "round"]


def test_a_mask_of_a_larger_proxy_is_brought_to_the_pictures_size(tmp_path: Path) -> None:
    small = np.zeros((4, 6), np.uint8)
    small[1:3, 2:5] = 255
    large = np.kron(small, np.ones((5, 5), np.uint8))
    loaded = read(tmp_path, Picture("p.png", 6, 4, {"ann": [Mask("m", "o", "x", 0, 30, 20, *runs_of(large))]}))
    assert np.array_equal(loaded.annToMask(loaded.anns[1]), small >= 128)


def runs_of(mask: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> tuple[tuple[int, ...], tuple[int, ...]]:
    values = mask.ravel()
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    return tuple(np.diff(np.r_[starts, values.size]).tolist()), tuple(values[starts].tolist())


def test_label_studios_own_sample_for_its_coco_converter(fixtures: Path) -> None:
    """The regions of the sample, in pixels of its picture: what is in percent there times what it says the picture measures."""
    folder = fixtures / "ls_peer_tests" / "sdk_converter_tests" / "data" / "test_export_coco"
    (task,) = json.loads((folder / "data.json").read_text("utf-8"))
    result = task["annotations"][0]["result"]
    size = result[0]["original_width"], result[0]["original_height"]
    config = re.sub(' model_index="."', "", (folder / "label_config.xml").read_text("utf-8"))  # of that converter alone
    parsed = from_result(result, parse_template("coco", "1", config, {}), [Item(*size)])
    assert parsed.rejected == ()
    found = coco([Picture("p", *size, {"ann": parsed.regions})])["annotations"]
    assert len(found) == len(result)
    for each, part in zip(found, result, strict=True):
        if part["type"] == "rectanglelabels":
            sides = ("x", 0), ("y", 1), ("width", 0), ("height", 1)
            assert each["bbox"] == pytest.approx([part["value"][side] * size[axis] / 100 for side, axis in sides], abs=1e-3)

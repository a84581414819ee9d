"""Exports, read back by the libraries that others read them with, or by the words of the format's own documents."""

import hashlib
import io
import json
import tarfile
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import webdataset
import yaml
from PIL import Image
from praatio import textgrid
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from yuelu.base.canonical import sha256
from yuelu.base.errors import Conflict, InvalidRecord, Misconfigured
from yuelu.base.records import Box, Ellipse, Keyframe, KeyPoint, Mask, Polygon, Region, Segment, Text, Track, region_to_json
from yuelu.datasets.exports.export import export
from yuelu.datasets.labelled import Judgement, Medium
from yuelu.datasets.pull import pull
from yuelu.datasets.release import open_folder, open_release
from yuelu.datasets.selection import Selection

WIDTH, HEIGHT = 40, 30


def png(number: int = 0) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), (number, 0, 0)).save(written, "PNG")
    return written.getvalue()


@pytest.fixture
def bench(shop: Any, make: Any) -> SimpleNamespace:
    """`publish` makes a release of items, each (medium, media type, bytes, facts, regions), and returns it."""

    def publish(*items: tuple[str, str, bytes, dict[str, Any], list[Region]]) -> Any:
        made = []
        for number, (medium, media_type, data, facts, regions) in enumerate(items):
            shop.known[sha256(data)] = data
            one = Medium(sha256(data), medium, media_type, len(data), f"source-{number}", True, facts)
            said = tuple(region_to_json(region) for region in regions)
            made.append(make.item(number, media=(one,), medium=medium, answers=(), judgement=Judgement(said, 3)))
        shop.publish(made)
        return open_release(shop.store, "boards")

    return SimpleNamespace(publish=publish, shop=shop)


def drawn(bench: SimpleNamespace, *regions: Region) -> Any:
    return bench.publish(("image", "image/png", png(), {"width_px": WIDTH, "height_px": HEIGHT}, list(regions)))


def _mask(inside: np.ndarray[Any, Any], label: str = "spot") -> Mask:
    """Return a mask as its record: run lengths row by row."""
    flat = inside.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    levels = [255 * int(flat[start]) for start in [0, *edges]]
    height, width = inside.shape
    return Mask("m", "brush", label, 0, width, height, tuple(counts), tuple(levels))


BOX = Box("b", "defects", "scratch", 0, 10.0, 12.0, 8.0, 6.0)
TURNED = Box("t", "defects", "dent", 0, 20.0, 10.0, 10.0, 5.0, 90.0)  # about its upper left corner: x 15..20, y 10..20
TRIANGLE = Polygon("p", "outline", "dent + scratch", 0, ((0.0, 0.0), (20.0, 0.0), (0.0, 10.0)))
ROUND = Ellipse("e", "blob", "spot", 0, 20.0, 15.0, 10.0, 5.0)
POINT = KeyPoint("k", "eye", "left", 0, 3.0, 4.0, 1.0)


_OLD_NUMPY = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools and numpy 2


@_OLD_NUMPY
def test_pycocotools_reads_every_shape(bench: SimpleNamespace, tmp_path: Path) -> None:
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[5:9, 7:20], inside[20:, 39] = True, True
    report = export(drawn(bench, BOX, TURNED, TRIANGLE, ROUND, POINT, _mask(inside)), tmp_path / "coco", "coco")
    (split,) = (tmp_path / "coco/annotations").iterdir()
    loaded = COCO(str(split))
    (image,) = loaded.dataset["images"]
    assert (tmp_path / "coco/images" / image["file_name"]).read_bytes() == png()
    names = {category["id"]: category["name"] for category in loaded.dataset["categories"]}
    found = {(names[each["category_id"]], round(each["area"])): each for each in loaded.loadAnns(loaded.getAnnIds())}
    assert found["scratch", 48]["bbox"] == [10, 12, 8, 6]
    assert found["dent", 50]["bbox"] == pytest.approx([15, 10, 5, 10])
    assert {("dent", 100), ("scratch", 100)} <= set(found)  # one for each label of a region that has two
    assert np.array_equal(loaded.annToMask(found["spot", int(inside.sum())]).astype(bool), inside)
    assert found["spot", int(inside.sum())]["bbox"] == list(
        coco_mask.toBbox(coco_mask.encode(np.asfortranarray(inside, np.uint8)))
    )
    assert [area for name, area in found if name == "spot" and area != inside.sum()] == [pytest.approx(np.pi * 50, rel=0.01)]
    assert found["left", 0]["keypoints"] == [3, 4, 2]
    assert report.written == {"boxes": 2, "polygons": 1, "ellipses": 1, "keypoints": 1, "masks": 1}
    assert report.changed == {("ellipses", "a polygon of 64 corners"): 1}


@_OLD_NUMPY
def test_a_mask_of_another_grid_comes_to_the_picture(bench: SimpleNamespace, tmp_path: Path) -> None:
    inside = np.zeros((2 * HEIGHT, 2 * WIDTH), bool)
    inside[10:30, 20:50] = True
    report = export(drawn(bench, _mask(inside)), tmp_path / "coco", "coco")
    (split,) = (tmp_path / "coco/annotations").iterdir()
    loaded = COCO(str(split))
    assert np.array_equal(loaded.annToMask(loaded.loadAnns(1)[0]).astype(bool), inside[::2, ::2])
    assert report.changed == {("masks", "brought from its own grid to the picture's"): 1}


_CORNERS = [  # of 40 x 30 pixels
    "0 0.5 0.3333333333 0.5 0.6666666667 0.375 0.6666666667 0.375 0.3333333333",
    "1 0.25 0.4 0.45 0.4 0.45 0.6 0.25 0.6",
]


@pytest.mark.parametrize(
    ("form", "expected"),
    [("yolo", ["0 0.4375 0.5 0.125 0.3333333333", "1 0.35 0.5 0.2 0.2"]), ("yolo-obb", _CORNERS), ("yolo-segment", _CORNERS)],
)
def test_yolo(bench: SimpleNamespace, tmp_path: Path, form: str, expected: list[str]) -> None:
    release = drawn(bench, BOX, TURNED)
    report = export(release, tmp_path / "yolo", form)
    (labels,) = (tmp_path / "yolo/labels").rglob("*.txt")
    rows = [[float(word) for word in line.split()] for line in labels.read_text().splitlines()]
    for row, told in zip(sorted(rows), expected, strict=True):
        assert row == pytest.approx([float(word) for word in told.split()])
    data = yaml.safe_load((tmp_path / "yolo/data.yaml").read_text())
    assert data["names"] == {0: "dent", 1: "scratch"}
    (picture,) = (tmp_path / "yolo").glob(f"{data.get('train') or data.get('val') or data['test']}/*.png")
    assert (picture.stem, picture.parent.name) == (labels.stem, labels.parent.name)
    assert report.changed == ({("boxes", "turned: the upright box around it"): 1} if form == "yolo" else {})


def test_yolo_tells_what_it_lost(bench: SimpleNamespace, tmp_path: Path) -> None:
    outside = Box("o", "defects", "scratch", 0, 50.0, 50.0, 5.0, 5.0)
    over = Box("o", "defects", "scratch", 0, 30.0, 20.0, 20.0, 20.0)
    report = export(drawn(bench, outside, over, POINT, ROUND), tmp_path / "yolo", "yolo")
    assert report.left_out == {("boxes", "nothing of it is on the picture"): 1, ("keypoints", "no area"): 1}
    assert report.changed == {("boxes", "cut off at the picture's edge"): 1, ("ellipses", "the box around it"): 1}
    (labels,) = (tmp_path / "yolo/labels").rglob("*.txt")
    shares = [[float(word) for word in line.split()][1:] for line in labels.read_text().splitlines()]
    assert sorted(shares) == [pytest.approx([0.5, 0.5, 0.5, 1 / 3]), pytest.approx([0.875, 5 / 6, 0.25, 1 / 3])]


def test_pascal_voc_counts_pixels_from_one(bench: SimpleNamespace, tmp_path: Path) -> None:
    report = export(drawn(bench, BOX), tmp_path / "voc", "voc")
    (path,) = (tmp_path / "voc/Annotations").iterdir()
    tree = ET.parse(path).getroot()  # noqa: S314  # ours
    # VOC2012 devkit: "the top-left pixel in the image has coordinates (1,1)"; the box covers pixels 11..18 x 13..18
    assert [tree.findtext(f"object/bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")] == ["11", "13", "18", "18"]
    assert (tree.findtext("size/width"), tree.findtext("object/name")) == ("40", "scratch")
    assert (tmp_path / "voc/JPEGImages" / str(tree.findtext("filename"))).read_bytes() == png()
    (members,) = (tmp_path / "voc/ImageSets/Main").iterdir()
    assert members.read_text() == f"{path.stem}\n"
    assert report.changed == {}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset leaves its shards open
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_webdataset_reads_its_shards_and_they_are_always_the_same(bench: SimpleNamespace, tmp_path: Path) -> None:
    facts = {"width_px": WIDTH, "height_px": HEIGHT}
    release = bench.publish(*[("image", "image/png", png(number), facts, [BOX]) for number in range(6)])
    export(release, tmp_path / "one", "webdataset")
    folder = tmp_path / "pulled"
    pull(bench.shop.store, "boards", None, folder, selection=Selection(embed=True))
    export(open_folder(folder), tmp_path / "two", "webdataset")
    shards = sorted((tmp_path / "one").iterdir())
    assert [hashlib.sha256((tmp_path / "two" / path.name).read_bytes()).digest() for path in shards] == [
        hashlib.sha256(path.read_bytes()).digest() for path in shards
    ]
    samples = [each for path in shards for each in webdataset.WebDataset(str(path), shardshuffle=False).decode("pil")]
    assert sorted(each["png"].getpixel((0, 0))[0] for each in samples) == list(range(6))
    assert {each["__key__"] for each in samples} == set(release.table("items")["id"].to_pylist())
    assert [each["json"]["boxes"][0]["x_px"] for each in samples] == [10] * 6
    with tarfile.open(shards[0]) as tar:
        names = tar.getnames()
    assert names == sorted(names, key=lambda name: name.split(".")[0])


def _segments(text: str) -> set[tuple[float, float, str]]:
    fields = [line.split() for line in text.splitlines() if line.startswith("SPEAKER")]
    assert all(len(each) == 10 for each in fields)  # "ten whitespace-delimited fields"
    return {(round(float(each[3]), 3), round(float(each[4]), 3), each[7]) for each in fields}


def test_a_meeting_comes_back_as_the_rttm_it_was(bench: SimpleNamespace, tmp_path: Path, fixtures: Path) -> None:
    """The AMI corpus's own file of a meeting, read into segments, published and exported."""
    original = _segments((fixtures / "rttm_diarization/ami_only_words_test/ES2004a.rttm").read_text())
    regions: list[Region] = [Segment("s", "who", name, start, start + length) for start, length, name in original]
    end = max(start + length for start, length, _ in original)
    report = export(bench.publish(("audio", "audio/flac", b"sound", {"duration_s": end}, regions)), tmp_path / "out", "rttm")
    (path,) = (tmp_path / "out").glob("*.rttm")
    assert _segments(path.read_text()) == original
    assert report.written == {"segments": len(original)}
    (uem,) = (tmp_path / "out").glob("*.uem")
    assert uem.read_text().split()[1:] == ["1", "0.000000", f"{end:.6f}"]
    assert len(list((tmp_path / "out/audio").iterdir())) == 1


def test_praat_grids_are_read_by_praatio(bench: SimpleNamespace, tmp_path: Path) -> None:
    regions: list[Region] = [
        Segment("a", "speaker", "Ann", 0.5, 2.25),
        Segment("b", "speaker", 'Bob "the voice"', 2.0, 4.0, 1),  # while Ann still speaks
        Segment("c", "speaker", "Ann", 2.25, 3.0),
        Text("words", ("你好", "again"), region_id="a"),
        Text("notes", ("about all of it",)),
    ]
    release = bench.publish(("audio", "audio/flac", b"sound", {"duration_s": 10.0}, regions))
    report = export(release, tmp_path / "grid", "textgrid", media=False)
    (path,) = (tmp_path / "grid").rglob("*.TextGrid")
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    assert (grid.minTimestamp, grid.maxTimestamp) == (0, 10)
    tiers = {name: [tuple(entry) for entry in grid.getTier(name).entries] for name in grid.tierNames}
    assert tiers == {
        "speaker": [(0.5, 2.25, "Ann"), (2.25, 3.0, "Ann")],
        "speaker 2": [(2.0, 4.0, 'Bob "the voice"')],
        "words": [(0.5, 2.25, "你好\nagain")],
    }
    assert report.left_out == {("texts", "not about a segment"): 1}
    assert report.changed == {("segments", "without its channel"): 1}


def test_tracks_come_back_as_the_motchallenge_file_they_were(bench: SimpleNamespace, tmp_path: Path, fixtures: Path) -> None:
    """TUD-Campus: every frame a keyframe; where a person is away, the keyframe before is the last of its span."""
    lines = (fixtures / "mot_tud/TUD-Campus/gt.txt").read_text().splitlines()
    rows = [tuple(float(word) for word in line.split(",")[:6]) for line in lines]
    last = int(max(row[0] for row in rows))
    regions: list[Region] = []
    for person in sorted({row[1] for row in rows}):
        own = {int(row[0]): row[2:] for row in rows if row[1] == person}
        keyframes = tuple(
            Keyframe(frame, frame + 1 in own, x - 1, y - 1, width, height) for frame, (x, y, width, height) in sorted(own.items())
        )
        regions.append(Track(f"{person}", "people", f"person {person:02}", keyframes, last))
    facts = {"width_px": 640, "height_px": 480, "frames": last, "frame_rate_hz": 25.0}
    report = export(bench.publish(("video", "video/mp4", b"film", facts, regions)), tmp_path / "mot", "mot")
    (path,) = (tmp_path / "mot").rglob("gt.txt")
    told = [tuple(map(float, line.split(","))) for line in path.read_text().splitlines()]
    names = (tmp_path / "mot/labels.txt").read_text().splitlines()
    assert {(row[0], names[int(row[7]) - 1], *row[2:6]) for row in told} == {
        (row[0], f"person {row[1]:02}", *row[2:]) for row in rows
    }
    assert [row[:2] for row in told] == sorted(row[:2] for row in told)
    assert f"seqLength={last}\nimWidth=640" in (path.parent.parent / "seqinfo.ini").read_text()
    assert report.written == {"tracks": len(regions)}


def test_what_is_written_is_whole_or_not_there(bench: SimpleNamespace, tmp_path: Path) -> None:
    release = bench.publish(("image", "image/png", png(), {}, [BOX]))  # whose size nobody knows
    with pytest.raises(InvalidRecord, match="the size of media/"):
        export(release, tmp_path / "coco", "coco")
    assert list(tmp_path.glob("*coco*")) == []
    (tmp_path / "coco").mkdir()
    (tmp_path / "coco/mine").write_text("x")
    with pytest.raises(Conflict, match="is there already"):
        export(release, tmp_path / "coco", "webdataset")
    with pytest.raises(Misconfigured, match=r"no format 'caffe'\n  try: choose among coco"):
        export(release, tmp_path / "x", "caffe")


def test_the_report_counts_whatever_has_no_place(bench: SimpleNamespace, tmp_path: Path) -> None:
    report = export(drawn(bench, BOX, Text("notes", ("all of it",))), tmp_path / "coco", "coco")
    assert report.to_json()["left_out"] == [{"of": "texts", "reason": "COCO has no place for it", "count": 1}]
    assert json.loads(json.dumps(report.to_json()))["files"] == 2

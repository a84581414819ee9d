"""Objects that move through a video: boxes between keyframes as the editor draws them, matched frame by frame."""

from collections.abc import Sequence

import numpy as np

from yuelu.base.records import Track
from yuelu.base.tracks import frame_boxes
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.compared import Compared, Measure, Sums, share
from yuelu.quality.kinds.pairwise import Found, Said, compare_pairs
from yuelu.quality.resample import Floats
from yuelu.quality.tracks.clear import clear
from yuelu.quality.tracks.hota import THRESHOLDS, hota
from yuelu.quality.tracks.identity import Identity, identity
from yuelu.quality.tracks.seen import Frame, Overlaps, Tracks, overlaps

_LEVELS = (len(THRESHOLDS),)
_COUNTS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("paired", "paired_same", "boxes", "matched", "errors", "switches", "frames", "overlap"), ()),
    **dict.fromkeys(("hota_both", "hota_one", "hota_other", "hota_association"), _LEVELS),
}


def compare_tracks(answers: Sequence[Answer], _: Asked) -> Compared:
    """Return the tallies of tracks whose boxes overlap by IoU 0.5. Of errors that need a reference, each is it once."""
    return compare_pairs(answers, _COUNTS, _tracks)


def _tracks(one: Said, other: Said) -> Found:
    a, b = (_boxes(side) for side in (one, other))
    seen = overlaps(a, b)
    ways = clear(seen), clear(_turned(seen))
    levels, named = hota(seen), _by_label(one, other)
    counts: dict[str, float | Floats] = {
        "paired": identity(seen).both,
        "paired_same": sum(each.both for each in named.values()),
        "boxes": len(a.frame) + len(b.frame),
        "matched": sum(each.matched for each in ways),
        "errors": sum(each.missed + each.extra + each.switches for each in ways),
        "switches": sum(each.switches for each in ways),
        "frames": sum(each.frames for each in ways),
        "overlap": sum(each.overlap for each in ways),
        "hota_both": levels.both,
        "hota_one": levels.one_only,
        "hota_other": levels.other_only,
        "hota_association": levels.association,
    }
    labels = {name: (float(e.both), float(2 * e.both + e.one_only + e.other_only)) for name, e in named.items()}
    return Found(counts, labels)


def _turned(seen: Overlaps) -> Overlaps:
    """Return the same with the other annotator first."""
    return Overlaps(tuple(Frame(each.other, each.one, each.iou.T) for each in seen.frames), seen.other, seen.one)


def compare_identities(answers: Sequence[Answer], _: Asked) -> Compared:
    """Return what IDF1 alone needs: distances of many pairs take their time."""
    return compare_pairs(answers, {"paired": (), "boxes": ()}, _identities)


def _identities(one: Said, other: Said) -> Found:
    a, b = (_boxes(side) for side in (one, other))
    return Found({"paired": identity(overlaps(a, b)).both, "boxes": len(a.frame) + len(b.frame)})


def _by_label(one: Said, other: Said) -> dict[str, Identity]:
    labels = sorted({each.label for each in (*one, *other) if isinstance(each, Track)})
    return {label: identity(overlaps(_boxes(one, label), _boxes(other, label))) for label in labels}


def _boxes(said: Said, label: str | None = None) -> Tracks:
    tracks = [each for each in said if isinstance(each, Track) and label in (None, each.label)]
    rows = [
        (each.frame, number, each.x_px, each.y_px, each.width_px, each.height_px, each.rotation_deg)
        for number, track in enumerate(tracks)
        for each in frame_boxes(track)
    ]
    found = np.asarray(rows, np.float64).reshape(-1, 7)
    return Tracks(found[:, 0].astype(np.int64), found[:, 1].astype(np.int64), found[:, 2:])


def _detection(sums: Sums) -> Floats:
    boxes = sums["hota_both"] + sums["hota_one"] + sums["hota_other"]
    return np.asarray(np.divide(sums["hota_both"], boxes, out=np.full(boxes.shape, np.nan), where=boxes > 0))


def _association(sums: Sums) -> Floats:
    return np.asarray(sums["hota_association"] / np.maximum(sums["hota_both"], 1))


_NOTHING = "nobody drew any tracks"
TRACKS = (
    Measure("idf1", share({"paired": 2}, "boxes"), _NOTHING),
    Measure("idf1_same_label", share({"paired_same": 2}, "boxes"), _NOTHING),
    Measure("hota", lambda sums: np.sqrt(_detection(sums) * _association(sums)).mean(axis=1), _NOTHING),
    Measure("deta", lambda sums: _detection(sums).mean(axis=1), _NOTHING),
    Measure("assa", lambda sums: np.where(np.isfinite(_detection(sums)), _association(sums), np.nan).mean(axis=1), _NOTHING),
    Measure("mota", share({"boxes": 1, "errors": -1}, "boxes"), _NOTHING, (-np.inf, 1.0)),
    Measure("mean_iou", share("overlap", "matched"), "no two boxes of a frame overlap by IoU 0.50 or more"),
    Measure("switches_per_1000_frames", share({"switches": 1000}, "frames"), _NOTHING, (0.0, np.inf)),
)

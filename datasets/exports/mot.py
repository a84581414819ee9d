"""MOTChallenge: `<split>/<item>/gt/gt.txt`, `seqinfo.ini`, and `labels.txt` with the names of the classes.

A box in every frame, as the editor draws it between keyframes. Frames, ids and pixels count from 1.
Source: Milan et al. (2016), MOT16: A Benchmark for Multi-Object Tracking, section 4.1 (arXiv:1603.00831).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from yuelu.base.records import Keyframe, Track
from yuelu.base.tracks import frame_boxes
from yuelu.datasets.exports.pictures import LABELS, Reader, extension
from yuelu.datasets.exports.report import Tally
from yuelu.datasets.exports.shapes import around, corners, labels
from yuelu.datasets.tables import Row


def write(reader: Reader, dest: Path, tally: Tally, *, media: bool) -> Iterator[str]:
    """Write the videos of the release, yielding the id of each item."""
    names = reader.classes(["tracks"])
    dest.mkdir(parents=True, exist_ok=True)
    for row in reader.items():
        tally.leave(row, LABELS, ["tracks"], "MOT has no place for it")
        if row["medium"] == "video":
            folder = dest / row["split"] / row["id"]
            (folder / "gt").mkdir(parents=True)
            lines = sorted(_lines(row, tally, names))
            (folder / "gt/gt.txt").write_text("".join(f"{','.join(line[2])}\n" for line in lines))
            (folder / "seqinfo.ini").write_text(_info(row, reader.facts(row["media"][0])))
            if media:
                (folder / f"video.{extension(row['media'][0])}").write_bytes(reader.read(row, 0))
        elif row["tracks"]:
            tally.left_out["tracks", "not on a video"] += len(row["tracks"])
        yield row["id"]
    (dest / "labels.txt").write_text("".join(f"{name or 'without a label'}\n" for name in names), "utf-8")


def _lines(row: Row, tally: Tally, names: Mapping[str, int]) -> Iterator[tuple[int, int, list[str]]]:
    number = 0
    for track in row["tracks"]:
        tally.written["tracks"] += 1
        if any(keyframe["rotation_deg"] for keyframe in track["keyframes"]):
            tally.changed["tracks", "turned: upright boxes around it"] += 1
        for label in labels(track):
            number += 1
            category = names[label] + 1
            for frame, numbers in _boxes(track):
                yield frame, number, [str(frame), str(number), *(f"{each:.10g}" for each in numbers), "1", str(category), "1"]


def _boxes(track: Row) -> Iterator[tuple[int, tuple[float, ...]]]:
    sides = ("frame", "enabled", "x_px", "y_px", "width_px", "height_px", "rotation_deg")
    keyframes = tuple(Keyframe(**{side: keyframe[side] for side in sides}) for keyframe in track["keyframes"])
    for box in frame_boxes(Track("", track["control"], track["label"], keyframes, track["frames"])):
        place = {f"{side}_px": getattr(box, f"{side}_px") for side in ("x", "y", "width", "height")}
        if box.rotation_deg:
            frame = around(corners({**place, "rotation_deg": box.rotation_deg}))
            yield box.frame, (frame.x + 1, frame.y + 1, frame.width, frame.height)
        else:
            yield box.frame, (box.x_px + 1, box.y_px + 1, box.width_px, box.height_px)


def _info(row: Row, facts: Row) -> str:
    told = {
        "name": row["id"], "frameRate": facts["frame_rate_hz"], "seqLength": facts["frames"],
        "imWidth": facts["width_px"], "imHeight": facts["height_px"],
    }  # fmt: skip
    lines = [f"{name}={value:.10g}" if isinstance(value, float) else f"{name}={value}" for name, value in told.items() if value]
    return "\n".join(["[Sequence]", *lines, ""])

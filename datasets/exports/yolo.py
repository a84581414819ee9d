"""Ultralytics YOLO (https://docs.ultralytics.com/datasets): `data.yaml`, `images/<split>/`, `labels/<split>/`.

`detect`: class, centre and size of the upright box. `obb`: class and four corners. `segment`: class and outline. All are
shares of the picture's width and height, cut off at its edges for `detect`.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from yuelu.datasets.exports.pictures import Picture, Reader, pictures
from yuelu.datasets.exports.report import Tally
from yuelu.datasets.exports.shapes import DRAWN, Frame, around, cells, labels, outline
from yuelu.datasets.tables import Row

TASKS = ("detect", "obb", "segment")
_NAMES = {"validation": "val"}  # what data.yaml calls our splits
_REASON = "YOLO has no place for it"


def write(reader: Reader, dest: Path, tally: Tally, *, media: bool, task: str) -> Iterator[str]:
    """Write the release, yielding the id of each item."""
    names = reader.classes(DRAWN)
    splits: set[str] = set()
    for row in reader.items():
        for picture in pictures(reader, row, tally, _REASON):
            splits.add(picture.split)
            lines = list(_lines(picture, task, tally, names))
            _put(dest / "labels" / picture.split / f"{picture.name}.txt", "".join(f"{line}\n" for line in lines).encode())
            if media:
                _put(dest / "images" / picture.split / picture.file_name, reader.read(row, picture.place))
        yield row["id"]
    dest.mkdir(parents=True, exist_ok=True)
    (dest / "data.yaml").write_text(_data(sorted(splits), names), "utf-8")


def _data(splits: list[str], names: Mapping[str, int]) -> str:
    # no `path`: a loader then looks beside data.yaml
    lines = [*(f"{_NAMES.get(split, split)}: images/{split}" for split in splits), "names:"]
    told = [f"  {number}: {json.dumps(name or 'without a label', ensure_ascii=False)}" for name, number in names.items()]
    return "\n".join([*lines, *(told or ["  {}"]), ""])  # YAML reads JSON's quoted text


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _lines(picture: Picture, task: str, tally: Tally, names: Mapping[str, int]) -> Iterator[str]:
    for column, region in picture.drawn:
        numbers = _detect(column, region, picture, tally) if task == "detect" else _outlined(column, region, picture, task, tally)
        if numbers is None:
            continue
        tally.written[column] += 1
        for label in labels(region):
            yield " ".join([str(names[label]), *(f"{number:.10g}" for number in numbers)])


def _detect(column: str, region: Row, picture: Picture, tally: Tally) -> list[float] | None:
    width, height = picture.size
    whole = upright(column, region, picture, tally)
    if whole is None:
        return None
    frame = whole.within(width, height)
    if not frame.width or not frame.height:
        tally.left_out[column, "nothing of it is on the picture"] += 1
        return None
    if frame != whole:
        tally.changed[column, "cut off at the picture's edge"] += 1
    centre = (frame.x + frame.width / 2) / width, (frame.y + frame.height / 2) / height
    return [*centre, frame.width / width, frame.height / height]


def upright(column: str, region: Row, picture: Picture, tally: Tally) -> Frame | None:
    """Return the upright box around a region, and count where that is less than what was drawn. None: it has no extent."""
    points = outline(column, region)
    if column == "masks":
        frame = cells(region, *picture.size).frame
    elif points is not None:
        frame = around(points)
    else:
        tally.left_out[column, "no area"] += 1
        return None
    if column != "boxes":
        tally.changed[column, "the box around it"] += 1
    elif region["rotation_deg"]:
        tally.changed[column, "turned: the upright box around it"] += 1
    return frame


def _outlined(column: str, region: Row, picture: Picture, task: str, tally: Tally) -> list[float] | None:
    points = outline(column, region)
    if points is None or (task == "obb" and column != "boxes"):
        tally.left_out[column, f"no {'box' if task == 'obb' else 'outline'} for the task '{task}'"] += 1
        return None
    if column == "ellipses":
        tally.changed[column, "a polygon of 64 corners"] += 1
    width, height = picture.size
    return [share for x, y in points for share in (x / width, y / height)]

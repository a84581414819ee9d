"""COCO (https://cocodataset.org/#format-data): `annotations/<split>.json` and `images/`.

A turned box is the polygon of its corners, with the upright box around them. A mask keeps COCO's run lengths. An ellipse is a
polygon of 64 corners, a key point an annotation with one key point. Whatever is said of whole pictures or of time has no place.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from yuelu.datasets.exports.pictures import Picture, Reader, pictures
from yuelu.datasets.exports.report import Tally
from yuelu.datasets.exports.shapes import DRAWN, area, around, cells, labels, outline
from yuelu.datasets.tables import Row

_REASON = "COCO has no place for it"


def write(reader: Reader, dest: Path, tally: Tally, *, media: bool) -> Iterator[str]:
    """Write the release, yielding the id of each item."""
    sets: dict[str, dict[str, list[Any]]] = {}
    names = reader.classes(DRAWN)
    for row in reader.items():
        for picture in pictures(reader, row, tally, _REASON):
            part = sets.setdefault(picture.split, {"images": [], "annotations": []})
            width, height = picture.size
            image = {"id": len(part["images"]) + 1, "file_name": picture.file_name, "width": width, "height": height}
            part["images"].append(image | {"item": picture.item})
            for told in _annotations(picture, tally, names):
                part["annotations"].append({"id": len(part["annotations"]) + 1, "image_id": image["id"], **told})
            if media:
                _copy(reader, row, picture, dest / "images")
        yield row["id"]
    categories = [{"id": number + 1, "name": name or "without a label", "supercategory": ""} for name, number in names.items()]
    manifest = reader.release.manifest
    info = {"description": manifest.title, "version": str(manifest.version), "url": manifest.document["identity"]["id"]}
    (dest / "annotations").mkdir(parents=True)
    for split, part in sets.items():
        whole = {"info": info, "licenses": [], **part, "categories": categories}
        (dest / "annotations" / f"{split}.json").write_text(json.dumps(whole, ensure_ascii=False), "utf-8")


def _copy(reader: Reader, row: Row, picture: Picture, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / picture.file_name).write_bytes(reader.read(row, picture.place))


def _annotations(picture: Picture, tally: Tally, names: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    for column, region in picture.drawn:
        shape = _shape(column, region, picture, tally)
        if shape is None:
            tally.left_out[column, "open, branching or curved lines"] += 1
            continue
        tally.written[column] += 1
        for label in labels(region):
            yield {"category_id": names[label] + 1, "iscrowd": 0, **shape}


def _shape(column: str, region: Row, picture: Picture, tally: Tally) -> dict[str, Any] | None:
    if column == "masks":
        width, height = picture.size
        if region["size"] != [height, width]:
            tally.changed[column, "brought from its own grid to the picture's"] += 1
        grid = cells(region, width, height)
        box = grid.frame
        held = {"size": [height, width], "counts": grid.compressed}
        return {"bbox": [box.x, box.y, box.width, box.height], "area": grid.area, "segmentation": held}
    if column == "keypoints":
        place = [region["x_px"], region["y_px"]]
        return {"bbox": [*place, 0.0, 0.0], "area": 0.0, "segmentation": [], "keypoints": [*place, 2], "num_keypoints": 1}
    points = outline(column, region)
    if points is None:
        return None
    if column == "ellipses":
        tally.changed[column, "a polygon of 64 corners"] += 1
    box = around(points)
    ring = [each for point in points for each in point]
    return {"bbox": [box.x, box.y, box.width, box.height], "area": area(points), "segmentation": [ring]}

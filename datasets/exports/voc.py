"""Pascal VOC: `Annotations/*.xml`, `ImageSets/Main/<split>.txt`, `JPEGImages/`.

Boxes are whole pixels, counted from 1, both edges inside (devkit of VOC 2012, section 6). All regions are boxes.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from yuelu.datasets.exports.pictures import Picture, Reader, pictures
from yuelu.datasets.exports.report import Tally
from yuelu.datasets.exports.shapes import Frame, labels
from yuelu.datasets.exports.yolo import upright

_NAMES = {"validation": "val"}
_REASON = "Pascal VOC has no place for it"


def write(reader: Reader, dest: Path, tally: Tally, *, media: bool) -> Iterator[str]:
    """Write the release, yielding the id of each item."""
    for folder in ("Annotations", "ImageSets/Main", *(["JPEGImages"] if media else [])):
        (dest / folder).mkdir(parents=True)
    sets: dict[str, list[str]] = {}
    for row in reader.items():
        for picture in pictures(reader, row, tally, _REASON):
            sets.setdefault(_NAMES.get(picture.split, picture.split), []).append(picture.name)
            tree = _tree(reader.release.manifest.title, picture, tally)
            ElementTree.indent(tree)
            (dest / "Annotations" / f"{picture.name}.xml").write_bytes(ElementTree.tostring(tree, encoding="utf-8") + b"\n")
            if media:
                (dest / "JPEGImages" / picture.file_name).write_bytes(reader.read(row, picture.place))
        yield row["id"]
    for name, members in sets.items():
        (dest / "ImageSets/Main" / f"{name}.txt").write_text("".join(f"{member}\n" for member in members))


def _tree(title: str, picture: Picture, tally: Tally) -> ElementTree.Element:
    tree = ElementTree.Element("annotation")
    _text(tree, folder="JPEGImages", filename=picture.file_name)
    _text(ElementTree.SubElement(tree, "source"), database=title, annotation=picture.item)
    width, height = picture.size
    _text(ElementTree.SubElement(tree, "size"), width=width, height=height, depth=3)
    _text(tree, segmented=0)
    for column, region in picture.drawn:
        whole = upright(column, region, picture, tally)
        if whole is None:
            continue
        left, top, right, bottom = _pixels(whole.within(width, height))
        if right < left or bottom < top:
            tally.left_out[column, "nothing of it is on the picture"] += 1
            continue
        if Frame(left - 1, top - 1, right - left + 1, bottom - top + 1) != whole:
            tally.changed[column, "whole pixels on the picture"] += 1
        tally.written[column] += 1
        for label in labels(region):
            thing = ElementTree.SubElement(tree, "object")
            _text(thing, name=label or "without a label", pose="Unspecified", truncated=0, difficult=0)
            _text(ElementTree.SubElement(thing, "bndbox"), xmin=left, ymin=top, xmax=right, ymax=bottom)
    return tree


def _pixels(frame: Frame) -> tuple[int, int, int, int]:
    """Return the first and last pixels, from 1, of the box with its edges at the nearest lines between pixels."""
    return round(frame.x) + 1, round(frame.y) + 1, round(frame.x + frame.width), round(frame.y + frame.height)


def _text(parent: ElementTree.Element, **values: object) -> None:
    for name, value in values.items():
        ElementTree.SubElement(parent, name).text = str(value)

"""One call for every format: into a new folder, whole or not at all, with a count of what the format could not carry."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from yuelu.base.errors import Conflict, Misconfigured
from yuelu.base.progress import Progress, silent
from yuelu.datasets.exports import coco, mot, sound, voc, webdataset, yolo
from yuelu.datasets.exports.pictures import Reader
from yuelu.datasets.exports.report import ExportReport, Tally
from yuelu.datasets.release import Release

Writer = Callable[..., Iterator[str]]  # (reader, dest, tally, media=...) -> ids of the items, as they are written

FORMATS: Mapping[str, Writer] = MappingProxyType(
    {
        "coco": coco.write,
        "yolo": partial(yolo.write, task="detect"),
        "yolo-obb": partial(yolo.write, task="obb"),
        "yolo-segment": partial(yolo.write, task="segment"),
        "voc": voc.write,
        "webdataset": webdataset.write,
        "rttm": sound.rttm,
        "textgrid": sound.textgrid,
        "mot": mot.write,
    }
)


def export(release: Release, dest: Path, form: str, *, media: bool = True, progress: Progress = silent) -> ExportReport:
    """Write `release` to the new folder `dest` in the format `form`; `media`: with its files.

    Raises Misconfigured: no such format. Raises Conflict: `dest` holds something.
    """
    if form not in FORMATS:
        raise Misconfigured(f"no format {form!r}", f"choose among {', '.join(FORMATS)}")
    return write_with(FORMATS[form], release, dest, form, media=media, progress=progress)


def write_with(
    writer: Writer, release: Release, dest: Path, form: str, *, media: bool = True, progress: Progress = silent
) -> ExportReport:
    """Write `release` to the new folder `dest` with `writer`. Raises Conflict: `dest` holds something."""
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise Conflict(f"{dest} is there already", "give a new or an empty folder")
    part = dest.with_name(f".{dest.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of an export that was killed
    part.mkdir(parents=True)
    tally, reader, total = Tally(), Reader(release), release.parts("items")[-1].total
    items = 0
    try:
        for items, _ in enumerate(writer(reader, part, tally, media=media), 1):
            progress(items, total)
        if dest.exists():
            dest.rmdir()
        part.rename(dest)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    files = sum(path.is_file() for path in dest.rglob("*"))
    written = {column: count for column, count in tally.written.items() if count}
    return ExportReport(release.manifest.title, form, items, files, written, dict(tally.changed), dict(tally.left_out))

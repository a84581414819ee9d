"""DICOM SEG and SR (TID 1500) that refer to the de-identified series that was labelled; needs highdicom.

The released pictures are no DICOM objects: `find` gives, for a picture's `source`, the bytes of the object that was labelled. One
object is made for each series. Labels are codes of a private scheme, 99YUELU, with the label as their meaning.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.metadata import version as installed_version
from pathlib import Path
from types import MappingProxyType

from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from yuelu.base.errors import Misconfigured
from yuelu.base.progress import Progress, silent
from yuelu.datasets.exports.export import write_with
from yuelu.datasets.exports.pictures import Picture, Reader, pictures
from yuelu.datasets.exports.report import ExportReport, Tally
from yuelu.datasets.exports.shapes import DRAWN
from yuelu.datasets.release import Release
from yuelu.datasets.tables import Row
from yuelu.pipelines.dicom_export.segmentation import segmentation
from yuelu.pipelines.dicom_export.series import Instance, Made, Series
from yuelu.pipelines.dicom_export.structured_report import report

Find = Callable[[str], bytes | None]
_MAKERS: Mapping[str, Callable[[Series, Made, Tally], Dataset | None]] = MappingProxyType(
    {"dicom-seg": segmentation, "dicom-sr": report}
)
_CARRIED = MappingProxyType({"dicom-seg": DRAWN, "dicom-sr": (*DRAWN, "choices")})


def export_dicom(release: Release, dest: Path, form: str, find: Find, progress: Progress = silent) -> ExportReport:
    """Write `release` to the new folder `dest` as `dicom-seg` or `dicom-sr`: one object for each series.

    Raises Misconfigured: another format. Raises Conflict: `dest` holds something.
    """
    if form not in _MAKERS:
        raise Misconfigured(f"no DICOM format {form!r}", f"choose among {', '.join(_MAKERS)}")
    return write_with(partial(_write, form=form, find=find), release, dest, form, media=False, progress=progress)


def _write(reader: Reader, dest: Path, tally: Tally, *, media: bool, form: str, find: Find) -> Iterator[str]:
    """Write one object for each series, `<series>.dcm`, yielding the id of each item. The series itself is not copied."""
    found: dict[tuple[str, int, int], Series] = {}
    dest.mkdir(parents=True, exist_ok=True)
    carried = _CARRIED[form]
    for row in reader.items():
        for picture in pictures(reader, row, tally, "the object has no place for it", carried=carried):
            lost = Counter(column for column, _ in picture.drawn)
            if "choices" in carried:
                lost["choices"] = len(row["choices"])
            instance = _instance(picture, row, find, tally, lost)
            if instance is not None:
                source = instance.dataset
                key = str(source.SeriesInstanceUID), int(source.Rows), int(source.Columns)
                found.setdefault(key, Series(f"{key[0]}-{key[1]}x{key[2]}", [])).instances.append(instance)
        yield row["id"]
    manifest = reader.release.manifest
    at = str(manifest.document["proof"].get("published_at") or "1970-01-01T00:00:00")
    made = Made(manifest.title, manifest.digest, manifest.publisher.key_id, installed_version("yuelu"), at)
    for series in found.values():
        made_of = _MAKERS[form](series, made, tally)
        if made_of is not None:
            _fixed(made_of, made)
            made_of.save_as(dest / f"{series.instances[0].dataset.SeriesInstanceUID}-{made_of.Modality}.dcm")


def _instance(picture: Picture, row: Row, find: Find, tally: Tally, lost: Mapping[str, int]) -> Instance | None:
    """Return the picture with the object that it shows; count `lost`, entries by column, where that cannot be."""
    data = find(picture.medium["source"])
    if data is None:
        _lose(tally, lost, "the object that was labelled was not given")
        return None
    try:
        dataset = dcmread(io.BytesIO(data), stop_before_pixels=True)
    except InvalidDicomError:
        _lose(tally, lost, "what was labelled is no DICOM object")
        return None
    if picture.several or int(dataset.get("NumberOfFrames") or 1) > 1:
        _lose(tally, lost, "in an object of several frames")
        return None
    width, height = picture.size
    said = tuple(choice for choice in row["choices"] if choice["region"] is None)
    if (about := len(row["choices"]) - len(said)) and "choices" in lost:
        tally.left_out["choices", "about a region"] += about
    return Instance(dataset, picture, dataset.Columns / width, dataset.Rows / height, said)


def _lose(tally: Tally, lost: Mapping[str, int], reason: str) -> None:
    for column, count in lost.items():
        if count:
            tally.left_out[column, reason] += count


def _fixed(made_of: Dataset, made: Made) -> None:
    """Put what highdicom takes from the clock and from chance right: exporting a release again gives the same bytes."""
    day, time = made.at[:10].replace("-", ""), made.at[11:19].replace(":", "")
    values = dict.fromkeys(("ContentDate", "InstanceCreationDate", "SeriesDate"), day)
    values |= dict.fromkeys(("ContentTime", "InstanceCreationTime", "SeriesTime"), time)
    values |= {"ContributionDateTime": day + time, "ObservationDateTime": day + time}
    values["DimensionOrganizationUID"] = made.uid("dimensions", made_of.SOPInstanceUID)

    def put(_: Dataset, element: DataElement) -> None:
        if element.keyword in values:
            element.value = values[element.keyword]

    made_of.walk(put)
    made_of.SpecificCharacterSet = "ISO_IR 192"  # labels may be of any script

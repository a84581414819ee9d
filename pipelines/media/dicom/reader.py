"""DICOM images: de-identified copy, facts of the image, and proxies shown as the object says they should be."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, BinaryIO

from pydicom import config
from pydicom.dataset import Dataset

from yuelu.base.canonical import keyed
from yuelu.base.records import Medium, Role
from yuelu.pipelines.deid.copies import deidentified
from yuelu.pipelines.deid.engine import subject_of, transfer_syntax
from yuelu.pipelines.deid.heads import face_risk
from yuelu.pipelines.deid.options import parse
from yuelu.pipelines.media.dicom.copied import with_pixels_only
from yuelu.pipelines.media.dicom.facts import facts_of, window_facts
from yuelu.pipelines.media.dicom.film_times import frame_times, is_cine
from yuelu.pipelines.media.dicom.frames import check_frames, pixel_keyword
from yuelu.pipelines.media.dicom.parse import parsed
from yuelu.pipelines.media.dicom.planes import planes_of, shown_order
from yuelu.pipelines.media.dicom.render import Shown
from yuelu.pipelines.media.dicom.syntaxes import plugins
from yuelu.pipelines.media.imports import lean_imports
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context, Derived, Reading, Refused, bytes_of
from yuelu.pipelines.media.volumes.geometry import Plane, plane_facts
from yuelu.pipelines.media.volumes.stack import stacked

# Objects with pixel data that are not pictures to label, but what somebody found in pictures.
_RESULTS: Mapping[str, str] = MappingProxyType(
    {"SEG": "a segmentation of other images", "RTDOSE": "a dose distribution", "RTIMAGE": "a picture of a treatment plan"}
)


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the de-identified object, its proxies and its facts; the patient as subject.

    One frame is a picture, frames over time are a video, frames over space are several pictures in order of their places.
    Raises Refused: no image, no decoder, or writing in the pixels that cannot be blanked.
    """
    given, dataset = _opened(file, context)
    count = _checked(dataset, context.limits)
    subject, series = subject_of(dataset), str(dataset.get("SeriesInstanceUID") or "")
    head = face_risk(dataset)  # asked of attributes that may not survive
    data, evidence = deidentified(given, dataset, context.key, context.sha256, parse(context.deid), limits=context.limits)
    copy = parsed(data)  # what annotators see comes from the copy that we keep
    shown = Shown(copy)
    medium, parts, facts = _derived(copy, count, shown, context.limits)
    facts |= {**facts_of(copy), "series": keyed(context.key, "series", series) if series else None}
    facts |= {"face_risk": head is not None, "face_risk_cause": head}
    if hidden := shown.frames.hidden_px:
        evidence["unused_bits"] = {"cleaned_px": hidden}
        data = with_pixels_only(copy)
    kept = Derived(Role.DEIDENTIFIED, medium, context.media_type, data)
    return Reading(medium, context.media_type, {**facts, "deid": evidence}, (kept, *parts), subject)


def _opened(file: BinaryIO, context: Context) -> tuple[bytes, Dataset]:
    config.settings.reading_validation_mode = config.IGNORE  # a value outside its VR's form is cleaned like any other
    config.settings.writing_validation_mode = config.IGNORE
    data = bytes_of(file, context.limits.picture_bytes)
    if len(data) > context.limits.picture_bytes:
        raise Refused(f"more than {context.limits.picture_bytes} bytes in one object", "split the object first")
    return data, parsed(data)


def _checked(dataset: Dataset, limits: Limits) -> int:
    """Return how many frames there are. Raises Refused: nothing that can be shown, or too much; nothing is decoded yet."""
    modality = str(dataset.get("Modality") or "")
    if pixel_keyword(dataset) is None:
        what = modality or dataset.file_meta.get("MediaStorageSOPClassUID") or "an object of unknown class"
        raise Refused(f"no reader for DICOM without pixel data ({what})", "ingest the images it belongs to")
    if modality in _RESULTS:
        raise Refused(f"no reader for DICOM {modality}: {_RESULTS[modality]}", "ingest the images it was made from")
    if not dataset.get("SOPClassUID"):
        raise Refused("the object names no SOP class", "export it again from its origin")
    count = check_frames(dataset, limits)
    plugins(transfer_syntax(dataset))
    return count


def _derived(dataset: Dataset, count: int, shown: Shown, limits: Limits) -> tuple[Medium, tuple[Derived, ...], dict[str, Any]]:
    planes = planes_of(dataset, count)
    if is_cine(dataset, planes):
        times = frame_times(dataset, count)
        with lean_imports():  # few objects are films, and their libraries take as long to load as ten slices to read
            from yuelu.pipelines.media.dicom.film import film  # noqa: PLC0415
        made = film(shown.in_order(range(count)), times, limits)
        return Medium.VIDEO, made.parts, {**made.facts, **window_facts(shown, range(count)), **_first_plane(planes)}
    order = shown_order(planes)
    stack = stacked(shown.in_order(order), count, limits)
    numbers = {"source_frame": [index + 1 for index in order]} if count > 1 else {}
    facts = {**stack.facts, **plane_facts([planes[index] for index in order]), **window_facts(shown, order), **numbers}
    return Medium.IMAGE, stack.parts, facts


def _first_plane(planes: Sequence[Plane]) -> dict[str, Any]:
    """A film shows one place."""
    return plane_facts(planes[:1])

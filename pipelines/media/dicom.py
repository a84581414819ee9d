"""DICOM images: de-identified copy, facts of the image, and a proxy shown as the object says it should be."""

import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array

from yuelu.base.canonical import keyed
from yuelu.base.records import Medium, Role
from yuelu.pipelines.deid.copies import deidentified
from yuelu.pipelines.deid.engine import subject_of
from yuelu.pipelines.deid.heads import face_risk
from yuelu.pipelines.deid.options import parse
from yuelu.pipelines.media.greyscale import shown_grey
from yuelu.pipelines.media.pictures import Pixels, check_size, picture, probes, windowed
from yuelu.pipelines.media.reading import Context, Derived, Reading, Refused

# Objects with pixel data that are not pictures to label, but what somebody found in pictures.
_RESULTS: Mapping[str, str] = MappingProxyType(
    {"SEG": "a segmentation of other images", "RTDOSE": "a dose distribution", "RTIMAGE": "a picture of a treatment plan"}
)


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the de-identified object, its proxy and its facts; the patient as subject.

    Raises Refused: no image, several frames, or text in the pixels that cannot be blanked.
    """
    config.settings.reading_validation_mode = config.IGNORE  # a value outside its VR's form is cleaned like any other
    config.settings.writing_validation_mode = config.IGNORE
    data = file.read(context.limits.picture_bytes)
    dataset = dcmread(io.BytesIO(data), force=True)
    _refuse_unshowable(dataset, context)
    subject = subject_of(dataset)
    series = str(dataset.get("SeriesInstanceUID") or "")
    head = face_risk(dataset)
    written, evidence = deidentified(data, dataset, context.key, context.sha256, parse(context.deid))
    kept = dcmread(io.BytesIO(written))
    pixels = render(kept)  # what annotators see comes from the copy that we keep
    facts = {**_facts(kept), "series": keyed(context.key, "series", series) if series else None, "deid": evidence}
    facts |= {"face_risk": head is not None, "face_risk_cause": head}
    copy = Derived(Role.DEIDENTIFIED, Medium.IMAGE, context.media_type, written)
    facts |= {"width_px": pixels.shape[1], "height_px": pixels.shape[0], "probes": probes(pixels)}
    return Reading(Medium.IMAGE, context.media_type, facts, (copy, *picture(pixels)), subject)


def _refuse_unshowable(dataset: Dataset, context: Context) -> None:
    modality = str(dataset.get("Modality") or "")
    if "PixelData" in dataset and modality in _RESULTS:
        raise Refused(f"no reader for DICOM {modality}: {_RESULTS[modality]}", "ingest the images it was made from")
    if "PixelData" not in dataset:
        what = modality or dataset.file_meta.get("MediaStorageSOPClassUID") or "an object of unknown class"
        raise Refused(f"no reader for DICOM without pixel data ({what})", "ingest the images it belongs to")
    if not dataset.get("SOPClassUID"):
        raise Refused("the object names no SOP class", "export it again from its origin")
    frames = int(dataset.get("NumberOfFrames") or 1)
    check_size(int(dataset.get("Columns") or 0), int(dataset.get("Rows") or 0), context.limits)
    if frames != 1:
        raise Refused(f"{frames} frames in one object; a task shows one", "multi-frame objects come later: split it")
    if any(_in_pixels(dataset, group) for group in range(0x6000, 0x6100, 2)):
        raise Refused("an overlay is hidden in unused bits of the pixels", "cleaning such pixels comes later")


def _in_pixels(dataset: Dataset, group: int) -> bool:
    """Whether an overlay lives in the high bits of the pixels (retired; PS3.5-2004 section 8.1.2)."""
    return (group << 16 | 0x0100) in dataset and (group << 16 | 0x3000) not in dataset


def render(dataset: Dataset) -> Pixels:
    """Return the image as a viewer shows it: grey by modality and VOI transformation, colour as RGB, all 8 bit."""
    values: NDArray[Any] = pixel_array(dataset)  # YBR is converted to RGB, and so is what JPEG 2000 made of it
    photometric = str(dataset.PhotometricInterpretation)
    if photometric == "PALETTE COLOR":
        values = apply_color_lut(values, dataset)
        return _eight_bit(values, 8 * values.dtype.itemsize)
    if photometric.startswith("MONOCHROME"):
        return shown_grey(values, dataset)
    return _eight_bit(values, int(dataset.BitsStored))


def _eight_bit(values: NDArray[Any], bits: int) -> Pixels:
    return values.astype(np.uint8) if bits == 8 else windowed(values, 0, 2**bits - 1)


def _facts(dataset: Dataset) -> dict[str, Any]:
    """Return what is asked of the de-identified object; None for what it does not say."""
    number = dataset.get("InstanceNumber")
    return {
        "modality": str(dataset.get("Modality") or "") or None,
        "instance_number": None if number in (None, "") else int(number),
        "slice_position_mm": slice_position_mm(dataset),
        "pixel_spacing_mm": _numbers(dataset.get("PixelSpacing"), 2),
        "sop_uid": str(dataset.SOPInstanceUID),
    }


def slice_position_mm(dataset: Dataset) -> float | None:
    """Return where the image lies along the normal of its plane: what slices are sorted by. None where it is not said.

    Source: DICOM PS3.3 section C.7.6.2.1.1, the image plane.
    """
    position = _numbers(dataset.get("ImagePositionPatient"), 3)
    orientation = _numbers(dataset.get("ImageOrientationPatient"), 6)
    if position is None or orientation is None:
        return None
    with np.errstate(all="ignore"):
        along = round(float(np.dot(np.cross(orientation[:3], orientation[3:]), position)), 6)
    return along if np.isfinite(along) else None


def _numbers(value: Any, count: int) -> list[float] | None:
    if value is None or isinstance(value, str) or not hasattr(value, "__len__") or len(value) != count:
        return None
    numbers = [float(one) for one in value]
    return numbers if np.isfinite(numbers).all() else None

"""What is asked of a de-identified DICOM object, as facts; None for what it does not say."""

from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset

from yuelu.pipelines.media.dicom.look import first_number, functional_group
from yuelu.pipelines.media.dicom.planes import numbers
from yuelu.pipelines.media.dicom.render import Shown


def facts_of(dataset: Dataset) -> dict[str, Any]:
    """Return what the object says of itself as a whole."""
    number = dataset.get("InstanceNumber")
    measured = functional_group(dataset, 0, "PixelMeasuresSequence")
    return {
        "modality": str(dataset.get("Modality") or "") or None,
        "instance_number": None if number in (None, "") else int(number),
        "sop_uid": str(dataset.SOPInstanceUID),
        "frame_of_reference_uid": str(dataset.get("FrameOfReferenceUID") or "") or None,
        "slice_thickness_mm": first_number(measured.get("SliceThickness")),
        "spacing_between_slices_mm": first_number(measured.get("SpacingBetweenSlices")),
        # Of a projection: at the detector, not in the patient (PS3.3 section 10.7.1.1).
        "imager_pixel_spacing_mm": numbers(dataset.get("ImagerPixelSpacing"), 2),
    }


def window_facts(shown: Shown, order: Sequence[int]) -> dict[str, Any]:
    """Return the window that the grey values were shown through: one, or where frames differ a list with one for each.

    In the units of the modality (Hounsfield units of a CT). None where a table decides, or the picture is in colour.
    """
    windows = [shown.window(index) for index in order]
    told = [w and {"centre": round(w.centre, 6), "width": round(w.width, 6), "function": w.function} for w in windows]
    return {"window": told[0] if all(one == told[0] for one in told) else told}

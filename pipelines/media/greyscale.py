"""The grey-scale pipeline of DICOM: stored values -> modality transformation -> VOI transformation -> 8 bit."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi

from yuelu.pipelines.media.pictures import Pixels, window_by_percentiles, windowed


def shown_grey(stored: NDArray[Any], dataset: Dataset) -> Pixels:
    """Return stored values as they are to be shown, dark to bright, MONOCHROME1 turned round.

    Source: DICOM PS3.3 sections C.11.1 (modality), C.11.2 (VOI), C.7.6.3.1.2 (photometric interpretation).
    """
    values = np.asarray(apply_modality_lut(stored, dataset))
    shown = _voi(values, dataset)
    return np.asarray(255 - shown if dataset.PhotometricInterpretation == "MONOCHROME1" else shown, np.uint8)


def _voi(values: NDArray[Any], dataset: Dataset) -> Pixels:
    if dataset.get("VOILUTSequence") and values.dtype.kind in "iu":
        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        return windowed(np.asarray(apply_voi(values, dataset)), 0, 2**bits - 1)
    centre, width = _first(dataset.get("WindowCenter")), _first(dataset.get("WindowWidth"))
    if centre is None or width is None or width < 1:
        return window_by_percentiles(values)
    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    if function == "SIGMOID":
        return windowed(1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700))), 0, 1)
    if function == "LINEAR_EXACT":
        return windowed(values, centre - width / 2, centre + width / 2)
    # C.11.2.1.2.1: the linear function maps from c - 0.5 - (w - 1) / 2 to c - 0.5 + (w - 1) / 2.
    if width == 1:
        return np.where(values > centre - 0.5, 255, 0).astype(np.uint8)
    return windowed(values, centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2)


def _first(value: Any) -> float | None:
    """Return the first of one or several numbers: the window the object shows first."""
    if value is None or value == "":
        return None
    first = value if isinstance(value, (str, int, float)) else next(iter(value), None)
    number = None if first is None else float(first)
    return number if number is not None and np.isfinite(number) else None

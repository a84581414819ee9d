"""The de-identified copy of one DICOM file: its pixels looked at where they are suspected, its attributes cleaned."""

import io
from typing import Any

from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.pixels.utils import get_expected_length

from yuelu.pipelines.deid.burned import clean as clean_pixels
from yuelu.pipelines.deid.engine import Cleaner, deidentify, subject_of, transfer_syntax
from yuelu.pipelines.deid.options import Options
from yuelu.pipelines.deid.suspects import burned_in
from yuelu.pipelines.deid.walker import Odd, walked
from yuelu.pipelines.media.dicom.frames import pixel_keyword
from yuelu.pipelines.media.limits import Limits


def deidentified(
    data: bytes, dataset: Dataset, key: bytes, fallback: str, options: Options | None = None, *, limits: Limits | None = None
) -> tuple[bytes, dict[str, Any]]:
    """Return the copy of the file `data`, and the evidence as JSON values.

    `dataset` is the same file as pydicom read it; it may be changed. `fallback` stands in where the object names no patient,
    study or instance. Raises Refused: text in the pixels that must not or cannot be blanked.
    """
    options = options or Options()
    pixels = pixel_keyword(dataset)
    cause = burned_in(dataset) if pixels else None
    length = _pixel_bytes(dataset) if pixels else None
    if cause is None:
        try:
            return walked(data, dataset, Cleaner(key, subject_of(dataset) or fallback, options), length)
        except Odd:
            pass
    if pixels and length is not None and len(dataset[pixels].value) > length:
        dataset[pixels].value = dataset[pixels].value[:length]
    checked = clean_pixels(dataset, cause, most_px=(limits or Limits()).text_pixels) if cause is not None else None
    told = deidentify(dataset, key, fallback, checked, options)
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue(), told


def _pixel_bytes(dataset: Dataset) -> int | None:
    """Return where native pixels end: what follows is a place to hide things. None where that is not said."""
    if transfer_syntax(dataset).is_encapsulated:
        return None
    expected = get_expected_length(dataset)
    return int(expected + expected % 2)

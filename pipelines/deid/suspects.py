"""Which DICOM images may carry writing in their pixels. Attributes can be cleaned; pixels need eyes or a detector."""

from pydicom.dataset import Dataset

_SUSPECT_MODALITIES = {
    "US": "ultrasound", "IVUS": "intravascular ultrasound", "XA": "X-ray angiography", "RF": "fluoroscopy",
    "ES": "endoscopy", "OT": "a modality of 'other'", "SC": "secondary capture",
}  # fmt: skip
_SECTIONAL = frozenset({"CT", "MR", "PT", "NM", "CR", "DX", "MG"})
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7."  # the class, and those of its multi-frame kin
STATED = "burned-in text: the object says so"


def burned_in(dataset: Dataset) -> str | None:
    """Return why the pixels are suspected to hold text; None when they are not."""
    stated = str(dataset.get("BurnedInAnnotation") or "").strip().upper()
    if stated == "YES":
        return STATED
    if stated == "NO":
        return None
    cause = _suspicion(dataset)
    return f"burned-in text suspected: {cause}" if cause else None


def _suspicion(dataset: Dataset) -> str | None:
    """Return the first rule that applies; the order decides which cause is named."""
    modality = str(dataset.get("Modality") or "").strip().upper()
    kinds = [str(value).upper() for value in _values(dataset.get("ImageType"))]
    sop_class = str(dataset.get("SOPClassUID") or "") + "."
    grey = str(dataset.get("PhotometricInterpretation") or "").startswith("MONOCHROME")
    rules = (
        (sop_class.startswith(_SECONDARY_CAPTURE) or bool(dataset.get("DateOfSecondaryCapture")), "secondary capture"),
        (modality in _SUSPECT_MODALITIES, _SUSPECT_MODALITIES.get(modality, "")),
        (any("SAVE" in kind for kind in kinds), "screen save"),
        ("SECONDARY" in kinds and modality not in _SECTIONAL, f"secondary image of {modality or 'an unnamed modality'}"),
        (not grey and modality != "SM", "colour picture"),
    )
    return next((cause for applies, cause in rules if applies), None)


def _values(value: object) -> list[object]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)  # type: ignore[call-overload]

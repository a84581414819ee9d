"""De-identification of one DICOM data set, in place, driven by Table E.1-1. Nothing unknown survives.

Source: DICOM PS3.15 Annex E: E.1.1 (the rules), Table E.1-1a (the codes), Table E.1-1 (what they apply to).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.tag import BaseTag
from pydicom.uid import UID

from yuelu.pipelines.deid.codestreams import without_remarks
from yuelu.pipelines.deid.table import basic_profile
from yuelu.pipelines.deid.values import new_uid, pseudonym, shift_days, shifter

IMPLEMENTATION_UID = "2.25.329800735698586629295641978511506172918"  # of this engine, fixed (PS3.7 D.3.3.2)
PIXEL_DATA = 0x7FE00010

# Removed whatever a table says: icon image, original attributes, signatures and their macs, trailing padding.
_ALWAYS_REMOVED = frozenset({0x00880200, 0x04000561, 0x04000550, 0x4FFE0001, 0xFFFAFFFA, 0xFFFCFFFC})

# Attributes outside the table stay if their standard VR can hold no sentence: numbers, codes, and UIDs under new names.
_KEPT_VRS = frozenset({"AT", "CS", "DS", "FD", "FL", "IS", "SL", "SQ", "SS", "SV", "UI", "UL", "US", "UV"})

# Text and bytes outside the table that may stay nevertheless: what a code means, what the values measure, how they show.
_KEPT_TAGS = frozenset(
    {0x00080070, 0x00081090, 0x00181210}  # manufacturer, model, convolution kernel
    | {0x00080100, 0x00080102, 0x00080103, 0x00080104}  # code value, its scheme and version, its meaning
    | {0x00281054, 0x00283004, 0x00283006}  # rescale type, modality LUT type, LUT data
    | {0x00281201, 0x00281202, 0x00281203, 0x00281204}  # palette colour LUT data: red, green, blue, alpha
    | {0x00281211, 0x00281212, 0x00281213}  # the same, large
    | {0x00281221, 0x00281222, 0x00281223, 0x00281224}  # the same, segmented
    | {PIXEL_DATA}
)

_DUMMIES: dict[str, Any] = {
    "AE": "ANONYMIZED", "AS": "000Y", "CS": "ANONYMIZED", "DA": "19000101", "DT": "19000101000000", "LO": "ANONYMIZED",
    "LT": "ANONYMIZED", "PN": "ANONYMIZED", "SH": "ANONYMIZED", "ST": "ANONYMIZED", "TM": "000000", "UC": "ANONYMIZED",
    "UT": "ANONYMIZED", "DS": "0", "IS": "0",
}  # fmt: skip


@dataclass(slots=True)
class _Cleaner:
    key: bytes
    subject: str
    days: int
    counts: Counter[str] = field(default_factory=Counter)

    def clean(self, dataset: Dataset, depth: int = 0) -> None:
        for tag in sorted(dataset.keys()):
            action = self.judged(dataset, tag, depth)
            self.counts[action] += 1
            if action.startswith("removed"):
                del dataset[tag]
            else:
                self.apply(action, dataset[tag], depth)

    def judged(self, dataset: Dataset, tag: BaseTag, depth: int) -> str:
        if tag.is_private:
            return "removed_private"
        if tag.group in range(0x5000, 0x5100) or tag.group in range(0x6000, 0x6100) or tag in _ALWAYS_REMOVED:
            return "removed"
        if tag.group < 8 or tag.element == 0 or not dictionary_has_tag(tag):
            return "removed_unknown"
        if tag.group == 0x7FE0 and (depth or tag != PIXEL_DATA):
            return "removed"  # pixels of icons and the like, float pixels, which no reader shows, and offsets of frames
        try:
            vr = str(dataset[tag].VR)
        except Exception:  # pydicom raises whatever a converter met; what cannot be read cannot be cleaned
            return "removed_unknown"
        # The table and the lists speak of the standard's VRs; a file that writes another may hide anything behind it.
        allowed = dictionary_VR(tag).split(" or ")
        return action_for(tag, vr) if all(part in allowed for part in vr.split(" or ")) else "removed_unknown"

    def apply(self, action: str, element: DataElement, depth: int) -> None:
        match action:
            case "kept" if element.VR == "SQ":
                for item in element.value:
                    self.clean(item, depth + 1)
            case "emptied":
                element.value = [] if element.VR == "SQ" else None
            case "replaced":
                element.value = pseudonym(self.key, self.subject) if element.tag == 0x00100020 else _DUMMIES.get(element.VR)
            case "uid":
                element.value = _each(element.value, lambda old: self.uid(str(old)))
            case "shifted":
                move = shifter(element.VR, self.days)
                element.value = _each(element.value, lambda old: move(str(old))) if move else None

    def uid(self, old: str) -> str:
        return old if not old or UID(old).name != old else new_uid(self.key, old)  # registered UIDs have names


def _each(value: Any, change: Any) -> Any:
    if value is None or value == "":
        return None
    return [change(one) for one in value] if not isinstance(value, str) and hasattr(value, "__iter__") else change(value)


def action_for(tag: int, vr: str) -> str:
    """Return what becomes of a public attribute whose VR is one the standard gives it.

    It is kept, removed, emptied, replaced, uid or shifted.

    Conditional codes (X/Z, X/D, X/Z/D, Z/D, X/Z/U*) take their last form, which keeps every IOD conformant. A sequence
    that would get a dummy is emptied: items made up of dummies say nothing.
    """
    profile = basic_profile()
    code = profile.actions.get(tag)
    if vr in ("DA", "DT", "TM") and tag in profile.modified_dates:
        return "shifted"
    if code is None:
        return _unjudged(tag, vr)
    last = code.split("/")[-1].rstrip("*")
    if last == "U" or (last == "D" and vr == "UI"):
        return "kept" if vr == "SQ" else "uid"
    if last == "D" and vr in _DUMMIES:
        return "replaced"
    return "removed" if last == "X" else "emptied"


def _unjudged(tag: int, vr: str) -> str:
    if tag not in _KEPT_TAGS and not all(part in _KEPT_VRS for part in vr.split(" or ")):
        return "removed_unknown"
    return "uid" if vr == "UI" else "kept"


def subject_of(dataset: Dataset) -> str | None:
    """Return what identifies the patient: id and issuer, else the study; None when the object names neither."""
    patient = str(dataset.get("PatientID") or "").strip()
    if patient:
        return f"{patient}\0{str(dataset.get('IssuerOfPatientID') or '').strip()}"
    study = str(dataset.get("StudyInstanceUID") or "")
    return f"\0{study}" if study else None


def deidentify(dataset: Dataset, key: bytes, fallback: str, pixels: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Clean `dataset` in place, its file header included; return the evidence as JSON values.

    `fallback` stands in where the object names no patient, study or instance. `pixels` tells what was done about text in
    the pixels; with it, Clean Pixel Data is claimed.
    """
    subject = subject_of(dataset) or fallback
    syntax = transfer_syntax(dataset)
    cleaner = _Cleaner(key, subject, shift_days(key, subject))
    cleaner.clean(dataset)
    _clean_frames(dataset, syntax)
    if not dataset.get("SOPInstanceUID"):
        dataset.SOPInstanceUID = new_uid(key, fallback)
    edition = basic_profile().edition
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = ["Yuelu", "PS3.15 E.1-1 Basic Profile", edition[:64]]
    dataset.DeidentificationMethodCodeSequence = [
        _code("113100", "Basic Application Confidentiality Profile"),
        _code("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ]
    dataset.LongitudinalTemporalInformationModified = "MODIFIED"
    dataset.file_meta = _header(dataset, syntax)
    dataset.preamble = bytes(128)  # it may hold a program (CVE-2019-11687)
    return {"profile": "113100+113107", "edition": edition, "actions": dict(sorted(cleaner.counts.items()))}


def _clean_frames(dataset: Dataset, syntax: UID) -> None:
    """Write each compressed frame anew, as one fragment, without the remarks of its encoder."""
    if not syntax.is_encapsulated or "PixelData" not in dataset:
        return
    frames = generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames") or 1))
    dataset["PixelData"].value = encapsulate([without_remarks(frame, syntax) for frame in frames])


def transfer_syntax(dataset: Dataset) -> UID:
    """Return the transfer syntax the object was read in, also when no file header names it."""
    if named := dataset.file_meta.get("TransferSyntaxUID"):
        return UID(named)
    implicit, little = dataset.original_encoding
    return UID("1.2.840.10008.1.2" + ("" if implicit else ".1" if little else ".2"))


def _header(dataset: Dataset, syntax: UID) -> FileMetaDataset:
    header = FileMetaDataset()
    header.FileMetaInformationVersion = b"\0\1"
    header.MediaStorageSOPClassUID = dataset.SOPClassUID
    header.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    header.TransferSyntaxUID = syntax
    header.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    header.ImplementationVersionName = "YUELU"
    return header


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item

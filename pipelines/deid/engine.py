"""De-identification of one DICOM data set, in place, driven by Table E.1-1. Nothing unknown survives.

Source: DICOM PS3.15 Annex E: E.1.1 (the rules), Table E.1-1a (the codes), Table E.1-1 (what they apply to).
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pydicom.datadict import dictionary_has_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import BaseTag
from pydicom.uid import UID

from yuelu.pipelines.deid.table import basic_profile
from yuelu.pipelines.deid.values import new_uid, pseudonym, shift_days, shifter

IMPLEMENTATION_UID = "2.25.329800735698586629295641978511506172918"  # of this engine, fixed (PS3.7 D.3.3.2)
PIXEL_DATA = 0x7FE00010

# Removed whatever a table says: icon image, original attributes, signatures and their macs, trailing padding.
_ALWAYS_REMOVED = frozenset({0x00880200, 0x04000561, 0x04000550, 0x4FFE0001, 0xFFFAFFFA, 0xFFFCFFFC})

# VRs of attributes outside the table that may stay. Names (PN), free text (LT ST UT UC), addresses (AE UR) and unknown
# content (UN) may not: an attribute that the table does not judge must not be able to hold a sentence.
_KEPT_VRS = frozenset(
    {"AS", "AT", "CS", "DS", "FD", "FL", "IS", "LO", "OB", "OD", "OF", "OL", "OV", "OW"}
    | {"SH", "SL", "SQ", "SS", "SV", "UI", "UL", "US", "UV"}
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
        if tag.group == 0x7FE0 and (depth or tag > PIXEL_DATA):
            return "removed"  # pixels of icons and the like, and float pixels, which no reader shows
        try:
            vr = str(dataset[tag].VR)
        except Exception:  # pydicom raises whatever a converter met; what cannot be read cannot be cleaned
            return "removed_unknown"
        return action_for(tag, vr)

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
    """Return what becomes of a public attribute: kept, removed, emptied, replaced, uid or shifted.

    Conditional codes (X/Z, X/D, X/Z/D, Z/D, X/Z/U*) take their last form, which keeps every IOD conformant. A sequence
    that would get a dummy is emptied: items made up of dummies say nothing.
    """
    profile = basic_profile()
    code = profile.actions.get(tag)
    if vr in ("DA", "DT", "TM") and (code is None or tag in profile.modified_dates):
        return "shifted"
    if code is None:
        return _unjudged(vr)
    last = code.split("/")[-1].rstrip("*")
    if last == "U" or (last == "D" and vr == "UI"):
        return "kept" if vr == "SQ" else "uid"
    if last == "D" and vr in _DUMMIES:
        return "replaced"
    return "removed" if last == "X" else "emptied"


def _unjudged(vr: str) -> str:
    if not all(part in _KEPT_VRS for part in vr.split(" or ")):
        return "removed_unknown"
    return "uid" if vr == "UI" else "kept"


def subject_of(dataset: Dataset) -> str | None:
    """Return what identifies the patient: id and issuer, else the study; None when the object names neither."""
    patient = str(dataset.get("PatientID") or "").strip()
    if patient:
        return f"{patient}\0{str(dataset.get('IssuerOfPatientID') or '').strip()}"
    study = str(dataset.get("StudyInstanceUID") or "")
    return f"\0{study}" if study else None


def deidentify(dataset: Dataset, key: bytes, fallback: str) -> dict[str, Any]:
    """Clean `dataset` in place, its file header included; return the evidence as JSON values.

    `fallback` stands in where the object names no patient, study or instance.
    """
    subject = subject_of(dataset) or fallback
    syntax = transfer_syntax(dataset)
    cleaner = _Cleaner(key, subject, shift_days(key, subject))
    cleaner.clean(dataset)
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

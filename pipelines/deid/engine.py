"""De-identification of one DICOM data set, in place, driven by Table E.1-1. Nothing unknown survives.

Source: DICOM PS3.15 Annex E.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.uid import UID, RLELossless

from yuelu.pipelines.deid.codestreams import rle_again, without_remarks
from yuelu.pipelines.deid.options import METHODS, Options
from yuelu.pipelines.deid.rules import CODE_MEANING, DUMMIES, PATIENT_ID, whole_verdict
from yuelu.pipelines.deid.table import basic_profile
from yuelu.pipelines.deid.values import capped_age, new_uid, pseudonym, shift_days, shifter
from yuelu.pipelines.deid.words import CLEANERS, descriptor, meaning, term

IMPLEMENTATION_UID = "2.25.329800735698586629295641978511506172918"  # of this engine, fixed (PS3.7 D.3.3.2)
_MOST_TOLD = 400  # attributes in the evidence of one file


@dataclass(slots=True)
class Cleaner:
    """The values of one object: who it is about, what is kept, and what was done so far."""

    key: bytes
    subject: str
    options: Options
    days: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    tags: Counter[tuple[int, int, str]] = field(default_factory=Counter)  # (depth, tag, action)
    uids: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.days = shift_days(self.key, self.subject)

    def note(self, tag: int, action: str, depth: int, times: int = 1) -> None:
        """Count what was done, never to which value."""
        self.counts[action] += times
        if action == "removed_private":
            tag &= 0xFFFF0000  # told by group: a file may hold hundreds
        if action != "kept":
            self.tags[depth, tag, action] += times

    def clean(self, dataset: Dataset, depth: int = 0) -> None:
        """Clean the data set and all that it nests."""
        for tag in sorted(dataset.keys()):
            action = self.judged(dataset, tag, depth)
            self.note(int(tag), action, depth)
            if action.startswith("removed"):
                del dataset[tag]
            else:
                self.apply(action, dataset[tag], depth)
        if CODE_MEANING in dataset:
            said = (str(dataset.get(name) or "") for name in ("CodingSchemeDesignator", "CodeValue", "CodeMeaning"))
            dataset.CodeMeaning = meaning(*said)

    def judged(self, dataset: Dataset, tag: BaseTag, depth: int) -> str:
        """Return what becomes of the attribute."""
        try:
            vr = "" if tag.is_private else str(dataset[tag].VR)
        except Exception:  # pydicom raises whatever a converter met; what cannot be read cannot be cleaned
            return "removed_unknown"
        return whole_verdict(int(tag), vr, depth > 0, self.options)

    def apply(self, action: str, element: DataElement, depth: int) -> None:
        """Give the element its new value."""
        if element.VR == "SQ":
            for item in element.value if action in ("kept", "cleaned") else ():
                self.clean(item, depth + 1)
            if action not in ("kept", "cleaned"):
                element.value = []
        elif action == "emptied":
            element.value = None
        elif action != "kept" or element.VR in ("AS", "DA", "DT", "TM"):
            element.value = _each(element.value, lambda old: self.text(action, int(element.tag), element.VR, str(old)))

    def text(self, action: str, tag: int, vr: str, old: str) -> str:
        """Return what stands in the place of one value `old` of a text VR."""
        match action:
            case "replaced":
                return pseudonym(self.key, self.subject) if tag == PATIENT_ID else DUMMIES[vr]
            case "uid":
                return self.uid(old)
            case "cleaned":
                return (CLEANERS.get(tag) or (term if vr == "CS" else descriptor))(old)
            case "kept" if vr == "AS":
                return capped_age(old)
        move = shifter(vr, self.days if action == "shifted" else 0)
        return old if move is None else move(old)

    def uid(self, old: str) -> str:
        """Return the UID that stands for `old`."""
        if old not in self.uids:  # registered UIDs have names, and stay
            self.uids[old] = old if not old or UID(old).name != old else new_uid(self.key, old)
        return self.uids[old]


def _each(value: Any, change: Any) -> Any:
    if value is None or value == "":
        return None
    return [change(one) for one in value] if isinstance(value, list | MultiValue) else change(value)


def subject_of(dataset: Dataset) -> str | None:
    """Return what identifies the patient: id and issuer, else the study; None when the object names neither."""
    patient = str(dataset.get("PatientID") or "").strip()
    if patient:
        return f"{patient}\0{str(dataset.get('IssuerOfPatientID') or '').strip()}"
    study = str(dataset.get("StudyInstanceUID") or "")
    return f"\0{study}" if study else None


def deidentify(
    dataset: Dataset,
    key: bytes,
    fallback: str,
    pixels: Mapping[str, Any] | None = None,
    options: Options | None = None,
) -> dict[str, Any]:
    """Clean `dataset` in place, its file header included; return the evidence as JSON values.

    `fallback` stands in where the object names no patient, study or instance. `pixels` tells what was done about text in
    the pixels; with it, Clean Pixel Data is claimed.
    """
    options = options or Options()
    syntax = transfer_syntax(dataset)
    cleaner = Cleaner(key, subject_of(dataset) or fallback, options)
    cleaner.clean(dataset)
    if syntax.is_encapsulated and "PixelData" in dataset:
        dataset["PixelData"].value = clean_frames(dataset.PixelData, dataset, syntax)
    if not dataset.get("SOPInstanceUID"):
        dataset.SOPInstanceUID = new_uid(key, fallback)
    dataset.update(claims(options, checked=pixels is not None))
    dataset.file_meta = _header(dataset, syntax)
    dataset.preamble = bytes(128)  # it may hold a program (CVE-2019-11687)
    return evidence(cleaner, pixels)


def methods(options: Options, *, checked: bool) -> tuple[str, ...]:
    """Return the codes of CID 7050 that hold for the copy."""
    return tuple(sorted({"113100", *options.codes, *(("113101",) if checked else ())}))


def claims(options: Options, *, checked: bool) -> Dataset:
    """Return the attributes that say what was done (PS3.3 section C.12.1.1)."""
    said = Dataset()
    said.PatientIdentityRemoved = "YES"
    said.DeidentificationMethod = ["Yuelu", "PS3.15 E.1-1 Basic Profile", basic_profile().edition[:64]]
    said.DeidentificationMethodCodeSequence = [_code(code, METHODS[code][1]) for code in methods(options, checked=checked)]
    dates = "UNMODIFIED" if "113106" in options.codes else "MODIFIED" if "113107" in options.codes else "REMOVED"
    said.LongitudinalTemporalInformationModified = dates
    return said


def evidence(cleaner: Cleaner, pixels: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what was done, as JSON values: methods, the table, counts by action, and by attribute and depth of nesting."""
    table, told = basic_profile(), sorted(cleaner.tags.items())
    return {
        "profile": "+".join(methods(cleaner.options, checked=pixels is not None)),
        "edition": table.edition,
        "table_sha256": table.sha256,
        "actions": dict(sorted(cleaner.counts.items())),
        "attributes": [[depth, f"{tag:08x}", action, count] for (depth, tag, action), count in told[:_MOST_TOLD]],
        "attributes_untold": max(0, len(told) - _MOST_TOLD),
        **({} if pixels is None else {"pixels": dict(pixels)}),
    }


def clean_frames(fragments: bytes, dataset: Dataset, syntax: UID) -> bytes:
    """Return compressed frames anew, each as one fragment, without the remarks of their encoder; the offset table first."""
    count = int(dataset.get("NumberOfFrames") or 1)
    frames = islice(generate_frames(fragments, number_of_frames=count), count)  # no reader shows what follows
    anew = (rle_again(frame, dataset) if syntax == RLELossless else without_remarks(frame, syntax) for frame in frames)
    return bytes(encapsulate(list(anew)))


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

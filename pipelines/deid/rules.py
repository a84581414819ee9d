"""What becomes of one attribute: decided by its tag and VR alone, from Table E.1-1 and the options in force.

Source: DICOM PS3.15 Annex E: E.1.1 (the rules), Table E.1-1a (the codes), Table E.1-1 (what they apply to).
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from pydicom.datadict import dictionary_has_tag, dictionary_VR

from yuelu.pipelines.deid.options import Options
from yuelu.pipelines.deid.table import basic_profile
from yuelu.pipelines.deid.words import ANONYMOUS, CLEANERS

PATIENT_ID, CODE_MEANING = 0x00100020, 0x00080104
PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})  # as floats of 4 and 8 bytes, as whole numbers

# Removed whatever a table says: icon image, original attributes, signatures and their macs, trailing padding.
_ALWAYS_REMOVED = frozenset({0x00880200, 0x04000561, 0x04000550, 0x4FFE0001, 0xFFFAFFFA, 0xFFFCFFFC})

# Attributes outside the table stay if their standard VR can hold no sentence: numbers, codes, and UIDs under new names.
_KEPT_VRS = frozenset({"AT", "CS", "DS", "FD", "FL", "IS", "SL", "SQ", "SS", "SV", "UI", "UL", "US", "UV"})

# Bytes outside the table that may stay nevertheless: how the values show. Texts that may stay in part: CLEANERS.
_KEPT_TAGS = frozenset(
    {CODE_MEANING, 0x00283006}  # written anew from the code; LUT data
    | {0x00281201, 0x00281202, 0x00281203, 0x00281204}  # palette colour LUT data: red, green, blue, alpha
    | {0x00281211, 0x00281212, 0x00281213}  # the same, large
    | {0x00281221, 0x00281222, 0x00281223, 0x00281224}  # the same, segmented
    | PIXELS
)

DUMMIES: Mapping[str, str] = MappingProxyType({
    "AE": ANONYMOUS, "AS": "000Y", "CS": ANONYMOUS, "DA": "19000101", "DT": "19000101000000", "LO": ANONYMOUS,
    "LT": ANONYMOUS, "PN": ANONYMOUS, "SH": ANONYMOUS, "ST": ANONYMOUS, "TM": "000000", "UC": ANONYMOUS,
    "UT": ANONYMOUS, "DS": "0", "IS": "0",
})  # fmt: skip

_OF_DATES = frozenset({"113106", "113107"})  # they clean dates and times, and nothing else
_SPOKEN_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT", "AE"})


@lru_cache(16384)
def whole_verdict(tag: int, vr: str, nested: bool, options: Options) -> str:
    """Return what becomes of the attribute as some file writes it; `vr` is the file's. Nothing unknown is kept.

    One of kept, cleaned (its text, word by word), removed, removed_private, removed_unknown, emptied, replaced, uid, shifted.
    """
    group = tag >> 16
    if group & 1:
        return "removed_private"
    if group in range(0x5000, 0x5100) or group in range(0x6000, 0x6100) or tag in _ALWAYS_REMOVED:
        return "removed"
    if group < 8 or not tag & 0xFFFF or not dictionary_has_tag(tag):
        return "removed_unknown"
    if group == 0x7FE0 and (nested or tag not in PIXELS):
        return "removed"  # pixels of icons and the like, and offsets of frames
    # The table and the lists speak of the standard's VRs; a file that writes another may hide anything behind it.
    allowed = dictionary_VR(tag).split(" or ")
    return action_for(tag, vr, options) if all(part in allowed for part in vr.split(" or ")) else "removed_unknown"


@lru_cache(8192)
def action_for(  # noqa: PLR0911  one way out per rule
    tag: int, vr: str, options: Options
) -> str:
    """Return what becomes of a public attribute whose VR is one the standard gives it.

    Conditional codes (X/Z, X/D, X/Z/D, Z/D, X/Z/U*) take their last form, which keeps every IOD conformant. A sequence
    that would get a dummy is emptied: items made up of dummies say nothing.
    """
    profile = basic_profile()
    said = {code: profile.options[code].get(tag) for code in options.codes}
    if "K" in said.values():
        return "cleaned" if vr == "CS" else "kept"
    if "C" in said.values() and vr in ("DA", "DT", "TM"):
        return "shifted"
    if any(what == "C" and code not in _OF_DATES for code, what in said.items()) and (vr in _SPOKEN_VRS or vr in ("CS", "SQ")):
        return "kept" if vr == "SQ" else "cleaned"
    code = profile.actions.get(tag)
    if code is None:
        return _unjudged(tag, vr)
    last = code.split("/")[-1].rstrip("*")
    if last == "U" or (last == "D" and vr == "UI"):
        return "kept" if vr == "SQ" else "uid"
    if last == "D" and vr in DUMMIES:
        return "replaced"
    return "removed" if last == "X" else "emptied"


def _unjudged(tag: int, vr: str) -> str:
    if tag in CLEANERS or vr == "CS":
        return "cleaned"
    if tag not in _KEPT_TAGS and not all(part in _KEPT_VRS for part in vr.split(" or ")):
        return "removed_unknown"
    return "uid" if vr == "UI" else "kept"

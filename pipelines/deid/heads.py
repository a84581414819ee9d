"""Volumes of the head: whoever has the slices can render the face. Judged before the object is cleaned.

We do not deface, so Clean Recognizable Visual Features (113102) is never claimed; the flag lets gates and grades act.
"""

import re

from pydicom.dataset import Dataset

_VOLUMES = frozenset({"CT", "MR", "PT", "NM"})
_PARTS = re.compile(r"HEAD|BRAIN|SKULL|FACE|FACIAL|ORBIT|SINUS|MAXILLA|MANDIBLE|JAW|NECK|EAR$|IAC|PITUITARY|TMJ|WHOLE ?BODY")
_WORDS = re.compile(
    r"head|brain|skull|crani|cereb|face|facial|orbit|sinus|maxill|mandib|neuro|pituitar|temporal bone|mprage"
    r"|whole.?body|头|颅|脑|面部|眼眶|鼻窦|副鼻窦|颌|垂体|耳",
    re.IGNORECASE,
)
_DESCRIPTIONS = ("StudyDescription", "SeriesDescription", "ProtocolName", "RequestedProcedureDescription")
_HEAD_FIELD_MM = (150.0, 300.0)
_THICK_MM = 3.0


def face_risk(dataset: Dataset) -> str | None:
    """Return why a face could be rendered from the object's series; None when nothing says so. Never an original text."""
    if str(dataset.get("Modality") or "").strip().upper() not in _VOLUMES:
        return None
    part = str(dataset.get("BodyPartExamined") or "").strip().upper()
    if _PARTS.search(part):
        return "the body part examined is of the head"
    if any(_WORDS.search(str(dataset.get(keyword) or "")) for keyword in _DESCRIPTIONS):
        return "a description speaks of the head"
    if part:
        return None
    return "no body part is named, and thin slices have the field of a head" if _looks_like_a_head(dataset) else None


def _looks_like_a_head(dataset: Dataset) -> bool:
    try:
        spacing, thickness = dataset.PixelSpacing, float(dataset.SliceThickness)
        field = max(float(spacing[0]) * int(dataset.Rows), float(spacing[1]) * int(dataset.Columns))
    except (AttributeError, TypeError, ValueError, IndexError):
        return False
    return thickness <= _THICK_MM and _HEAD_FIELD_MM[0] <= field <= _HEAD_FIELD_MM[1]

"""The values that replace identifiers: keyed, so that equal stays equal and nobody without the key can go back."""

import hashlib
import hmac
import re
from datetime import date, timedelta
from functools import partial

from yuelu.base.canonical import keyed

_LONGEST_SHIFT_DAYS = 3650
_TIME = re.compile(r"([0-9]{2,6}(\.[0-9]{1,6})?)?([+-][0-9]{4})?")  # of TM and DT (PS3.5 section 6.2), whole or cut short

_AGE = re.compile(r"[0-9]{3}[DWMY]")


def new_uid(key: bytes, old: str) -> str:
    """Return the UID that stands for `old` everywhere: `2.25.` and 128 bits of a keyed hash (PS3.5 section B.2)."""
    return f"2.25.{int.from_bytes(hmac.new(key, old.encode(), hashlib.sha256).digest()[:16], 'big')}"


def shift_days(key: bytes, subject: str) -> int:
    """Return by how many days this subject's dates go back: 1 to 3650, the same in all their studies."""
    return 1 + int(keyed(key, "date", subject)[:8], 16) % _LONGEST_SHIFT_DAYS


def pseudonym(key: bytes, subject: str) -> str:
    """Return the patient id that stands for `subject` in this workspace."""
    return keyed(key, "patient", subject)[:16].upper()


def shifted_date(value: str, days: int) -> str:
    """Return the DICOM date `days` earlier; empty when `value` is no whole date (also the old form 1998.02.07)."""
    digits = value.strip().replace(".", "")
    try:
        moved = date(int(digits[:4]), int(digits[4:6]), int(digits[6:])) - timedelta(days) if len(digits) == 8 else None
    except (ValueError, OverflowError):
        return ""
    return f"{moved:%Y%m%d}".rjust(8, "0") if moved else ""


def shifted_datetime(value: str, days: int) -> str:
    """Return the DICOM date-time `days` earlier, its time kept; empty when the date is not whole or the rest no time."""
    moved, time = shifted_date(value.strip()[:8], days), value.strip()[8:]
    return moved + time if moved and _TIME.fullmatch(time) else ""


def kept_time(value: str) -> str:
    """Return the DICOM time as it is, or empty when it is none: nothing else may hide there."""
    stripped = value.strip()
    return stripped if _TIME.fullmatch(stripped.replace(":", "")) else ""


def capped_age(value: str) -> str:
    """Return the age as it is, 090Y when older than 89 years (45 CFR 164.514(b)(2)(i)(C)); empty when it is none."""
    text = value.strip()
    if not _AGE.fullmatch(text):
        return ""
    days = int(text[:3]) * {"D": 1, "W": 7, "M": 30.4375, "Y": 365.25}[text[3]]
    return "090Y" if days >= 90 * 365.25 else text


def shifter(vr: str, days: int) -> "partial[str] | None":
    """Return what moves one value of that VR by `days`; None when the VR holds no date or time."""
    if vr == "DA":
        return partial(shifted_date, days=days)
    if vr == "DT":
        return partial(shifted_datetime, days=days)
    return partial(kept_time) if vr == "TM" else None

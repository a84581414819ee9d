"""Text that may stay: known terms, known codes, ordinary words of the field. Whatever else a value says is left out.

Letters that are legal in a value are no proof of what it says: "ZHANG SAN" is a legal code string.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

ANONYMOUS = "ANONYMIZED"

_SHORT = re.compile(r"[A-Z][0-9]{0,2}|[0-9]{1,3}[A-Z]{0,2}")
_CODE_STRING = re.compile(r"[A-Z0-9_ ]{1,16}")

_KERNEL = re.compile(r"[A-Za-z]{1,2}[0-9]{1,3}[a-z]{0,2}|[0-9]{1,3}")
_RESCALED = frozenset({"OD", "HU", "US", "MGML", "Z_EFF", "ED", "EDW", "HU_MOD", "PCT", "OD REL"})
_CHARACTER_SET = re.compile(r"ISO_IR [0-9]{1,3}|ISO 2022 IR [0-9]{1,3}|GB18030|GBK")
_VERSION = re.compile(r"[0-9]{1,8}(\.[0-9]{1,4}){0,2}")
_CODE_VALUE = re.compile(
    r"(?=.*[0-9])[A-Z]{0,2}[-.]?[0-9A-F]{1,6}([-.][0-9A-F]{1,4})?|[0-9]{6,18}|\{?[a-zA-Z/0-9*.%^\[\]]{1,4}\}?"
)

_MEASURED = re.compile(r"[0-9]{1,3}(\.[0-9]{1,2})?(mm|cm|kv|ma|ms|s|t|x|d|min|sec|hz|mhz)?")
_PIECES = re.compile(r"[A-Za-z]+[0-9]{0,2}|[0-9]+(?:\.[0-9]+)?[A-Za-z]*|[\u4e00-\u9fff]+")
_CHINESE = re.compile(
    "头颅|头部|颅脑|颈部|颈椎|胸部|胸椎|腹部|腰椎|盆腔|脊柱|骨盆|髋关节|膝关节|肩关节|踝关节|乳腺|心脏|冠脉|肝脏|肾脏|甲状腺|肺|肝|胆|胰|脾|肾|"
    "平扫|增强|动脉期|静脉期|延迟期|重建|冠状位|矢状位|横断位|轴位|正位|侧位|斜位|薄层|定位像|血管|成像|扫描|超声|造影|左|右|双侧"
)


@cache
def _listed(name: str) -> frozenset[str]:
    """Hand-kept: terms of code strings that are no ordinary words (PS3.3, PS3.5), makers, models, kernels, coding schemes."""
    return frozenset(json.loads(Path(__file__).with_name("terms.json").read_text())[name].split())


@cache
def _words() -> frozenset[str]:
    return frozenset(json.loads(Path(__file__).with_name("words.json").read_text())["words"])


@lru_cache(4096)
def term(value: str) -> str:
    """Return a code string as it is when each of its words is known, else a dummy; empty stays empty."""
    text = value.strip(" \0")
    if not text:
        return ""
    if not _CODE_STRING.fullmatch(text):
        return ANONYMOUS
    words, terms = _words(), _listed("terms")
    known = all(part in terms or part.lower() in words or _SHORT.fullmatch(part) for part in re.split("[ _]+", text))
    return text if known else ANONYMOUS


@lru_cache(4096)
def descriptor(value: str) -> str:
    """Return the ordinary words, field terms and small numbers of a free text, in order; the rest is left out."""
    kept = []
    for piece in _PIECES.findall(value):
        if piece[0] > "\u3fff":
            kept += _CHINESE.findall(piece)
        elif piece.lower() in _words() or piece.upper() in _listed("terms") or _MEASURED.fullmatch(piece.lower()):
            kept.append(piece)
    return " ".join(kept)[:64]


def _only(name: str, *, numbers: bool) -> Callable[[str], str]:
    def clean(value: str) -> str:
        known = _listed(name)
        pieces = re.findall(r"[A-Za-z]+|[0-9][0-9.]{0,4}[A-Z]?\b|[\u4e00-\u9fff]+", value)
        words = [piece for piece in pieces if piece.lower() in known or (numbers and piece[0].isdigit())]
        return " ".join(words) or (ANONYMOUS if value.strip() else "")

    return clean


def _kernel(value: str) -> str:
    text = value.strip()
    return text if text.lower() in _listed("kernels") or _KERNEL.fullmatch(text) else ""


def _scheme(value: str) -> str:
    text = value.strip()
    return text if text in _listed("schemes") or not text else "99LOCAL"


def _matching(pattern: re.Pattern[str], otherwise: str) -> Callable[[str], str]:
    return lambda value: value.strip() if pattern.fullmatch(value.strip()) or not value.strip() else otherwise


def _rescale_type(value: str) -> str:
    return value.strip() if value.strip() in _RESCALED else "US"  # unspecified


# Texts outside the table that may stay in part: what an image cannot be read without, or is known by.
CLEANERS: Mapping[int, Callable[[str], str]] = MappingProxyType(
    {
        0x00080005: _matching(_CHARACTER_SET, ""),
        0x00080070: _only("makers", numbers=False),
        0x00081090: _only("models", numbers=True),
        0x00181210: _kernel,
        0x00080100: _matching(_CODE_VALUE, "0"),
        0x00080102: _scheme,
        0x00080103: _matching(_VERSION, ""),
        0x00201040: descriptor,  # position reference indicator
        0x00620005: lambda value: descriptor(value) or ANONYMOUS,  # segment label
        0x00620009: lambda value: descriptor(value) or ANONYMOUS,  # segment algorithm name
        0x00700081: lambda value: descriptor(value) or ANONYMOUS,  # content description
        0x00281054: _rescale_type,
        0x00283004: _rescale_type,
    }
)


def meaning(scheme: str, value: str, told: str) -> str:
    """Return what the code means: as `told` where PS3.16 knows the code and each word is an ordinary one.

    Else as PS3.16 says it; a code that it does not know stands for itself.
    """
    known = _meanings().get((scheme, value), frozenset())
    if known and (told.lower() in {each.lower() for each in known} or (told and descriptor(told) == told)):
        return told
    return min(known, key=len)[:64] if known else value


@cache
def _meanings() -> Mapping[tuple[str, str], frozenset[str]]:
    from pydicom.sr._concepts_dict import concepts  # noqa: PLC0415  half a second, and only for codes
    from pydicom.sr._snomed_dict import mapping  # noqa: PLC0415

    known: dict[tuple[str, str], frozenset[str]] = {}
    keywords: Any
    for scheme, keywords in concepts.items():
        for codes in keywords.values():
            for value, (told, _) in codes.items():
                known[scheme, value] = known.get((scheme, value), frozenset()) | {told}
    for value, new in mapping["SRT"].items():
        known["SRT", value] = known.get(("SCT", new), frozenset())
    return known

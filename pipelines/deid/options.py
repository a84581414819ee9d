"""Which options of the profile are in force: what a workspace wants kept that the Basic Profile would take away."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from yuelu.base.errors import InvalidRecord

# CID 7050, De-identification Method: code -> the name we take, the code's meaning. PS3.16.
METHODS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "113100": ("basic", "Basic Application Confidentiality Profile"),
        "113101": ("clean-pixels", "Clean Pixel Data Option"),
        "113103": ("clean-graphics", "Clean Graphics Option"),
        "113104": ("clean-structured-content", "Clean Structured Content Option"),
        "113105": ("clean-descriptors", "Clean Descriptors Option"),
        "113106": ("full-dates", "Retain Longitudinal Temporal Information Full Dates Option"),
        "113107": ("modified-dates", "Retain Longitudinal Temporal Information Modified Dates Option"),
        "113108": ("patient-characteristics", "Retain Patient Characteristics Option"),
        "113109": ("device-identity", "Retain Device Identity Option"),
        "113110": ("uids", "Retain UIDs Option"),
        "113112": ("institution-identity", "Retain Institution Identity Option"),
    }
)
_BASIC = "113100"
_FIXED = frozenset({_BASIC, "113101"})  # the first always holds; the second is claimed where pixels were checked


@dataclass(frozen=True, slots=True)
class Options:
    """Options by their codes in CID 7050, sorted. Not offered: 113111 (no list of safe private attributes ships) and 113102."""

    codes: tuple[str, ...] = ("113107",)

    def __post_init__(self) -> None:
        offered = [code for code in METHODS if code not in _FIXED]
        for code in self.codes:
            if code not in offered:
                names = ", ".join(METHODS[each][0] for each in offered)
                raise InvalidRecord(f"no de-identification option {code!r}", f"known options: {names}")
        if {"113106", "113107"} <= set(self.codes):
            raise InvalidRecord("full dates and modified dates exclude each other", "take one of the two options")

    @property
    def text(self) -> str:
        """The codes between commas, the Basic Profile's first; `parse` takes it back."""
        return ",".join((_BASIC, *self.codes))


def parse(text: str) -> Options:
    """Return the options named in `text`, by name or code, between commas; empty: the default; "basic": none beside the profile.

    Raises InvalidRecord: no such option, or two that exclude each other.
    """
    by_name = {name: code for code, (name, _) in METHODS.items()}
    asked = [part.strip() for part in text.split(",") if part.strip()]
    codes = {by_name.get(part, part) for part in asked}
    return Options(tuple(sorted(codes - {_BASIC}))) if asked else Options()


def names_of(text: str) -> str:
    """Return the names of the options in `Options.text`, as `parse` takes them; "basic" where there are none."""
    return ",".join(METHODS[code][0] for code in text.split(",") if code and code != _BASIC) or METHODS[_BASIC][0]

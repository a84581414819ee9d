"""The standard's table: what happens to which attribute."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Profile:
    """PS3.15 Table E.1-1: the Basic Profile's code per tag, and per option (code of CID 7050) what it keeps or cleans."""

    edition: str
    sha256: str  # of the file that ships
    actions: Mapping[int, str]
    options: Mapping[str, Mapping[int, str]]


@cache
def basic_profile() -> Profile:
    """Return the table that ships with this code. `scripts/deid_table` writes it."""
    text = Path(__file__).with_name("ps315.json").read_bytes()
    data = json.loads(text)
    options = {option: MappingProxyType(_by_tag(tags)) for option, tags in data["options"].items()}
    shipped = hashlib.sha256(text).hexdigest()
    return Profile(data["edition"], shipped, MappingProxyType(_by_tag(data["actions"])), MappingProxyType(options))


def _by_tag(codes: Mapping[str, str]) -> dict[int, str]:
    # Repeating groups (50xx curves, 60xx overlays) are removed whole by the engine, so their rows are not looked up.
    return {int(tag, 16): code for tag, code in codes.items() if "x" not in tag}

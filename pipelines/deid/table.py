"""The standard's table: what happens to which attribute."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Profile:
    """PS3.15 Table E.1-1: the Basic Profile's code per tag, and the tags whose date or time may be kept modified."""

    edition: str
    actions: Mapping[int, str]
    modified_dates: frozenset[int]


@cache
def basic_profile() -> Profile:
    """Return the table that ships with this code. `scripts/deid_table` writes it."""
    data = json.loads(Path(__file__).with_name("ps315.json").read_text())
    # Repeating groups (50xx curves, 60xx overlays) are removed whole by the engine, so their rows are not looked up.
    actions = {int(tag, 16): code for tag, code in data["actions"].items() if "x" not in tag}
    dates = frozenset(int(tag, 16) for tag in data["modified_dates"])
    return Profile(data["edition"], MappingProxyType(actions), dates)

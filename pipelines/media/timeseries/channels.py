"""What the columns of a series are called. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_UNIT = re.compile(
    r"^(?P<name>.*?)\s*[\[(（{]\s*(?P<unit>[^\])）}]{1,16}?)\s*[\])）}]$|^(?P<left>.+?)\s+/\s+(?P<right>\S{1,16})$"
)
_NO_NAME = re.compile(r"@|\d{8}|\d{4}-\d\d-\d\d|\d\d[./]\d\d[./]\d{4}")  # addresses, numbers of people, dates
# A column of numbers of such a name tells who somebody is, whatever its numbers are.
_IDENTIFIES = re.compile(
    r"\b(patient|operator|employee|person|user|staff|worker|subject)[ _-]?(id|no|nr|number|code)\b"
    r"|\b(phone|mobile|telephone|mrn|ssn)\b"
    r"|工号|姓名|电话|手机号|身份证|病历号|住院号",
    re.IGNORECASE,
)
_LONGEST_NAME, _MOST_WORDS, _LONGEST_UNIT = 48, 5, 16
_OURS = "time_s"  # the column of the full copy that holds the time


@dataclass(frozen=True, slots=True)
class Channel:
    """What one column measures. `unit` is None where the file does not say."""

    name: str
    unit: str | None


def parted(header: str) -> Channel:
    """Return name and unit of a column header such as `speed [m/s]`, `speed (m/s)` or `speed / m/s`."""
    text = " ".join(header.split())
    found = _UNIT.match(text)
    if found is None:
        return Channel(text, None)
    name, unit = found["name"] or found["left"] or "", found["unit"] or found["right"]
    return Channel(name.strip(), unit.strip() or None)


def identifies(channel: Channel) -> bool:
    """Return whether a column of that name holds numbers of people, which are no measurement."""
    return _IDENTIFIES.search(channel.name) is not None


def published(channels: Sequence[Channel]) -> tuple[Channel, ...]:
    """Return the channels as they may be shown and released, each under a name of its own.

    A header that reads like anything but a name, or a unit that reads like anything but a unit, is not kept.
    """
    kept = [_kept(channel, number) for number, channel in enumerate(channels, 1)]
    names = [channel.name for channel in kept]
    return tuple(
        Channel(each.name if names.count(each.name) == 1 else f"{each.name} {number}", each.unit)
        for number, each in enumerate(kept, 1)
    )


def _kept(channel: Channel, number: int) -> Channel:
    name, unit = channel.name, channel.unit
    fits = name.isprintable() and 0 < len(name) <= _LONGEST_NAME and len(name.split()) <= _MOST_WORDS
    if not fits or _NO_NAME.search(name) or name.lower() in (_OURS, "true", "false"):  # the editor takes the latter for values
        name = f"channel {number}"
    if unit is not None and (len(unit) > _LONGEST_UNIT or not unit.isprintable() or _NO_NAME.search(unit)):
        unit = None
    return Channel(name, unit)

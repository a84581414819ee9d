"""Version numbers say what changed: MAJOR a meaning or a removal, MINOR new items, PATCH corrections and metadata."""

import re
from dataclasses import dataclass

from yuelu.base.errors import Misconfigured

_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_RANGE = re.compile(r"([\^~])(0|[1-9]\d*)(?:\.(0|[1-9]\d*))?(?:\.(0|[1-9]\d*))?")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A semantic version, without the parts we never use."""

    major: int
    minor: int = 0
    patch: int = 0

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @staticmethod
    def parse(text: str) -> "Version":
        """Return the version. Raises Misconfigured: not three numbers."""
        found = _VERSION.fullmatch(text)
        if not found:
            raise Misconfigured(f"{text!r} is not a version", "write it as 1.2.0, or ^1.0 (newest 1.x) or ~1.0 (newest 1.0.x)")
        return Version(*map(int, found.groups()))


@dataclass(frozen=True, slots=True)
class Changes:
    """How many items differ from the previous release, and whether labels have come to mean something else."""

    added: int
    removed: int = 0
    changed: int = 0
    meaning: bool = False


def next_version(previous: Version | None, changes: Changes) -> Version:
    """Return the version of a release that differs from `previous` by `changes`; the first is 1.0.0."""
    if previous is None:
        return Version(1)
    if changes.meaning or changes.removed:
        return Version(previous.major + 1)
    if changes.added:
        return Version(previous.major, previous.minor + 1)
    return Version(previous.major, previous.minor, previous.patch + 1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Versions from `low` up to, not including, `below`; the newest of them is meant."""

    low: Version
    below: Version

    @staticmethod
    def parse(text: str) -> "Wanted":
        """Return what `1.2.0` (that one), `^1.2` (the newest 1.x from 1.2.0 on) or `~1.2` (the newest 1.2.x) asks for.

        What `^` and `~` let change is as in node-semver: the first part that is not 0 stays, and with `~` the minor version
        stays where it is given. Raises Misconfigured: none of them.

        Source: https://github.com/npm/node-semver#advanced-range-syntax.
        """
        if found := _RANGE.fullmatch(text):
            sign, *parts = found.groups()
            low = Version(*(int(part or 0) for part in parts))
            return Wanted(low, _below(sign, low, sum(part is not None for part in parts)))
        exact = Version.parse(text)
        return Wanted(exact, Version(exact.major, exact.minor, exact.patch + 1))


def _below(sign: str, low: Version, given: int) -> Version:
    """Return the first version that a range from `low` leaves out; `given`: how many of its parts were written."""
    if given == 1 or (sign == "^" and low.major):
        return Version(low.major + 1)
    if sign == "~" or low.minor or given == 2:
        return Version(low.major, low.minor + 1)
    return Version(0, 0, low.patch + 1)


def parse_selector(selector: str) -> tuple[str, Wanted | None]:
    """Return name and wanted versions of `name`, `name@1.2.0`, `name@^1.0` or `name@~1.0`; None stands for the newest."""
    name, at, version = selector.partition("@")
    return name, Wanted.parse(version) if at else None

"""Which names of an archive's members are taken. Pure: names are only compared and shown, nothing is written under them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

_DRIVE = re.compile(r"[A-Za-z]:")


def plain(name: str) -> str:
    """Return the name without the "./" that many programs put before every name."""
    while name.startswith("./"):
        name = name[2:]
    return name


def problem_of(name: str) -> str | None:
    """Return why a member of this name is not taken; None: it is."""
    parts = name.replace("\\", "/").split("/")
    if parts[0] == "" or _DRIVE.match(name):
        return "an absolute name in an archive"
    if ".." in parts:
        return "a name in an archive that leads out of it"
    if "\0" in name or "" in parts or "." in parts:
        return "a name in an archive that is not plain"
    return None


def clashes(names: Sequence[str]) -> dict[str, str]:
    """Return why names that occur more than once, or differ only in case or spelling of characters, are not taken."""
    spelled, folded = Counter(names), Counter(map(_folded, set(names)))
    found = {name: "its name occurs more than once in the archive" for name, count in spelled.items() if count > 1}
    for name in spelled:
        if folded[_folded(name)] > 1:
            found.setdefault(name, "its name differs only in case from another one in the archive")
    return found


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())

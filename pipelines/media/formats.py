"""Which formats can be read here, and how to get or to bring those that cannot."""

import importlib
import importlib.util
from dataclasses import asdict, dataclass
from typing import Any

from yuelu.pipelines.media.readers import READERS, UNREAD, Format


@dataclass(frozen=True, slots=True)
class Support:
    """A format that is recognised; `hint` says how to get its decoder, or in what form to bring it; empty when it is read."""

    name: str
    media_type: str | None
    read: bool
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the values as JSON."""
        return asdict(self)


def formats() -> tuple[Support, ...]:
    """Return every format there is a reader for, with what is missing here, then those without."""
    read = (Support(name, one.media_type, not missing(one), missing(one)) for name, one in READERS.items())
    return (*read, *(Support(name, None, False, hint) for name, hint in UNREAD.items()))


def missing(one: Format) -> str:
    """Return how to get what the format's reader lacks here; empty: nothing."""
    lacking = [need for need in one.needs if not _there(need)]
    if not lacking:
        return ""
    built = [need for need in lacking if ":" in need and _there("PIL")]
    return f"install a Pillow built with {built[0].partition(':')[2]}" if built else f"pip install 'yuelu[{one.extra}]'"


def _there(need: str) -> bool:
    module, _, feature = need.partition(":")
    if importlib.util.find_spec(module) is None:
        return False
    return not feature or bool(importlib.import_module("PIL.features").check(feature))

"""What comes in from a browser: checked before anything is done with it."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

from yuelu.base.canonical import sha256
from yuelu.base.errors import InvalidRecord

LARGEST_BYTES = 16 * 2**20  # a brush mask of a large picture has a few
DEEPEST = 24  # lists and objects in each other; the editor's results have 6
_AGENT_LENGTH = 300
_ADDRESS_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer as it was sent. `based_on` is the version that the page showed (0: none yet); None when it cannot tell.

    `result` is the editor's list of regions; of a skip it is not looked at. `lead_time_s` is what the browser reports.
    """

    annotator: str
    item_key: str
    result: list[Any] = field(repr=False)
    skipped: bool = False
    based_on: int | None = None
    lead_time_s: float | None = None
    address: str = ""
    agent: str = ""

    def __post_init__(self) -> None:
        if self.lead_time_s is not None and not 0 <= self.lead_time_s < float("inf"):
            raise InvalidRecord(f"a lead time of {self.lead_time_s} s", "it is 0 or more, and finite")
        if len(self.address) > _ADDRESS_LENGTH or len(self.agent) > _AGENT_LENGTH:
            raise InvalidRecord("the address or the browser's name is too long", "cut it")


def parse_json(body: bytes) -> Any:
    """Return what the bytes say. Raises InvalidRecord: no JSON, or numbers and text that JSON or a database has not."""
    try:
        told = json.loads(body, parse_constant=_no_number, parse_float=_finite)
        json.dumps(told, ensure_ascii=False).encode()  # half a character (a lone surrogate) cannot be written down
    except (ValueError, RecursionError) as error:
        raise InvalidRecord(f"what was sent is no JSON: {str(error)[:80]}", "send what the page or the editor made") from None
    return told


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number that fits")
    return value


def check_result(result: object) -> None:
    """Refuse what is no result of the editor: not a list of objects, too deep, NaN, text no database takes.

    Raises InvalidRecord.
    """
    if not isinstance(result, list) or not all(isinstance(region, dict) for region in result):
        raise InvalidRecord("the answer is no list of regions", "send the editor's result as it is")
    level: list[Any] = [result]
    for _ in range(DEEPEST):
        level = [inner for outer in level if isinstance(outer, (list, dict)) for inner in _inside(outer)]
        if any(isinstance(each, str) and "\0" in each for each in level):
            raise InvalidRecord("the answer holds a NUL character", "no text of an answer has one")
        if not level:
            return
    raise InvalidRecord(f"the answer is nested more than {DEEPEST} deep", "send the editor's result as it is")


def _inside(outer: list[Any] | dict[Any, Any]) -> list[Any]:
    return outer if isinstance(outer, list) else [*outer.keys(), *outer.values()]


def _spelled(value: object) -> bytes:
    """Return JSON with sorted names and no spaces: RFC 8785 but for numbers with a point, and many times as fast."""
    try:
        return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (ValueError, TypeError) as error:  # of which UnicodeEncodeError is one
        raise InvalidRecord(f"the answer is no JSON: {str(error)[:80]}", "send the editor's result as it is") from None


def checked(incoming: Incoming) -> str:
    """Return the digest of what was answered. Raises InvalidRecord: it cannot be taken."""
    check_result(incoming.result)
    spelled = _content(incoming.result, skipped=incoming.skipped)
    if len(spelled) > LARGEST_BYTES:
        raise InvalidRecord(f"an answer of {len(spelled)} bytes", f"at most {LARGEST_BYTES} are taken")
    return sha256(spelled)


def content_digest(result: object, *, skipped: bool) -> str:
    """Return the digest of what an answer says, as `checked` does: for comparing a site's copy with what was sent."""
    return sha256(_content(result, skipped=skipped))


def _content(result: object, *, skipped: bool) -> bytes:
    return _spelled({"skipped": skipped, "result": [] if skipped else result})

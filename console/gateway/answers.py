"""What a person's page sends, read with care."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from yuelu.annotate.incoming import check_result, parse_json
from yuelu.base.errors import InvalidRecord

_LONGEST_S = 30 * 86_400.0
_MOST_FIELDS = 8
_HINT = "open the task again"


@dataclass(frozen=True, slots=True)
class Sent:
    """An answer or a draft: the editor's result, the seconds it took, the version of the answer that the page had
    shown, and the digest of what it asked (None: it does not say).
    """

    result: list[Any]
    lead_time_s: float
    based_on: int
    asked: str | None = None


def read_answer(body: bytes) -> Sent:
    """Return what our page sent. Raises InvalidRecord: it cannot have been our page, or the ledger could not keep it."""
    told = parse_json(body)
    if not isinstance(told, dict) or set(told) - {"asked"} != {"result", "lead_time", "based_on"}:
        raise InvalidRecord("what was sent has other fields than result, lead_time, based_on and asked", _HINT)
    check_result(told["result"])
    asked = told.get("asked")
    if asked is not None and not isinstance(asked, str):
        raise InvalidRecord("asked is no text", _HINT)
    return Sent(told["result"], _number(told["lead_time"], _LONGEST_S), int(_number(told["based_on"], 1e6)), asked)


def read_form(body: bytes) -> dict[str, str]:
    """Return the fields of a form, each once. Raises InvalidRecord."""
    try:
        fields = parse_qs(body.decode("utf-8"), keep_blank_values=True, strict_parsing=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise InvalidRecord("what was sent is no form", "open the page again") from None
    return {name: values[-1] for name, values in fields.items()}


def _number(value: object, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise InvalidRecord(f"{str(value)[:40]!r} is no number from 0 to {most:g}", _HINT)
    return float(value)

"""One spelling for one value: canonical JSON (RFC 8785) and the digests made from it."""

import hashlib
import hmac
import json
from typing import Any

import rfc8785

from yuelu.base.errors import InvalidRecord

_EXACT = 2**53 - 1  # the whole numbers that RFC 8785 takes
# Between these Python spells a number that is not whole as RFC 8785 does: without an exponent.
_SMALL, _LARGE = 1e-4, 1e16
_AS_THEY_ARE = frozenset({str, bool, type(None)})


class _Rare(Exception):
    """A value that the quick way does not spell, or that no way does."""


def canonical(value: Any) -> bytes:
    """Return `value` (JSON types only) as RFC 8785 bytes. Raises InvalidRecord: NaN, bytes, integers over 2^53."""
    try:
        try:
            return json.dumps(_common(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        except (_Rare, RecursionError):
            return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise InvalidRecord(f"not canonical JSON: {error}", "use finite numbers, text, lists and objects only") from None


def _common(value: Any) -> Any:
    """Return the same value so that Python's own encoder, which is many times faster, spells it as RFC 8785. Raises _Rare."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is int:
        if -_EXACT <= value <= _EXACT:
            return value
    elif kind is float:
        if value.is_integer():
            if -_EXACT <= value <= _EXACT:
                return int(value)
        elif _SMALL <= abs(value) < _LARGE:
            return value
    elif kind is dict:
        if all(map(_is_text, value)) and "".join(value).isascii():  # other keys sort by UTF-16
            return {key: each if type(each) in _AS_THEY_ARE else _common(each) for key, each in value.items()}
    elif kind is list or kind is tuple:
        return [each if type(each) in _AS_THEY_ARE else _common(each) for each in value]
    raise _Rare


def _is_text(key: object) -> bool:
    return type(key) is str


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def digest(value: Any) -> str:
    """Return the SHA-256 (hex) of the canonical JSON of `value`."""
    return sha256(canonical(value))


def keyed(secret: bytes, purpose: str, value: str) -> str:
    """Return HMAC-SHA256 (hex) of `value` for one purpose; the same value has unrelated hashes for two purposes."""
    return hmac.new(secret, f"{purpose}\0{value}".encode(), hashlib.sha256).hexdigest()

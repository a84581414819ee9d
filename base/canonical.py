"""One spelling for one value: canonical JSON (RFC 8785) and the digests made from it."""

import hashlib
import hmac
import json
from typing import Any

import rfc8785

from yuelu.base.errors import InvalidRecord

_SAFE = 2**53  # beyond it a double does not tell whole numbers apart


def canonical(value: Any) -> bytes:
    """Return `value` (JSON types only) as RFC 8785 bytes. Raises InvalidRecord: NaN, bytes, integers over 2^53."""
    try:
        return _flat(value) or rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise InvalidRecord(f"not canonical JSON: {error}", "use finite numbers, text, lists and objects only") from None


def _flat(value: Any) -> bytes | None:
    """Return the bytes of one object of text, whole numbers and the like, as most of ours are; None for anything else.

    There the fast writer of the standard library spells as RFC 8785 does, by its ASCII names; numbers with a point it does not.
    """
    if type(value) is not dict or not value:
        return None
    for name, each in value.items():
        if type(name) is not str or not name.isascii():
            return None
        if each is not None and type(each) not in (str, bool) and (type(each) is not int or abs(each) >= _SAFE):
            return None
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def digest(value: Any) -> str:
    """Return the SHA-256 (hex) of the canonical JSON of `value`."""
    return sha256(canonical(value))


def keyed(secret: bytes, purpose: str, value: str) -> str:
    """Return HMAC-SHA256 (hex) of `value` for one purpose; the same value has unrelated hashes for two purposes."""
    return hmac.new(secret, f"{purpose}\0{value}".encode(), hashlib.sha256).hexdigest()

"""One spelling for one value: canonical JSON (RFC 8785) and the digests made from it."""

import hashlib
import hmac
from typing import Any

import rfc8785

from yuelu.base.errors import InvalidRecord


def canonical(value: Any) -> bytes:
    """Return `value` (JSON types only) as RFC 8785 bytes. Raises InvalidRecord: NaN, bytes, integers over 2^53."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise InvalidRecord(f"not canonical JSON: {error}", "use finite numbers, text, lists and objects only") from None


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def digest(value: Any) -> str:
    """Return the SHA-256 (hex) of the canonical JSON of `value`."""
    return sha256(canonical(value))


def keyed(secret: bytes, purpose: str, value: str) -> str:
    """Return HMAC-SHA256 (hex) of `value` for one purpose; the same value has unrelated hashes for two purposes."""
    return hmac.new(secret, f"{purpose}\0{value}".encode(), hashlib.sha256).hexdigest()

"""One spelling for one value: canonical JSON (RFC 8785) and the digests made from it."""

import hashlib
import hmac
from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring
from types import MappingProxyType
from typing import Any, TypeAlias

import rfc8785

from yuelu.base.errors import InvalidRecord

_EXACT = 2**53 - 1  # the whole numbers that RFC 8785 takes
# Between these Python spells a number that is not whole as RFC 8785 does: without an exponent.
_SMALL, _LARGE = 1e-4, 1e16
_LAYOUTS = 1024  # sets of keys whose order is remembered; records of one kind have the same keys again and again

_Layout: TypeAlias = tuple[tuple[str, str], ...]  # keys in their order, each with its spelling and a colon


class _Rare(Exception):
    """A value that the quick way does not spell, or that no way does."""


def canonical(value: Any) -> bytes:
    """Return `value` (JSON types only) as RFC 8785 bytes. Raises InvalidRecord: NaN, bytes, integers over 2^53."""
    try:
        try:
            return _spelled(value).encode()
        except (_Rare, RecursionError):
            return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise InvalidRecord(f"not canonical JSON: {error}", "use finite numbers, text, lists and objects only") from None


def _spelled(value: Any) -> str:
    """Return the same text as RFC 8785, several times faster than by walking twice. Raises _Rare."""
    kind = type(value)
    if kind is str:
        return str(encode_basestring(value))
    if kind is list or kind is tuple:
        return "[" + ",".join(map(_spelled, value)) + "]" if value else "[]"
    if kind is dict:
        pairs = [
            # without a call for what most members of most records are
            name + ("null" if (each := value[key]) is None else "[]" if each == [] else _spelled(each))
            for key, name in _layout(tuple(value))
        ]
        return "{" + ",".join(pairs) + "}"
    if value is None or kind is bool:
        return _WORDS[value]
    return _number(value, kind)


_WORDS: Mapping[bool | None, str] = MappingProxyType({None: "null", True: "true", False: "false"})


def _number(value: Any, kind: type) -> str:
    if kind is int:
        if -_EXACT <= value <= _EXACT:
            return repr(value)
    elif kind is float:
        if value.is_integer():
            if -_EXACT <= value <= _EXACT:
                return repr(int(value))
        elif _SMALL <= abs(value) < _LARGE:
            return repr(value)
    raise _Rare


@lru_cache(maxsize=_LAYOUTS)
def _layout(keys: tuple[Any, ...]) -> _Layout:
    if any(type(key) is not str for key in keys) or not "".join(keys).isascii():  # other keys sort by UTF-16
        raise _Rare
    return tuple((key, encode_basestring(key) + ":") for key in sorted(keys))


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def digest(value: Any) -> str:
    """Return the SHA-256 (hex) of the canonical JSON of `value`."""
    return sha256(canonical(value))


def keyed(secret: bytes, purpose: str, value: str) -> str:
    """Return HMAC-SHA256 (hex) of `value` for one purpose; the same value has unrelated hashes for two purposes."""
    return hmac.new(secret, f"{purpose}\0{value}".encode(), hashlib.sha256).hexdigest()

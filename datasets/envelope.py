"""Signed envelopes: DSSE v1 around an in-toto Statement v1.

Source: https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md and
https://github.com/in-toto/attestation/tree/main/spec/v1.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from yuelu.base.canonical import canonical
from yuelu.base.errors import IntegrityFailure
from yuelu.base.signing import PublicKey, SigningKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:yuelu:release:v1"


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that are signed: DSSE's pre-authentication encoding of type and payload."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def statement(subject: str, subject_sha256: str, predicate: Mapping[str, Any], kind: str = PREDICATE_TYPE) -> dict[str, Any]:
    """Return an in-toto Statement that says `predicate` about `subject`."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": subject, "digest": {"sha256": subject_sha256}}],
        "predicateType": kind,
        "predicate": dict(predicate),
    }


def seal(said: Mapping[str, Any], *keys: SigningKey) -> dict[str, Any]:
    """Return the statement in an envelope signed with each of `keys`."""
    payload = canonical(said)
    message = pae(PAYLOAD_TYPE, payload)
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key.public.key_id, "sig": base64.b64encode(key.sign(message)).decode()} for key in keys],
    }


def unseal(envelope: Any, *keys: PublicKey) -> Any:
    """Return the statement in `envelope`. Raises IntegrityFailure: not an envelope, or not signed by exactly these, in order."""
    try:
        only(envelope, "payloadType", "payload", "signatures")
        for each in envelope["signatures"]:
            only(each, "keyid", "sig")
        kind, payload = envelope["payloadType"], _bytes(envelope["payload"])
        signatures = [(each["keyid"], _bytes(each["sig"])) for each in envelope["signatures"]]
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise IntegrityFailure(f"the signed envelope is damaged: {error!r}", "get the manifest again") from None
    if kind != PAYLOAD_TYPE:
        raise IntegrityFailure(f"the envelope holds {kind!r}", f"a release is signed as {PAYLOAD_TYPE}")
    message = pae(kind, payload)
    # One bad signature is enough: nobody else's can be checked here, and what is unchecked must not travel along.
    if len(signatures) != len(keys) or not all(map(_signed, keys, signatures, [message] * len(keys))):
        named = ", ".join(str(key_id) for key_id, _ in signatures) or "nobody"
        raise IntegrityFailure(
            f"no valid signature of key {', '.join(key.key_id for key in keys)}; signed by {named}",
            "the manifest was altered, or this is another publisher's key; give the list of keys if theirs was rotated",
        )
    try:
        return json.loads(payload)
    except ValueError as error:
        raise IntegrityFailure(f"the signed statement is not JSON: {error}", "ask the publisher") from None


def _signed(key: PublicKey, signature: tuple[object, bytes], message: bytes) -> bool:
    key_id, signed = signature
    return key_id == key.key_id and key.verifies(signed, message)


def only(value: Any, *names: str) -> None:
    """Return when `value` has exactly those fields. Raises ValueError: anything else would stand there unsigned."""
    if not isinstance(value, dict) or value.keys() != set(names):
        found = sorted(value) if isinstance(value, dict) else type(value).__name__
        raise ValueError(f"expected exactly the fields {', '.join(names)}, found {found}")


def _bytes(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:  # unused bits of the last digit: two spellings of one signature
        raise ValueError("base64 with stray bits")
    return data

"""A signed document: JSON that people can read, and an envelope whose signature covers every byte of it."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from yuelu.base.canonical import canonical, digest
from yuelu.base.errors import IntegrityFailure, InvalidRecord
from yuelu.base.signing import PublicKey, SigningKey, Trust
from yuelu.datasets import envelope


def sign(kind: str, subject: str, said: Mapping[str, Any], *keys: SigningKey) -> bytes:
    """Return the signed file of `said`, a document of that kind about `subject`. It names the keys that sign it."""
    document = {**said, "signed_by": [key.public.raw.hex() for key in keys]}
    hashed = digest(document)
    told = envelope.statement(subject, hashed, {"document": {"sha256": hashed}}, _type(kind))
    return canonical({"document": document, "envelope": envelope.seal(told, *keys)})


def read(kind: str, data: bytes) -> tuple[Mapping[str, Any], tuple[PublicKey, ...]]:
    """Return the document and the keys that it names, which did sign it. Raises IntegrityFailure: altered, or none."""
    try:
        whole = json.loads(data)
        if canonical(whole) != data:
            raise IntegrityFailure(f"a signed {kind} is not in canonical form", "it was altered; get it again")
        envelope.only(whole, "document", "envelope")
        document = whole["document"]
        signers = tuple(PublicKey(bytes.fromhex(each)) for each in document["signed_by"])
        if not signers:
            raise ValueError("signed by nobody")
        told = envelope.unseal(whole["envelope"], *signers)
        found = (told["predicateType"], told["subject"][0]["digest"]["sha256"], told["predicate"]["document"]["sha256"])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, InvalidRecord, RecursionError) as error:
        raise IntegrityFailure(f"a signed {kind} is damaged: {error!r}", "get it again") from None
    if found != (_type(kind), digest(document), digest(document)):
        raise IntegrityFailure(f"the signature is for another document than this {kind}", "get it again")
    return document, signers


def kind_of(data: bytes) -> str:
    """Return the kind of document that a file says it is, unchecked. Raises IntegrityFailure: none."""
    try:
        told = json.loads(base64.b64decode(json.loads(data)["envelope"]["payload"]))
        return str(told["predicateType"]).split(":")[2]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityFailure(f"not a signed document: {error!r}", "get it again") from None


def read_trusted(kind: str, data: bytes, trust: Trust | None) -> Mapping[str, Any]:
    """Return the document when one key that is trusted signed it. Raises IntegrityFailure."""
    document, signers = read(kind, data)
    if trust is not None:
        size = int(document.get("log", {}).get("tree_size", 0))
        if len(signers) != 1 or trust.key_for(signers[0], size, digest(document)) != signers[0]:
            named = ", ".join(key.key_id for key in signers)
            raise IntegrityFailure(f"the {kind} is signed by {named}, which is not trusted here", "give the list of keys")
    return document


def _type(kind: str) -> str:
    return f"urn:yuelu:{kind}:v1"

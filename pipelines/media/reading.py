"""What a reader is told and what it gives back, and how the latter crosses from the decoding process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yuelu.base.errors import InvalidRecord, YueluError
from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.limits import Limits


class Refused(YueluError):
    """The bytes cannot or must not become an asset; the problem is the reason of its quarantine."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a reader may know beside the bytes. `key` keys every identifier that replaces one in the bytes."""

    limits: Limits
    key: bytes
    sha256: str
    media_type: str
    demuxer: str = ""


@dataclass(frozen=True, slots=True)
class Derived:
    """Bytes made from the object, to be stored as an asset of their own."""

    role: Role
    medium: Medium
    media_type: str
    data: bytes
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader made of one object.

    `facts` are those of the labelled asset: the de-identified one where there is one, else the source. `subject` is the
    raw identity that groups objects (a patient's); it is hashed by the caller and never written. None: the object alone.
    """

    medium: Medium
    media_type: str
    facts: Mapping[str, Any]
    derived: tuple[Derived, ...]
    subject: str | None = None


def to_wire(reading: Reading) -> tuple[dict[str, Any], list[bytes]]:
    """Return the reading as JSON values, and the bytes it refers to by position."""
    derived = [
        {"role": part.role.value, "medium": part.medium.value, "media_type": part.media_type, "facts": dict(part.facts)}
        for part in reading.derived
    ]
    told = {"medium": reading.medium.value, "media_type": reading.media_type, "facts": dict(reading.facts)}
    return {**told, "subject": reading.subject, "derived": derived}, [part.data for part in reading.derived]


def from_wire(told: Mapping[str, Any], blobs: list[bytes]) -> Reading:
    """Return the reading that crossed the pipe. Raises InvalidRecord: a process that was taken over may say anything."""
    try:
        derived = tuple(
            Derived(Role(part["role"]), Medium(part["medium"]), str(part["media_type"]), data, dict(part["facts"]))
            for part, data in zip(told["derived"], blobs, strict=True)
        )
        subject = None if told["subject"] is None else str(told["subject"])
        return Reading(Medium(told["medium"]), str(told["media_type"]), dict(told["facts"]), derived, subject)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidRecord(f"the decoder's answer is malformed: {error}", "look at the reader that gave it") from None

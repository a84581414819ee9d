"""What a reader is told and what it gives back, and how the latter crosses from the decoding process."""

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from yuelu.base.errors import InvalidRecord, YueluError
from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.limits import Limits

_REPLACEMENT = "\ufffd"
_BREAKS = re.compile(r"[\t\n\r]+")
_SURROGATES = re.compile("[\ud800-\udfff]")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Refused(YueluError):
    """The bytes cannot or must not become an asset; the problem is the reason of its quarantine."""


def _unheard() -> None:
    """Nobody waits."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a reader may know beside the bytes. `key` keys every identifier that replaces one in the bytes.

    Readers of what may be long call `get_on` whenever they got on: it gives them time until they should have again.
    """

    limits: Limits
    key: bytes
    sha256: str
    media_type: str
    demuxer: str = ""
    deid: str = ""  # options of the de-identification profile, by name or code; empty: the default
    get_on: Callable[[], None] = _unheard


@dataclass(frozen=True, slots=True)
class Derived:
    """Bytes made from the object, to be stored as an asset of their own.

    What is large stands in an open file instead, the whole of which is meant, and `data` is empty. The file system is
    closed to readers: they make such a file by `memory.memory_file`.
    """

    role: Role
    medium: Medium
    media_type: str
    data: bytes
    facts: Mapping[str, Any] = field(default_factory=dict)
    file: BinaryIO | None = None

    def content(self) -> bytes:
        """Return all of its bytes, wherever they stand."""
        if self.file is None:
            return self.data
        self.file.seek(0)
        return self.file.read()


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


@contextmanager
def panic_refused() -> Iterator[None]:
    """Make a panic of a decoder that is written in Rust what it is: a frame that cannot be decoded."""
    try:
        yield
    except Exception:
        raise
    except BaseException as panic:
        if type(panic).__module__ != "pyo3_runtime":
            raise
        raise Refused(f"cannot be decoded: {panic}", "export the object again from its origin") from None


def bytes_of(file: BinaryIO, most: int) -> bytes:
    """Return what is left of the file, and no more than one byte over `most`: who gets that many refuses it.

    The memory asked for is what the file needs. For `most` of it the kernel would hand out fresh pages each time.
    """
    here, end = file.tell(), file.seek(0, os.SEEK_END)
    file.seek(here)
    return file.read(max(0, min(end - here, most)) + 1)


def to_wire(reading: Reading) -> tuple[dict[str, Any], list[bytes | BinaryIO]]:
    """Return the reading as JSON values, and the parts it refers to by position."""
    derived = [
        {"role": part.role.value, "medium": part.medium.value, "media_type": part.media_type, "facts": dict(part.facts)}
        for part in reading.derived
    ]
    told = {"medium": reading.medium.value, "media_type": reading.media_type, "facts": dict(reading.facts)}
    return {**told, "subject": reading.subject, "derived": derived}, [
        part.data if part.file is None else part.file for part in reading.derived
    ]


def from_wire(told: Mapping[str, Any], parts: Sequence[BinaryIO]) -> Reading:
    """Return the reading that crossed the pipe, its texts cleaned.

    Raises InvalidRecord: a process that was taken over may say anything, and so may the object that it read.
    """
    try:
        derived = tuple(
            Derived(
                Role(part["role"]),
                Medium(part["medium"]),
                clean_text(str(part["media_type"])),
                b"",
                _cleaned(part["facts"]),
                file,
            )
            for part, file in zip(told["derived"], parts, strict=True)
        )
        subject = None if told["subject"] is None else _SURROGATES.sub(_REPLACEMENT, str(told["subject"]))
        media_type, facts = clean_text(str(told["media_type"])), _cleaned(told["facts"])
        return Reading(Medium(told["medium"]), media_type, dict(facts), derived, subject)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InvalidRecord(
            clean_text(f"the decoder's answer is malformed: {error}"), "look at the reader that gave it"
        ) from None


def clean_text(text: str) -> str:
    """Return the text as every ledger can hold it: blanks for line breaks, U+FFFD for other controls and lone surrogates."""
    if text.isprintable():  # there is nothing to replace in most texts
        return text
    return _CONTROLS.sub(_REPLACEMENT, _BREAKS.sub(" ", text))


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(name): _cleaned(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a fact is {value}, not a finite number")
    return value

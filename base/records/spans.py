"""Stretches of text. `text` is the piece itself, None where the editor was told not to keep it."""

from dataclasses import dataclass

from yuelu.base.errors import InvalidRecord
from yuelu.base.records.entry import Entry


@dataclass(frozen=True, slots=True)
class TextSpan(Entry):
    """Characters [start, end) of a plain text, in UTF-16 code units as a browser counts them."""

    id: str
    control: str
    label: str
    start: int
    end: int
    text: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise InvalidRecord(f"span {self.id} from {self.start} to {self.end}", "need 0 <= start <= end")


@dataclass(frozen=True, slots=True)
class HyperTextSpan(Entry):
    """A stretch of HTML between two places, each an XPath and an offset; `global_` offsets count over the whole text."""

    id: str
    control: str
    label: str
    start_path: str
    start_offset: int
    end_path: str
    end_offset: int
    global_start: int | None = None
    global_end: int | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ParagraphSpan(Entry):
    """A stretch of a dialogue: from an offset in one paragraph (counted from 0) to an offset in the same or a later one."""

    id: str
    control: str
    label: str
    first_paragraph: int
    start_offset: int
    last_paragraph: int
    end_offset: int
    text: str | None = None

    def __post_init__(self) -> None:
        if not (0, 0) <= (self.first_paragraph, self.start_offset) <= (self.last_paragraph, self.end_offset):
            raise InvalidRecord(f"span {self.id} ends before it starts", "need paragraphs and offsets in order, from 0")

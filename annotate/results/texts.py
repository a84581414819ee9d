"""Stretches of text, from what the editor sends, and back."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from yuelu.annotate.results.frame import Fields, Part
from yuelu.base.errors import InvalidRecord
from yuelu.base.records import HyperTextSpan, ParagraphSpan, TextSpan

Span = TextSpan | HyperTextSpan | ParagraphSpan


def text_span(part: Part) -> TextSpan:
    """Return a stretch of plain text."""
    start, end = part.value.whole("start"), part.value.whole("end")
    characters = part.items[0].characters if part.items else None
    if characters is not None and end > characters:
        raise InvalidRecord(f"{part.id}: ends at character {end} of {characters}")
    return TextSpan(part.id, part.control.name, part.label(), start, end, _text(part))


def hypertext_span(part: Part) -> HyperTextSpan:
    """Return a stretch of HTML; where the editor found no place for it there are no offsets over the whole text."""
    start, end = part.value.text("start"), part.value.text("end")
    offsets = part.value.whole("startOffset"), part.value.whole("endOffset")
    over = part.value.take("globalOffsets")
    if over is not None and not isinstance(over, dict):
        raise InvalidRecord(f"{part.id}: globalOffsets is {type(over).__name__}, need an object")
    whole = Fields(over) if over else None
    return HyperTextSpan(
        part.id,
        part.control.name,
        part.label(),
        start,
        offsets[0],
        end,
        offsets[1],
        global_start=whole.whole("start") if whole else None,
        global_end=whole.whole("end") if whole else None,
        text=_text(part),
    )


def paragraph_span(part: Part) -> ParagraphSpan:
    """Return a stretch of a dialogue."""
    first, last = (_paragraph(part, name) for name in ("start", "end"))
    start, end = part.value.whole("startOffset"), part.value.whole("endOffset")
    return ParagraphSpan(part.id, part.control.name, part.label(), first, start, last, end, _text(part))


def _paragraph(part: Part, name: str) -> int:
    found = part.value.take(name)
    if not isinstance(found, str) or not found.isdecimal():
        raise InvalidRecord(f"{part.id}: {name} is {found!r}, need the number of a paragraph as text")
    return int(found)


def _text(part: Part) -> str | None:
    return None if part.value.take("text") is None else part.value.text("text")


_HTML = {("labels", "HyperText"): hypertext_span, ("hypertextlabels", "HyperText"): hypertext_span}
_PLAIN = {("labels", "Text"): text_span, ("hypertextlabels", "Text"): text_span}
_DIALOGUE = {("labels", "Paragraphs"): paragraph_span, ("paragraphlabels", "Paragraphs"): paragraph_span}
SPAN_READERS: Mapping[tuple[str, str], Callable[[Part], Span]] = MappingProxyType({**_PLAIN, **_HTML, **_DIALOGUE})


def span_part(span: Span) -> dict[str, Any]:
    """Return the value of a span's part of a result."""
    more: dict[str, Any] = {} if span.text is None else {"text": span.text}
    match span:
        case TextSpan():
            return {"value": {"start": span.start, "end": span.end, **more}}
        case HyperTextSpan():
            if span.global_start is not None:
                more["globalOffsets"] = {"start": span.global_start, "end": span.global_end}
            places = {"start": span.start_path, "end": span.end_path}
            return {"value": {**places, "startOffset": span.start_offset, "endOffset": span.end_offset, **more}}
        case ParagraphSpan():
            numbers = {"start": str(span.first_paragraph), "end": str(span.last_paragraph)}
            return {"value": {**numbers, "startOffset": span.start_offset, "endOffset": span.end_offset, **more}}

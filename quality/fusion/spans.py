"""Spans of text that most annotators marked, at the median of their ends."""

from collections.abc import Callable
from dataclasses import replace
from statistics import median_low

from yuelu.base.records import HyperTextSpan, ParagraphSpan, TextSpan
from yuelu.quality.fusion.fused import Entry, Fused, Said, commonest, majority, middle

LEAST = 0.5  # of the union of two spans that must be shared for them to mean the same


def fused_text_spans(said: Said[TextSpan], control: str = "") -> tuple[Fused, ...]:
    """Return the spans that more than half of the annotators marked: the medians of their ends, in order of place.

    Of an even number the lower median, so that an end is one that somebody chose. Spans mean the same when they share half of
    their union. The probability is the share that marked it with its label.
    """
    return _fused(said, _overlap, _median)


def fused_hypertext_spans(said: Said[HyperTextSpan], control: str = "") -> tuple[Fused, ...]:
    """Return the spans of HTML that more than half marked, each the one most like the others: paths have no median."""
    return _fused(said, _hypertext_overlap, lambda cluster: middle(cluster, _hypertext_overlap))


def fused_paragraph_spans(said: Said[ParagraphSpan], control: str = "") -> tuple[Fused, ...]:
    """Return the spans of a dialogue that more than half marked, each the one most like the others."""
    return _fused(said, _paragraph_overlap, lambda cluster: middle(cluster, _paragraph_overlap))


def _fused(
    said: Said[Entry], alike: Callable[[Entry, Entry], float], one_of: Callable[[tuple[Entry, ...]], Entry]
) -> tuple[Fused, ...]:
    found = []
    for cluster in majority(said, alike, LEAST):
        label, votes = commonest([each.label for each in cluster])
        region = replace(one_of(cluster), label=label)
        found.append(Fused(region, len(cluster), len(said), votes / len(said)))
    return tuple(found)


def _median(cluster: tuple[TextSpan, ...]) -> TextSpan:
    start, end = median_low(each.start for each in cluster), median_low(each.end for each in cluster)
    text = next((each.text for each in cluster if (each.start, each.end) == (start, end)), None)
    return replace(cluster[0], start=start, end=end, text=text)


def _overlap(one: TextSpan, other: TextSpan) -> float:
    return _shared(one.start, one.end, other.start, other.end)


def _hypertext_overlap(one: HyperTextSpan, other: HyperTextSpan) -> float:
    ends = (one.global_start, one.global_end, other.global_start, other.global_end)
    if all(each is not None for each in ends):
        return _shared(*(each or 0 for each in ends))
    places = [(e.start_path, e.start_offset, e.end_path, e.end_offset) for e in (one, other)]
    return float(places[0] == places[1])


def _paragraph_overlap(one: ParagraphSpan, other: ParagraphSpan) -> float:
    paragraphs = {(each.first_paragraph, each.last_paragraph) for each in (one, other)}
    if paragraphs == {(one.first_paragraph, one.first_paragraph)}:
        return _shared(one.start_offset, one.end_offset, other.start_offset, other.end_offset)
    places = [(e.first_paragraph, e.start_offset, e.last_paragraph, e.end_offset) for e in (one, other)]
    return float(places[0] == places[1])  # how long a paragraph is, nobody told


def _shared(start: int, end: int, begin: int, stop: int) -> float:
    both, union = min(end, stop) - max(start, begin), max(end, stop) - min(start, begin)
    return max(both, 0) / union if union else 1.0

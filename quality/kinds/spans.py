"""Stretches of text: exact ones, overlapping ones matched, and their characters."""

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from yuelu.base.records import HyperTextSpan, ParagraphSpan, TextSpan
from yuelu.quality import spans
from yuelu.quality.coded import Codes
from yuelu.quality.covered import covered, shared, size
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.compared import Compared, Measure, share
from yuelu.quality.kinds.pairwise import Found, Said, compare_pairs
from yuelu.quality.kinds.regions import Placed, compare_regions, region_measures
from yuelu.quality.overlap import segment_iou

Span: TypeAlias = TextSpan | HyperTextSpan | ParagraphSpan
_EMPTY = "empty spans"
_NO_OFFSETS = "spans of HTML without offsets over the whole text"
_SEVERAL = "spans over several paragraphs, whose lengths are not known"


def compare_spans(answers: Sequence[Answer], _: Asked) -> Compared:
    """Return the tallies of spans as regions, and how many are exactly the same, with their label, by characters too."""
    regions = compare_regions(answers, place_spans)
    names = dict.fromkeys(("exact", "marked", "overlapping", "characters_both", "characters"), ())
    exact = compare_pairs(answers, names, _exact)
    # Both name labels by their place; a label that stands where nobody else looked is in one list only.
    place = {name: code for code, name in enumerate(regions.labels.names)}
    label = np.asarray([place[exact.labels.names[code]] for code in exact.labels.label.tolist()], np.int64)
    return Compared(
        regions.pairs,
        MappingProxyType({**regions.counts, **exact.counts}),
        replace(exact.labels, names=regions.labels.names, label=label),
        regions.named,
        left_out=regions.left_out,
    )


def place_spans(regions: Sequence[Span]) -> Placed:
    """Return spans in characters; those of a dialogue match within a paragraph."""
    known = [_place(each) for each in regions]
    reasons = [each if isinstance(each, str) else None for each in known]
    places = [(0, 0, 1) if isinstance(each, str) else each for each in known]
    numbers = np.asarray(places, np.int64).reshape(-1, 3)
    return Placed(numbers[:, 1:].astype(np.float64), segment_iou, numbers[:, 0], reasons, {}, {})


def _place(region: Span) -> tuple[int, int, int] | str:
    """Return paragraph, first character and one past the last, or why that is not known."""
    match region:
        case TextSpan(start=start, end=end):
            found = 0, start, end
        case HyperTextSpan(global_start=first, global_end=last):
            if first is None or last is None:
                return _NO_OFFSETS
            found = 0, first, last
        case ParagraphSpan(first_paragraph=first, last_paragraph=last, start_offset=start, end_offset=end):
            if first != last:
                return _SEVERAL
            found = first, start, end
    return found if found[1] < found[2] else _EMPTY


def _exact(one: Said, other: Said) -> Found:
    a, b = (_spans(side) for side in (one, other))
    labels: dict[str, tuple[float, float]] = {}
    characters = both = 0
    for label, tally in spans.by_label(a, b).items():
        name = label.partition(" ")[2]
        marked = 2 * tally.both + tally.one_only + tally.other_only
        labels[name] = _add(labels.get(name, (0.0, 0.0)), (tally.both, marked))
        here, there = (covered(*_ends(side, label)) for side in (a, b))
        both, characters = both + shared(here, there), characters + size(here) + size(there)
    exact = spans.exact(a, b)
    overlapping = spans.overlapping(a, b)
    counts = {"exact": exact.both, "marked": len(a) + len(b), "overlapping": overlapping.both}
    return Found({**counts, "characters_both": both, "characters": characters}, labels)


def _add(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return one[0] + other[0], one[1] + other[1]


def _spans(said: Said) -> list[spans.Span]:
    """Return spans whose label begins with its paragraph: those of different paragraphs share nothing."""
    places = [(each, _place(each)) for each in said if isinstance(each, TextSpan | HyperTextSpan | ParagraphSpan)]
    return [(f"{place[0]} {each.label}", place[1], place[2]) for each, place in places if not isinstance(place, str)]


def _ends(found: Sequence[spans.Span], label: str) -> tuple[Codes, Codes]:
    own = np.asarray([each[1:] for each in found if each[0] == label], np.int64).reshape(-1, 2)
    return own[:, 0], own[:, 1]


_NOTHING = "nobody marked any spans"
SPANS = (
    Measure("f1_exact", share({"exact": 2}, "marked"), _NOTHING),
    Measure("f1_overlap", share({"overlapping": 2}, "marked"), _NOTHING),
    Measure("f1_characters", share({"characters_both": 2}, "characters"), _NOTHING),
    *region_measures("spans"),
)

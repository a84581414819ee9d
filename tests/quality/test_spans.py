from pathlib import Path
from statistics import mean

import pytest

from yuelu.base.errors import InvalidRecord
from yuelu.quality.spans import Span, Spans, by_label, exact, of_pairs, overlapping


def read(folder: Path) -> dict[str, dict[str, list[Span]]]:
    """Return the spans of brat's stand-off files by document and annotator."""
    found: dict[str, dict[str, list[Span]]] = {}
    for path in sorted(folder.glob("*/*.ann")):
        spans = []
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("T"):
                label, first, end = line.split("\t")[1].split()
                spans.append((label, int(first), int(end)))
        found.setdefault(path.stem, {})[path.parent.name] = spans
    return found


def test_bratiaa_sample(fixtures: Path) -> None:
    # README of the fixtures: what bratiaa reports for its example project.
    documents = read(fixtures / "bratiaa_text_spans" / "example-project")
    pairs: dict[tuple[str, str], Spans] = {}
    labels: dict[str, dict[tuple[str, str], Spans]] = {}
    for spans in documents.values():
        for pair, found in of_pairs(spans).items():
            pairs[pair] = pairs.get(pair, Spans()) + found
            for label, each in by_label(spans[pair[0]], spans[pair[1]]).items():
                of_label = labels.setdefault(label, {})
                of_label[pair] = of_label.get(pair, Spans()) + each
    assert len(documents) == 7
    assert len(pairs) == 6
    assert mean(found.f1 or 0 for found in pairs.values()) == pytest.approx(0.8904, abs=5e-5)
    expected = {"LOC": 0.8191, "MISC": 0.84, "ORG": 0.906, "PER": 0.9378}
    for label, published in expected.items():
        assert mean(found.f1 or 0 for found in labels[label].values()) == pytest.approx(published, abs=5e-5)


def test_by_hand() -> None:
    one: list[Span] = [("PER", 0, 5), ("LOC", 10, 15), ("LOC", 20, 30)]
    other: list[Span] = [("PER", 0, 5), ("ORG", 10, 15), ("LOC", 22, 30)]
    assert exact(one, other) == Spans(1, 2, 2)
    assert exact(one, other).f1 == pytest.approx(1 / 3)
    assert overlapping(one, other) == Spans(2, 1, 1)
    assert overlapping(one, other, 0.8) == Spans(1, 2, 2)  # 8 of 10 characters are no more than 0.8


def test_as_many_partners_as_possible() -> None:
    # The long span overlaps both; the short one only the first: greedy by overlap would leave one alone.
    one: list[Span] = [("A", 0, 10), ("A", 10, 20)]
    other: list[Span] = [("A", 4, 16), ("A", 0, 4)]
    assert overlapping(one, other).both == 2


def test_marked_twice_needs_two_partners() -> None:
    assert exact([("A", 0, 1)] * 2, [("A", 0, 1)]) == Spans(1, 1, 0)


def test_nothing_marked_has_no_value() -> None:
    assert exact([], []).f1 is None
    assert exact([("A", 0, 1)], []).f1 == 0
    assert overlapping([], [("A", 0, 1)]) == Spans(0, 0, 1)


def test_an_empty_span_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="from 3 to 3"):
        exact([("A", 3, 3)], [])

"""What was written, and the order things were put in."""

from collections.abc import Sequence
from itertools import combinations

from yuelu.base.records import Ranking, Text
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.compared import Compared, Measure, share
from yuelu.quality.kinds.pairwise import Found, Said, compare_pairs
from yuelu.quality.speech.words import NORMALISER, Edits, characters, edits, words

_UNITS = {"character": characters, "word": words}
_COUNTS = tuple(f"{unit}_{what}" for unit in _UNITS for what in ("substituted", "unpaired", "length"))


def compare_texts(answers: Sequence[Answer], _: Asked) -> Compared:
    """Return the tallies of edits between two texts, after the normaliser `yuelu-text@1`; several lines are one text.

    Neither annotator is the reference, so each is once: an error rate is twice the edits over the lengths of both.
    """
    given = [each for each in answers if each.said]
    return compare_pairs(given, dict.fromkeys((*_COUNTS, "same", "asked"), ()), _texts)


def _texts(one: Said, other: Said) -> Found:
    a, b = (" ".join(line for each in side if isinstance(each, Text) for line in each.texts) for side in (one, other))
    counts: dict[str, float] = {"asked": 1, "same": float(words(a) == words(b))}
    for unit, split in _UNITS.items():
        left, right = split(a), split(b)
        found = edits(left, right) if left != right else Edits(length=len(left))
        counts[f"{unit}_substituted"] = 2 * found.substituted
        counts[f"{unit}_unpaired"] = 2 * (found.deleted + found.inserted)
        counts[f"{unit}_length"] = len(left) + len(right)
    return Found(dict(counts))


def _rate(name: str, unit: str, *what: str) -> Measure:
    return Measure(
        name, share({f"{unit}_{each}": 1 for each in what}, f"{unit}_length"), "nothing was written", (0.0, float("inf"))
    )


TEXTS = (
    _rate("cer", "character", "substituted", "unpaired"),
    _rate("cer_substituted", "character", "substituted"),
    _rate("cer_missing_or_extra", "character", "unpaired"),
    _rate("wer", "word", "substituted", "unpaired"),
    _rate("wer_substituted", "word", "substituted"),
    _rate("wer_missing_or_extra", "word", "unpaired"),
    Measure("percent_agreement", share("same", "asked"), "no task has two texts"),
)
IMPLEMENTATION = NORMALISER


def compare_rankings(answers: Sequence[Answer], _: Asked) -> Compared:
    """Return the tallies of pairs of items that two rankings put in the same order, and of items in the same bucket.

    Pairs are those of items that both put in one bucket; `placed` are the items that either has.
    """
    given = [each for each in answers if each.said]
    return compare_pairs(
        given, dict.fromkeys(("alike", "opposite", "pairs", "together", "placed", "same", "asked"), ()), _rankings
    )


def _rankings(one: Said, other: Said) -> Found:
    a, b = (_places(side) for side in (one, other))
    together = [item for item in a if item in b and a[item][0] == b[item][0]]
    alike = opposite = 0
    for item, rival in combinations(together, 2):
        if a[item][0] == a[rival][0]:
            same = (a[item][1] < a[rival][1]) == (b[item][1] < b[rival][1])
            alike, opposite = alike + same, opposite + (not same)
    placed = len(a.keys() | b.keys())
    counts = {"alike": alike, "opposite": opposite, "pairs": alike + opposite, "together": len(together), "placed": placed}
    return Found({**counts, "same": float(a == b), "asked": 1})


def _places(said: Said) -> dict[str, tuple[str, int]]:
    buckets = (bucket for each in said if isinstance(each, Ranking) for bucket in each.buckets)
    return {item: (name, at) for name, items in buckets for at, item in enumerate(items)}


_NO_PAIRS = "no two items were ranked by both in one bucket"
RANKINGS = (
    Measure("pair_agreement", share("alike", "pairs"), _NO_PAIRS),
    Measure("kendall_tau", share({"alike": 1, "opposite": -1}, "pairs"), _NO_PAIRS, (-1.0, 1.0)),
    Measure("same_bucket", share("together", "placed"), "nothing was ranked"),
    Measure("percent_agreement", share("same", "asked"), "no task has two rankings"),
)

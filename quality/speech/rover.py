"""ROVER: one transcript out of several, by aligning them word by word and letting each place be voted on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from yuelu.quality.speech.words import alignment

_NOTHING = ""


@dataclass(frozen=True, slots=True)
class Voted:
    """The words that won, each with the share of the transcripts that have it in its place."""

    words: tuple[str, ...]
    shares: tuple[float, ...]


def rover(transcripts: Sequence[Sequence[str]]) -> Voted:
    """Return the words most transcripts have at each place; where nothing has more votes than any word, nothing is said.

    The transcript that is closest to the others is the backbone, so that their order does not matter; ties go to its word.
    Source: J. Fiscus (1997), A Post-processing System to Yield Reduced Word Error Rates: ROVER (voting by frequency).
    """
    if not transcripts:
        return Voted((), ())
    ordered = sorted((tuple(each) for each in transcripts), key=lambda one: (_distance(one, transcripts), one))
    slots: list[list[str]] = [[word] for word in ordered[0]]
    for number, other in enumerate(ordered[1:], 1):
        slots = _merged(slots, other, number)
    chosen = []
    for slot in slots:
        votes = Counter(slot)
        word = max(votes, key=lambda each: (votes[each], each == slot[0]))
        if word != _NOTHING:
            chosen.append((word, votes[word] / len(ordered)))
    return Voted(tuple(word for word, _ in chosen), tuple(share for _, share in chosen))


def _distance(one: Sequence[str], others: Sequence[Sequence[str]]) -> int:
    steps = (alignment(one, other) for other in others)
    return sum(
        sum(a is None or b is None or one[a] != other[b] for a, b in found) for found, other in zip(steps, others, strict=True)
    )


def _merged(slots: list[list[str]], other: Sequence[str], already: int) -> list[list[str]]:
    """Return the slots with one more transcript: each place votes for its word there, or for nothing."""
    leading = [Counter(slot).most_common(1)[0][0] for slot in slots]
    merged = []
    for place, word in alignment(leading, other):
        slot = [_NOTHING] * already if place is None else slots[place]
        merged.append([*slot, _NOTHING if word is None else other[word]])
    return merged

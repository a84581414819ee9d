"""What was said: error rates of characters (CER) and words (WER) after a versioned normaliser."""

import re
import unicodedata
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from yuelu.quality.tally import Tally

NORMALISER = "yuelu-text@1"
_SPACE = re.compile(r"\s+")
_CJK = re.compile("([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff\U00020000-\U0003ffff])")
_INSIDE_A_WORD = frozenset("'’-")


def normalised(text: str) -> str:
    """Return the text as `yuelu-text@1` compares it: NFKC, lower case, without punctuation and symbols, single spaces.

    An apostrophe or hyphen between two letters or digits stays: "don't" is one word.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = [letter if _is_kept(folded, at) else " " for at, letter in enumerate(folded)]
    return _SPACE.sub(" ", "".join(kept)).strip()


def _is_kept(text: str, at: int) -> bool:
    if unicodedata.category(text[at])[0] in "LMN":
        return True
    return text[at] in _INSIDE_A_WORD and 0 < at < len(text) - 1 and text[at - 1].isalnum() and text[at + 1].isalnum()


def words(text: str) -> tuple[str, ...]:
    """Return the words of the normalised text; every Chinese or Japanese character is one, as in mixed error rates."""
    return tuple(_CJK.sub(r" \1 ", normalised(text)).split())


def characters(text: str) -> tuple[str, ...]:
    """Return the characters of the normalised text without its spaces."""
    return tuple(normalised(text).replace(" ", ""))


@dataclass(frozen=True, slots=True)
class Edits(Tally):
    """What turns the reference into the other text by the fewest edits; counts of texts add."""

    substituted: int = 0
    deleted: int = 0
    inserted: int = 0
    length: int = 0

    @property
    def rate(self) -> float | None:
        """Edits for each unit of the reference, 0 is best, above 1 when much is inserted; None: an empty reference."""
        return (self.substituted + self.deleted + self.inserted) / self.length if self.length else None


def edits(reference: Sequence[Hashable], other: Sequence[Hashable]) -> Edits:
    """Count the fewest substitutions, deletions and insertions (Levenshtein 1966); ties prefer substitutions."""
    steps = alignment(reference, other)
    return Edits(
        substituted=sum(a is not None and b is not None and reference[a] != other[b] for a, b in steps),
        deleted=sum(b is None for _, b in steps),
        inserted=sum(a is None for a, _ in steps),
        length=len(reference),
    )


def alignment(reference: Sequence[Hashable], other: Sequence[Hashable]) -> list[tuple[int | None, int | None]]:
    """Return positions in both texts side by side, None where one has nothing; time and memory O(n m)."""
    codes = {unit: code for code, unit in enumerate(dict.fromkeys((*reference, *other)))}
    one = np.asarray([codes[unit] for unit in reference], np.int64)
    two = np.asarray([codes[unit] for unit in other], np.int64)
    cost = np.empty((len(one) + 1, len(two) + 1), np.int32)
    cost[0] = ramp = np.arange(len(two) + 1)
    for row, unit in enumerate(one, 1):
        best = np.minimum(cost[row - 1, 1:] + 1, cost[row - 1, :-1] + (two != unit))
        # An insertion adds 1 a step, so the running minimum of (cost - position) is all that they can bring.
        cost[row] = np.minimum.accumulate(np.concatenate([[row], best]) - ramp) + ramp
    return _walk(cost, one, two)


def _walk(cost: np.ndarray[tuple[int, ...], np.dtype[np.int32]], one: object, two: object) -> list[tuple[int | None, int | None]]:
    a, b = np.asarray(one), np.asarray(two)
    row, column, steps = len(a), len(b), list[tuple[int | None, int | None]]()
    while row or column:
        here = cost[row, column]
        if row and column and here == cost[row - 1, column - 1] + (a[row - 1] != b[column - 1]):
            row, column = row - 1, column - 1
            steps.append((row, column))
        elif row and here == cost[row - 1, column] + 1:
            row -= 1
            steps.append((row, None))
        else:
            column -= 1
            steps.append((None, column))
    return steps[::-1]

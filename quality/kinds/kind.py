"""How answers of one kind are measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.compared import Compared, Measure
from yuelu.quality.resample import Sampling
from yuelu.quality.score import Score

MOST_EXPECTED = 2000  # pairs across tasks
Compare: TypeAlias = Callable[[Sequence[Answer], Asked], Compared]
Whole: TypeAlias = Callable[[Sequence[Answer], Asked, Sampling], tuple[Score, ...]]


@dataclass(frozen=True, slots=True)
class Kind:
    """How answers of one kind are measured.

    `compare` gives the tallies of every two answers, `measures` what is made of their sums, the first of them the one that
    matrices, histograms and distances show. `whole` are scores of all answers at once (coefficients corrected for chance);
    a measure of that name gives way to them. `distance`: 1 less the first measure is a distance that alpha, KS and sigma
    (Braylan 2022) are made of. `drawn`: an empty answer says that there is nothing; of others it is no answer at all.
    """

    compare: Compare
    measures: tuple[Measure, ...]
    whole: Whole | None = None
    distance: str | None = None
    drawn: bool = False
    expected: int = MOST_EXPECTED  # pairs across tasks whose distances say what chance brings
    apart: Compare | None = None  # what the distance alone needs, where all of `compare` takes too long

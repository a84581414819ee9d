"""Who spoke when: the diarization error rate and the Jaccard error rate, from additive stretches of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from yuelu.base.errors import InvalidRecord
from yuelu.quality.resample import Floats
from yuelu.quality.tally import Tally

Turn: TypeAlias = tuple[str, float, float]  # speaker, start and end in s


@dataclass(frozen=True, slots=True)
class Diarization(Tally):
    """Speaking time in s, summed over speakers; tallies of recordings add. `reference` is what the reference says in all.

    `missed`: fewer speak than in the reference. `extra`: more do. `confused`: as many, but others. `jaccard` sums over the
    reference's `speakers` how much of the time of either side is not shared with the speaker they are paired with.
    """

    reference: float = 0.0
    missed: float = 0.0
    extra: float = 0.0
    confused: float = 0.0
    speakers: int = 0
    jaccard: float = 0.0

    @property
    def der(self) -> float | None:
        """The diarization error rate, 0 is best; it passes 1 when much is extra. None: the reference has no speech."""
        return (self.missed + self.extra + self.confused) / self.reference if self.reference else None

    @property
    def jer(self) -> float | None:
        """The Jaccard error rate from 0 to 1, each speaker of the reference weighing the same. None: it has no speaker."""
        return self.jaccard / self.speakers if self.speakers else None


def diarization(reference: Sequence[Turn], other: Sequence[Turn], *, collar_s: float = 0.0) -> Diarization:
    """Compare one recording. `collar_s` on either side of each boundary of the reference is left out (NIST used 0.25).

    Speech of several at once counts for each. Raises InvalidRecord: a turn that is empty or has no finite times.
    Source: NIST (2009), The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan, section 5; N. Ryant et al.
    (2019), The Second DIHARD Diarization Challenge (the Jaccard error rate).
    """
    edges = np.unique([time for turns in (reference, other) for _, *ends in turns for time in _checked(*ends)])
    around = np.unique([time for _, *ends in reference for time in ends]) if collar_s else np.zeros(0)
    edges = np.unique(np.concatenate([edges, around - collar_s, around + collar_s]))
    length = np.diff(edges) if len(edges) else np.zeros(0)
    if len(around) and len(length):  # without a turn of the reference there is nothing to leave out
        middle = (edges[:-1] + edges[1:]) / 2
        nearest = np.searchsorted(around, middle)
        left, right = around[np.maximum(nearest - 1, 0)], around[np.minimum(nearest, len(around) - 1)]
        length = np.where(np.minimum(np.abs(middle - left), np.abs(middle - right)) < collar_s, 0, length)
    return _compared(_activity(reference, edges), _activity(other, edges), length)


def _checked(start: float, end: float) -> tuple[float, float]:
    if not (np.isfinite(start) and np.isfinite(end) and start < end):
        raise InvalidRecord(f"a turn from {start} to {end} s", "a turn ends after it starts")
    return start, end


def _activity(turns: Sequence[Turn], edges: Floats) -> NDArray[np.bool_]:
    """Return who speaks in each piece between two edges, shape (speakers, pieces)."""
    speakers = {name: at for at, name in enumerate(sorted({name for name, _, _ in turns}))}
    change = np.zeros((len(speakers), max(len(edges), 1)), np.int64)
    for name, start, end in turns:
        change[speakers[name], np.searchsorted(edges, start)] += 1
        change[speakers[name], np.searchsorted(edges, end)] -= 1
    return np.asarray(np.cumsum(change, axis=1)[:, :-1] > 0)


def _compared(reference: NDArray[np.bool_], other: NDArray[np.bool_], length: Floats) -> Diarization:
    shared = (reference * length) @ other.T.astype(np.float64)
    rows, columns = linear_sum_assignment(shared, maximize=True)
    many, others = reference.sum(axis=0), other.sum(axis=0)
    right = (reference[rows] & other[columns]).sum(axis=0)
    return Diarization(
        reference=float((many * length).sum()),
        missed=float((np.maximum(many - others, 0) * length).sum()),
        extra=float((np.maximum(others - many, 0) * length).sum()),
        confused=float(((np.minimum(many, others) - right) * length).sum()),
        speakers=len(reference),
        jaccard=_jaccard(shared, reference @ length, other @ length),
    )


def _jaccard(shared: Floats, one: Floats, other: Floats) -> float:
    either = one[:, np.newaxis] + other[np.newaxis] - shared
    alike = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)
    return float(len(one) - alike[linear_sum_assignment(alike, maximize=True)].sum())

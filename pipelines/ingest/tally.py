"""Running counts of one ingest: what its report is made of, in little memory however many objects there are."""

from collections import Counter
from heapq import nlargest

from yuelu.base.records import Outcome
from yuelu.pipelines.ingest.records import Found, IngestReport, Known
from yuelu.pipelines.ingest.settle import Settled

_KINDS = 1000  # reasons and modalities that are told apart: a listing can make up as many as it has objects
_OTHERS = "other"
_SLOWEST = 5


class Tally:
    """Counts of what was listed and how it ended: by this run, or already by an earlier one."""

    def __init__(self) -> None:
        self.listed = self.already = self.bytes = self.bytes_read = 0
        self.ahead = 0  # examined, and waiting for one before them to be recorded
        self.outcomes, self.media = Counter[str](), Counter[str]()
        self.modalities, self.reasons = Counter[str](), Counter[str]()
        self.slowest = list[tuple[float, str]]()

    @property
    def done(self) -> int:
        """How many objects have their outcome."""
        return self.outcomes.total()

    def known(self, known: Known) -> None:
        """Count an object that an earlier run settled."""
        self.already += 1
        self.bytes += known.bytes
        self._ended(known.outcome, known.reason, known.medium, known.modality)

    def settled(self, found: Found, settled: Settled) -> None:
        """Count an object that this run settled."""
        self.bytes += found.listed.bytes or found.bytes
        self.bytes_read += found.bytes or found.listed.bytes
        self.slowest = nlargest(_SLOWEST, [*self.slowest, (found.seconds, found.listed.path)])
        self._ended(settled.outcome, settled.reason, found.medium.value, found.facts.get("modality"))

    def _ended(self, outcome: str, reason: str | None, medium: str | None, modality: object) -> None:
        self.outcomes[outcome] += 1
        if outcome == Outcome.QUARANTINED:
            _count(self.reasons, str(reason))
        elif outcome == Outcome.ACCEPTED:
            self.media[str(medium)] += 1
            if modality:
                _count(self.modalities, str(modality))

    def report(self, collection: str, seconds: float) -> IngestReport:
        """Return the report. Raises InvalidRecord: an outcome was lost."""
        return IngestReport(
            collection=collection,
            listed=self.listed,
            accepted=self.outcomes[Outcome.ACCEPTED],
            duplicate=self.outcomes[Outcome.DUPLICATE],
            quarantined=self.outcomes[Outcome.QUARANTINED],
            already=self.already,
            bytes=self.bytes,
            media=dict(sorted(self.media.items())),
            modalities=dict(sorted(self.modalities.items())),
            reasons=dict(sorted(self.reasons.items())),
            seconds=seconds,
            read_bytes=self.bytes_read,
            slowest=tuple((path, each) for each, path in self.slowest),
        )


def _count(kinds: Counter[str], kind: str) -> None:
    kinds[kind if kind in kinds or len(kinds) < _KINDS else _OTHERS] += 1

"""The records a release is built from: an item, its media, its answers, and what was concluded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from yuelu.base.errors import InvalidRecord
from yuelu.datasets.region_rows import Region


@dataclass(frozen=True, slots=True)
class Medium:
    """One file that goes out with a release.

    `source` is the keyed hash of what was labelled: the source, or its de-identified copy. Two sources may look the same and
    share one file. Of `facts` only what the assets table has columns for goes out. `frame_times_s` are the times on the source's
    clock at which it presents what each frame of a video shows; None when they are not known.
    """

    sha256: str
    medium: str
    media_type: str
    bytes: int
    source: str
    deidentified: bool
    facts: Mapping[str, Any]
    frame_times_s: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One annotator's answer that counts. `id` and `annotator_pid` are keyed for this dataset; `answered_on` is a day in UTC."""

    id: str
    annotator_pid: str
    round: int
    answered_on: date
    lead_time_s: float | None
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was concluded about an item. The digests lead back into the ledger; None where there was no such step.

    `calibrated_probability` is `probability` mapped to how often labels of that probability are right on gold; None where
    there is no gold to tell.
    """

    regions: tuple[Region, ...]
    answers: int
    probability: float | None = None
    entropy: float | None = None
    decision: str | None = None
    corrected: bool = False
    consensus_digest: str | None = None
    correction_digest: str | None = None
    decision_digest: str | None = None
    calibrated_probability: float | None = None


@dataclass(frozen=True, slots=True)
class LabelledItem:
    """One item of a release, with everything that led to its labels. `media` are in the order that boxes count in."""

    id: str
    project: str
    medium: str
    split: str
    group: str
    round: int
    task_digest: str
    media: tuple[Medium, ...]
    answers: tuple[Answer, ...]
    judgement: Judgement

    def __post_init__(self) -> None:
        if not self.media:
            raise InvalidRecord(f"item {self.id} has no media", "ingest makes a proxy for every asset; run it again")

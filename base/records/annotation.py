"""An annotator's answer to a task."""

from dataclasses import dataclass
from datetime import datetime

from yuelu.base.canonical import digest
from yuelu.base.records.regions import Region, region_said


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotator's whole answer to one task, as it stood at `updated_at`.

    `uid` is the annotation's own UUID, the same for all its versions. `lead_time_s` is what the client reported; None
    when it did not. `cancelled` means the annotator skipped the task; such an answer has no say in any score.
    """

    uid: str
    item_key: str
    annotator: str
    created_at: datetime
    updated_at: datetime
    regions: tuple[Region, ...]
    lead_time_s: float | None = None
    cancelled: bool = False
    version: int = 1

    @property
    def content(self) -> str:
        """The digest of what was answered: the same answer has the same digest, whenever and by whomever."""
        return digest({"cancelled": self.cancelled, "regions": [region_said(region) for region in self.regions]})

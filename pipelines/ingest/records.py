"""The records of ingest: what is asked, what was listed, what was found, what is reported."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.base.records import Medium, Role
from yuelu.base.store.port import Store
from yuelu.pipelines.sources.port import Listed, Source

# On what terms a collection is held: names of its columns in the ledger.
TERMS = ("owner", "legal_basis", "grade", "category", "terms", "deid", "detect")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def checked_name(name: str) -> str:
    """Return the name of a new collection; it becomes part of commands, pages and file names. Raises Misconfigured."""
    if not _NAME.fullmatch(name):
        raise Misconfigured(
            f"{name!r} is no name for a collection", "use up to 64 of a-z, 0-9, '.', '_', '-', such as 'chest-ct'"
        )
    return name


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of assets that arrive together, and on what terms."""

    name: str
    owner: str
    legal_basis: str
    grade: str
    terms: str
    category: str | None = None  # GB/T 43697; None: nobody said, or as recorded
    deid: str | None = None  # `deid.options.Options.text`; None: as recorded, for a new collection the default
    detect: str | None = None  # `deid.seen.kinds` between commas, "" for none; None: as recorded, for a new collection none

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not value.strip() and name != "detect":
                raise InvalidRecord(f"the collection's {name} is empty", "say who owns the media, and on what basis and terms")


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs beside its batches. `key` keys the identifiers in media; it is not the workspace's secret."""

    sources: Mapping[str, Source]  # by their address
    store: Store
    key: bytes
    deid: str = ""  # options of the de-identification profile; empty: the default
    detect: str = ""  # what is looked for in photographs, between commas


@dataclass(frozen=True, slots=True)
class Part:
    """An asset made from an object: already in the store, not yet in the ledger."""

    sha256: str
    role: Role
    medium: Medium
    media_type: str
    bytes: int
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """What one object turned out to be: an asset and its parts, or the reason why not.

    `subject` is the raw identity that groups objects. It goes to the driver, which hashes it, and nowhere else.
    """

    listed: Listed
    sha256: str | None
    reason: str | None = None
    bytes: int = 0  # that were read; a source need not know beforehand
    uri: str = ""  # under which the object is found again
    medium: Medium = Medium.IMAGE
    media_type: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    subject: str | None = None
    hint: str | None = None  # what to do about the reason
    seconds: float = 0.0  # on the worker, from opening to the last derived byte stored; never recorded


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger says about an object that an earlier run settled. `modality` is that of the labelled asset."""

    bytes: int
    modified_ns: int
    outcome: str
    reason: str | None
    medium: str | None
    modality: str | None

    def same(self, listed: Listed) -> bool:
        """Return whether the object is listed now as it was then."""
        return (self.bytes, self.modified_ns) == (listed.bytes, listed.modified_ns)


@dataclass(frozen=True, slots=True)
class IngestReport:
    """How many objects were listed and how each ended; the three outcomes add up to `listed`.

    `already` of them were recorded by an earlier run and not read again. `media` and `modalities` count accepted
    objects, `reasons` those in quarantine. `read_bytes` are those of the objects that this run read, `slowest` some of them as
    (path, seconds).
    """

    collection: str
    listed: int
    accepted: int
    duplicate: int
    quarantined: int
    already: int
    bytes: int
    media: Mapping[str, int]
    modalities: Mapping[str, int]
    reasons: Mapping[str, int]
    seconds: float
    read_bytes: int = 0
    slowest: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if self.accepted + self.duplicate + self.quarantined != self.listed:
            raise InvalidRecord(
                f"{self.listed} objects listed, but {self.accepted} accepted, {self.duplicate} duplicate and "
                f"{self.quarantined} quarantined",
                "run the ingest again; if it stays, an outcome was lost: please report it",
            )

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        slowest = [{"path": path, "seconds": round(seconds, 3)} for path, seconds in self.slowest]
        return {**asdict(self), "seconds": round(self.seconds, 3), "slowest": slowest}

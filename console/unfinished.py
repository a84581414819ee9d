"""Runs of an ingest that have no end in the ledger: how far they came, and the command that goes on."""

import shlex
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.ledger.media import CollectionRow, RunRow

_FILTERED = "dicomweb+"  # a PACS is asked with a filter, which its address does not hold


@dataclass(frozen=True, slots=True)
class UnfinishedRun:
    """A run that is still at work, or was interrupted; the ledger cannot tell which.

    `settled` counts its objects that have their outcome, `already` those of them that an earlier run had recorded. The times
    are UTC. `command` goes on; None where the ledger does not hold all that it needs.
    """

    collection: str
    sources: tuple[str, ...]
    settled: int
    already: int
    started_at: str
    recorded_at: str
    command: str | None


def unfinished(session: Session) -> tuple[UnfinishedRun, ...]:
    """Return the last run of each collection and its sources where it did not come to its end, in order of their start."""
    last: dict[tuple[str, frozenset[str]], RunRow] = {}
    for run in session.scalars(select(RunRow).order_by(RunRow.id)):
        last[run.collection, frozenset(run.sources)] = run
    return tuple(
        _told(run, session.get_one(CollectionRow, run.collection))
        for run in sorted(last.values(), key=lambda run: run.id)
        if run.finished_at is None
    )


def _told(run: RunRow, collection: CollectionRow) -> UnfinishedRun:
    return UnfinishedRun(
        collection=run.collection,
        sources=tuple(run.sources),
        settled=run.accepted + run.duplicate + run.quarantined,
        already=run.already,
        started_at=run.started_at.isoformat(timespec="seconds"),
        recorded_at=(run.started_at + timedelta(seconds=run.seconds)).isoformat(timespec="seconds"),
        command=_command(run.sources, collection),
    )


def _command(sources: list[str], collection: CollectionRow) -> str | None:
    if any(source.startswith(_FILTERED) for source in sources):
        return None
    terms = {name: getattr(collection, name) for name in ("owner", "legal_basis", "grade", "category", "terms")}
    options = [part for name, value in terms.items() if value for part in (f"--{name.replace('_', '-')}", value)]
    return shlex.join(["yuelu", "ingest", *sources, "--collection", collection.name, *options])

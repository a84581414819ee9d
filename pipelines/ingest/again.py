"""Reading files in quarantine again: all of them, or those of one reason or path."""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import select

from yuelu.base.errors import NotFound
from yuelu.base.ledger.media import CollectionRow, ListingRow
from yuelu.base.progress import Progress, silent
from yuelu.base.records import Outcome
from yuelu.base.workspace import Workspace
from yuelu.pipelines.ingest.flow import ingest
from yuelu.pipelines.ingest.reasons import why
from yuelu.pipelines.ingest.records import Collection, IngestReport
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.sources.address import open_sources

Place = tuple[str, str, str]  # collection, source, path


def read_again(
    workspace: Workspace,
    environment: Mapping[str, str],
    *,
    collection: str | None = None,
    reason: str | None = None,
    paths: Sequence[str] = (),
    words: Callable[[str], str] = str,
    workers: int = 2,
    progress: Progress = silent,
    limits: Limits | None = None,
) -> tuple[IngestReport, ...]:
    """Read chosen files in quarantine again; return for each collection how they ended now.

    `environment` holds the credentials of the sources, which the ledger does not. `reason` is a part of the reason or of its
    class, also in the `words` of those who read it; `paths` are paths below their source. Raises NotFound: no such file in
    quarantine.
    """
    chosen = in_quarantine(workspace, collection=collection, reason=reason, paths=paths, words=words)
    if not chosen:
        raise NotFound("no such file in quarantine", "see 'yuelu assets quarantine'")
    reports = []
    for name in sorted({place[0] for place in chosen}):
        with workspace.ledger.reading() as session:
            row = session.get_one(CollectionRow, name)
            terms = Collection(row.name, row.owner, row.legal_basis, row.grade, row.terms)
        only = {place[1:] for place in chosen if place[0] == name}
        sources = open_sources(sorted({source for source, _ in only}), environment)
        reports.append(
            ingest(
                workspace, sources, terms, workers=workers, progress=progress, limits=limits, retry=True, only=only, actor="retry"
            )
        )
    return tuple(reports)


def in_quarantine(
    workspace: Workspace,
    *,
    collection: str | None = None,
    reason: str | None = None,
    paths: Sequence[str] = (),
    words: Callable[[str], str] = str,
) -> list[Place]:
    """Return where the chosen files in quarantine lie."""
    columns = (ListingRow.collection, ListingRow.source, ListingRow.path)
    asked = select(*columns, ListingRow.reason).where(ListingRow.outcome == Outcome.QUARANTINED).order_by(*columns)
    if collection is not None:
        asked = asked.where(ListingRow.collection == collection)
    with workspace.ledger.reading() as session:
        found = [((name, source, path), told or "") for name, source, path, told in session.execute(asked)]
    chosen = (place for place, told in found if reason is None or _says(told, reason, words))
    return [place for place in chosen if not paths or place[2] in paths]


def _says(told: str, reason: str, words: Callable[[str], str]) -> bool:
    kind = why(told).kind
    return any(reason in text for text in (told, kind, words(told), words(kind)))
